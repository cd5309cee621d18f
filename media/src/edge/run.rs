//! The thread of the edge: waits for commands, datagrams and deadlines, and lets the switchboard decide.

use super::switchboard::Switchboard;
use super::{Command, EdgeConfig, MediaEvent};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::{broadcast, mpsc};
use tracing::{error, warn};

/// Datagrams read in one go before deadlines are looked at again.
const BURST: usize = 256;
/// Largest datagram that is read; larger ones are cut and then refused by their checks.
const DATAGRAM_BYTES: usize = 2048;
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Runs until all handles are gone.
pub(super) fn run(
    socket: std::net::UdpSocket,
    address: SocketAddr,
    config: EdgeConfig,
    inbox: mpsc::Receiver<Command>,
    events: broadcast::Sender<MediaEvent>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(problem) => return error!(%problem, "the media relay has no runtime"),
    };
    runtime.block_on(async move {
        match UdpSocket::from_std(socket) {
            Ok(socket) => serve(socket, address, config, inbox, events).await,
            Err(problem) => error!(%problem, "the media port cannot be used"),
        }
    });
}

async fn serve(
    socket: UdpSocket,
    address: SocketAddr,
    config: EdgeConfig,
    mut inbox: mpsc::Receiver<Command>,
    events: broadcast::Sender<MediaEvent>,
) {
    let mut board = Switchboard::new(address, config, events);
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut housekeeping = Instant::now() + HOUSEKEEPING;
    loop {
        let wake = board.next_deadline().map_or(housekeeping, |deadline| deadline.min(housekeeping));
        tokio::select! {
            command = inbox.recv() => match command {
                Some(command) => board.command(command, Instant::now()),
                None => return,
            },
            ready = socket.readable() => match ready {
                Ok(()) => read(&socket, &mut board, &mut buffer),
                Err(problem) => warn!(%problem, "the media port"),
            },
            () = tokio::time::sleep_until(wake.into()) => {}
        }
        let now = Instant::now();
        board.advance(now);
        if now >= housekeeping {
            board.housekeeping(now);
            housekeeping = now + HOUSEKEEPING;
        }
        board.send(|datagram, to| {
            // A full socket buffer loses the packet, as the network would: it is asked for again or outlived.
            let _ = socket.try_send_to(datagram, to);
        });
    }
}

fn read(socket: &UdpSocket, board: &mut Switchboard, buffer: &mut [u8]) {
    for _ in 0..BURST {
        match socket.try_recv_from(buffer) {
            Ok((length, source)) => board.receive(&buffer[..length], source, Instant::now()),
            // Linux tells on the next read that an earlier datagram found nobody; that peer goes silent and ends.
            Err(problem) if problem.kind() == ErrorKind::ConnectionRefused => {}
            Err(problem) if problem.kind() == ErrorKind::WouldBlock => return,
            Err(problem) => return warn!(%problem, "the media port"),
        }
    }
}
