//! Human commands on one occurrence.
//!
//! A command is carried out once: its request id is remembered with its result in the occurrence it is about, the newest
//! [`ANSWERS_MAX`] of them, as long as the occurrence is remembered. The same id with another command is refused. Refusals
//! say in Chinese what would help.

use super::DeskOutput;
use super::occurrence::{Answered, Occurrence, Said};
use crate::condition::{cut, partition};
use crate::merge::duration_label;
use crate::rules::RuleSet;
use crate::standing::{Event, Refused, Shelf};
use greenhub_model::alarm::{AlarmEventKind, AlarmState};
use greenhub_model::output::Permit;
use greenhub_model::{Command, CommandRefusal, CommandRequest, Position, ReceivedTime, Role};

/// Answers remembered per occurrence.
pub(super) const ANSWERS_MAX: usize = 64;
/// Longest request id, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// Longest remark or reason kept, in characters.
const REMARK_CHARS_MAX: usize = 2000;

impl Occurrence {
    pub(super) fn command(
        &mut self,
        rules: &RuleSet,
        request: &CommandRequest,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        let id = &request.request_id;
        if id.is_empty() || id.len() > REQUEST_ID_BYTES_MAX {
            return invalid(format!("请求编号须为 1 至 {REQUEST_ID_BYTES_MAX} 个字节，请重新提交"));
        }
        let command = fingerprint(request);
        if let Some(answer) = self.answered.iter().find(|answer| &answer.request_id == id) {
            return match answer.command == command {
                true => answer.result.clone(),
                false => used_before(),
            };
        }
        let result = self.carry_out(rules, request, received, position, out);
        self.answered.push_back(Answered { request_id: id.clone(), command, result: result.clone() });
        while self.answered.len() > ANSWERS_MAX {
            self.answered.pop_front();
        }
        result
    }

    fn carry_out(
        &mut self,
        rules: &RuleSet,
        request: &CommandRequest,
        received: ReceivedTime,
        position: Position,
        out: &mut Vec<DeskOutput>,
    ) -> Result<(), CommandRefusal> {
        may_act(request.role)?;
        let now = received.millis();
        let (event, kind, text) = match &request.command {
            Command::Comment { text, .. } if text.trim().is_empty() => {
                return invalid("备注不能为空，请写明内容".into());
            }
            Command::Comment { text, .. } => (None, AlarmEventKind::Commented, text.as_str()),
            _ if self.alarm.state == AlarmState::Normal => {
                return Err(self.not_now("告警已结束，无需操作；如需说明请添加备注"));
            }
            Command::Acknowledge { comment, .. } => {
                (Some(Event::Acknowledge), AlarmEventKind::Acknowledged, comment.as_str())
            }
            Command::Reset { .. } => (Some(Event::Reset), AlarmEventKind::Reset, ""),
            Command::Unshelve { .. } => (Some(Event::Unshelve), AlarmEventKind::Unshelved, ""),
            Command::Shelve { until, reason, one_shot, witness, .. } => {
                check_shelf(rules, request.role, now, *until, reason)?;
                self.check_witness(rules, &request.by, witness.as_deref())?;
                let shelf = Shelf { until: *until, one_shot: *one_shot };
                (Some(Event::Shelve(shelf)), AlarmEventKind::Shelved, reason.as_str())
            }
            Command::Unfold { reason, .. } if reason.trim().is_empty() => {
                return invalid("拆分须写明原因".into());
            }
            Command::Unfold { reason, .. } => (None, AlarmEventKind::Unfolded, reason.as_str()),
            Command::RemoveFromService { .. } | Command::ReturnToService { .. } => {
                return invalid("停用与投用针对设备，不针对单条告警".into());
            }
        };
        let called = match event {
            Some(event) => self.step(rules, event).map_err(|refused| self.not_now(advice(refused)))?,
            None => false,
        };
        if kind == AlarmEventKind::Acknowledged {
            self.alarm.acknowledged_by = Some(request.by.clone());
            self.alarm.acknowledged_at = Some(now);
            let kind = crate::classify::classify(rules, self.alarm.class, &self.alarm.code);
            let after = kind.re_alarm_ms.filter(|_| self.memories.active);
            self.re_alarm_at = after.map(|ms| ReceivedTime(received.0.saturating_add(ms.saturating_mul(1000))));
        }
        self.alarm.last_position = self.alarm.last_position.max(position);
        let text = remark(text);
        self.say(Said { kind, at: now, position, by: &request.by, text: &text, value: None, called }, out);
        self.order_if_due(received, out);
        Ok(())
    }

