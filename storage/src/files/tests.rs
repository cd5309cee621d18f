//! What the store of files promises beyond one upload: a day's amount, time limits, what orders hold, the scanner's word.

use super::samples::picture;
use super::sniff::MediaType;
use super::{FileError, FileStore, FilesConfig, Progress, RefusalCode, Scanner, UploadRequest, hold, missing};
use crate::relational::testing::{Stage, on_every_database};
use greenhub_model::ids::{FileId, OrderId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const AT: i64 = 1_795_485_600_000;
const DAY: i64 = 86_400_000;

async fn store(stage: &Stage, directory: &tempfile::TempDir, config: FilesConfig) -> FileStore {
    let config = FilesConfig { disk_floor: 0, ..config };
    FileStore::open(stage.open().await, directory.path(), config).await.expect("a store")
}

fn request(request_id: &str, size: usize) -> UploadRequest {
    UploadRequest {
        request_id: request_id.into(),
        name: "照片.jpg".into(),
        size: size as u64,
        media_type: "image/jpeg".into(),
        sha256: None,
        taken_at: None,
        lon: None,
        lat: None,
    }
}

/// Uploads a picture in one piece.
async fn upload(store: &FileStore, request_id: &str, bytes: &[u8], now: i64) -> Result<Progress, FileError> {
    let begun = store.begin("crew", &request(request_id, bytes.len()), now).await?;
    let mut turn = store.append("crew", &begun.upload.id, 0, None, None, now).await?;
    turn.write(bytes).await?;
    turn.end(false, now).await
}

fn file(progress: &Progress) -> FileId {
    progress.upload.file.clone().expect("it is whole")
}

#[tokio::test]
async fn a_person_uploads_so_much_a_day() {
    on_every_database(async |stage| {
        let (directory, bytes) = (tempfile::tempdir().expect("a directory"), picture(MediaType::Jpeg, 40, 30));
        let daily_max = bytes.len() as u64 + 10;
        let store = store(stage, &directory, FilesConfig { daily_max, ..FilesConfig::default() }).await;
        upload(&store, "one", &bytes, AT).await.expect("within the day's amount");
        let other = picture(MediaType::Jpeg, 41, 30);
        let refused = upload(&store, "two", &other, AT + DAY / 2).await;
        assert!(matches!(refused, Err(FileError::Quota)), "{}: {refused:?}", stage.label);
        upload(&store, "one", &bytes, AT + DAY / 2).await.expect_err("it is whole, nothing can be added");
        let known = store.begin("crew", &request("one", bytes.len()), AT + DAY / 2).await.expect("not counted twice");
        assert!(known.upload.file.is_some() && !known.new, "{}", stage.label);
        upload(&store, "two", &picture(MediaType::Jpeg, 30, 30), AT + DAY + 1).await.expect("a new day");
    })
    .await;
}

#[tokio::test]
async fn unfinished_uploads_and_files_that_no_order_names_go_in_their_time() {
    on_every_database(async |stage| {
        let directory = tempfile::tempdir().expect("a directory");
        let config = FilesConfig { unfinished_ms: DAY, unreferenced_ms: 2 * DAY, ..FilesConfig::default() };
        let store = store(stage, &directory, config).await;
        let half = store.begin("crew", &request("half", 5000), AT).await.expect("begun").upload.id;
        let held = file(&upload(&store, "held", &picture(MediaType::Jpeg, 20, 30), AT).await.expect("whole"));
        let loose = file(&upload(&store, "loose", &picture(MediaType::Jpeg, 30, 20), AT).await.expect("whole"));
        let db = stage.open().await;
        let mut tx = db.begin().await.expect("a transaction");
        let named = [held.clone(), loose.clone()];
        assert_eq!(missing(&mut tx, &named).await.expect("looked"), None, "{}", stage.label);
        hold(&mut tx, &OrderId::new("W-1").expect("an id"), &named[..1], AT).await.expect("named");
        tx.commit().await.expect("committed");

        store.tidy(AT + DAY - 1).await.expect("tidied");
        assert!(store.progress_of("crew", &half, AT + DAY - 1).await.is_ok(), "{}: it has its time", stage.label);
        store.tidy(AT + DAY + 1).await.expect("tidied");
        assert!(
            matches!(store.progress_of("crew", &half, AT + DAY + 1).await, Err(FileError::Unknown)),
            "{}",
            stage.label
        );
        assert!(store.info(&loose).await.expect("read").is_some(), "{}: not yet", stage.label);
        store.tidy(AT + 2 * DAY + 1).await.expect("tidied");
        assert!(store.info(&loose).await.expect("read").is_none(), "{}: no order names it", stage.label);
        assert!(store.info(&held).await.expect("read").is_some(), "{}: an order holds it", stage.label);
        let (path, _) = store.content(&store.info(&held).await.expect("read").expect("there"), super::Copy::Original);
        assert!(path.exists(), "{}", stage.label);
        assert_eq!(store.counts().expired.load(Ordering::Relaxed), 1, "{}", stage.label);
        assert_eq!(store.counts().unreferenced.load(Ordering::Relaxed), 1, "{}", stage.label);
    })
    .await;
}

/// A scanner that speaks clamd's `INSTREAM` over a real socket: it finds a virus or none, as it is told.
async fn scanner(infected: Arc<AtomicBool>) -> Scanner {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut command = [0; 10];
            stream.read_exact(&mut command).await.expect("a command");
            assert_eq!(&command, b"zINSTREAM\0");
            loop {
                let length = stream.read_u32().await.expect("a length");
                if length == 0 {
                    break;
                }
                let mut piece = vec![0; length as usize];
                stream.read_exact(&mut piece).await.expect("a whole piece");
            }
            let answer: &[u8] =
                if infected.load(Ordering::Relaxed) { b"stream: Eicar-Test FOUND\0" } else { b"stream: OK\0" };
            stream.write_all(answer).await.expect("the hub listens");
        }
    });
    Scanner::Tcp(address.to_string())
}

