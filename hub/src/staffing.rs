//! People and advice: what the rules, the tables and the live state say together, handed to the pure cores of `dispatch`.
//!
//! A phone is a unit like any other: its positions go into the log as messages of class patrol and are answered once they
//! are on disk. Who switches on for the first time is registered with their name, so that the map shows a person. While
//! off shift, positions are not kept: they are nobody's business; a call for help is.

use greenhub_dashboards::live::Live;
use greenhub_dashboards::ports::{
    Answer, FixesStored, PhoneFix, PortFailure, ShiftView, Staffing as StaffingPort, StatisticsQuestion,
};
use greenhub_dispatch::core::RulesInForce;
use greenhub_dispatch::core::assign::plan::{Task, deadline_of, plan};
use greenhub_dispatch::core::assign::{candidates, overrides};
use greenhub_dispatch::core::codes;
use greenhub_dispatch::core::duty::{Fix, Switch, on_shift, phone_of};
use greenhub_dispatch::core::statistics::Tally;
use greenhub_dispatch::{Orders, Shifts};
use greenhub_model::dispatch::{Candidate, Duplicate, Plan, StaffMember, StaffView};
use greenhub_model::geodesy::Datum;
use greenhub_model::order::{Assignee, CaseCategory, CaseKind, Order};
use greenhub_model::profile::DeviceProfile;
use greenhub_model::record::Record;
use greenhub_model::statistics::{OrderStatistics, StatisticsBy};
use greenhub_model::topic::ROOT;
use greenhub_model::{Channel, Class, ConfigChange, DeviceId, OrderId};
use greenhub_storage::log::{Burst, Log};
use serde::Serialize;
use std::collections::BTreeMap;

/// The port, answered.
pub struct Staffing {
    /// Orders and rules.
    pub orders: Orders,
    /// Own switches.
    pub shifts: Shifts,
    /// Where units are.
    pub live: Live,
    /// Where positions go.
    pub log: Log,
}

/// A position as the JSON contract of devices has it.
#[derive(Serialize)]
struct PositionMessage {
    time: i64,
    lon: f64,
    lat: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_kmh: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heading_deg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sos: Option<bool>,
}

/// The newest position of a person as the map shows it: of the unit they carry or of their phone.
pub fn fix_of(live: &Live, member: &StaffMember) -> Option<Fix> {
    let fix = |device: DeviceId| {
        let unit = live.unit(&device)?;
        Some(Fix { lon: unit.lon?, lat: unit.lat?, at: unit.time?, device })
    };
    let units = member.device.clone().into_iter().chain(phone_of(&member.user));
    units.filter_map(fix).max_by_key(|fix| fix.at)
}

impl Staffing {
    async fn board(&self, rules: &RulesInForce, at: i64) -> Result<Vec<StaffView>, PortFailure> {
        self.orders.staff(rules, at).await.map_err(failure)
    }

    async fn own_shift(&self, user: &str, at: i64) -> Result<ShiftView, PortFailure> {
        let rules = self.orders.in_force();
        let switch = self.shifts.of(user).await.map_err(failure)?;
        let (on, since) = on_shift(user, &rules.document.roster, &rules.calendar, switch, at);
        let member = rules.member(user);
        Ok(ShiftView {
            on,
            since,
            member: member.is_some(),
            team: member.map(|member| member.team.clone()).unwrap_or_default(),
            device: phone_of(user).map(|device| device.to_string()),
        })
    }

    /// Registers the phone of a member with their name, unless the map shows it so already.
    async fn register(&self, user: &str) -> Result<(), PortFailure> {
        let rules = self.orders.in_force();
        let (Some(member), Some(device)) = (rules.member(user), phone_of(user)) else { return Ok(()) };
        if self.live.unit(&device).is_some_and(|unit| unit.name == member.name) {
            return Ok(());
        }
        let profile = DeviceProfile {
            device,
            class: Class::Patrol,
            name: member.name.clone(),
            place: None,
            datum: Datum::Wgs84,
            sub_district: String::new(),
            parent: None,
            kind: "phone".to_owned(),
            points: vec![],
        };
        let change = ConfigChange::Device { profile: Box::new(profile) };
        let appended = crate::state::append_changes(&self.log, user, &[change]).await;
        appended.map_err(|error| PortFailure(format!("register a phone: {error:#}")))
    }

