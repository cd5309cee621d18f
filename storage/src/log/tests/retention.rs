//! Letting segments go: by size, by age, never past a hold; recycling them.

use super::*;

fn fill(log: &Log, from: u32, to: u32) {
    (from..to).for_each(|n| {
        store(log, &n.to_le_bytes().repeat(250));
    });
}

fn bounded() -> LogConfig {
    LogConfig { retain_bytes: 64 * 1024, ..config() }
}

#[test]
fn size_lets_the_oldest_go_but_never_past_the_lowest_hold() {
    let disk = FaultDisk::new(1);
    let log = open_with(bounded(), &disk).expect("opened");
    let (slow, fast) = (log.hold("slow"), log.hold("fast"));
    fast.advance(u64::MAX);
    fill(&log, 0, 200);
    let status = log.status();
    assert!(status.bytes > 200 * 1024 && status.oldest_batch == 1, "{status:?}");
    slow.advance(100);
    until("the segments below the hold are gone", || log.oldest_batch() > 80);
    assert!(log.oldest_batch() <= 101);
    slow.advance(200);
    until("only the wanted size is left", || log.status().segments <= 4);
    let (oldest, accepted) = (log.oldest_batch(), log.accepted());
    assert!(matches!(log.reader(100), Err(LogError::Gone { asked: 100, .. })));
    assert_eq!(read_all(&log).len() as u64, 201 - oldest);
    drop(log);
    let log = open_with(bounded(), &disk).expect("opened");
    assert_eq!((log.oldest_batch(), log.accepted()), (oldest, accepted));
}

#[test]
fn after_a_restart_nothing_goes_before_the_consumers_are_back() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    log.hold("streams").advance(150);
    fill(&log, 0, 200);
    drop(log);
    let log = open_with(bounded(), &disk).expect("opened");
    assert_eq!(log.status().holds, [("streams".to_owned(), 0)]);
    fill(&log, 200, 220);
    assert_eq!(log.oldest_batch(), 1);
    log.hold("streams").advance(150);
    until("retention works again", || log.oldest_batch() > 100);
    log.forget_hold("streams");
    until("nobody holds", || log.oldest_batch() > 151);
}

#[test]
fn age_lets_go_what_is_too_old() {
    let (disk, clock) = (FaultDisk::new(1), Hand::at(1_000));
    let aged = LogConfig { retain_age: Duration::from_secs(3600), ..config() };
    let log = Log::open(aged, Arc::new(disk), clock.clone()).expect("opened");
    fill(&log, 0, 50);
    clock.set(4_000);
    fill(&log, 50, 100);
    clock.set(1_000 + 3_601);
    until("the first fifty are gone", || log.oldest_batch() > 30);
    assert!(log.oldest_batch() <= 51);
    clock.set(100_000);
    until("only the write head is left", || log.status().segments == 1);
    assert_eq!(read_all(&log).last(), Some(&99u32.to_le_bytes().repeat(250)));
}

#[test]
fn recycled_segments_never_show_their_earlier_life() {
    let disk = FaultDisk::new(1);
    let log = open_with(bounded(), &disk).expect("opened");
    fill(&log, 0, 300);
    until("segments were recycled", || log.status().segments <= 4);
    let files = disk.files().len();
    fill(&log, 300, 600);
    until("and again", || log.status().segments <= 4);
    assert!(disk.files().len() <= files + 1, "{:?}", disk.files());
    let all = read_all(&log);
    drop(log);
    for round in 0..20u32 {
        disk.power_cut();
        let log = open_with(bounded(), &disk).expect("opened");
        let again = read_all(&log);
        assert_eq!(
            again.last(),
            if round == 0 { all.last().cloned() } else { Some((round - 1).to_le_bytes().to_vec()) }.as_ref()
        );
        store(&log, &round.to_le_bytes());
    }
}

#[test]
fn a_reader_inside_a_segment_that_goes_reads_it_to_its_end() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    log.hold("reader");
    fill(&log, 0, 100);
    drop(log);
    let log = open_with(LogConfig { retain_bytes: 16 * 1024, ..config() }, &disk).expect("opened");
    let hold = log.hold("reader");
    let mut reader = log.reader(1).expect("readable");
    assert_eq!(reader.next(PATIENCE).expect("fine").expect("there").number, 1);
    hold.advance(u64::MAX);
    until("the segment is gone", || log.oldest_batch() > 60);
    let mut last = 1;
    let end = loop {
        match reader.next(PATIENCE) {
            Ok(batch) => last = batch.expect("there").number,
            Err(error) => break error,
        }
    };
    assert!(last >= 10, "what was read ahead, or the open file, still serves: {last}");
    assert!(matches!(end, LogError::Gone { asked, .. } if asked == last + 1), "{end}");
}
