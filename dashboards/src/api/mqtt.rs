//! MQTT over WebSocket: the door at `/mqtt`. Who may do what is the broker's business.

use crate::mqtt_socket::MqttSocket;
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::net::{Ipv4Addr, SocketAddr};

/// Sub-protocols of MQTT 3.1.1 and 5 (clause 6), and the older name some clients still send.
const PROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];
/// Longest message: an MQTT packet may be cut over several, so this bounds memory and not packets.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// MQTT over WebSocket, sub-protocol `mqtt`.
#[utoipa::path(get, path = "/mqtt", tag = "mqtt", security(()),
    responses((status = 101, description = "the socket is open"), (status = 400, body = Problem),
        (status = 503, body = Problem, description = "no broker runs in this process")))]
pub async fn upgrade(
    State(state): State<AppState>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let socket = socket.map_err(|rejection| Problem::new(rejection.status(), rejection.body_text()))?;
    let unavailable = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "No MQTT broker runs in this process.");
    let door = state.mqtt.clone().ok_or_else(unavailable)?;
    let socket = socket.protocols(PROTOCOLS).max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
    if socket.selected_protocol().is_none() {
        return Err(Problem::bad_request("Ask for the WebSocket sub-protocol \"mqtt\"."));
    }
    let peer = peer.map_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), |Extension(info)| info.0);
    Ok(socket.on_upgrade(async move |socket| door.serve(Box::new(MqttSocket::new(socket)), peer)))
}