    async fn store(&self, user: &str, fixes: &[&PhoneFix]) -> Result<(), PortFailure> {
        let device = phone_of(user).ok_or_else(|| PortFailure(format!("{user} is too long for a unit's id")))?;
        let topic = format!("{ROOT}{}/{device}/position", Class::Patrol);
        let mut burst = Burst::new();
        for fix in fixes {
            let message = PositionMessage {
                time: fix.time,
                lon: fix.lon,
                lat: fix.lat,
                accuracy_m: fix.accuracy_m,
                speed_kmh: fix.speed_kmh.filter(|speed| *speed >= 0.0),
                heading_deg: fix.heading_deg.filter(|heading| (0.0..=360.0).contains(heading)),
                sos: fix.sos,
            };
            let payload = serde_json::to_vec(&message).map_err(failure)?;
            let record =
                Record { unregistered: true, ..Record::message(Channel::Http, &topic, device.as_str(), &payload) };
            burst.push(&record).map_err(failure)?;
        }
        let ticket = self.log.append(&burst).await.map_err(failure)?;
        ticket.committed().await.map_err(failure)
    }
}

impl StaffingPort for Staffing {
    fn staff(&self, at: i64) -> Answer<'_, Result<Vec<StaffView>, PortFailure>> {
        Box::pin(async move { self.board(&self.orders.in_force(), at).await })
    }

    fn candidates<'a>(&'a self, id: &'a OrderId, at: i64) -> Answer<'a, Result<Option<Vec<Candidate>>, PortFailure>> {
        Box::pin(async move {
            let Some(order) = self.orders.get(id).await.map_err(failure)? else { return Ok(None) };
            let rules = self.orders.in_force();
            let staff = self.board(&rules, at).await?;
            Ok(Some(candidates(&order, &rules.document, &staff)))
        })
    }

    fn overridden<'a>(
        &'a self,
        orders: &'a [OrderId],
        to: &'a Assignee,
        at: i64,
    ) -> Answer<'a, Result<Vec<(OrderId, Candidate)>, PortFailure>> {
        Box::pin(async move {
            let rules = self.orders.in_force();
            let staff = self.board(&rules, at).await?;
            let orders = self.orders.get_all(orders).await.map_err(failure)?;
            let first = |order: Order| {
                let found = candidates(&order, &rules.document, &staff);
                if overrides(to, &found) { Some((order.id, found.into_iter().next()?)) } else { None }
            };
            Ok(orders.into_iter().filter_map(first).collect())
        })
    }

    fn plan(&self, orders: Option<Vec<OrderId>>, at: i64) -> Answer<'_, Result<Plan, PortFailure>> {
        Box::pin(async move {
            let orders = match orders {
                Some(ids) => self.orders.get_all(&ids).await,
                None => self.orders.waiting().await,
            };
            let orders = orders.map_err(failure)?;
            let rules = self.orders.in_force();
            let staff = self.board(&rules, at).await?;
            // Up to a second of arithmetic: not on a thread that answers requests.
            let planned = tokio::task::spawn_blocking(move || {
                let task = |order| Task { order, deadline: deadline_of(order, at, &rules) };
                let tasks: Vec<Task<'_>> = orders.iter().map(task).collect();
                plan(&tasks, &rules.document, &staff, at)
            });
            planned.await.map_err(failure)
        })
    }

    fn duplicates<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<Vec<Duplicate>>, PortFailure>> {
        Box::pin(async move {
            let Some(order) = self.orders.get(id).await.map_err(failure)? else { return Ok(None) };
            self.orders.duplicates(&order).await.map(Some).map_err(failure)
        })
    }

    fn shift<'a>(&'a self, user: &'a str, at: i64) -> Answer<'a, Result<ShiftView, PortFailure>> {
        Box::pin(self.own_shift(user, at))
    }

    fn turn<'a>(
        &'a self,
        user: &'a str,
        request_id: &'a str,
        on: bool,
        at: i64,
    ) -> Answer<'a, Result<ShiftView, PortFailure>> {
        Box::pin(async move {
            if on {
                self.register(user).await?;
            }
            self.shifts.turn(user, request_id, Switch { on, at }).await.map_err(failure)?;
            self.own_shift(user, at).await
        })
    }

    fn positions<'a>(
        &'a self,
        user: &'a str,
        fixes: &'a [PhoneFix],
        at: i64,
    ) -> Answer<'a, Result<FixesStored, PortFailure>> {
        Box::pin(async move {
            let shift = self.own_shift(user, at).await?;
            // What an outbox sends late was taken while the shift still ran.
            let kept = |fix: &&PhoneFix| {
                shift.on || fix.sos == Some(true) || shift.since.is_some_and(|ended| fix.time < ended)
            };
            let kept: Vec<&PhoneFix> = fixes.iter().filter(kept).collect();
            if !kept.is_empty() {
                self.store(user, &kept).await?;
            }
            let stored = u32::try_from(kept.len()).unwrap_or(u32::MAX);
            let all = u32::try_from(fixes.len()).unwrap_or(u32::MAX);
            Ok(FixesStored { stored, off_shift: all - stored })
        })
    }

    fn statistics<'a>(&'a self, question: &'a StatisticsQuestion) -> Answer<'a, Result<OrderStatistics, PortFailure>> {
        Box::pin(async move {
            let rules = self.orders.in_force();
            let mut tally = Tally::new(question.from, question.to, question.by, &rules.calendar);
            let counted = self.orders.tally(&mut tally, question.from, question.to, question.who.as_deref());
            counted.await.map_err(failure)?;
            let names = names(question.by, &rules);
            let label = |key: &str| match names.get(key) {
                Some(name) => name.clone(),
                None if key.is_empty() => "未填写".to_owned(),
                None if question.by == Some(StatisticsBy::Kind) => kind_name(key),
                None => key.to_owned(),
            };
            Ok(tally.report(rules.document.calendar.utc_offset_min, label))
        })
    }
}

