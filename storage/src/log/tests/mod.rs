//! What the log promises, tried on a disk that fails on command.

mod crash;
mod damage;
mod faulty;
mod readers;
mod retention;

use super::faults::FaultDisk;
use super::*;
use greenhub_model::Record;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that only tests move.
struct Hand(AtomicI64);

impl Hand {
    fn at(seconds: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(seconds * 1_000_000)))
    }

    fn set(&self, seconds: i64) {
        self.0.store(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> ReceivedTime {
        ReceivedTime(self.0.load(Ordering::SeqCst))
    }
}

fn config() -> LogConfig {
    LogConfig {
        dir: "/log".into(),
        segment_bytes: 16 * 1024,
        buffer_bytes: 8 * 1024,
        retain_bytes: u64::MAX,
        retain_age: Duration::MAX,
    }
}

fn open_with(config: LogConfig, disk: &FaultDisk) -> Result<Log, LogError> {
    Log::open(config, Arc::new(disk.clone()), Hand::at(1_000))
}

fn open(disk: &FaultDisk) -> Log {
    open_with(config(), disk).expect("the log opens")
}

/// Opens, and waits until the keeper thread has nothing more to do.
fn open_ready(disk: &FaultDisk) -> Log {
    let log = open(disk);
    until_prepared(&log);
    log
}

fn until_prepared(log: &Log) {
    until("the next segment is prepared", || {
        let status = log.status();
        status.bytes >= (status.segments as u64 + 1) * 16 * 1024
    });
}

fn burst(payloads: &[&[u8]]) -> Burst {
    let mut burst = Burst::new();
    for payload in payloads {
        burst.push(&Record::message(Channel::Mqtt, "t", "p", payload)).expect("a small record");
    }
    burst
}

fn append(log: &Log, payload: &[u8]) -> Ticket {
    log.try_append(&burst(&[payload])).expect("room")
}

/// Appends and waits until it is durable.
fn store(log: &Log, payload: &[u8]) -> Ticket {
    let ticket = append(log, payload);
    ticket.wait(PATIENCE).expect("an outcome in time").expect("committed");
    ticket
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "still waiting until {what}");
        std::thread::yield_now();
    }
}

/// Every committed record from batch `from` on, checked for gaps on the way.
fn read_from(log: &Log, from: u64) -> Vec<Vec<u8>> {
    let committed = log.committed();
    let mut reader = log.reader(from).expect("readable");
    let (mut payloads, mut next) = (vec![], None);
    while reader.next_number() <= committed.batch {
        let number = reader.next_number();
        let batch = reader.next(PATIENCE).expect("undamaged").expect("committed, so no waiting");
        assert_eq!(batch.number, number);
        for record in batch.records() {
            let (position, record) = record.expect("a whole record");
            assert_eq!(*next.get_or_insert(position.0), position.0);
            next = Some(position.0 + 1);
            payloads.push(record.payload.to_vec());
        }
    }
    if let Some(next) = next {
        assert_eq!(next, committed.end.0);
    }
    payloads
}

fn read_all(log: &Log) -> Vec<Vec<u8>> {
    read_from(log, 0)
}

fn numbered(range: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    range.map(|n| n.to_le_bytes().to_vec()).collect()
}

#[test]
fn what_was_committed_is_there_after_a_restart_and_positions_continue() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    assert_eq!((log.committed(), log.oldest_batch()), (Committed { batch: 0, end: Position(0) }, 1));
    for n in 0..100u32 {
        assert_eq!(store(&log, &n.to_le_bytes()).first, Position(n.into()));
    }
    let mut mixed = burst(&[b"x", b"y"]);
    mixed.push(&Record::message(Channel::Nats, "t", "p", b"z")).expect("small");
    mixed.push(&Record::own(greenhub_model::RecordKind::Tick, "", b"")).expect("small");
    let ticket = log.try_append(&mixed).expect("room");
    assert_eq!((ticket.first, ticket.end), (Position(100), Position(104)));
    assert_eq!(ticket.wait(PATIENCE), Some(Ok(())));
    let (all, before) = (read_all(&log), (log.committed(), log.accepted()));
    assert_eq!(before.1, [102, 1, 0, 0, 0, 0]);
    drop(log);

    let log = open(&disk);
    assert_eq!((log.committed(), log.accepted()), before);
    assert_eq!(read_all(&log), all);
    assert_eq!(store(&log, b"next").first, Position(104));
}

#[test]
fn many_segments_keep_count_and_content() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    let payloads: Vec<Vec<u8>> = (0..60u8).map(|n| vec![n; 1000 + 37 * usize::from(n)]).collect();
    payloads.iter().for_each(|p| {
        store(&log, p);
    });
    let status = log.status();
    assert!(status.segments > 4, "{status:?}");
    assert_eq!((status.records, status.batches, status.commit_latency.count), (60, 60, 60));
    drop(log);
    let log = open(&disk);
    assert_eq!((read_all(&log), log.accepted()[0]), (payloads, 60));
}

#[test]
fn a_batch_larger_than_a_segment_is_taken() {
    let disk = FaultDisk::new(1);
    let large = LogConfig { buffer_bytes: 100_000, ..config() };
    let log = open_with(large.clone(), &disk).expect("opened");
    let payloads = [vec![1; 50_000], vec![2; 90_000], vec![3; 10], vec![4; 60_000]];
    payloads.iter().for_each(|p| {
        store(&log, p);
    });
    drop(log);
    assert_eq!(read_all(&open_with(large, &disk).expect("opened")), payloads);
}

