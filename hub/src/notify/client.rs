//! The HTTP client of the notices: one call on one connection, HTTP/1.1, TLS by rustls with the system's authorities.
//!
//! The name is looked up once and the connection goes to an address that was checked, so a name cannot answer differently
//! the second time. Redirects are not followed: an answer of 3xx is no success. Everything together takes at most the
//! timeout; of an answer at most [`BODY_MAX`] bytes are read.

use super::adapters::{Answer, Call};
use super::address::is_private;
use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tracing::warn;

/// Most bytes read of an answer.
pub const BODY_MAX: usize = 64 << 10;

/// Makes calls. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
    timeout: Duration,
    private_addresses: bool,
}

impl Client {
    /// A client that trusts the authorities of the system.
    pub fn new(timeout: Duration, private_addresses: bool) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _ignored) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            warn!("the system names no certificate authorities, receivers behind https cannot be reached");
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("set up TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), timeout, private_addresses })
    }

    /// The same client, for calls that may or may not go to private addresses.
    pub fn reaching(&self, private_addresses: bool) -> Self {
        Self { private_addresses, ..self.clone() }
    }

    /// Makes one call; the error is a sentence for the journal and holds no part of the address that may be secret.
    pub async fn send(&self, call: Call) -> Result<Answer, String> {
        match tokio::time::timeout(self.timeout, self.exchange(call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {}", humantime::format_duration(self.timeout))),
        }
    }

    async fn exchange(&self, call: Call) -> Result<Answer, String> {
        let uri: Uri = call.url.parse().map_err(|_| "the address cannot be read".to_owned())?;
        let host = uri.host().ok_or("the address names no host")?.trim_matches(['[', ']']).to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.connect(&host, port).await?;
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let host_header = authority.rsplit('@').next().unwrap_or_default().to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let mut request = Request::builder().method(call.method).uri(path).header(header::HOST, host_header);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let agent = concat!("greenhub/", env!("CARGO_PKG_VERSION"));
        let request = request.header(header::USER_AGENT, agent).body(Full::new(Bytes::from(call.body)));
        let request = request.map_err(|error| format!("the call cannot be written: {error}"))?;
        if !secure {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(host).map_err(|_| "the host has no name for TLS".to_owned())?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| format!("TLS failed: {error}"))?;
        exchange(stream, request).await
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let addresses = tokio::net::lookup_host((host, port)).await;
        let addresses = addresses.map_err(|error| format!("{host} cannot be looked up: {error}"))?;
        let mut last = format!("{host} has no address");
        for address in addresses {
            if !self.private_addresses && is_private(address.ip()) {
                last = format!("{host} lies at the private address {}, which the configuration forbids", address.ip());
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = format!("{host} cannot be reached: {error}"),
            }
        }
        Err(last)
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| format!("the call failed: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let talk = async {
        let answer = sender.send_request(request).await.map_err(failed)?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let body = Limited::new(answer.into_body(), BODY_MAX).collect().await;
        let body = body.map_err(|error| format!("the answer cannot be read: {error}"))?.to_bytes().to_vec();
        Ok(Answer { status, body, retry_after })
    };
    tokio::pin!(talk);
    tokio::pin!(connection);
    // The connection has to be driven for the call to go on; when it ends first, the call still says why.
    tokio::select! {
        answer = &mut talk => answer,
        _ended = &mut connection => talk.await,
    }
}
