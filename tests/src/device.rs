//! Devices over real MQTT (rumqttc), counting what the hub acknowledged.

use crate::PATIENCE;
use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS};
use std::collections::HashMap;
use std::time::Duration;

/// Options for a client of the broker at `host:port`.
pub fn options(address: &str, client_id: &str) -> MqttOptions {
    let (host, port) = address.rsplit_once(':').expect("host:port");
    let mut options = MqttOptions::new(client_id, host, port.parse().expect("a port"));
    options.set_keep_alive(Duration::from_secs(20));
    options.set_inflight(100);
    options.set_max_packet_size(2 << 20, 2 << 20);
    options
}

/// Publishes all messages at QoS 1 and returns once every one is acknowledged.
pub async fn publish_all(address: &str, client_id: &str, messages: Vec<(String, Vec<u8>)>) {
    let count = messages.len();
    let acknowledged = publish_until_cut(address, client_id, messages).await;
    assert_eq!(acknowledged.len(), count, "the hub did not acknowledge everything");
}

/// Publishes at QoS 1 until all are acknowledged or the connection breaks; returns the indices acknowledged.
pub async fn publish_until_cut(address: &str, client_id: &str, messages: Vec<(String, Vec<u8>)>) -> Vec<usize> {
    let (client, mut connection) = AsyncClient::new(options(address, client_id), 64);
    let count = messages.len();
    let sender = tokio::spawn(async move {
        for (topic, payload) in messages {
            if client.publish(topic, QoS::AtLeastOnce, false, payload).await.is_err() {
                break;
            }
        }
        client
    });
    let mut acknowledged = Vec::new();
    let mut waiting = HashMap::new();
    let mut sent = 0usize;
    let work = async {
        while acknowledged.len() < count {
            match connection.poll().await {
                Ok(Event::Outgoing(Outgoing::Publish(id))) => {
                    waiting.insert(id, sent);
                    sent += 1;
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => {
                    acknowledged.extend(waiting.remove(&ack.pkid));
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    };
    tokio::time::timeout(PATIENCE, work).await.expect("the hub acknowledges or hangs up");
    sender.abort();
    acknowledged
}

/// A position payload of the contract.
pub fn position(time: i64, lon: f64, lat: f64) -> Vec<u8> {
    format!(r#"{{"time":{time},"lon":{lon:.6},"lat":{lat:.6},"speed_kmh":12.5,"heading_deg":270}}"#).into_bytes()
}

/// An alarm payload of the contract.
pub fn alarm(time: i64, code: &str, active: bool, severity: &str) -> Vec<u8> {
    format!(r#"{{"time":{time},"code":"{code}","active":{active},"severity":"{severity}","text":"test"}}"#).into_bytes()
}
