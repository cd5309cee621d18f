//! The shell against a small broker of the test's own: bytes on a real socket, cut off in the middle.

use super::*;
use crate::size::Size;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// What a connection of the test's broker read.
enum Heard {
    Connect { client: String, will: bool },
    Publish { topic: String, payload: Vec<u8> },
}

/// Serves one client: MQTT 3.1.1 as far as a QoS 1 publisher needs it. Ends when `cut` publishes were read (the last of
/// them is not acknowledged) or the client goes.
async fn serve(mut socket: TcpStream, cut: usize, heard: mpsc::UnboundedSender<Heard>) -> std::io::Result<()> {
    let mut published = 0;
    loop {
        let head = socket.read_u8().await?;
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let byte = socket.read_u8().await?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        socket.read_exact(&mut body).await?;
        let text = |at: usize| {
            let size = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
            (String::from_utf8(body[at + 2..at + 2 + size].to_vec()).expect("UTF-8"), at + 2 + size)
        };
        match head >> 4 {
            1 => {
                assert_eq!(text(0).0, "MQTT");
                assert_eq!(body[6], 4, "protocol level 3.1.1");
                let will = body[7] & 0x04 != 0;
                heard.send(Heard::Connect { client: text(10).0, will }).expect("the test listens");
                socket.write_all(&[0x20, 2, 0, 0]).await?;
            }
            3 => {
                assert_eq!(head & 0x06, 0x02, "QoS 1");
                let (topic, at) = text(0);
                heard.send(Heard::Publish { topic, payload: body[at + 2..].to_vec() }).expect("the test listens");
                published += 1;
                if published == cut {
                    return Ok(());
                }
                socket.write_all(&[0x40, 2, body[at], body[at + 1]]).await?;
            }
            8 => socket.write_all(&[0x90, 4, body[0], body[1], 1, 1]).await?,
            12 => socket.write_all(&[0xd0, 0]).await?,
            14 => return Ok(()),
            other => panic!("unexpected packet type {other}"),
        }
    }
}

#[tokio::test]
async fn a_broker_that_breaks_off_loses_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (heard_in, mut heard) = mpsc::unbounded_channel();
    let broker = tokio::spawn(async move {
        let mut seen = 0;
        loop {
            let (socket, _) = listener.accept().await.expect("accepts");
            seen += 1;
            // The first three connections break after five messages each.
            let cut = if seen <= 3 { 5 } else { usize::MAX };
            let heard_in = heard_in.clone();
            tokio::spawn(async move { serve(socket, cut, heard_in).await });
        }
    });
    let options = SimulateOptions {
        mqtt: format!("mqtt://127.0.0.1:{port}"),
        rate_hz: 20.0,
        size: Size { patrol: 2, vehicle: 1, charger: 4, air: 1, circuit: 1 },
        incidents: false,
        ..SimulateOptions::default()
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let simulation = tokio::spawn(run(options, async move {
        stopped.await.expect("the test says when");
    }));
    let mut said: BTreeSet<(String, Vec<u8>)> = BTreeSet::new();
    let mut positions: BTreeMap<String, usize> = BTreeMap::new();
    let mut clients: BTreeMap<String, usize> = BTreeMap::new();
    let mut goodbyes = BTreeSet::new();
    let mut stop = Some(stop);
    let mut broker = Some(broker);
    let collect = async {
        // Ends when the broker and all its connections are gone.
        while let Some(message) = heard.recv().await {
            match message {
                Heard::Connect { client, will } => {
                    assert_eq!(will, !client.starts_with("sim-"), "units have a will, gateways have none");
                    *clients.entry(client).or_default() += 1;
                }
                Heard::Publish { topic, payload } => {
                    let value: Value = serde_json::from_slice(&payload).expect("JSON");
                    if value["online"] == false {
                        goodbyes.insert(topic.clone());
                    }
                    if topic.ends_with("/position") {
                        *positions.entry(topic.clone()).or_default() += 1;
                    }
                    said.insert((topic, payload));
                }
            }
            let enough = positions.len() == 3 && positions.values().all(|count| *count >= 60);
            let came_back = clients.values().sum::<usize>() >= clients.len() + 3;
            if enough
                && came_back
                && let Some(stop) = stop.take()
            {
                stop.send(()).expect("the simulation runs");
            }
            if goodbyes.len() == 3
                && let Some(broker) = broker.take()
            {
                broker.abort();
            }
        }
    };
    timeout(Duration::from_secs(150), collect).await.expect("three units reconnect, report and say goodbye in time");
    let report = simulation.await.expect("no panic").expect("address is good");
    assert_eq!(report.unfinished, 0, "every connection said goodbye: {report:?}");
    assert!(report.failures >= 3, "{report:?}");
    assert_eq!(report.dropped, 0);
    // Each message carries its own time, so none equals another: all that was produced was heard, and three goodbyes.
    assert_eq!(said.len() as u64, report.produced + 3, "{report:?}");
    assert_eq!(report.acknowledged, report.produced + 3, "{report:?}");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_without_its_password() {
    let options = SimulateOptions { mqtt: "mqtts://user:secret@hub:1".into(), ..SimulateOptions::default() };
    let error = run(options, std::future::pending()).await.expect_err("mqtts is not spoken");
    assert!(!error.to_string().contains("secret"), "{error}");
}