    fn check_witness(&self, rules: &RuleSet, by: &str, witness: Option<&str>) -> Result<(), CommandRefusal> {
        let kind = crate::classify::classify(rules, self.alarm.class, &self.alarm.code);
        match witness {
            _ if !kind.highly_managed => Ok(()),
            Some(witness) if !witness.is_empty() && witness != by => Ok(()),
            Some(_) => invalid("授权人不能是搁置人本人，请另一名值班人员授权".into()),
            None => invalid("该告警为高度管控告警，搁置须由另一名值班人员授权".into()),
        }
    }

    fn not_now(&self, why: &str) -> CommandRefusal {
        CommandRefusal::NotNow {
            alarm: self.alarm.id.clone(),
            state: state_label(self.alarm.state).into(),
            why: why.into(),
        }
    }
}

/// Whether this role may act on alarms at all.
pub(super) fn may_act(role: Role) -> Result<(), CommandRefusal> {
    match role {
        Role::Auditor => invalid("审计员只能查看，请由值班人员操作".into()),
        _ => Ok(()),
    }
}

/// A request id that stood for another command.
pub(super) fn used_before() -> Result<(), CommandRefusal> {
    invalid("该请求编号已用于另一条命令，请换一个编号重新提交".into())
}

/// A remark as it is kept.
pub(super) fn remark(text: &str) -> String {
    cut(text.trim(), REMARK_CHARS_MAX)
}

/// The permit that a request brings, complete; none where it gives the device back.
pub(super) fn permit_of(request: &CommandRequest, received: ReceivedTime) -> Result<Option<Permit>, CommandRefusal> {
    may_act(request.role)?;
    let Command::RemoveFromService { permit, reason, planned_return, .. } = &request.command else {
        return Ok(None);
    };
    let permit = Permit {
        permit: permit.trim().to_owned(),
        reason: reason.trim().to_owned(),
        by: request.by.clone(),
        since: received.millis(),
        planned_return: *planned_return,
    };
    check_permit(&permit)?;
    Ok(Some(permit))
}

fn check_permit(permit: &Permit) -> Result<(), CommandRefusal> {
    if permit.permit.is_empty() || permit.reason.is_empty() {
        return invalid("停用须填写作业票号和原因".into());
    }
    if permit.planned_return <= permit.since {
        return invalid("计划恢复时间须晚于现在，请重新选择".into());
    }
    let long = |text: &str| text.chars().count() > REMARK_CHARS_MAX;
    if long(&permit.permit) || long(&permit.reason) {
        return invalid(format!("作业票号和原因最长 {REMARK_CHARS_MAX} 字，请缩短"));
    }
    Ok(())
}

/// What a command about nothing remembered is told.
pub(super) fn nothing_there(command: &Command) -> CommandRefusal {
    match command.alarm() {
        Some(alarm) => CommandRefusal::NoSuchAlarm { alarm: alarm.clone() },
        None => CommandRefusal::Invalid { why: "设备没有停用，无需恢复投用".into() },
    }
}

fn check_shelf(rules: &RuleSet, role: Role, now: i64, until: i64, reason: &str) -> Result<(), CommandRefusal> {
    let longest = rules.shelve_max_by_role.get(&role).copied().unwrap_or(rules.merge.shelve_max_ms);
    if reason.trim().is_empty() {
        return invalid("搁置必须写明原因".into());
    }
    if until <= now {
        return invalid("搁置的结束时间须晚于现在，请重新选择".into());
    }
    if until.saturating_sub(now) > longest {
        return invalid(format!("搁置最长 {}，请选择更早的结束时间", duration_label(longest)));
    }
    Ok(())
}

fn invalid(why: String) -> Result<(), CommandRefusal> {
    Err(CommandRefusal::Invalid { why })
}

/// A number made of the command, so that a second command under the same id is noticed.
pub(super) fn fingerprint(request: &CommandRequest) -> u64 {
    partition(&format!("{:?}", request.command))
}

fn advice(refused: Refused) -> &'static str {
    match refused {
        Refused::Hidden => "告警处于搁置、抑制或停用状态，请先恢复显示再操作",
        Refused::NothingToAcknowledge => "告警已确认，无需再次确认",
        Refused::StillActive => "触发条件仍然存在，请先排除故障再复位",
        Refused::NotLatched => "告警没有锁定，无需复位",
        Refused::NotHiddenSo => "告警没有被搁置，无需恢复显示",
        Refused::NoChange | Refused::TooMany => "告警状态不允许该操作，请刷新后重试",
    }
}

/// A state in Chinese.
fn state_label(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Normal => "已结束",
        AlarmState::Unacknowledged => "未确认",
        AlarmState::Acknowledged => "已确认",
        AlarmState::ReturnedUnacknowledged => "已恢复未确认",
        AlarmState::LatchedUnacknowledged => "锁定未确认",
        AlarmState::LatchedAcknowledged => "锁定已确认",
        AlarmState::Shelved => "已搁置",
        AlarmState::SuppressedByDesign => "按设计抑制",
        AlarmState::OutOfService => "停用检修",
    }
}
