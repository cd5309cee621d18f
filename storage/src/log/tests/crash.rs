//! Power cuts and killed processes at every point: all acknowledged is there, nothing is invented.
//!
//! `PROPTEST_CASES=20000 cargo test -p greenhub-storage crash` looks longer.

use super::*;
use proptest::prelude::*;

/// What happens between two starts.
#[derive(Debug, Clone)]
struct Life {
    /// Sizes of the payloads, appended in groups of `group` before waiting.
    sizes: Vec<usize>,
    group: usize,
    end: End,
}

#[derive(Debug, Clone)]
enum End {
    /// The power fails after so many disk operations.
    PowerCut(u64),
    /// The process is killed; what the kernel has stays.
    Killed,
    /// The n-th sync fails, then the power.
    SyncFails(u64),
    /// The disk is full after so many bytes, later has room again, then the power fails.
    Full(u64),
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let end = prop_oneof![
        4 => (0u64..60).prop_map(End::PowerCut),
        1 => Just(End::Killed),
        1 => (1u64..12).prop_map(End::SyncFails),
        1 => (0u64..40_000).prop_map(End::Full),
    ];
    let sizes = proptest::collection::vec(prop_oneof![3 => 4usize..60, 1 => 60usize..3000], 1..25);
    let life = (sizes, 1usize..5, end).prop_map(|(sizes, group, end)| Life { sizes, group, end });
    proptest::collection::vec(life, 1..7)
}

/// Runs one life; `sent` is what was appended at every position, the return value how much of it was acknowledged.
fn live(disk: &FaultDisk, life: &Life, counter: &mut u32, sent: &mut Vec<Vec<u8>>) -> usize {
    match life.end {
        End::PowerCut(after) => disk.power_cut_after(after),
        End::SyncFails(n) => disk.fail_sync(n),
        End::Full(after) => disk.fill_after(after),
        End::Killed => {}
    }
    let mut acknowledged = sent.len();
    // A power cut may come while the log still opens.
    let Ok(log) = open_with(LogConfig { retain_bytes: 40_000, ..config() }, disk) else { return acknowledged };
    'life: for group in life.sizes.chunks(life.group) {
        let mut tickets = vec![];
        for size in group {
            *counter += 1;
            let payload = counter.to_le_bytes().repeat(size / 4);
            match log.try_append(&burst(&[&payload])) {
                Ok(ticket) => {
                    assert_eq!(ticket.first.0 as usize, sent.len());
                    sent.push(payload);
                    tickets.push(ticket);
                }
                Err(AppendError::Full) => break,
                Err(_) => break 'life,
            }
        }
        for ticket in tickets {
            match ticket.wait(PATIENCE).expect("an outcome in time") {
                Ok(()) => acknowledged = acknowledged.max(ticket.end.0 as usize),
                Err(_) if !log.status().restart_needed && matches!(life.end, End::Full(_)) => {
                    disk.make_room();
                    until("the log accepts again", || log.status().accepting);
                    sent.truncate(log.committed().end.0 as usize);
                    continue 'life;
                }
                Err(_) => break 'life,
            }
        }
    }
    if !matches!(life.end, End::Killed) {
        disk.power_cut();
    }
    acknowledged
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_acknowledged_is_there_and_nothing_else(seed: u64, lives in lives()) {
        let disk = FaultDisk::new(seed);
        let (mut sent, mut counter) = (vec![], 0);
        for life in lives {
            let acknowledged = live(&disk, &life, &mut counter, &mut sent);
            if !matches!(life.end, End::Killed) {
                disk.power_cut();
            }
            let log = match open_with(config(), &disk) {
                Ok(log) => log,
                Err(error) => return Err(TestCaseError::fail(format!("does not open: {error}"))),
            };
            let found = read_all(&log);
            let end = log.committed().end.0 as usize;
            prop_assert!(end >= acknowledged, "{acknowledged} acknowledged, {end} found");
            prop_assert!(end <= sent.len(), "{} sent, {end} found", sent.len());
            prop_assert_eq!(&found[..], &sent[end - found.len()..end]);
            prop_assert_eq!(log.accepted()[0] as usize, end);
            sent.truncate(end);
        }
    }
}
