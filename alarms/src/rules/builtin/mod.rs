//! The first rule set, in Chinese: one table per class, times and limits after the standards the district works to.

use super::*;

pub(super) fn rules() -> RuleSet {
    RuleSet {
        version: 1,
        time: TimeRules::default(),
        classes: BTreeMap::new(),
        merge: MergeRules {
            reopen_window_ms: 600_000,
            remember_ms: 3_600_000,
            chatter_raises: 3,
            chatter_window_ms: 60_000,
            keys_per_device_max: 200,
            shelve_max_ms: 12 * 3_600_000,
        },
        priority: PriorityRules {
            severity: BTreeMap::from([
                (Severity::Warning, 5),
                (Severity::Minor, 15),
                (Severity::Major, 30),
                (Severity::Critical, 45),
            ]),
            safety: 10,
            environment: 7,
            service: 5,
            asset: 4,
            response: vec![
                ResponsePoints { within_min: 5, points: 25 },
                ResponsePoints { within_min: 15, points: 15 },
                ResponsePoints { within_min: 60, points: 8 },
            ],
            p1_from: 85,
            p2_from: 60,
            p3_from: 30,
        },
        points: BTreeMap::new(),
        types: BTreeMap::new(),
        defaults: BTreeMap::new(),
        limits: vec![],
    }
}
