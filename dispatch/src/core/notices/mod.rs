//! Who is told of an order, by which way, and when next: until they take it, give it back, or read it.
//!
//! ```text
//! act ─begins─▶ Ring ─climb─▶ step 0: App to whom it is given ─after─▶ SMS ─after─▶ their backup ─▶ lead ─▶ desk
//!                 │              └ nobody could be reached that way: the next step at once (hasten)
//!                 └ ends: taken, given back, read, or the order went elsewhere
//! ```
//!
//! A *ring* is one matter that somebody has to hear of. What needs an answer climbs the steps of the dispatch rules; what
//! only informs is told once, in the app. A team's order rings all of the team who are on shift, or all of it where
//! nobody is. Voice is for urgent orders (P1, P2) only.
//!
//! **Bounds.** A ring tells each person once by each way, at most [`TOLD_MAX`] in all, and has as many steps as the
//! rules. **Deliberately absent:** whether a way exists and what came of it; the shell says so by [`Ring::hasten`].

mod words;

use greenhub_model::Priority;
use greenhub_model::dispatch::{DispatchRules, NoticeStep, NoticeWay, NoticeWho};
use greenhub_model::ids::OrderId;
use greenhub_model::notice::OrderNoticeKind;
use greenhub_model::order::{Assignee, Order, OrderEntry, OrderEvent, OrderState, Stage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most tellings of one ring.
pub const TOLD_MAX: usize = 200;

/// One matter that somebody has to hear of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ring {
    /// The order.
    pub order: OrderId,
    /// The act that began it.
    pub version: u64,
    /// What it is about.
    pub kind: OrderNoticeKind,
    /// How urgent the order is.
    pub priority: Priority,
    /// Title for people.
    pub title: String,
    /// Text for people.
    pub text: String,
    /// Whom it concerns.
    pub to: Vec<Assignee>,
    /// Others who are told with the first step.
    pub also: BTreeSet<NoticeWho>,
    /// Whether it goes on until somebody answers.
    pub climbs: bool,
    /// Began, Unix ms.
    pub began_at: i64,
    /// The step that comes next.
    pub next: usize,
    /// How much earlier the next steps come, since ways before them reached nobody.
    pub hastened_ms: i64,
    /// When the next step was asked to come earlier.
    pub hastened_at: Option<i64>,
    /// Who was told by which way.
    pub told: BTreeSet<(String, NoticeWay)>,
}

/// Somebody is to be told by a way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Telling {
    /// User name.
    pub user: String,
    /// The way.
    pub way: NoticeWay,
}

/// People as they are now.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    /// Rules with teams, members and steps.
    pub rules: &'a DispatchRules,
    /// Who is on shift.
    pub on_shift: &'a BTreeSet<String>,
    /// The dispatchers.
    pub desk: &'a [String],
}

/// What follows from an act, in the order of telling. Most acts tell nobody.
pub fn begins(before: Option<&Order>, after: &Order, entry: &OrderEntry) -> Vec<Ring> {
    use OrderNoticeKind as K;
    let Some(event) = &entry.event else { return vec![] };
    let had = before.map(given).unwrap_or_default();
    let (has, person) = (given(after), |user: &str| vec![Assignee::Person { user: user.to_owned() }]);
    let (desk, lead) = (BTreeSet::from([NoticeWho::Desk]), BTreeSet::from([NoticeWho::Lead]));
    let nobody = BTreeSet::new;
    let (kind, to, also, climbs) = match event {
        OrderEvent::Dispatch { .. } if after.state == OrderState::Dispatched => (K::Dispatched, has, nobody(), true),
        OrderEvent::Recall { .. } => (K::Recalled, had, nobody(), false),
        OrderEvent::Return { .. } => (K::Returned, vec![], desk, false),
        OrderEvent::Rework { .. } => (K::Rework, has, nobody(), true),
        OrderEvent::Supervise { level, .. } => (K::Supervised, has, lead, *level >= 2),
        OrderEvent::Urge { .. } => (K::Urged, has, nobody(), true),
        OrderEvent::Verify { user, .. } => (K::Verify, person(user), nobody(), true),
        OrderEvent::Verified { .. } => (K::Verified, vec![], desk, false),
        OrderEvent::Approve { .. } | OrderEvent::Deny { .. } => {
            let asked = before.and_then(|order| order.pending.as_ref());
            let asked = asked.map(|wish| person(&wish.by)).unwrap_or_default();
            (K::Decided, asked, nobody(), false)
        }
        OrderEvent::Merge { .. } | OrderEvent::Close { .. } | OrderEvent::Cancel { .. } => {
            (K::Ended, had, nobody(), false)
        }
        OrderEvent::Warn { stage } => match stage {
            Stage::Receive | Stage::Handling => (K::Warned, has, nobody(), false),
            _ => (K::Warned, vec![], desk, false),
        },
        OrderEvent::Overdue { stage, step } => match stage {
            Stage::Receive | Stage::Handling if *step <= 1 => (K::Overdue, has, lead, false),
            Stage::Receive | Stage::Handling => (K::Overdue, has, &lead | &desk, false),
            _ => (K::Overdue, vec![], desk, false),
        },
        _ => return vec![],
    };
    let (title, text) = words::of(kind, after, event, entry.at);
    vec![Ring {
        order: after.id.clone(),
        version: entry.version,
        kind,
        priority: after.priority,
        title,
        text,
        to,
        also,
        climbs,
        began_at: entry.at,
        next: 0,
        hastened_ms: 0,
        hastened_at: None,
        told: BTreeSet::new(),
    }]
}

