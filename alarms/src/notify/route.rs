//! The tree of routes, resolved: each with all it inherits, and the walk that finds those of an alarm.

use greenhub_model::Role;
use greenhub_model::alarm::Priority;
use greenhub_model::ids::Class;
use greenhub_model::kpi::{AlarmFact, DeskFilter};
use greenhub_model::notify::{AlarmMatch, Escalation, GroupLabel, Hours, NotifyRoute, NotifyRules, Receiver};
use std::collections::{BTreeMap, BTreeSet};

const GROUP_WAIT_S: u32 = 30;
const GROUP_INTERVAL_S: u32 = 300;
const REPEAT_INTERVAL_S: u32 = 4 * 3600;

/// A route with all it inherits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Name in data.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Whom to tell.
    pub receivers: Vec<Receiver>,
    /// What members of a group share.
    pub group_by: BTreeSet<GroupLabel>,
    /// First notice, milliseconds after the call that began the group.
    pub group_wait_ms: i64,
    /// Between looks, milliseconds.
    pub group_interval_ms: i64,
    /// Between notices of an unchanged group, milliseconds.
    pub repeat_interval_ms: i64,
    /// Tell of the end.
    pub send_resolved: bool,
    /// Whom else, this many milliseconds after the call.
    pub escalate: Vec<(i64, Vec<Receiver>)>,
}

/// Rules and desks, ready for use.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    rules: NotifyRules,
    desks: Vec<DeskFilter>,
    plans: BTreeMap<String, Plan>,
}

impl Routing {
    /// Resolves the tree.
    pub fn new(rules: NotifyRules, desks: Vec<DeskFilter>) -> Self {
        let mut plans = BTreeMap::new();
        for route in &rules.routes {
            resolve(route, &Plan::root(), &mut plans);
        }
        Self { rules, desks, plans }
    }

    /// The rules it was made of.
    pub fn rules(&self) -> &NotifyRules {
        &self.rules
    }

    pub(super) fn utc_offset_min(&self) -> i32 {
        self.rules.utc_offset_min
    }

    pub(super) fn plan(&self, id: &str) -> Option<&Plan> {
        self.plans.get(id)
    }

    /// All routes in order of their ids.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.plans.values()
    }

    /// The routes that take an alarm as it called.
    pub fn plans_of(&self, fact: &AlarmFact) -> Vec<&Plan> {
        let mut found = vec![];
        self.walk(&self.rules.routes, fact, &mut found);
        found
    }

    fn walk<'a>(&'a self, routes: &'a [NotifyRoute], fact: &AlarmFact, found: &mut Vec<&'a Plan>) -> bool {
        let before = found.len();
        for route in routes.iter().filter(|route| self.fits(&route.matching, fact)) {
            if !self.walk(&route.routes, fact, found) {
                found.extend(self.plans.get(&route.id));
            }
            if !route.r#continue {
                break;
            }
        }
        found.len() > before
    }

    fn fits(&self, matching: &AlarmMatch, fact: &AlarmFact) -> bool {
        let AlarmMatch { classes, codes, priorities, desks, sub_districts, hours } = matching;
        let any = |empty: bool, holds: bool| empty || holds;
        let desk = |desk: &DeskFilter| desks.contains(&desk.id) && desk.takes(fact.class, &fact.sub_district);
        any(classes.is_empty(), classes.contains(&fact.class))
            && any(codes.is_empty(), codes.contains(&fact.code))
            && any(priorities.is_empty(), priorities.contains(&fact.priority))
            && any(desks.is_empty(), self.desks.iter().any(desk))
            && any(sub_districts.is_empty(), sub_districts.contains(&fact.sub_district))
            && hours.as_ref().is_none_or(|hours| within(hours, fact.at, self.rules.utc_offset_min))
    }

    pub(super) fn labels(&self, plan: &Plan, fact: &AlarmFact) -> BTreeMap<String, String> {
        let desk = || self.desks.iter().find(|desk| desk.takes(fact.class, &fact.sub_district));
        let value = |label| match label {
            GroupLabel::Desk => desk().map(|desk| desk.id.clone()).unwrap_or_default(),
            GroupLabel::Class => fact.class.as_str().to_owned(),
            GroupLabel::Code => fact.code.to_string(),
            GroupLabel::Device => fact.device.to_string(),
            GroupLabel::SubDistrict => fact.sub_district.clone(),
            GroupLabel::Priority => format!("{:?}", fact.priority),
            GroupLabel::Alarm => fact.alarm.to_string(),
        };
        plan.group_by.iter().map(|label| (label.as_str().to_owned(), value(*label))).collect()
    }
}

