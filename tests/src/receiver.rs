//! A receiver of the hub's own calls: a real HTTP server that keeps what it gets and answers as the test wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A call as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method, path and version.
    pub request: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
    /// Status it was answered with.
    pub answered: u16,
}

/// The server; cheap to clone.
#[derive(Debug, Clone)]
pub struct Receiver {
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<Vec<u16>>>,
    otherwise: u16,
    header: &'static str,
}

impl Receiver {
    /// Answers with `otherwise`, and a header line, where it is not told another status.
    pub fn answering(otherwise: u16, header: &'static str) -> Self {
        Self { calls: Arc::default(), answers: Arc::default(), otherwise, header }
    }

    /// Listens from now on.
    pub async fn listen(&self, port: u16) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let receiver = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = receiver.clone();
                tokio::spawn(async move { receiver.answer(BufReader::new(stream)).await });
            }
        });
    }

    /// The next calls are answered with these statuses, in order.
    pub fn will_answer(&self, statuses: &[u16]) {
        *self.answers.lock().expect("no panic") = statuses.iter().rev().copied().collect();
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic").clone()
    }

    async fn answer(&self, mut stream: BufReader<TcpStream>) {
        let (mut headers, mut request) = (BTreeMap::new(), String::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            match line.trim().split_once(": ") {
                Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
                None if line.trim().is_empty() => break,
                None => request = line.trim().to_owned(),
            }
        }
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("a whole body");
        let answered = self.answers.lock().expect("no panic").pop().unwrap_or(self.otherwise);
        self.calls.lock().expect("no panic").push(Call { request, headers, body, answered });
        let header = self.header;
        let answer = format!("HTTP/1.1 {answered} x\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.expect("the hub listens");
    }
}
