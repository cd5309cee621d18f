//! Other ways in: TLS with and without client certificates, any byte stream, a client library of others.

use crate::kit::*;
use greenhub_gateway::mqtt::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("signed");
    Authority { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
}

/// A certificate for `name`, in PEM and DER, with its key.
fn issue(authority: &Authority, name: &str) -> (String, CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.signed_by(&key, &authority.issuer).expect("signed");
    (certificate.pem(), certificate.der().clone(), key)
}

fn client_config(
    authority: &Authority,
    identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).expect("an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_root_certificates(roots);
    TlsConnector::from(Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).expect("a pair"),
    }))
}

#[tokio::test]
async fn tls_with_a_client_certificate_names_the_device() {
    let (authority, stranger) = (authority(), authority());
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let (pem, _, key) = issue(&authority, "server");
    let tls = TlsConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        certificate_file: file("server.pem", &pem),
        key_file: file("server.key", &key.serialize_pem()),
        client_ca_file: Some(file("ca.pem", &authority.pem)),
        client_certificate_required: false,
    };
    let hub = Hub::with_tls(|_| {}, Some(tls)).await;
    let address = hub.broker.tls_addr().expect("a TLS listener");
    let name = || ServerName::try_from("localhost").expect("a name");
    let connect = Connect { id: "d", ..Connect::default() };

    let (_, certificate, key) = issue(&authority, "device-P-7");
    let connector = client_config(&authority, Some((certificate, PrivateKeyDer::Pkcs8(key.serialize_der().into()))));
    let stream = TcpStream::connect(address).await.expect("connects");
    let mut device = Client::to(connector.connect(name(), stream).await.expect("a handshake"));
    device.send(&connect.bytes()).await;
    assert_eq!(device.packet().await.0, 0x20);
    device.publish_acked(0, "greenhub/v1/patrol/P-7/position", "{}").await;
    device.publish(2, "greenhub/v1/patrol/P-8/position", 1, "{}").await;
    device.expect(0x40, &[0, 1, 0x87]).await;
    let big = "x".repeat(300_000);
    device.subscribe(&[("greenhub/v1/patrol/P-7/#", 1)], &[1]).await;
    device.publish_acked(0, "greenhub/v1/patrol/P-7/big", &big).await;
    assert_eq!(device.payload().await, big);

    let stream = TcpStream::connect(address).await.expect("connects");
    let mut nameless = Client::to(client_config(&authority, None).connect(name(), stream).await.expect("a handshake"));
    nameless.send(&Connect { id: "n", ..connect }.bytes()).await;
    assert_eq!(nameless.packet().await.0, 0x20, "a certificate is optional here");

    let (_, certificate, key) = issue(&stranger, "device-P-7");
    let connector = client_config(&authority, Some((certificate, PrivateKeyDer::Pkcs8(key.serialize_der().into()))));
    let stream = TcpStream::connect(address).await.expect("connects");
    if let Ok(stream) = connector.connect(name(), stream).await {
        // TLS 1.3: the server's refusal comes after the client's side of the handshake is done.
        let mut forged = Client::to(stream);
        let _refused_any_time = tokio::io::AsyncWriteExt::write_all(&mut forged.stream, &connect.bytes()).await;
        forged.expect_end().await;
    }
}

#[tokio::test]
async fn any_byte_stream_is_a_door() {
    let hub = Hub::start().await;
    let (near, far) = tokio::io::duplex(100);
    hub.broker.serve_stream(far, None, false);
    let mut client = Client::to(near);
    client.send(&Connect { id: "ws", ..Connect::default() }.bytes()).await;
    assert_eq!(client.packet().await.0, 0x20);
    client.subscribe(&[("a", 1)], &[1]).await;
    let payload = "x".repeat(1000);
    client.publish(2, "a", 77, &payload).await;
    let mut seen = [client.packet().await.0 & 0xF0, client.packet().await.0 & 0xF0];
    seen.sort_unstable();
    assert_eq!(seen, [0x30, 0x40]);
    drop(client);
    hub.until("its end", |s| s.connections == 0).await;
}

#[tokio::test]
async fn rumqttc_speaks_with_us_at_every_qos() {
    let hub = Hub::start().await;
    let address = hub.broker.local_addr().expect("a listener");
    let mut options = MqttOptions::new("rumqttc", "127.0.0.1", address.port());
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 10);
    client.subscribe("a/#", QoS::ExactlyOnce).await.expect("queued");
    for (qos, payload) in [(QoS::AtMostOnce, "0"), (QoS::AtLeastOnce, "1"), (QoS::ExactlyOnce, "2")] {
        client.publish("a/b", qos, false, payload).await.expect("queued");
    }
    let mut seen = vec![];
    while seen.len() < 3 {
        let event = tokio::time::timeout(PATIENCE, events.poll()).await.expect("in time").expect("connected");
        if let Event::Incoming(Packet::Publish(publish)) = event {
            seen.push((publish.qos as u8, String::from_utf8_lossy(&publish.payload).into_owned()));
        }
    }
    assert_eq!(seen, [(0, "0".to_owned()), (1, "1".to_owned()), (2, "2".to_owned())]);
}
