//! Uploads over real sockets: cut anywhere, taken over, wrong in every way; and what is given out of them.

mod kit;

use greenhub_model::Role;
use greenhub_storage::files::sniff::MediaType;
use kit::Hub;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A JPEG of one grey square, with Exif that turns it and says where it was taken.
fn photo(seed: u64) -> Vec<u8> {
    let plain = greenhub_storage::files::samples::picture(MediaType::Jpeg, 32, 24);
    let exif = greenhub_storage::files::exif::sample(6);
    let mut bytes = plain[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend(((exif.len() + 8) as u16).to_be_bytes());
    bytes.extend(b"Exif\0\0");
    bytes.extend(exif);
    // A comment of chance bytes makes each photo another, and long enough to be cut.
    let mut rng = Rng(seed);
    for _ in 0..4 {
        bytes.extend([0xff, 0xfe, 0x80, 0x02]);
        bytes.extend((0..0x8000).map(|_| rng.next() as u8));
    }
    bytes.extend(&plain[2..]);
    bytes
}

/// Numbers of a seed (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn form(request: &str, bytes: &[u8]) -> Value {
    json!({"request_id": request, "name": "现场.jpg", "size": bytes.len(), "media_type": "image/jpeg"})
}

/// A piece sent whole: status, JSON, Upload-Offset.
async fn piece(hub: &Hub, token: &str, upload: &str, at: usize, bytes: &[u8]) -> (u16, Value, Option<usize>) {
    let url = hub.url(&format!("/api/v1/files/uploads/{upload}"));
    let request = hub.http.patch(url).bearer_auth(token).header("upload-offset", at.to_string());
    let request = request.header("content-type", "application/offset+octet-stream").header("tus-resumable", "1.0.0");
    let answer = request.body(bytes.to_vec()).send().await.expect("an answer");
    let offset = answer.headers().get("upload-offset").and_then(|v| v.to_str().ok()?.parse().ok());
    (answer.status().as_u16(), answer.json().await.unwrap_or_default(), offset)
}

/// Uploads in one piece; the file.
async fn whole(hub: &Hub, token: &str, request: &str, bytes: &[u8]) -> String {
    let (_, begun) = hub.post(token, "/api/v1/files", form(request, bytes)).await;
    let upload = begun["upload"].as_str().expect("an upload").to_owned();
    let (status, done, offset) = piece(hub, token, &upload, 0, bytes).await;
    assert_eq!((status, offset), (200, Some(bytes.len())), "{done}");
    done["file"].as_str().expect("a file").to_owned()
}

