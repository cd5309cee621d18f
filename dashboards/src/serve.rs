//! The HTTP server: accepts, bounds, and ends connections.
//!
//! Written on hyper because the stock accept loop of axum has no time-out for the head of a request and no bound on
//! connections: a client that sends one byte a minute would hold its place for ever.

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;
use tracing::{debug, warn};

/// Bounds of the server.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Most connections at a time; further ones wait in the system's queue.
    pub connections_max: usize,
    /// A request's head must have come within this time; also the longest idle time between two requests.
    pub head_timeout: Duration,
    /// Open answers may take this long to end when the hub stops.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { connections_max: 20_000, head_timeout: Duration::from_secs(30), grace: Duration::from_secs(5) }
    }
}

/// Serves `router` on `listener` until `stop`; then ends connections, waiting at most [`ServeOptions::grace`].
///
/// Sockets (live, MQTT) have left the server when they were opened; [`crate::Live::close`] and the broker end those.
pub async fn serve(listener: TcpListener, router: Router, options: ServeOptions, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(options.connections_max));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
        };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, or the peer is gone again: others must not starve meanwhile.
                    warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let connection = connection(stream, peer, router.clone(), options.head_timeout, stop.clone());
        let cut = cut.clone();
        connections.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }
    connections.close();
    if tokio::time::timeout(options.grace, connections.wait()).await.is_err() {
        cut.cancel();
        connections.wait().await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head_timeout: Duration,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, %peer, "a connection stays without TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is always ready, so it may be called without asking.
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, %peer, "a connection ended");
    }
}
