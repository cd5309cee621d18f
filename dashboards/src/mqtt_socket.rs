//! MQTT over WebSocket as a plain byte stream.
//!
//! MQTT 5 clause 6: packets travel in binary messages; a message may hold part of a packet or several, so to the broker
//! it is a stream of bytes. A text message ends the connection. What is written goes out as one binary message per
//! write; what the client does not read stays in the write buffer of the socket, which is bounded, and then the broker
//! waits (and drops the client by its own rule).

use axum::extract::ws::{Message, WebSocket};
use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest binary message we write.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// A WebSocket that carries MQTT.
pub struct MqttSocket {
    socket: WebSocket,
    unread: Bytes,
    over: bool,
}

impl MqttSocket {
    /// Takes over an upgraded socket.
    pub fn new(socket: WebSocket) -> Self {
        Self { socket, unread: Bytes::new(), over: false }
    }
}

fn broken(error: axum::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, error)
}

impl AsyncRead for MqttSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            if self.over {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => self.over = true,
                Some(Ok(Message::Text(_))) => {
                    let text = "MQTT over WebSocket uses binary messages only (MQTT 5, clause 6)";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
        let take = self.unread.len().min(into.remaining());
        into.put_slice(&self.unread[..take]);
        self.unread.advance(take);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MqttSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut socket = Pin::new(&mut self.socket);
        // What was written before must be on its way, so that at most one message waits in memory.
        ready!(socket.as_mut().poll_flush(cx)).map_err(broken)?;
        ready!(socket.as_mut().poll_ready(cx)).map_err(broken)?;
        let take = bytes.len().min(WRITE_BYTES_MAX);
        socket.start_send(Message::Binary(Bytes::copy_from_slice(&bytes[..take]))).map_err(broken)?;
        Poll::Ready(Ok(take))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.socket).poll_close(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            // The peer was faster.
            Err(_) => Poll::Ready(Ok(())),
        }
    }
}
