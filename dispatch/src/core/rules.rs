//! The dispatch rules as they are asked: the document, its calendar made ready, people and teams by name.
//!
//! A document is checked whole before it is put in force; each thing that is wrong becomes one sentence.

use super::calendar::{CompiledCalendar, parse_day, parse_time};
use super::codes;
use super::district::District;
use greenhub_model::dispatch::{DispatchRules, LimitLine, StaffMember, Team};
use greenhub_model::order::Stage;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most lines of the limit table.
pub const LINES_MAX: usize = 5_000;
/// Most teams, and most people.
pub const PEOPLE_MAX: usize = 5_000;
/// Longest limit: hours, and days.
pub const LIMIT_MAX: f64 = 10_000.0;

const DEMO: &str = include_str!("../data/demo-rules.json");

/// A version of the rules, ready to be asked.
#[derive(Debug, Clone)]
pub struct RulesInForce {
    /// The document.
    pub document: DispatchRules,
    /// Its calendar.
    pub calendar: CompiledCalendar,
    /// The district.
    pub district: Arc<District>,
}

impl RulesInForce {
    /// Makes a document ready, or says everything that is wrong with it.
    pub fn new(document: DispatchRules, district: Arc<District>) -> Result<Self, Vec<String>> {
        let wrong = problems(&document);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let calendar = CompiledCalendar::new(&document.calendar)?;
        Ok(Self { document, calendar, district })
    }

    /// A person who can be given orders.
    pub fn member(&self, user: &str) -> Option<&StaffMember> {
        self.document.members.iter().find(|member| member.user == user)
    }

    /// A team.
    pub fn team(&self, id: &str) -> Option<&Team> {
        self.document.teams.iter().find(|team| team.id == id)
    }

    /// The name of a user for people; the user name where no member has it.
    pub fn name_of<'a>(&'a self, user: &'a str) -> &'a str {
        self.member(user).map_or(user, |member| member.name.as_str())
    }
}

/// The rules that a hub begins with: those of the demo district, a start for others.
pub fn builtin() -> DispatchRules {
    serde_json::from_str(DEMO).expect("the embedded rules are read by a test")
}

/// Everything that is wrong with a document, in words.
pub fn problems(rules: &DispatchRules) -> Vec<String> {
    let mut wrong = CompiledCalendar::new(&rules.calendar).err().unwrap_or_default();
    if !(rules.warn_share > 0.0 && rules.warn_share < 1.0) {
        wrong.push("预警比例 warn_share 应大于 0 且小于 1，例如 0.7".into());
    }
    if !(rules.escalate_share > 0.0 && rules.escalate_share <= 10.0) {
        wrong.push("升级比例 escalate_share 应大于 0 且不超过 10，例如 0.5".into());
    }
    if rules.outer_margin_min > 100_000 {
        wrong.push("提前量 outer_margin_min 不能超过 100000 分钟".into());
    }
    check_limits(rules, &mut wrong);
    check_people(rules, &mut wrong);
    check_roster(rules, &mut wrong);
    for rule in &rules.review {
        if rule.name.trim().is_empty() || !(0.0..=1.0).contains(&rule.duplicate_below) {
            wrong.push(format!("自动立案规则「{}」需要名称，duplicate_below 应在 0 到 1 之间", rule.name));
        }
    }
    for (what, kind) in rules
        .alarm_kinds
        .iter()
        .map(|(code, kind)| (code.to_string(), kind))
        .chain(rules.class_kinds.iter().map(|(class, kind)| (class.to_string(), kind)))
    {
        if let Err(why) = codes::check(kind) {
            wrong.push(format!("告警 {what} 的案件类别不可用：{why}"));
        }
    }
    if rules.notices.first().is_none_or(|step| step.after_s != 0) {
        wrong.push("通知步骤 notices 的第一步应在 0 秒".into());
    }
    if !rules.notices.is_sorted_by_key(|step| step.after_s) || rules.notices.len() > 20 {
        wrong.push("通知步骤 notices 应按秒数由小到大排列，最多 20 步".into());
    }
    wrong.truncate(100);
    wrong
}

