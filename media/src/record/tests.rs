use super::*;
use greenhub_model::media::RecordingState;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::sync::{broadcast, oneshot};

/// Parameter sets and a picture that a decoder can begin with; and one it cannot.
const KEY: [u8; 26] =
    [0, 0, 0, 1, 0x67, 66, 0, 31, 0xda, 0x01, 0x40, 0x16, 0xe8, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 0, 1, 0x65, 0x88, 0x80];
const PICTURE: [u8; 6] = [0, 0, 0, 1, 0x41, 0x9a];
const START: i64 = 1_700_000_000_000;

fn unit() -> DeviceId {
    DeviceId::new("P-1").expect("an id")
}

/// Picture `n` of a source of 25 a second, a key every 50.
fn frame(n: u64) -> Arc<Frame> {
    let key = n.is_multiple_of(50);
    let mut data = if key { KEY.to_vec() } else { PICTURE.to_vec() };
    data.extend_from_slice(&n.to_be_bytes());
    let at = START + i64::try_from(n * 40).expect("small");
    Arc::new(Frame { source: 1, kind: FrameKind::Video, key, ticks: n * 3600, at, data: data.into() })
}

/// Records frames `from..to` and ends.
async fn recorded(root: &Path, from: u64, to: u64) -> Arc<Shelf> {
    let shelf = Arc::new(Shelf::open(root).expect("a shelf"));
    let (frames, tap) = broadcast::channel(64);
    let (end, over) = oneshot::channel::<()>();
    let work = tokio::spawn(record(shelf.clone(), unit(), "test".into(), tap, async { drop(over.await) }, async || {}));
    for n in from..to {
        while frames.len() > 32 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        frames.send(frame(n)).expect("somebody records");
    }
    while !frames.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    end.send(()).expect("it waits for its end");
    work.await.expect("no panic").expect("recorded");
    shelf
}

#[tokio::test]
async fn a_recording_is_listed_verified_and_cut_at_keys() {
    let root = tempfile::tempdir().expect("a directory");
    let shelf = recorded(root.path(), 0, 250).await;
    let all = shelf.list(&unit(), START, START + 60_000, START + 60_000).expect("listed");
    assert_eq!(all.len(), 1);
    let one = &all[0];
    assert_eq!((one.begin, one.end), (START, START + 249 * 40));
    assert_eq!((one.state, one.size, one.held), (RecordingState::Complete, Some((1280, 720)), false));
    assert_eq!(one.bytes, fs::metadata(shelf.file(&unit(), one.id)).expect("a file").len());
    let found = shelf.verify(&unit(), one.id).expect("verified");
    assert!(found.intact && found.complete && found.ours, "{found:?}");

    // A wish from 4.5 s on begins at the key of 4 s; the head goes before it.
    let index = shelf.index(&unit(), one.id).expect("an index");
    let clip = index.clip(START + 4_500, START + 5_500);
    assert_eq!(clip[0].offset, 0);
    assert_eq!(clip[1].begin, START + 4_000);
    assert!(clip[1].key);
    assert_eq!(clip.last().expect("pieces").begin, START + 5_000);
    assert!(index.clip(START + 90_000, START + 99_000).is_empty());
    assert!(shelf.list(&unit(), START + 20_000, START + 60_000, START).expect("listed").is_empty());
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_found() {
    let root = tempfile::tempdir().expect("a directory");
    let shelf = recorded(root.path(), 0, 120).await;
    let file = shelf.file(&unit(), START);
    let whole = fs::read(&file).expect("bytes");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).expect("written");
        let found = shelf.verify(&unit(), START).expect("verified");
        assert!(!found.intact, "byte {at} of {}", whole.len());
    }
    fs::write(&file, &whole).expect("written");
    assert!(shelf.verify(&unit(), START).expect("verified").intact);
    let lines = file.with_extension("jsonl");
    let text = fs::read_to_string(&lines).expect("lines");
    // A piece that is taken out, and the times of one that are changed.
    let mut rows: Vec<&str> = text.lines().collect();
    let taken = rows.remove(2);
    fs::write(&lines, rows.join("\n") + "\n").expect("written");
    assert!(!shelf.verify(&unit(), START).expect("verified").intact, "without {taken}");
    let moved = text.replacen(&format!("\"end\":{}", START + 1_000), &format!("\"end\":{}", START + 990), 1);
    assert_ne!(moved, text);
    fs::write(&lines, moved).expect("written");
    assert!(!shelf.verify(&unit(), START).expect("verified").intact, "another time");
    // The tail cut off: what is left is genuine, but it is not said to be whole.
    let cut: Vec<&str> = text.lines().take(4).collect();
    fs::write(&lines, cut.join("\n") + "\n").expect("written");
    let found = shelf.verify(&unit(), START).expect("verified");
    assert!(found.intact && !found.complete, "{found:?}");
}

