//! Full buffers, full disks, failing writes and syncs.

use super::*;

#[test]
fn nothing_is_committed_before_the_sync_and_what_waits_meanwhile_is_one_batch() {
    let disk = FaultDisk::new(1);
    let log = open_ready(&disk);
    disk.hold_syncs();
    let first = append(&log, b"1");
    until("the sync is under way", || disk.syncs_waiting() > 0);
    let behind: Vec<_> = (0..50).map(|_| append(&log, b"2")).collect();
    assert!(!first.is_committed() && first.outcome().is_none());
    assert_eq!(log.committed().batch, 0);
    let mut reader = log.reader(1).expect("readable");
    assert!(reader.next(Duration::ZERO).expect("fine").is_none());
    assert_eq!(log.accepted()[0], 0);
    disk.release_syncs();
    for ticket in behind {
        assert_eq!(ticket.wait(PATIENCE), Some(Ok(())));
    }
    assert!(first.is_committed());
    assert_eq!(log.committed(), Committed { batch: 2, end: Position(51) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_says_so_or_lets_wait_and_too_large_is_too_large() {
    let disk = FaultDisk::new(1);
    let log = open_ready(&disk);
    disk.hold_syncs();
    append(&log, b"under way");
    until("the sync is under way", || disk.syncs_waiting() > 0);
    append(&log, &[0; 8000]);
    let more = burst(&[&[1; 1000]]);
    assert_eq!(log.try_append(&more).map(|t| t.first), Err(AppendError::Full));
    assert_eq!(log.try_append(&burst(&[&[1; 9000]])).map(|t| t.first), Err(AppendError::TooLarge));
    assert_eq!(log.append(&burst(&[&[1; 9000]])).await.map(|t| t.first), Err(AppendError::TooLarge));
    let waiting = tokio::spawn({
        let (log, more) = (log.clone(), more.clone());
        async move { log.append(&more).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    disk.release_syncs();
    let ticket = waiting.await.expect("no panic").expect("room after the flush");
    assert_eq!((ticket.first, ticket.committed().await), (Position(2), Ok(())));
    assert_eq!(log.status().refused_appends, 3);
}

#[test]
fn an_empty_burst_is_committed_at_once() {
    let log = open(&FaultDisk::new(1));
    let ticket = log.try_append(&Burst::new()).expect("nothing to refuse");
    assert!(ticket.is_committed() && ticket.first == ticket.end);
}

#[test]
fn a_failing_sync_is_final_until_a_restart() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    store(&log, b"safe");
    until_prepared(&log);
    disk.hold_syncs();
    let doomed = append(&log, b"doomed");
    until("the sync is under way", || disk.syncs_waiting() > 0);
    let behind = append(&log, b"behind");
    disk.fail_sync(1);
    disk.release_syncs();
    for ticket in [&doomed, &behind] {
        let error = ticket.wait(PATIENCE).expect("an outcome").expect_err("not committed");
        assert!(error.0.contains("fsync"), "{error}");
    }
    assert_eq!((read_all(&log), log.accepted()[0]), (vec![b"safe".to_vec()], 1));
    let refused = log.try_append(&burst(&[b"no"])).map(|t| t.first);
    assert!(matches!(refused, Err(AppendError::Refusing { why }) if why.contains("restart")));
    let status = log.status();
    assert!(!status.accepting && status.restart_needed && status.failed_batches == 1);
    assert!(status.why.expect("a reason").contains("fsync"));
    drop(log);
    // What an unacknowledged batch becomes is open, but what the restart shows must survive from now on.
    let log = open(&disk);
    let shown = read_all(&log);
    assert_eq!(shown[0], b"safe");
    drop(log);
    disk.power_cut();
    let log = open(&disk);
    assert_eq!(read_all(&log), shown);
    store(&log, b"goes on");
}

#[test]
fn a_failing_write_is_final_too() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    until_prepared(&log);
    disk.fail_write(2);
    assert!(append(&log, b"doomed").wait(PATIENCE).expect("an outcome").is_err());
    assert!(log.status().restart_needed);
    drop(log);
    assert_eq!(store(&open(&disk), b"first").first, Position(0));
}

#[test]
fn a_full_disk_is_seen_before_it_hurts_and_refuses_only_when_it_must() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    until_prepared(&log);
    disk.fill_after(5_000);
    let (mut stored, mut trouble_seen_while_accepting) = (vec![], false);
    let refused = loop {
        let payload = vec![stored.len() as u8; 3000];
        let ticket = match log.try_append(&burst(&[&payload])) {
            Ok(ticket) => ticket,
            Err(error) => panic!("only the commit finds out, and then the loop ends: {error}"),
        };
        match ticket.wait(PATIENCE).expect("an outcome") {
            Ok(()) => stored.push(payload),
            Err(error) => break error,
        }
        if stored.len() == 5 {
            until("the keeper has noticed", || log.status().why.is_some());
        }
        let status = log.status();
        trouble_seen_while_accepting |= status.accepting && status.why.is_some();
    };
    assert!(trouble_seen_while_accepting && stored.len() >= 6, "{}", stored.len());
    assert!(refused.0.contains("disk is full"), "{refused}");
    let status = log.status();
    assert!(!status.accepting && !status.restart_needed);
    assert_eq!(read_all(&log), stored);

    disk.make_room();
    until("the log accepts again", || log.status().accepting);
    assert_eq!(store(&log, b"after").first.0, stored.len() as u64);
    stored.push(b"after".to_vec());
    assert_eq!(log.status().why, None);
    drop(log);
    disk.power_cut();
    assert_eq!(read_all(&open(&disk)), stored);
}

#[test]
fn a_disk_that_fills_inside_a_frame_is_written_again_at_the_same_place() {
    let disk = FaultDisk::new(1);
    let large = LogConfig { buffer_bytes: 60_000, ..config() };
    let log = open_with(large.clone(), &disk).expect("opened");
    until_prepared(&log);
    store(&log, b"safe");
    disk.fill_after(2_000);
    let failed = append(&log, &[7; 50_000]).wait(PATIENCE).expect("an outcome");
    assert!(failed.expect_err("no room").0.contains("disk is full"));
    assert!(!log.status().accepting);
    disk.make_room();
    until("the log accepts again", || log.status().accepting);
    assert_eq!(store(&log, b"small").first, Position(1));
    store(&log, &[8; 50_000]);
    let expected = [b"safe".to_vec(), b"small".to_vec(), vec![8; 50_000]];
    assert_eq!(read_all(&log), expected);
    drop(log);
    disk.power_cut();
    assert_eq!(read_all(&open_with(large, &disk).expect("opened")), expected);
}