#[test]
fn receive_times_never_run_backwards() {
    let (disk, clock) = (FaultDisk::new(1), Hand::at(500));
    let log = Log::open(config(), Arc::new(disk.clone()), clock.clone()).expect("opened");
    store(&log, b"a");
    clock.set(400);
    store(&log, b"b");
    drop(log);
    clock.set(300);
    let log = Log::open(config(), Arc::new(disk), clock.clone()).expect("opened");
    store(&log, b"c");
    clock.set(501);
    store(&log, b"d");
    let mut reader = log.reader(1).expect("readable");
    let times = (0..4).map(|_| reader.next(PATIENCE).expect("undamaged").expect("there").received.millis() / 1000);
    assert_eq!(times.collect::<Vec<_>>(), [500, 500, 500, 501]);
}

#[test]
fn a_directory_is_opened_once() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    assert!(matches!(open_with(config(), &disk), Err(LogError::Locked { .. })));
    drop(log);
    open(&disk);

    let dir = tempfile::tempdir().expect("a temporary directory");
    let real = LogConfig { dir: dir.path().join("a/log"), ..config() };
    let log = Log::open(real.clone(), Arc::new(RealDisk), Arc::new(SystemClock)).expect("opened");
    let again = Log::open(real.clone(), Arc::new(RealDisk), Arc::new(SystemClock));
    assert!(matches!(again, Err(LogError::Locked { .. })));
    drop(log);
    Log::open(real, Arc::new(RealDisk), Arc::new(SystemClock)).expect("free again");
}

#[test]
fn a_new_log_writes_little_before_it_accepts_and_its_segments_grow() {
    let disk = FaultDisk::new(1);
    let log = open_with(LogConfig::at("/log"), &disk).expect("opened");
    let first = disk.read("/log/0000000000000001.log").expect("the first segment");
    assert_eq!(first.len(), 4 * 1024 * 1024);
    until("the second segment is prepared", || log.status().bytes == 12 * 1024 * 1024);
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let disk = FaultDisk::new(1);
    for bad in [LogConfig { segment_bytes: 100, ..config() }, LogConfig { buffer_bytes: 10, ..config() }] {
        assert!(matches!(open_with(bad, &disk), Err(LogError::Config(_))));
    }
}

#[tokio::test]
async fn closing_flushes_what_was_taken_and_refuses_more() {
    let disk = FaultDisk::new(1);
    let log = open_ready(&disk);
    disk.hold_syncs();
    let (first, second) = (append(&log, b"1"), append(&log, b"2"));
    until("the first is under way", || disk.syncs_waiting() == 1);
    let third = append(&log, b"3");
    disk.release_syncs();
    log.close().await;
    for ticket in [&first, &second, &third] {
        assert_eq!(ticket.committed().await, Ok(()));
    }
    assert!(matches!(log.try_append(&burst(&[b"4"])), Err(AppendError::Refusing { .. })));
    assert_eq!(log.append(&burst(&[b"4"])).await.map(|t| t.first).ok(), None);
    assert_eq!(read_all(&log), [b"1", b"2", b"3"]);
    let mut reader = log.reader(log.committed().batch + 1).expect("readable");
    assert!(matches!(reader.next(PATIENCE), Err(LogError::Closed)));
    assert_eq!(read_all(&open(&disk)), [b"1", b"2", b"3"]);
}

#[test]
fn appends_from_many_threads_are_all_there_each_in_its_order() {
    const THREADS: u32 = 6;
    const EACH: u32 = 300;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let real = LogConfig { dir: dir.path().into(), segment_bytes: 64 * 1024, ..config() };
    let log = Log::open(real.clone(), Arc::new(RealDisk), Arc::new(SystemClock)).expect("opened");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let tasks: Vec<_> = (0..THREADS)
        .map(|thread| {
            let log = log.clone();
            runtime.spawn(async move {
                let mut tickets = vec![];
                for n in 0..EACH {
                    let payload = [thread.to_le_bytes(), n.to_le_bytes()].concat();
                    let ticket = log.append(&burst(&[&payload, &payload])).await.expect("taken");
                    tickets.push((ticket.first, ticket.committed()));
                }
                let mut positions = vec![];
                for (first, commit) in tickets {
                    commit.await.expect("committed");
                    positions.push(first);
                }
                positions
            })
        })
        .collect();
    let positions: Vec<Vec<Position>> =
        tasks.into_iter().map(|task| runtime.block_on(task).expect("no panic")).collect();
    drop(log);
    let log = Log::open(real, Arc::new(RealDisk), Arc::new(SystemClock)).expect("opened");
    let all = read_all(&log);
    assert_eq!(all.len(), (2 * THREADS * EACH) as usize);
    for (thread, positions) in positions.iter().enumerate() {
        for (n, first) in positions.iter().enumerate() {
            let payload = [(thread as u32).to_le_bytes(), (n as u32).to_le_bytes()].concat();
            assert_eq!(all[first.0 as usize..][..2], [payload.clone(), payload]);
        }
    }
}