impl Plan {
    /// What stands above all routes: it tells nobody.
    fn root() -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            receivers: vec![],
            group_by: BTreeSet::new(),
            group_wait_ms: i64::from(GROUP_WAIT_S) * 1000,
            group_interval_ms: i64::from(GROUP_INTERVAL_S) * 1000,
            repeat_interval_ms: i64::from(REPEAT_INTERVAL_S) * 1000,
            send_resolved: false,
            escalate: vec![],
        }
    }
}

fn resolve(route: &NotifyRoute, above: &Plan, plans: &mut BTreeMap<String, Plan>) {
    let ms = |seconds: Option<u32>, inherited: i64| seconds.map_or(inherited, |s| i64::from(s) * 1000);
    let steps = |steps: &Vec<Escalation>| {
        steps.iter().map(|step| (i64::from(step.after_s) * 1000, step.receivers.clone())).collect()
    };
    let plan = Plan {
        id: route.id.clone(),
        title: if route.title.is_empty() { above.title.clone() } else { route.title.clone() },
        receivers: route.receivers.clone().unwrap_or_else(|| above.receivers.clone()),
        group_by: route.group_by.clone().unwrap_or_else(|| above.group_by.clone()),
        group_wait_ms: ms(route.group_wait_s, above.group_wait_ms),
        group_interval_ms: ms(route.group_interval_s, above.group_interval_ms),
        repeat_interval_ms: ms(route.repeat_interval_s, above.repeat_interval_ms),
        send_resolved: route.send_resolved.unwrap_or(above.send_resolved),
        escalate: route.escalate.as_ref().map_or_else(|| above.escalate.clone(), steps),
    };
    for child in &route.routes {
        resolve(child, &plan, plans);
    }
    plans.insert(plan.id.clone(), plan);
}

/// Minutes of the day that `HH:MM` names.
pub(super) fn minute_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str, below: i64| {
        let fine = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|number| fine && *number < below)
    };
    Some(two(hour, 24)? * 60 + two(minute, 60)?)
}

/// Hours that cannot be read hold always; validation refuses them before.
fn within(hours: &Hours, at: i64, utc_offset_min: i32) -> bool {
    let (Some(from), Some(to)) = (minute_of_day(&hours.from), minute_of_day(&hours.to)) else { return true };
    let minute = (at.div_euclid(60_000) + i64::from(utc_offset_min)).rem_euclid(1440);
    if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

/// The first rules of a hub: P1 at once and again until somebody acknowledges, P2 gathered; the plant's to its
/// operators, the others to the dispatchers. Nothing leaves the page until receivers are configured.
pub fn builtin() -> NotifyRules {
    let route = |id: &str, title: &str, priorities: &[Priority]| NotifyRoute {
        id: id.into(),
        title: title.into(),
        matching: AlarmMatch { priorities: priorities.iter().copied().collect(), ..AlarmMatch::default() },
        receivers: Some(vec![Receiver::Role(Role::Dispatcher)]),
        routes: vec![NotifyRoute {
            id: format!("{id}-plant"),
            title: format!("{title}（处置中心）"),
            matching: AlarmMatch { classes: [Class::Plant].into(), ..AlarmMatch::default() },
            receivers: Some(vec![Receiver::Role(Role::PlantOperator)]),
            ..NotifyRoute::default()
        }],
        ..NotifyRoute::default()
    };
    let urgent = NotifyRoute {
        group_by: Some([GroupLabel::Alarm].into()),
        group_wait_s: Some(0),
        group_interval_s: Some(60),
        repeat_interval_s: Some(300),
        send_resolved: Some(true),
        escalate: Some(vec![Escalation { after_s: 300, receivers: vec![Receiver::Role(Role::Administrator)] }]),
        ..route("p1", "紧急报警", &[Priority::P1])
    };
    let important = NotifyRoute {
        group_by: Some([GroupLabel::Desk, GroupLabel::Code].into()),
        ..route("p2", "重要报警", &[Priority::P2])
    };
    NotifyRules { version: 1, utc_offset_min: 480, routes: vec![urgent, important] }
}