#[tokio::test]
async fn an_index_torn_at_any_byte_still_gives_what_it_names() {
    let root = tempfile::tempdir().expect("a directory");
    let shelf = recorded(root.path(), 0, 120).await;
    let lines = shelf.file(&unit(), START).with_extension("jsonl");
    let whole = fs::read(&lines).expect("lines");
    for length in (0..whole.len()).step_by(7) {
        fs::write(&lines, &whole[..length]).expect("written");
        match shelf.verify(&unit(), START) {
            Ok(found) => assert!(found.pieces == 0 || found.intact, "{length}: {found:?}"),
            Err(ShelfError::Unknown) => assert!(length <= whole.iter().position(|b| *b == b'\n').expect("a line")),
            Err(error) => panic!("{length}: {error}"),
        }
    }
}

#[tokio::test]
async fn what_is_held_outlives_every_rule() {
    let root = tempfile::tempdir().expect("a directory");
    let shelf = recorded(root.path(), 0, 60).await;
    recorded(root.path(), 10_000, 10_060).await;
    let later = START + 10_000 * 40;
    shelf.hold(&unit(), START, true, "案卷 2026-1").expect("held");
    let keep = Keep { age_ms: 1_000, bytes_max: u64::MAX };
    assert_eq!(shelf.tidy(keep, later + 60_000).expect("tidied"), 1);
    let left = shelf.list(&unit(), 0, i64::MAX, later).expect("listed");
    assert_eq!(left.iter().map(|one| (one.id, one.held)).collect::<Vec<_>>(), [(START, true)]);
    shelf.hold(&unit(), START, false, "").expect("lifted");
    assert_eq!(shelf.tidy(Keep { age_ms: i64::MAX, bytes_max: 0 }, later).expect("tidied"), 1);
    assert!(matches!(shelf.hold(&unit(), START, true, ""), Err(ShelfError::Unknown)));
    assert!(shelf.tidy(keep, later).expect("the key stays") == 0 && root.path().join("signing.key").exists());
}

#[tokio::test]
async fn missed_frames_end_the_file_and_a_key_is_asked_for() {
    let root = tempfile::tempdir().expect("a directory");
    let shelf = Arc::new(Shelf::open(root.path()).expect("a shelf"));
    let (frames, tap) = broadcast::channel(16);
    for n in 0..40 {
        frames.send(frame(n)).expect("a receiver");
    }
    let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = asked.clone();
    let key = async move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let work = tokio::spawn(record(shelf.clone(), unit(), "test".into(), tap, std::future::pending(), key));
    while !frames.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for n in 50..60 {
        frames.send(frame(n)).expect("a receiver");
    }
    drop(frames);
    work.await.expect("no panic").expect("recorded");
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 1);
    let all = shelf.list(&unit(), 0, i64::MAX, START).expect("listed");
    assert_eq!(all.iter().map(|one| one.begin).collect::<Vec<_>>(), [START + 50 * 40], "it begins with the next key");
}

const CHILD: &str = "GREENHUB_TEST_RECORDS_INTO";

/// Not a test of its own: what the killed process does.
#[tokio::test]
async fn records_until_killed() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    recorded(Path::new(&root), 0, 1_000_000).await;
}

#[test]
fn killed_a_hundred_times_what_stands_is_whole_and_signed() {
    let program = std::env::current_exe().expect("this test");
    let mut most = 0;
    for round in 0..100_u64 {
        let root = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(&program)
            .args(["--exact", "record::tests::records_until_killed"])
            .env(CHILD, root.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a child");
        // Each is let live until it has written something, then a little longer, another while each time.
        let file = root.path().join("P-1").join(format!("{START}.jsonl"));
        let begun = std::time::Instant::now();
        while fs::metadata(&file).map_or(0, |data| data.len()) < 2_000 {
            assert!(begun.elapsed() < Duration::from_secs(60), "the child of round {round} records nothing");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(round * 137));
        child.kill().expect("killed");
        child.wait().expect("over");
        let shelf = Shelf::open(root.path()).expect("the same key");
        let found = shelf.verify(&unit(), START).expect("verified");
        assert!(found.intact && found.ours && found.pieces > 2, "round {round}: {found:?}");
        let index = shelf.index(&unit(), START).expect("an index");
        let bytes = fs::metadata(shelf.file(&unit(), START)).expect("a file").len();
        let span = index.entries[1].length * 2;
        assert!(bytes >= index.bytes() && bytes - index.bytes() < span, "at most one piece is not named");
        most = most.max(found.pieces);
    }
    assert!(most > 3, "they were killed at work");
}