/// Sends the head of a piece and only so much of it, then cuts the connection.
async fn cut_piece(hub: &Hub, token: &str, upload: &str, at: usize, all: &[u8], sent: usize) {
    let mut stream = TcpStream::connect(hub.address).await.expect("a connection");
    let head = format!(
        "PATCH /api/v1/files/uploads/{upload} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: {at}\r\ncontent-length: {}\r\n\r\n",
        all.len() - at
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    // The hub may have answered a refusal and closed: that is a cut as well.
    let _closed_by_the_hub = stream.write_all(&all[at..at + sent]).await;
    let _closed_by_the_hub = stream.flush().await;
    if sent.is_multiple_of(2) {
        stream.set_zero_linger().expect("a socket");
    }
}

async fn offset(hub: &Hub, token: &str, upload: &str) -> usize {
    let url = hub.url(&format!("/api/v1/files/uploads/{upload}"));
    let answer = hub.http.head(url).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.headers()["upload-offset"].to_str().expect("a number").parse().expect("a number")
}

#[tokio::test]
async fn cuts_at_any_byte_lose_nothing_and_double_nothing() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Crew).await;
    let seed = std::env::var("GREENHUB_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(41);
    println!("GREENHUB_TEST_SEED={seed}");
    let (mut rng, mut files, mut cuts) = (Rng(seed), BTreeSet::new(), 0);
    for n in 0..25 {
        let bytes = photo(n);
        let request = format!("photo-{n}");
        let mut tries = 0;
        let file = loop {
            // The phone knows nothing but its own request id each time.
            let (status, begun) = hub.post(&token, "/api/v1/files", form(&request, &bytes)).await;
            assert_eq!(status, if tries == 0 { 201 } else { 200 });
            let upload = begun["upload"].as_str().expect("an upload");
            if let Some(file) = begun["file"].as_str() {
                break file.to_owned();
            }
            let at = match tries % 2 {
                0 => begun["offset"].as_u64().expect("a number") as usize,
                _ => offset(&hub, &token, upload).await,
            };
            tries += 1;
            if tries > 8 {
                let (status, done, _) = piece(&hub, &token, upload, at, &bytes[at..]).await;
                // The last bytes may still be on their way from a connection that was cut.
                if status == 200 {
                    break done["file"].as_str().expect("a file").to_owned();
                }
                continue;
            }
            let sent = rng.below(bytes.len() - at + 1);
            cut_piece(&hub, &token, upload, at, &bytes, sent).await;
            cuts += 1;
        };
        assert_eq!(file, hex(&bytes), "photo {n}");
        assert!(files.insert(file.clone()));
        let clerk = hub.token(Role::Clerk).await;
        let url = hub.url(&format!("/api/v1/files/{file}?original=1"));
        let stored = hub.http.get(url).bearer_auth(&clerk).send().await.expect("an answer").bytes().await;
        assert!(stored.expect("bytes") == bytes, "photo {n} is not what was sent");
    }
    println!("{cuts} cuts, {} photos, 0 lost, 0 doubled", files.len());
    assert!(cuts >= 100, "{cuts}");
}

#[tokio::test]
async fn who_comes_back_is_let_in_while_the_old_connection_hangs() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Crew).await;
    let bytes = photo(7);
    let (_, begun) = hub.post(&token, "/api/v1/files", form("a", &bytes)).await;
    let upload = begun["upload"].as_str().expect("an upload");
    let mut hanging = TcpStream::connect(hub.address).await.expect("a connection");
    let head = format!(
        "PATCH /api/v1/files/uploads/{upload} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: 0\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    hanging.write_all(head.as_bytes()).await.expect("sent");
    hanging.write_all(&bytes[..1000]).await.expect("sent");
    // Whatever of it the hub has read by now is told, and the old connection may not write on.
    let at = offset(&hub, &token, upload).await;
    assert!(at <= 1000, "{at}");
    let (status, done, _) = piece(&hub, &token, upload, at, &bytes[at..]).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(done["file"], hex(&bytes));
    let mut answer = vec![];
    tokio::time::timeout(Duration::from_secs(5), hanging.read_to_end(&mut answer)).await.expect("it ended").ok();
}