/// Names for people of the keys of a report.
fn names(by: Option<StatisticsBy>, rules: &RulesInForce) -> BTreeMap<String, String> {
    let document = &rules.document;
    match by {
        Some(StatisticsBy::Team) => document.teams.iter().map(|t| (t.id.clone(), t.name.clone())).collect(),
        Some(StatisticsBy::Assignee) => document.members.iter().map(|m| (m.user.clone(), m.name.clone())).collect(),
        Some(StatisticsBy::Source) => {
            let words = ["alarm", "patrol", "citizen", "hotline", "department", "city_platform", "desk"];
            let names = ["设备告警", "巡查上报", "市民投诉", "12345 热线", "其他部门", "区城运平台", "坐席建单"];
            words.map(str::to_owned).into_iter().zip(names.map(str::to_owned)).collect()
        }
        Some(StatisticsBy::Kind | StatisticsBy::SubDistrict | StatisticsBy::Day) | None => BTreeMap::new(),
    }
}

/// Code and name of a kind, where the code lists have it.
fn kind_name(key: &str) -> String {
    let mut parts = key.splitn(3, ':');
    let (Some(scheme), Some(category), Some(code)) = (parts.next(), parts.next(), parts.next()) else {
        return key.to_owned();
    };
    let category = if category == "component" { CaseCategory::Component } else { CaseCategory::Matter };
    let kind = CaseKind { scheme: scheme.to_owned(), category, code: code.to_owned() };
    codes::entry(&kind).map_or_else(|| key.to_owned(), |entry| format!("{code} {}", entry.name))
}

fn failure(error: impl std::fmt::Display) -> PortFailure {
    PortFailure(error.to_string())
}