fn check_limits(rules: &DispatchRules, wrong: &mut Vec<String>) {
    if rules.limits.len() > LINES_MAX {
        wrong.push(format!("时限表有 {} 行，最多 {LINES_MAX} 行", rules.limits.len()));
        return;
    }
    for (n, line) in rules.limits.iter().enumerate() {
        let place = format!("时限表第 {} 行", n + 1);
        if !(line.value > 0.0 && line.value <= LIMIT_MAX) {
            wrong.push(format!("{place}的时限应大于 0 且不超过 {LIMIT_MAX}"));
        }
        if parse_day(&line.from).is_none() {
            wrong.push(format!("{place}的生效日期 {:?} 无法识别，请按 2026-01-01 的样子填写", line.from));
        }
        if line.area.as_ref().is_some_and(|area| !rules.areas.contains_key(area)) {
            wrong.push(format!("{place}的区域类型 {:?} 不在 areas 中", line.area.as_deref().unwrap_or_default()));
        }
        if line.stage == Stage::Outer {
            wrong.push(format!("{place}：来单方的时限由来单给出，不能列入时限表"));
        }
    }
    for stage in [Stage::Acceptance, Stage::Dispatch, Stage::Receive, Stage::Handling, Stage::Check] {
        let for_all = |line: &&LimitLine| {
            line.stage == stage
                && line.scheme.is_none()
                && line.code.is_none()
                && line.priority.is_none()
                && line.source.is_none()
                && line.area.is_none()
        };
        if rules.limits.iter().filter(for_all).count() == 0 {
            let stage = serde_json::to_value(stage).unwrap_or_default();
            wrong.push(format!("时限表缺少阶段 {stage} 的通用时限：请加一行不限类别、级别、来源和区域的时限"));
        }
    }
}

fn check_people(rules: &DispatchRules, wrong: &mut Vec<String>) {
    if rules.teams.len() > PEOPLE_MAX || rules.members.len() > PEOPLE_MAX {
        wrong.push(format!("班组和人员各不能超过 {PEOPLE_MAX}"));
        return;
    }
    let mut teams = BTreeSet::new();
    for team in &rules.teams {
        if team.id.trim().is_empty() || team.id.len() > 64 || team.name.trim().is_empty() {
            wrong.push(format!("班组 {:?} 需要 1 到 64 个字符的编号和名称", team.id));
        }
        if !teams.insert(team.id.as_str()) {
            wrong.push(format!("班组编号 {:?} 重复", team.id));
        }
    }
    let mut users = BTreeSet::new();
    for member in &rules.members {
        if !users.insert(member.user.as_str()) {
            wrong.push(format!("人员 {:?} 重复：一人只能属于一个班组", member.user));
        }
        if !teams.contains(member.team.as_str()) {
            wrong.push(format!("人员 {:?} 的班组 {:?} 不在班组表中", member.user, member.team));
        }
    }
    for member in &rules.members {
        if let Some(backup) =
            member.backup.as_deref().filter(|backup| !users.contains(backup) || *backup == member.user)
        {
            wrong.push(format!("人员 {:?} 的替补 {backup:?} 不在人员表中，或是其本人", member.user));
        }
    }
}

fn check_roster(rules: &DispatchRules, wrong: &mut Vec<String>) {
    const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    if rules.roster.len() > 50_000 {
        wrong.push("值班表最多 50000 行；请去掉过去的日期".into());
        return;
    }
    for (n, duty) in rules.roster.iter().enumerate() {
        let place = format!("值班表第 {} 行", n + 1);
        if !rules.members.iter().any(|member| member.user == duty.user) {
            wrong.push(format!("{place}的人员 {:?} 不在人员表中", duty.user));
        }
        if !WEEK.contains(&duty.day.as_str()) && parse_day(&duty.day).is_none() {
            wrong.push(format!("{place}的日期 {:?} 无法识别，请写 2026-01-01 或 mon 到 sun", duty.day));
        }
        if parse_time(&duty.from).is_none() || parse_time(&duty.to).is_none() || duty.from == duty.to {
            wrong.push(format!("{place}的时间应写作 08:00，且起止不同"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_demo_district_are_sound() {
        let rules = builtin();
        assert_eq!(problems(&rules), Vec::<String>::new());
        assert_eq!(rules.version, 1);
        assert!(rules.members.iter().any(|m| m.user == "crew") && rules.members.iter().any(|m| m.user == "officer"));
        assert_eq!(rules.teams.iter().filter(|team| !team.areas.is_empty()).count(), 10, "one for each sub-district");
    }

    #[test]
    fn each_fault_is_told_in_a_sentence() {
        let mut rules = builtin();
        rules.warn_share = f64::NAN;
        rules.limits[0].value = 0.0;
        rules.limits[1].from = "2026-02-30".into();
        rules.limits.retain(|line| line.stage != Stage::Check);
        rules.members[0].team = "nobody".into();
        rules.notices.clear();
        let wrong = problems(&rules).join("\n");
        for part in ["warn_share", "第 1 行", "2026-02-30", "check", "nobody", "notices"] {
            assert!(wrong.contains(part), "{part} in\n{wrong}");
        }
    }
}
