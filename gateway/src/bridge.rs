//! A broker of your own: we subscribe there at QoS 1 and acknowledge only after our fsync.
//!
//! The broker keeps our session (clean session off, fixed client id), so what was not acknowledged comes again after a
//! cut or a crash on either side. Advice for mosquitto: `max_inflight_messages 0` and `max_queued_messages 0`, else it
//! drops what it cannot queue while we are away.
//!
//! Two tasks: one polls the connection and hands messages on through a bounded channel; the other stores them and
//! acknowledges in arrival order. The storing task always empties the channel before it acknowledges, so the polling
//! task can never be stuck on a full channel while acknowledgements wait for it.

use crate::intake::{BURST_MESSAGES_MAX, Intake, IntakeState};
use crate::nats::retry_until;
use greenhub_model::record::{Channel, Record};
use greenhub_storage::log::Log;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// How to reach the broker and what to take from it.
#[derive(Clone)]
pub struct BridgeSource {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name and password, where the broker wants them.
    pub credentials: Option<(String, String)>,
    /// Our client id there; the broker keeps our session under it.
    pub client_id: String,
    /// Topic filter to subscribe.
    pub filter: String,
}

const REQUESTS_MAX: usize = 4 * BURST_MESSAGES_MAX;

/// Runs the bridge until `stop`.
pub async fn run(source: BridgeSource, log: Log, state: Arc<IntakeState>, stop: CancellationToken) {
    let attempt = || attempt(source.clone(), log.clone(), Arc::clone(&state));
    retry_until(&stop, &state, "bridge", attempt).await;
}

async fn attempt(source: BridgeSource, log: Log, state: Arc<IntakeState>) -> Result<(), String> {
    let mut options = MqttOptions::new(&source.client_id, &source.host, source.port);
    options.set_keep_alive(Duration::from_secs(10));
    options.set_clean_session(false);
    options.set_manual_acks(true);
    options.set_max_packet_size(crate::intake::PAYLOAD_BYTES_MAX, crate::intake::PAYLOAD_BYTES_MAX);
    if let Some((user, password)) = &source.credentials {
        options.set_credentials(user, password);
    }
    let (client, connection) = AsyncClient::new(options, REQUESTS_MAX);
    let (sender, receiver) = mpsc::channel(BURST_MESSAGES_MAX);
    tokio::select! {
        ended = poll(&source, connection, &client, sender, &state) => ended,
        ended = store(&log, &client, receiver, &state) => ended,
    }
}

/// Polls the connection; a lost connection ends the attempt, so that the next one starts from the broker's session.
async fn poll(
    source: &BridgeSource,
    mut connection: EventLoop,
    client: &AsyncClient,
    sender: mpsc::Sender<Publish>,
    state: &IntakeState,
) -> Result<(), String> {
    loop {
        match connection.poll().await.map_err(|error| format!("{}:{}: {error}", source.host, source.port))? {
            Event::Incoming(Packet::ConnAck(_)) => {
                client
                    .try_subscribe(&source.filter, QoS::AtLeastOnce)
                    .map_err(|error| format!("subscribe {}: {error}", source.filter))?;
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                if answer.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure) {
                    return Err(format!("the broker refuses the filter {}", source.filter));
                }
                info!(host = %source.host, port = source.port, filter = %source.filter, "bridge subscribed");
                state.up();
            }
            Event::Incoming(Packet::Publish(publish)) => {
                sender.send(publish).await.map_err(|_| "the storing task is gone".to_owned())?;
            }
            _ => {}
        }
    }
}

async fn store(
    log: &Log,
    client: &AsyncClient,
    mut receiver: mpsc::Receiver<Publish>,
    state: &Arc<IntakeState>,
) -> Result<(), String> {
    let mut intake = Intake::new(log.clone(), Arc::clone(state));
    let mut taken = Vec::with_capacity(BURST_MESSAGES_MAX);
    while receiver.recv_many(&mut taken, BURST_MESSAGES_MAX).await > 0 {
        for publish in &taken {
            intake.push(&Record {
                qos: publish.qos as u8,
                retain: publish.retain,
                ..Record::message(Channel::Bridge, &publish.topic, Channel::Bridge.as_str(), &publish.payload)
            });
        }
        intake.store().await.map_err(|why| format!("store: {why}"))?;
        for publish in taken.drain(..) {
            client.ack(&publish).await.map_err(|error| format!("acknowledge: {error}"))?;
        }
    }
    Err("the polling task is gone".to_owned())
}
