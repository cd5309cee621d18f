//! Without `--demo` the hub is a serious server.

use greenhub_tests::api::Api;
use greenhub_tests::device::{options, position};
use greenhub_tests::hub::{Hub, Options, run};
use greenhub_tests::now_ms;
use reqwest::StatusCode;
use rumqttc::{AsyncClient, ConnectReturnCode, ConnectionError, Event, Packet, QoS};
use std::io::Write;
use std::process::{Command, Stdio};

fn user_add(data: &str, name: &str, role: &str, password: &str) -> (bool, String) {
    let mut child = Command::new(greenhub_tests::hub::binary())
        .args(["user", "add", name, "--role", role, "--data", data, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run the binary");
    let mut stdin = child.stdin.take().expect("piped");
    writeln!(stdin, "{password}").expect("write the password");
    drop(stdin);
    let output = child.wait_with_output().expect("the command ends");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_come_from_the_command_line_and_devices_need_credentials() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let path = data.to_str().expect("temporary paths are text");

    let refused = Hub::try_start_in(&data, &Options::default()).err().expect("no administrator yet");
    assert!(refused.contains("greenhub user add"), "the message must say what to do: {refused}");

    let (ok, text) = user_add(path, "chief", "administrator", "short");
    assert!(!ok && text.contains("password"), "{text}");
    let (ok, text) = user_add(path, "chief", "administrator", "Wutong-Lu-1937!");
    assert!(ok, "{text}");
    let (ok, secret, errors) = run(&["device", "add", "S-001", "--class", "patrol", "--data", path]);
    assert!(ok, "{errors}");
    let secret = secret.trim().rsplit(' ').next().expect("the secret is printed").to_owned();

    let hub = Hub::start_in(&data, &Options::default());
    assert!(Api::login_as(&hub, "admin", "greenhub-demo").await.is_err(), "there are no demo accounts");
    let api = Api::login_as(&hub, "chief", "Wutong-Lu-1937!").await.expect("the administrator may log in");

    let connect = async |id: &str, user: Option<(&str, &str)>| {
        let mut options = options(hub.mqtt(), id);
        if let Some((user, password)) = user {
            options.set_credentials(user, password);
        }
        let (client, mut connection) = AsyncClient::new(options, 10);
        match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) if ack.code == ConnectReturnCode::Success => {
                Ok((client, connection))
            }
            Err(ConnectionError::ConnectionRefused(code)) => Err(code),
            other => panic!("unexpected answer to CONNECT: {other:?}"),
        }
    };
    assert!(connect("x", None).await.is_err(), "anonymous devices are refused");
    assert!(connect("x", Some(("S-001", "guess"))).await.is_err(), "wrong secrets are refused");
    let (client, mut connection) = connect("x", Some(("S-001", &secret))).await.expect("the device is known");
    let topic = "greenhub/v1/patrol/S-001/position";
    client.publish(topic, QoS::AtLeastOnce, false, position(now_ms(), 121.4, 31.2)).await.expect("queue");
    while !matches!(connection.poll().await.expect("connected"), Event::Incoming(Packet::PubAck(_))) {}
    api.settled_ledger(1).await;
    assert_eq!(api.get("/api/v1/units/S-001").await["lon"], 121.4);

    // Somebody else's topic: refused, the connection of 3.1.1 is closed, nothing is stored.
    let other = "greenhub/v1/patrol/S-002/position";
    client.publish(other, QoS::AtLeastOnce, false, position(now_ms(), 121.4, 31.2)).await.expect("queue");
    let ended = loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::PubAck(_))) => panic!("a foreign topic was acknowledged"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    drop(ended);
    assert_eq!(api.get("/api/v1/ledger").await["accepted"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_accounts_never_leave_loopback() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let output = Command::new(greenhub_tests::hub::binary())
        .args(["serve", "--demo", "--no-simulator", "--http", "0.0.0.0:0", "--mqtt", "127.0.0.1:0", "--data"])
        .arg(&data)
        .output()
        .expect("run the binary");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("GREENHUB_DEMO_PASSWORD"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_are_locked_after_repeated_failures() {
    let hub = Hub::demo();
    for _ in 0..5 {
        let (status, _) = Api::login_as(&hub, "clerk-nobody", "wrong").await.err().expect("refused");
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..5 {
        let _refused = Api::login_as(&hub, "reviewer", "wrong").await.err().expect("refused");
    }
    let (status, body) = Api::login_as(&hub, "reviewer", "greenhub-demo").await.err().expect("locked");
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{body}");
    Api::login(&hub, "dispatcher").await;
}
