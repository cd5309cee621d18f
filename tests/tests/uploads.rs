//! Photos on their way, through the whole hub: killed and cut at random bytes none is lost and none is there twice; what a
//! person may send in a day; what was begun and never ended goes.
//!
//! `GREENHUB_TEST_KILLS` sets the number of kills (8 by default).

use greenhub_tests::api::Api;
use greenhub_tests::hub::{Hub, Options};
use greenhub_tests::{Random, until};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A PNG whose pixels are random, so that no two are alike: 300 × 200, uncompressed, some 180 kB.
fn photo(dice: &mut Random) -> Vec<u8> {
    const WIDE: u32 = 300;
    const HIGH: u32 = 200;
    let mut pixels = Vec::new();
    for _line in 0..HIGH {
        pixels.push(0);
        pixels.extend((0..WIDE * 3).map(|_| dice.below(256) as u8));
    }
    let mut packed = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = pixels.chunks(65_535).collect();
    for (n, block) in blocks.iter().enumerate() {
        let length = block.len() as u16;
        packed.push(u8::from(n + 1 == blocks.len()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend_from_slice(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in &pixels {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    packed.extend((b << 16 | a).to_be_bytes());
    let mut head = Vec::new();
    head.extend(WIDE.to_be_bytes());
    head.extend(HIGH.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [(b"IHDR", &head), (b"IDAT", &packed), (b"IEND", &vec![])] {
        let named = [&name[..], body].concat();
        png.extend((body.len() as u32).to_be_bytes());
        png.extend_from_slice(&named);
        png.extend(crc(&named).to_be_bytes());
    }
    png
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _bit| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn form(key: &str, bytes: &[u8]) -> Value {
    json!({"request_id": key, "name": "现场.png", "size": bytes.len(), "media_type": "image/png"})
}

/// Sends from where the hub is; the socket is cut after `cut` bytes of the body.
async fn send(hub: &Hub, api: &Api, upload: &str, offset: usize, bytes: &[u8], cut: usize) {
    let Ok(mut stream) = TcpStream::connect(hub.http()).await else { return };
    let rest = &bytes[offset..];
    let head = format!(
        "PATCH /api/v1/files/uploads/{upload} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\nContent-Length: {}\r\n\r\n",
        hub.http(),
        api.token,
        rest.len()
    );
    // The hub may be killed at any of these bytes: then the rest goes nowhere, which is what is tried here.
    let _gone = stream.write_all(head.as_bytes()).await;
    for piece in rest[..cut.min(rest.len())].chunks(8_192) {
        if stream.write_all(piece).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if cut >= rest.len() {
        // Whole: the hub has to read it before the connection ends.
        let mut answer = [0u8; 12];
        let _ended = tokio::io::AsyncReadExt::read(&mut stream, &mut answer).await;
    }
}

/// Everything below a directory, as sizes by path.
fn below(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => below(&path, found),
            path => found.push(path),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_and_cuts_at_any_byte_lose_no_photo_and_double_none() {
    let kills: u64 = std::env::var("GREENHUB_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let mut dice = Random(20_261_124);
    let directory = tempfile::tempdir().expect("a directory");
    let (data, options) = (directory.path().join("data"), Options { demo: true, ..Options::default() });
    let mut hub = Hub::start_in(&data, &options);
    let mut crew = Api::login(&hub, "crew").await;
    let photos: Vec<Vec<u8>> = (0..3).map(|_| photo(&mut dice)).collect();
    let (mut left, mut sent, mut cuts) = (kills, BTreeSet::new(), 0);
    for (n, bytes) in photos.iter().enumerate() {
        let key = format!("photo-{n}");
        let file = loop {
            // The phone knows nothing but its request: the same again finds the upload, whatever became of the hub.
            let begun = crew.post("/api/v1/files", &form(&key, bytes)).await;
            if let Some(file) = begun["file"].as_str() {
                break file.to_owned();
            }
            let upload = begun["upload"].as_str().expect("a name").to_owned();
            let offset = begun["offset"].as_u64().expect("an offset") as usize;
            assert!(offset <= bytes.len());
            let rest = bytes.len() - offset;
            if left > 0 {
                let cut = 1 + dice.below(rest as u64 / 2 + 1) as usize;
                if left % 2 == 0 {
                    // Only the network is cut.
                    send(&hub, &crew, &upload, offset, bytes, cut).await;
                    cuts += 1;
                } else {
                    // Killed while it comes, or while a whole one is made a file.
                    let cut = if left == 1 { rest } else { cut };
                    let pause = Duration::from_millis(dice.below(40));
                    tokio::select! {
                        () = send(&hub, &crew, &upload, offset, bytes, cut) => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    hub.kill();
                    hub = Hub::start_in(&data, &options);
                    crew = Api::login(&hub, "crew").await;
                }
                left -= 1;
            } else {
                send(&hub, &crew, &upload, offset, bytes, rest).await;
            }
        };
        assert!(sent.insert(file.clone()), "another photo is another file");
        let got = Client::new()
            .get(format!("{}/api/v1/files/{file}?original=1", crew.base()))
            .bearer_auth(&Api::login(&hub, "dispatcher").await.token)
            .send()
            .await
            .expect("reached");
        assert_eq!(got.status(), StatusCode::OK);
        assert!(got.bytes().await.expect("bytes") == bytes.as_slice(), "photo {n} is not the one that was sent");
        let again = crew.post("/api/v1/files", &form(&key, bytes)).await;
        assert_eq!(again["file"], json!(file), "the outbox sends it once more");
    }
    assert!(left == 0 && cuts > 0, "{left} kills were not made");
    // Originals on the disk: as many as photos, however often they came.
    let mut found = Vec::new();
    below(&data.join("files"), &mut found);
    let named =
        |file: &String| found.iter().filter(|path| std::fs::read(path).is_ok_and(|b| is(&b, file, &photos))).count();
    for file in &sent {
        assert_eq!(named(file), 1, "{file} in {found:?}");
    }
    let form = json!({"source": "patrol", "title": "井盖破损", "priority": "P3",
        "attachments": sent.iter().map(|file| json!({"file": file, "role": "report"})).collect::<Vec<_>>()});
    let order = crew.post("/api/v1/orders", &json!({"request_id": "with-photos", "form": form})).await;
    assert_eq!(order["attachments"].as_array().map(Vec::len), Some(3), "all can be used: {order}");
}

/// Whether these bytes are the photo whose hash names the file.
fn is(bytes: &[u8], file: &str, photos: &[Vec<u8>]) -> bool {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hash == file && photos.iter().any(|photo| photo == bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_has_its_amount_and_what_nobody_ends_goes() {
    let mut dice = Random(7);
    let bytes = photo(&mut dice);
    let config = format!("[files]\ndaily_max = \"{}\"\nunfinished_for = \"2s\"\n", bytes.len() * 2 + 10);
    let hub = Hub::start(&Options { demo: true, config, ..Options::default() });
    let (crew, officer) = (Api::login(&hub, "crew").await, Api::login(&hub, "officer").await);
    let first = crew.post("/api/v1/files", &form("a", &bytes)).await;
    let upload = first["upload"].as_str().expect("a name").to_owned();
    send(&hub, &crew, &upload, 0, &bytes, 1_000).await;
    crew.post("/api/v1/files", &form("b", &bytes)).await;
    let (status, problem) = crew.try_post("/api/v1/files", &form("c", &bytes)).await;
    assert_eq!(status.as_u16(), 429, "more than the day holds: {problem}");
    assert!(problem["detail"].as_str().is_some_and(|text| text.chars().count() > 10), "it says what to do: {problem}");
    let (status, _) = officer.try_post("/api/v1/files", &form("c", &bytes)).await;
    assert_eq!(status, StatusCode::CREATED, "another person has an amount of their own");
    let client = Client::new();
    let ask = async || {
        let path = format!("{}/api/v1/files/uploads/{upload}", crew.base());
        let answer = client.head(path).bearer_auth(&crew.token).header("tus-resumable", "1.0.0").send().await;
        answer.expect("reached").status()
    };
    until("the unfinished upload to go", async || (ask().await == StatusCode::NOT_FOUND).then_some(())).await;
    let again = crew.post("/api/v1/files", &form("a", &bytes)).await;
    assert_eq!(again["offset"], 0, "the phone begins it anew under its old request: {again}");
}
