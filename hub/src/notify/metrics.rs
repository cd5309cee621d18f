//! The notices' part of `/metrics`: what was queued, sent, tried in vain and given up, and how long it took, per channel.

use greenhub_dashboards::metrics::Metrics;
use greenhub_storage::notify::{ChannelStats, LATENCY_MS, NotifyJournal};

/// Name, what it counts, and where it stands.
type Counter = (&'static str, &'static str, fn(&ChannelStats) -> u64);

/// Adds the numbers of this journal.
pub fn write(journal: &NotifyJournal, out: &mut Metrics) {
    let stats = journal.stats();
    let counters: [Counter; 5] = [
        ("queued", "Deliveries of notices queued, and those that waited at the start.", |one| one.queued),
        ("refused", "Deliveries of notices that found the queue full.", |one| one.refused),
        ("sent", "Deliveries of notices that arrived.", |one| one.sent),
        ("failed_tries", "Tries in vain that are made again.", |one| one.failed),
        ("given_up", "Deliveries of notices given up.", |one| one.gave_up),
    ];
    for (name, help, value) in counters {
        let name = format!("greenhub_notify_{name}_total");
        for one in &stats {
            out.counter(&name, help, &[("channel", one.channel.as_str())], value(one));
        }
    }
    for one in &stats {
        let channel = [("channel", one.channel.as_str())];
        out.gauge("greenhub_notify_waiting", "Deliveries of notices that wait.", &channel, one.waiting() as f64);
    }
    for one in &stats {
        let bounds = LATENCY_MS.map(|ms| ms as f64 / 1e3);
        out.histogram(
            "greenhub_notify_delivery_seconds",
            "From the decision to the delivery.",
            &[("channel", one.channel.as_str())],
            &bounds,
            &one.within,
            one.latency_ms as f64 / 1e3,
        );
    }
}
