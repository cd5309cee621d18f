//! Geometry of the district, drawn by the hub itself so that the map works unplugged.

use crate::state::AppState;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The district as a GeoJSON FeatureCollection.
#[utoipa::path(get, path = "/api/v1/map/district", tag = "map",
    responses((status = 200, content_type = "application/geo+json", body = serde_json::Value)))]
pub async fn district(State(state): State<AppState>) -> Response {
    ([(header::CONTENT_TYPE, "application/geo+json")], state.district.clone()).into_response()
}