#[tokio::test]
async fn public_copies_hold_no_private_facts() {
    let hub = Hub::start().await;
    let (crew, clerk) = (hub.token(Role::Crew).await, hub.token(Role::Clerk).await);
    let bytes = photo(1);
    let file = whole(&hub, &crew, "a", &bytes).await;
    let get = async |token: &str, path: &str, range: Option<&str>| {
        let mut request = hub.http.get(hub.url(&format!("/api/v1/files/{file}{path}"))).bearer_auth(token);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        request.send().await.expect("an answer")
    };
    let answer = get(&crew, "", None).await;
    assert_eq!(answer.status(), 200);
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "image/jpeg");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").contains("sandbox"));
    assert!(header("content-disposition").starts_with("inline; filename*=UTF-8''%E7%8E%B0%E5%9C%BA.jpg"));
    let public = answer.bytes().await.expect("bytes");
    assert!(public.len() < 2000, "comments are gone: {}", public.len());
    assert!(!public.windows(4).any(|four| four == b"2026"), "no time");
    assert!(public.windows(6).any(|six| six == b"Exif\0\0"), "it still stands upright");
    let part = get(&crew, "", Some("bytes=2-9")).await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.expect("bytes"), public[2..10]);
    assert_eq!(get(&crew, "", Some("bytes=900000-")).await.status(), 416);
    assert_eq!(get(&crew, "?original=1", None).await.status(), 403);
    assert!(get(&clerk, "?original=1", None).await.bytes().await.expect("bytes") == bytes);
    let thumb = get(&crew, "/thumb", None).await;
    assert_eq!(thumb.headers()["content-type"], "image/jpeg");
    let (_, info) = hub.get(&crew, &format!("/api/v1/files/{file}/info")).await;
    assert_eq!((&info["media_type"], &info["bytes"]), (&json!("image/jpeg"), &json!(bytes.len())));
    assert!(info["camera"].is_null(), "{info}");
    assert_eq!((&info["width"], &info["height"]), (&json!(24), &json!(32)), "as it stands");
    let (_, info) = hub.get(&clerk, &format!("/api/v1/files/{file}/info")).await;
    assert_eq!(info["camera"]["lat"], 31.275, "{info}");
    let officer = hub.token(Role::PatrolOfficer).await;
    assert_eq!(hub.get(&officer, &format!("/api/v1/files/{file}/info")).await.0, 404, "not theirs, in no order");
}

#[tokio::test]
async fn wrong_uploads_are_refused_in_words() {
    let hub = Hub::start().await;
    let token = hub.token(Role::Crew).await;
    let good = photo(1);
    let with = |member: &str, value: Value| {
        let mut form = form("x", &good);
        form[member] = value;
        form
    };
    for (form, status) in [
        (with("media_type", json!("text/html")), 415),
        (with("size", json!(0)), 422),
        (with("size", json!(21 << 20)), 413),
        (with("request_id", json!("")), 422),
        (with("sha256", json!("abc")), 422),
        (with("lon", json!(121.0)), 422),
    ] {
        let (got, problem) = hub.post(&token, "/api/v1/files", form.clone()).await;
        assert_eq!(got, status, "{form}: {problem}");
        assert!(problem["detail"].as_str().expect("a sentence").chars().count() > 8, "{problem}");
    }
    // A program that calls itself a photo.
    let program = [b"MZ\x90\0".to_vec(), vec![0; 500]].concat();
    let (_, begun) = hub.post(&token, "/api/v1/files", form("exe", &program)).await;
    let upload = begun["upload"].as_str().expect("an upload").to_owned();
    let (status, problem, _) = piece(&hub, &token, &upload, 0, &program).await;
    assert_eq!(status, 415);
    let again = hub.post(&token, "/api/v1/files", form("exe", &program)).await;
    assert_eq!((again.0, &again.1["detail"]), (415, &problem["detail"]), "the same answer again");
    // Another hash than announced, another file under the same request, another place, too much.
    let (_, begun) = hub.post(&token, "/api/v1/files", with("sha256", json!(hex(b"other")))).await;
    let upload = begun["upload"].as_str().expect("an upload").to_owned();
    assert_eq!(hub.post(&token, "/api/v1/files", with("size", json!(17))).await.0, 409);
    assert_eq!(piece(&hub, &token, &upload, 5, &good[5..]).await.0, 409);
    assert_eq!(piece(&hub, &token, &upload, 0, &[&good[..], b"more"].concat()).await.0, 413);
    assert_eq!(offset(&hub, &token, &upload).await, 0);
    assert_eq!(piece(&hub, &token, &upload, 0, &good).await.0, 460);
    assert_eq!(offset(&hub, &token, &upload).await, 0, "and may be sent again");
    let other = hub.token(Role::Clerk).await;
    let url = hub.url(&format!("/api/v1/files/uploads/{upload}"));
    assert_eq!(hub.http.head(url).bearer_auth(&other).send().await.expect("an answer").status(), 404);
}
