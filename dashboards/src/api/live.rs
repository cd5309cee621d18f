//! The door of the live socket; what happens behind it is in [`crate::live`].

use crate::access::Caller;
use crate::live::{CLIENT_MESSAGE_BYTES_MAX, Live, NoticeFeed, SessionCheck, Subscribe, serve_viewer};
use crate::problem::{Chain, Problem};
use crate::state::AppState;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use greenhub_model::notify::Receiver;
use std::sync::Arc;
use tracing::warn;

/// Live state by WebSocket: send a `Subscribe` message, receive `snapshot`, `delta`, `notices` and `alive` (see docs/api.md).
#[utoipa::path(get, path = "/api/v1/live", tag = "live", request_body = Subscribe,
    params(("token" = Option<String>, Query, description = "session token, for clients without cookie or header")),
    responses((status = 101, description = "the socket is open"), (status = 426, body = Problem),
        (status = 503, body = Problem, description = "too many viewers")))]
pub async fn upgrade(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let receivers = [Receiver::Role(caller.session.role), Receiver::User(caller.session.username.clone())];
    let feed = NoticeFeed { receivers, heard: state.notify.journal.listen() };
    watch(state.live.clone(), socket, session_check(state, caller.token), Some(feed))
}

/// Gives a viewer of `live` its socket.
pub(super) fn watch(
    live: Live,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    session: SessionCheck,
    feed: Option<NoticeFeed>,
) -> Result<Response, Problem> {
    let socket = socket.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    let place = live.take_place().ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "There are too many viewers; try again later.").retry_after(10)
    })?;
    let socket = socket
        .max_message_size(CLIENT_MESSAGE_BYTES_MAX)
        .max_frame_size(CLIENT_MESSAGE_BYTES_MAX)
        .read_buffer_size(4096);
    Ok(socket.on_upgrade(move |socket| serve_viewer(live, socket, place, session, feed)))
}

pub(super) fn session_check(state: AppState, token: String) -> SessionCheck {
    let token: Arc<str> = token.into();
    Arc::new(move || {
        let (state, token) = (state.clone(), token.clone());
        Box::pin(async move {
            match state.accounts.authenticate(&token, state.now()).await {
                Ok(session) => session.is_some(),
                Err(error) => {
                    // The session was good a moment ago; a database that stumbles must not darken every screen.
                    warn!(error = %Chain(&error), "a viewer's session could not be checked");
                    true
                }
            }
        })
    })
}
