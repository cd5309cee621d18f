//! Floods per desk: every call that reaches an operator is counted at the desks it belongs to, by receive time.
//!
//! A desk that the rules no longer name is forgotten; if it was in flood, the flood ends then.

use super::rules::DeskRule;
use crate::nuisance::flood::Flood as Counter;
use greenhub_model::ReceivedTime;
use greenhub_model::alarm::Alarm;
use greenhub_model::output::{Flood, Output};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The desks by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Floods(BTreeMap<String, Desk>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Desk {
    counter: Counter,
    /// The flood it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flood: Option<Flood>,
}

impl Floods {
    /// Lets time pass: floods that are over.
    pub(super) fn advance(&mut self, desks: &[DeskRule], received: ReceivedTime, out: &mut Vec<Output>) {
        let now = received.millis();
        self.0.retain(|id, desk| {
            let known = desks.iter().find(|rule| &rule.id == id);
            let over = match known {
                Some(rule) => desk.counter.advance(&rule.flood, now).map(|edge| (edge.at, edge.count)),
                None => desk.flood.is_some().then_some((now, 0)),
            };
            if let Some((at, count)) = over
                && let Some(flood) = desk.flood.take()
            {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                out.push(Output::Flood(Flood { flooded: false, at, count, ..flood }));
            }
            known.is_some()
        });
    }

    /// Counts a call at every desk it reaches.
    pub(super) fn call(&mut self, desks: &[DeskRule], alarm: &Alarm, received: ReceivedTime, out: &mut Vec<Output>) {
        for rule in desks.iter().filter(|rule| rule.serves(alarm.class, &alarm.sub_district)) {
            let unheard = || Desk { counter: Counter::default(), flood: None };
            let desk = self.0.entry(rule.id.clone()).or_insert_with(unheard);
            if let Some(edge) = desk.counter.call(&rule.flood, received.millis()) {
                let flood = Flood {
                    desk: rule.id.clone(),
                    title: rule.title.clone(),
                    flooded: true,
                    at: edge.at,
                    count: u32::try_from(edge.count).unwrap_or(u32::MAX),
                };
                desk.flood = Some(flood.clone());
                out.push(Output::Flood(flood));
            }
        }
    }

    /// When the next flood ends if nothing calls before.
    pub(super) fn deadline(&self, desks: &[DeskRule]) -> Option<ReceivedTime> {
        let of = |rule: &DeskRule| self.0.get(&rule.id).and_then(|desk| desk.counter.deadline(&rule.flood));
        desks.iter().filter_map(of).min().map(ReceivedTime::from_millis)
    }

    /// Floods that go on.
    pub(super) fn now(&self) -> impl Iterator<Item = Flood> {
        self.0.values().filter_map(|desk| desk.flood.clone())
    }
}
