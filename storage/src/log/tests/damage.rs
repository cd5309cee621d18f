//! Torn tails are cut, damage in the middle is refused and named.

use super::super::frame::FRAME_HEAD;
use super::*;

const FIRST: &str = "/log/0000000000000001.log";
const SECOND: &str = "/log/0000000000000002.log";

/// A closed log of `batches` one-record batches, and its disk.
fn written(batches: u32) -> FaultDisk {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    (0..batches).for_each(|n| {
        store(&log, &n.to_le_bytes().repeat(25));
    });
    until_prepared(&log);
    drop(log);
    disk
}

/// Batches of one such size that fit the first segment.
const BATCHES_IN_FIRST: u64 = ((16 * 1024 - 4096) / FRAME) as u64;
/// Bytes of one such batch's frame.
const FRAME: usize = (FRAME_HEAD + 16 + 2 + 100).next_multiple_of(8);
const fn frame(n: usize) -> usize {
    4096 + n * FRAME
}

fn damage_of(disk: &FaultDisk) -> Damage {
    match open_with(config(), disk) {
        Err(LogError::Damaged(damage)) => *damage,
        Err(other) => panic!("another error: {other}"),
        Ok(log) => panic!("opened with {:?}", log.committed()),
    }
}

#[test]
fn any_damage_in_the_middle_is_refused_and_named() {
    for at in [frame(4), frame(4) + 9, frame(4) + 37, frame(4) + 44, frame(4) + FRAME_HEAD + 1] {
        let disk = written(10);
        disk.damage(FIRST, at, &[0x5a]);
        let damage = damage_of(&disk);
        assert_eq!((damage.from, damage.to, damage.offset), (5, Some(5), frame(4) as u64), "at {at}");
        let text = damage.to_string();
        assert!(text.contains("batch 5 was committed") && text.contains(FIRST), "{text}");
        assert_eq!(inspect("/log".as_ref(), &disk).expect("readable").damage, [damage]);
    }
    let disk = written(10);
    disk.damage(FIRST, frame(2), &[0; 3 * FRAME]);
    assert_eq!((damage_of(&disk).from, damage_of(&disk).to), (3, Some(5)));
}

#[test]
fn a_damaged_last_frame_is_a_torn_tail() {
    for (at, bytes) in [(frame(9) + 60, vec![1; 4]), (frame(9), vec![0; FRAME]), (frame(9) + 3, vec![0xff; 9])] {
        let disk = written(10);
        disk.damage(FIRST, at, &bytes);
        let log = open(&disk);
        assert_eq!((log.committed().batch, read_all(&log).len(), log.accepted()[0]), (9, 9, 9));
        assert_eq!(store(&log, b"again").first, Position(9));
    }
}

#[test]
fn damage_in_an_older_segment_is_refused_too() {
    let disk = written(200);
    disk.damage(FIRST, frame(30) + FRAME_HEAD, &[9]);
    let damage = damage_of(&disk);
    assert_eq!((damage.from, damage.segment), (31, FIRST.into()));
    // The way out that the message names.
    disk.remove(FIRST.as_ref()).expect("moved away");
    let log = open(&disk);
    assert!(log.oldest_batch() > 31 && log.committed().batch == 200);
}

#[test]
fn a_lost_segment_header_is_damage_unless_it_was_never_used() {
    let disk = written(200);
    assert!(disk.read(SECOND).is_some());
    disk.damage(SECOND, 20, &[1, 2, 3]);
    let damage = damage_of(&disk);
    assert_eq!(
        (damage.segment, damage.from, damage.to),
        (SECOND.into(), BATCHES_IN_FIRST + 1, Some(2 * BATCHES_IN_FIRST))
    );

    let disk = written(3);
    disk.damage(FIRST, 20, &[1, 2, 3]);
    let damage = damage_of(&disk);
    assert_eq!((damage.from, damage.why), (1, "no readable segment header"));

    let disk = written(200);
    let last = disk.files().into_iter().rev().find(|f| disk.read(f).is_some_and(|b| b.starts_with(b"GHLOG")));
    let last = last.expect("segments");
    disk.damage(&last, 20, &[1, 2, 3]);
    assert_eq!(damage_of(&disk).segment, last);

    let disk = written(3);
    assert!(disk.read(SECOND).is_some_and(|bytes| bytes.iter().all(|b| *b == 0)));
    assert_eq!(open(&disk).committed().batch, 3);
}

#[test]
fn a_missing_segment_is_damage() {
    let disk = written(300);
    disk.remove(SECOND.as_ref()).expect("removed");
    assert_eq!(damage_of(&disk).segment, PathBuf::from("/log/0000000000000003.log"));
}

#[test]
fn a_frame_of_another_log_is_not_taken_for_the_next() {
    let (disk, other) = (written(5), written(6));
    // Everything but the salt is right: number, position, time, checksums.
    let foreign = other.read(FIRST).expect("there")[frame(5)..frame(6)].to_vec();
    disk.damage(FIRST, frame(5), &foreign);
    assert_eq!(open(&disk).committed().batch, 5);
    disk.damage(FIRST, frame(6), &foreign);
    assert_eq!(open(&disk).committed().batch, 5);
}

#[test]
fn inspecting_a_whole_log_finds_no_damage() {
    let disk = written(200);
    let found = inspect("/log".as_ref(), &disk).expect("readable");
    assert_eq!((found.first_batch, found.last_batch, found.end), (1, 200, 200));
    assert!(found.damage.is_empty() && found.segments > 1);
}
