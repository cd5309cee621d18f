//! The hook for a virus scanner: clamd's `INSTREAM` over TCP or a local socket.
//!
//! The file is sent in pieces with their length before them, an empty piece ends it; the answer is one line: `stream: OK`,
//! `stream: NAME FOUND`, or an error. Anything but those two is no verdict.

use std::path::PathBuf;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

const PIECE: usize = 64 << 10;
const ANSWER_MAX: u64 = 4096;

/// Where the scanner is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanner {
    /// None: nothing is scanned.
    Off,
    /// `tcp://HOST:PORT`.
    Tcp(String),
    /// `unix://PATH`.
    Unix(PathBuf),
}

impl Scanner {
    /// Reads an address; empty means none.
    pub fn parse(address: &str) -> Result<Self, String> {
        if address.is_empty() {
            return Ok(Scanner::Off);
        }
        if let Some(path) = address.strip_prefix("unix://").filter(|path| path.starts_with('/')) {
            return Ok(Scanner::Unix(path.into()));
        }
        match address.strip_prefix("tcp://").filter(|rest| rest.contains(':')) {
            Some(rest) => Ok(Scanner::Tcp(rest.to_owned())),
            None => Err(format!("{address:?} is no scanner; write tcp://HOST:PORT or unix:///PATH")),
        }
    }
}

/// What the scanner said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Clean,
    /// With the name of what was found.
    Infected(String),
}

/// Has a file looked through; the error says why there is no verdict.
pub(super) async fn scan(scanner: &Scanner, path: PathBuf, timeout: Duration) -> Result<Verdict, String> {
    let asked = async {
        match scanner {
            Scanner::Off => Ok(Verdict::Clean),
            Scanner::Tcp(address) => {
                ask(TcpStream::connect(address).await.map_err(|e| format!("connect to the scanner: {e}"))?, path).await
            }
            Scanner::Unix(socket) => {
                ask(UnixStream::connect(socket).await.map_err(|e| format!("connect to the scanner: {e}"))?, path).await
            }
        }
    };
    match tokio::time::timeout(timeout, asked).await {
        Ok(verdict) => verdict,
        Err(_) => Err(format!("the scanner gave no verdict within {} s", timeout.as_secs())),
    }
}

async fn ask(mut scanner: impl AsyncRead + AsyncWrite + Unpin, path: PathBuf) -> Result<Verdict, String> {
    let mut file = File::open(path).await.map_err(|e| format!("read the file for the scanner: {e}"))?;
    // A scanner that has seen enough closes early: then its answer counts, not our failure to send more.
    let sent = send(&mut scanner, &mut file).await;
    let mut answer = vec![];
    let read = scanner.take(ANSWER_MAX).read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let answer = answer.trim_matches(['\0', '\n', ' ']);
    match answer.strip_prefix("stream: ") {
        Some("OK") => sent.map(|()| Verdict::Clean).map_err(|e| format!("send to the scanner: {e}")),
        Some(found) if found.ends_with(" FOUND") => Ok(Verdict::Infected(found.trim_end_matches(" FOUND").to_owned())),
        _ => Err(match (sent.and(read.map(drop)), answer) {
            (Err(error), "") => format!("talk to the scanner: {error}"),
            (_, answer) => format!("the scanner said {answer:?}"),
        }),
    }
}

async fn send(scanner: &mut (impl AsyncWrite + Unpin), file: &mut File) -> std::io::Result<()> {
    scanner.write_all(b"zINSTREAM\0").await?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece).await?;
        scanner.write_all(&(read as u32).to_be_bytes()).await?;
        scanner.write_all(&piece[..read]).await?;
        if read == 0 {
            return scanner.flush().await;
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_in_words() {
        assert_eq!(Scanner::parse(""), Ok(Scanner::Off));
        assert_eq!(Scanner::parse("tcp://127.0.0.1:3310"), Ok(Scanner::Tcp("127.0.0.1:3310".into())));
        assert_eq!(Scanner::parse("unix:///run/clamd.ctl"), Ok(Scanner::Unix("/run/clamd.ctl".into())));
        for wrong in ["127.0.0.1:3310", "http://x:1", "unix://run", "tcp://x"] {
            assert!(Scanner::parse(wrong).is_err(), "{wrong}");
        }
    }
}