#[tokio::test]
async fn what_the_scanner_finds_is_not_kept_and_stays_refused() {
    on_every_database(async |stage| {
        let (directory, infected) = (tempfile::tempdir().expect("a directory"), Arc::new(AtomicBool::new(true)));
        let config = FilesConfig { scanner: scanner(infected.clone()).await, ..FilesConfig::default() };
        let store = store(stage, &directory, config).await;
        let bytes = picture(MediaType::Jpeg, 20, 30);
        let bad = upload(&store, "bad", &bytes, AT).await;
        let found = |answer: &Result<Progress, FileError>| match answer {
            Err(FileError::Refused(refusal)) => Some(refusal.code),
            Ok(progress) => progress.upload.refusal.as_ref().map(|refusal| refusal.code),
            _ => None,
        };
        assert_eq!(found(&bad), Some(RefusalCode::Infected), "{}: {bad:?}", stage.label);
        infected.store(false, Ordering::Relaxed);
        let again = store.begin("crew", &request("bad", bytes.len()), AT + 1).await;
        assert_eq!(found(&again), Some(RefusalCode::Infected), "{}: the same request hears the same", stage.label);
        upload(&store, "good", &bytes, AT + 2).await.expect("a new request is judged anew");
    })
    .await;
}

#[tokio::test]
async fn without_a_verdict_a_file_waits_or_is_taken_and_scanned_later() {
    on_every_database(async |stage| {
        let directory = tempfile::tempdir().expect("a directory");
        let bytes = picture(MediaType::Jpeg, 20, 30);
        // Nobody listens at port 9 of this machine.
        let away = FilesConfig { scanner: Scanner::Tcp("127.0.0.1:9".into()), ..FilesConfig::default() };
        let strict = store(stage, &directory, away.clone()).await;
        let waits = upload(&strict, "waits", &bytes, AT).await;
        assert!(matches!(waits, Err(FileError::ScannerAway)), "{}: {waits:?}", stage.label);
        let lenient = store(stage, &directory, FilesConfig { take_unscanned: true, ..away }).await;
        let taken = lenient.begin("crew", &request("waits", bytes.len()), AT + 1).await.expect("whole, and taken now");
        let taken = file(&taken);
        let config = FilesConfig { scanner: scanner(Arc::new(AtomicBool::new(true))).await, ..FilesConfig::default() };
        let back = store(stage, &directory, config).await;
        back.tidy(AT + 2).await.expect("scanned");
        let judged = back.info(&taken).await.expect("read").expect("kept as evidence");
        assert!(judged.infected, "{}: not given out any more", stage.label);
        let db = stage.open().await;
        let mut tx = db.begin().await.expect("a transaction");
        assert_eq!(
            missing(&mut tx, std::slice::from_ref(&taken)).await.expect("looked").as_ref(),
            Some(&taken),
            "{}",
            stage.label
        );
    })
    .await;
}
