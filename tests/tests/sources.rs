//! The fetching doors against real servers that are started, restarted and cut off.

use greenhub_tests::api::Api;
use greenhub_tests::device::{options, position};
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::peers::Peer;
use greenhub_tests::{now_ms, until};
use rumqttc::{AsyncClient, Event, Packet, QoS};
use serde_json::Value;
use std::collections::BTreeSet;

fn hub_with(config: String) -> Hub {
    Hub::start(&Options { demo: true, config, ..Options::default() })
}

async fn accepted(api: &Api, source: &str) -> u64 {
    let ledger = api.get("/api/v1/ledger").await;
    let row = ledger["sources"].as_array().expect("rows").iter().find(|r| r["source"] == source).cloned();
    row.map_or(0, |r: Value| r["accepted"].as_u64().expect("a count"))
}

/// Longitudes of a unit's whole track: one distinct value per message sent.
async fn longitudes(api: &Api, unit: &str) -> BTreeSet<i64> {
    let (from, to) = (now_ms() - 3_600_000, now_ms() + 60_000);
    let path = format!("/api/v1/units/{unit}/track?from={from}&to={to}&max_points=20000");
    let track = api.get(&path).await;
    let points = track["points"].as_array().expect("points");
    points.iter().map(|p| (p[1].as_f64().expect("lon") * 1e6).round() as i64).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_core_messages_arrive_and_a_restarted_server_is_found_again() {
    let mut server = Peer::nats();
    let hub = hub_with(format!("[nats]\nenabled = true\nurl = \"nats://{}\"\n", server.address()));
    let api = Api::login(&hub, "dispatcher").await;
    for round in 0..2u64 {
        let client = until("a NATS connection", async || async_nats::connect(server.address()).await.ok()).await;
        let before = accepted(&api, "nats").await;
        // Core NATS promises nothing to a late subscriber: send until the first one arrives, then a counted lot.
        until("the subscription", async || {
            let payload = position(now_ms(), 121.3, 31.2);
            client.publish("greenhub.v1.vehicle.N-000.position", payload.into()).await.expect("publish");
            client.flush().await.expect("flush");
            (accepted(&api, "nats").await > before).then_some(())
        })
        .await;
        let base = settled(&api, "nats").await;
        for n in 0..100 {
            let payload = position(now_ms(), 121.3 + n as f64 / 1e4, 31.2);
            client.publish("greenhub.v1.vehicle.N-001.position", payload.into()).await.expect("publish");
        }
        client.flush().await.expect("flush");
        until("a hundred more", async || (accepted(&api, "nats").await == base + 100).then_some(())).await;
        if round == 0 {
            server.kill();
            server.restart();
        }
    }
    api.settled_ledger(202).await;
    assert_eq!(api.get("/api/v1/units/N-001").await["class"], "vehicle");
}

/// The count once it no longer grows between two looks a moment apart.
async fn settled(api: &Api, source: &str) -> u64 {
    let mut before = u64::MAX;
    until("the count to settle", async || {
        let now = accepted(api, source).await;
        let same = now == std::mem::replace(&mut before, now);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        same.then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jetstream_loses_nothing_across_cuts_of_either_side() {
    let mut server = Peer::nats();
    let config = format!("[jetstream]\nenabled = true\nurl = \"nats://{}\"\n", server.address());
    let hub = hub_with(config.clone());
    let api = Api::login(&hub, "dispatcher").await;
    let mut sent = BTreeSet::new();
    let mut publish = async |server: &Peer, from: i64| {
        let client = until("a NATS connection", async || async_nats::connect(server.address()).await.ok()).await;
        let context = async_nats::jetstream::new(client);
        until("the stream", async || context.get_stream("GREENHUB").await.ok()).await;
        for n in from..from + 200 {
            let payload = position(now_ms(), 121.0 + n as f64 / 1e4, 31.2);
            let ack = context.publish("greenhub.v1.vehicle.J-001.position", payload.into()).await.expect("publish");
            ack.await.expect("the stream stores it");
            sent.insert(((121.0 + n as f64 / 1e4) * 1e6).round() as i64);
        }
    };
    publish(&server, 0).await;
    until("the first lot", async || (accepted(&api, "jetstream").await >= 200).then_some(())).await;
    // The server goes in the middle of things and comes back with its stored stream.
    server.stop();
    server.restart();
    publish(&server, 200).await;
    until("the second lot", async || (accepted(&api, "jetstream").await >= 400).then_some(())).await;
    // The hub is killed, messages pile up, the hub comes back.
    let guard = hub.kill().expect("a directory of its own");
    publish(&server, 400).await;
    let hub = Hub::start_in(guard.path(), &Options { demo: true, config, ..Options::default() });
    let api = Api::login(&hub, "dispatcher").await;
    until("everything in the track", async || (longitudes(&api, "J-001").await == sent).then_some(())).await;
    api.settled_ledger(600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_broker_is_acknowledged_only_after_storage() {
    let mut broker = Peer::mosquitto();
    let config = format!("[bridge]\nenabled = true\nurl = \"mqtt://{}\"\n", broker.address());
    let hub = hub_with(config.clone());
    let api = Api::login(&hub, "dispatcher").await;
    let mut sent = BTreeSet::new();
    let publish = async |broker: &Peer, from: i64, sent: &mut BTreeSet<i64>| {
        let (client, mut connection) = AsyncClient::new(options(&broker.address(), "device"), 300);
        for n in from..from + 200 {
            let payload = position(now_ms(), 120.0 + n as f64 / 1e4, 31.2);
            client
                .publish("greenhub/v1/vehicle/M-001/position", QoS::AtLeastOnce, false, payload)
                .await
                .expect("queue");
            sent.insert(((120.0 + n as f64 / 1e4) * 1e6).round() as i64);
        }
        let mut acknowledged = 0;
        while acknowledged < 200 {
            if let Event::Incoming(Packet::PubAck(_)) = connection.poll().await.expect("mosquitto answers") {
                acknowledged += 1;
            }
        }
    };
    until("the bridge to subscribe", async || {
        let (_, ready) = api.try_get("/readyz").await;
        ready.to_string().contains("connected").then_some(())
    })
    .await;
    publish(&broker, 0, &mut sent).await;
    until("the first lot", async || (accepted(&api, "bridge").await >= 200).then_some(())).await;
    broker.stop();
    broker.restart();
    publish(&broker, 200, &mut sent).await;
    until("the second lot", async || (accepted(&api, "bridge").await >= 400).then_some(())).await;
    let guard = hub.kill().expect("a directory of its own");
    publish(&broker, 400, &mut sent).await;
    let hub = Hub::start_in(guard.path(), &Options { demo: true, config, ..Options::default() });
    let api = Api::login(&hub, "dispatcher").await;
    until("everything in the track", async || (longitudes(&api, "M-001").await == sent).then_some(())).await;
    api.settled_ledger(600).await;
}
