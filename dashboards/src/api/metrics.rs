//! The metrics page: the web tier's own numbers, then those that other parts of the hub have registered.

use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::state::AppState;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Metrics in Prometheus text form.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn page(State(state): State<AppState>) -> Response {
    let mut page = Metrics::default();
    live(&state, &mut page);
    state.counters.write(&mut page);
    for source in &state.metrics {
        source(&mut page);
    }
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], page.into_text()).into_response()
}

fn live(state: &AppState, page: &mut Metrics) {
    let live = state.live.stats();
    for (kind, count) in
        [("units", live.units), ("devices", live.devices), ("alarms", live.alarms), ("orders", live.orders)]
    {
        page.gauge("greenhub_live_things", "Things in the live state.", &[("kind", kind)], count as f64);
    }
    page.gauge("greenhub_live_viewers", "Viewers connected.", &[], live.viewers as f64);
    page.gauge("greenhub_live_groups", "Groups of viewers that share frames.", &[], live.groups as f64);
    page.gauge("greenhub_live_batch", "Newest batch in the live state.", &[], live.batch as f64);
    page.counter("greenhub_live_viewers_total", "Viewers ever connected.", &[], live.viewers_opened);
    let closed = "Viewers turned away or closed by rule.";
    let name = "greenhub_live_viewers_dropped_total";
    page.counter(name, closed, &[("reason", "slow")], live.closed_slow);
    page.counter(name, closed, &[("reason", "unheard")], live.closed_unheard);
    page.counter(name, closed, &[("reason", "too_many")], live.viewers_refused);
    page.counter("greenhub_live_things_refused_total", "New things beyond the bound.", &[], live.turned_away);
    page.counter("greenhub_live_frames_encoded_total", "Deltas encoded.", &[], live.frames_encoded);
    page.counter("greenhub_live_snapshots_encoded_total", "Snapshots encoded.", &[], live.snapshots_encoded);
    page.counter("greenhub_live_catch_ups_total", "Times a viewer was behind.", &[], live.catch_ups);
    page.counter("greenhub_live_frames_sent_total", "Frames sent to viewers.", &[], live.frames_sent);
    page.counter("greenhub_live_sent_bytes_total", "Bytes of frames sent to viewers.", &[], live.bytes_sent);
}
