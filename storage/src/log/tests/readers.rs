//! Readers: from disk, from the ring, waiting, cancelled.

use super::*;

#[test]
fn a_reader_goes_from_disk_over_to_the_ring_and_then_waits() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    (0..200u32).for_each(|n| {
        store(&log, &n.to_le_bytes().repeat(100));
    });
    drop(log);
    let log = open(&disk);
    let mut reader = log.reader(0).expect("readable");
    let mut from_disk = 0;
    let mut next = |reader: &mut LogReader, expect: u32| {
        let batch = reader.next(PATIENCE).expect("undamaged").expect("there");
        let (_, record) = batch.records().next().expect("one").expect("whole");
        assert_eq!(record.payload, expect.to_le_bytes().repeat(100));
        from_disk += u32::from(expect < 200);
    };
    (0..150).for_each(|n| next(&mut reader, n));
    (200..220u32).for_each(|n| {
        store(&log, &n.to_le_bytes().repeat(100));
    });
    (150..220).for_each(|n| next(&mut reader, n));
    assert!(reader.next(Duration::from_millis(1)).expect("fine").is_none());
    let writer = std::thread::spawn({
        let log = log.clone();
        move || store(&log, &220u32.to_le_bytes().repeat(100))
    });
    next(&mut reader, 220);
    writer.join().expect("no panic");
    assert_eq!(from_disk, 200);
}

#[test]
fn readers_of_one_batch_share_its_bytes() {
    let log = open(&FaultDisk::new(1));
    store(&log, b"shared");
    let read = || log.reader(1).expect("readable").next(PATIENCE).expect("fine").expect("there").bytes;
    assert!(Arc::ptr_eq(&read(), &read()));
}

#[test]
fn a_reader_starts_anywhere_and_says_when_that_cannot_be() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    numbered(0..100).iter().for_each(|p| {
        store(&log, p);
    });
    drop(log);
    let log = open(&disk);
    for from in [1, 2, 50, 100] {
        assert_eq!(read_from(&log, from), numbered(from as u32 - 1..100));
    }
    assert_eq!(log.reader(101).expect("the next one").next_number(), 101);
    assert!(matches!(log.reader(102), Err(LogError::Ahead { asked: 102, committed: 100 })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_reader_sees_every_batch_once_even_when_cancelled() {
    let disk = FaultDisk::new(1);
    let log = open(&disk);
    numbered(0..150).iter().for_each(|p| {
        store(&log, p);
    });
    drop(log);
    let log = open(&disk);
    let writer = std::thread::spawn({
        let log = log.clone();
        move || {
            numbered(150..300).iter().for_each(|p| {
                store(&log, p);
            })
        }
    });
    let mut reader = log.reader(1).expect("readable");
    let mut seen = vec![];
    while seen.len() < 300 {
        // Polls once and throws the wait away, now and then.
        let again = tokio::select! {
            biased;
            batch = reader.next_async() => Some(batch.expect("undamaged")),
            () = tokio::task::yield_now() => None,
        };
        let Some(batch) = again else { continue };
        seen.extend(batch.records().map(|r| r.expect("whole").1.payload.to_vec()));
    }
    writer.join().expect("no panic");
    assert_eq!(seen, numbered(0..300));
    let waiting = tokio::spawn(async move { reader.next_async().await.map(|b| b.number) });
    log.close().await;
    assert!(matches!(waiting.await.expect("no panic"), Err(LogError::Closed)));
}

#[test]
fn an_offline_reader_reads_a_directory_beside_the_open_log() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let real = LogConfig { dir: dir.path().into(), ..config() };
    let log = Log::open(real, Arc::new(RealDisk), Arc::new(SystemClock)).expect("opened");
    let payloads: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 1000]).collect();
    payloads.iter().for_each(|p| {
        store(&log, p);
    });
    assert!(log.status().segments > 2);
    for from in [0, 1, 2, 20, 40, 41] {
        let mut reader = OfflineReader::open(dir.path(), from).expect("readable");
        let mut number = from.max(1);
        while let Some(batch) = reader.next().expect("undamaged") {
            assert_eq!(batch.number, number);
            let (_, record) = batch.records().next().expect("one").expect("whole");
            assert_eq!(record.payload, payloads[number as usize - 1]);
            number += 1;
        }
        assert_eq!(number, 41, "from {from}");
    }
    drop(log);
    let first = dir.path().join("0000000000000001.log");
    let file = RealDisk.open(&first, false).expect("there");
    file.write_at(4096 + 5 * 1072 + 200, b"damage").expect("written");
    let mut reader = OfflineReader::open(dir.path(), 3).expect("readable");
    let error = loop {
        match reader.next() {
            Ok(batch) => assert!(batch.is_some(), "the damage was not seen"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, LogError::Damaged(damage) if damage.segment == first && damage.from == 6), "{error}");
}