/// The person who has it, else the team that may take it.
fn given(order: &Order) -> Vec<Assignee> {
    match (&order.assignee, &order.team) {
        (Some(user), _) => vec![Assignee::Person { user: user.clone() }],
        (None, Some(team)) => vec![Assignee::Team { team: team.clone() }],
        (None, None) => vec![],
    }
}

impl Ring {
    /// Whether an order that stands like this needs nobody to answer any more.
    pub fn is_over(&self, order: &Order) -> bool {
        match self.kind {
            OrderNoticeKind::Dispatched => order.state != OrderState::Dispatched || given(order) != self.to,
            OrderNoticeKind::Verify => order.verification.as_ref().is_none_or(|look| look.finding.is_some()),
            _ => !order.state.is_open() || given(order) != self.to || order.state == OrderState::Finished,
        }
    }

    /// Tells whom the steps that have come say; and when the next one comes, Unix ms.
    pub fn climb(&mut self, people: People<'_>, now: i64) -> (Vec<Telling>, Option<i64>) {
        let once = [NoticeStep { way: NoticeWay::App, who: NoticeWho::Assignee, after_s: 0 }];
        let steps: &[NoticeStep] = if self.climbs { &people.rules.notices } else { &once };
        let mut tellings = vec![];
        if self.next == 0 {
            for who in self.also.clone() {
                self.tell(who, NoticeWay::App, people, &mut tellings);
            }
        }
        if let (Some(at), Some(step)) = (self.hastened_at.take(), steps.get(self.next)) {
            self.hastened_ms += (self.due(step) - at).max(0);
        }
        while let Some(step) = steps.get(self.next) {
            if self.due(step) > now {
                return (tellings, Some(self.due(step)));
            }
            self.next += 1;
            let urgent = self.priority <= Priority::P2;
            if step.way != NoticeWay::Voice || urgent {
                self.tell(step.who, step.way, people, &mut tellings);
            }
        }
        (tellings, None)
    }

    /// Nobody could be reached by the last way: the next step comes at this time already, those after it keep their
    /// distance to it.
    pub fn hasten(&mut self, now: i64) {
        self.hastened_at = Some(now);
    }

    fn due(&self, step: &NoticeStep) -> i64 {
        self.began_at + i64::from(step.after_s) * 1000 - self.hastened_ms
    }

    fn tell(&mut self, who: NoticeWho, way: NoticeWay, people: People<'_>, tellings: &mut Vec<Telling>) {
        for user in self.people_of(who, people) {
            if self.told.len() < TOLD_MAX && self.told.insert((user.clone(), way)) {
                tellings.push(Telling { user, way });
            }
        }
    }

    fn people_of(&self, who: NoticeWho, people: People<'_>) -> Vec<String> {
        let rules = people.rules;
        let member = |user: &str| rules.members.iter().find(|member| member.user == user);
        let concerned = || self.to.iter().flat_map(|to| persons(to, people)).collect::<Vec<_>>();
        match who {
            NoticeWho::Assignee => concerned(),
            NoticeWho::Backup => concerned().iter().filter_map(|user| member(user)?.backup.clone()).collect(),
            NoticeWho::Lead => {
                let team = |to: &Assignee| match to {
                    Assignee::Team { team } => Some(team.clone()),
                    Assignee::Person { user } => member(user).map(|member| member.team.clone()),
                };
                let lead = |id: String| rules.teams.iter().find(|team| team.id == id)?.lead.clone();
                self.to.iter().filter_map(team).filter_map(lead).collect()
            }
            NoticeWho::Desk => people.desk.to_vec(),
        }
    }
}

/// The persons that something is given to.
fn persons(to: &Assignee, people: People<'_>) -> Vec<String> {
    match to {
        Assignee::Person { user } => vec![user.clone()],
        Assignee::Team { team } => {
            let all = || people.rules.members.iter().filter(|member| member.team == *team).map(|m| m.user.clone());
            let on_shift: Vec<_> = all().filter(|user| people.on_shift.contains(user)).collect();
            if on_shift.is_empty() { all().collect() } else { on_shift }
        }
    }
}

#[cfg(test)]
mod tests;
