//! The life of an order as one function: where it stands, what happens, where it stands then.
//!
//! ```text
//! Reported ─file─▶ Filed ─dispatch─▶ Dispatched ─accept─▶ Accepted ─arrive─▶ InProgress ─finish─▶ Finished ─pass─▶ Closed
//!    │  ▲           ▲ ▲ ◀───recall─────┘   │                 │                 │  ▲ ◀───rework──────┘              │
//!    │  └─unmerge─┐ │ └───────return───────┴─────────────────┴─────────────────┘  │                                │
//!    ├─merge──▶ Merged                          approved wish: ──▶ Suspended ─resume┘       appeal, three approvals │
//!    ├─split──▶ Split                                                                  Filed ◀──────────────────────┘
//!    └─reject─▶ Rejected            any open state ─close─▶ Closed, ─cancel─▶ Cancelled
//! ```
//!
//! [`step`] asks [`permit`] (who, from where) and then [`apply`] (what comes of it); a fold over stored acts applies
//! without asking again. Going back, ending early and sending elsewhere need a reason in words. Each stage has its clock
//! ([`super::clock`]). A closed order changes by nothing but an appeal. What touches two orders is one act on each, which
//! the shell does in one transaction. Time is an argument.

use super::clock;
use super::opening::{check_attachments, check_kind, check_place, put_place};
use super::roles::permit;
use super::rules::RulesInForce;
use greenhub_model::order::{
    Assignee, CasePatch, Order, OrderEvent, OrderRefusal, OrderState, PendingWish, SplitPart, Stage, Supervision,
    Verification, Wish,
};
use greenhub_model::{OrderId, Role};
use serde::{Deserialize, Serialize};

/// Longest text of a reason or remark in characters.
pub const TEXT_CHARS_MAX: usize = 1000;
/// Most acts in the life of an order; those that end it, and the hub's, are still taken.
pub const ACTS_MAX: u64 = 2_000;
/// Orders that one may be split into.
pub const PARTS_MAX: usize = 10;
/// Most orders that belong to one.
pub const CHILDREN_MAX: usize = 500;
/// Most files of an order.
pub const FILES_MAX: usize = 500;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// User name, or `hub`.
    pub user: String,
    /// Their role; none for the hub itself.
    pub role: Option<Role>,
}

impl Actor {
    /// The hub itself.
    pub fn hub() -> Self {
        Self { user: "hub".to_owned(), role: None }
    }

    /// A person.
    pub fn person(user: &str, role: Role) -> Self {
        Self { user: user.to_owned(), role: Some(role) }
    }
}

/// An event with who did it and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderAct {
    /// The order.
    pub order: OrderId,
    /// Idempotency key, 1 to 128 characters: the same key of the same user again returns the order without acting.
    pub request_id: String,
    /// Who.
    pub actor: Actor,
    /// When the hub got it, Unix ms.
    pub at: i64,
    /// When it was done where that was earlier, Unix ms (a phone without network).
    pub done_at: Option<i64>,
    /// Only while the order is at this version.
    pub version: Option<u64>,
    /// What.
    pub event: OrderEvent,
}

/// The order after the act, or why not.
pub fn step(order: &Order, act: &OrderAct, rules: &RulesInForce) -> Result<Order, OrderRefusal> {
    if act.version.is_some_and(|version| version != order.version) {
        let by = order.state_by.clone();
        return Err(OrderRefusal::Changed { version: order.version, state: order.state, by });
    }
    permit(order, &act.actor, &act.event, rules)?;
    let ends = matches!(act.event, OrderEvent::Close { .. } | OrderEvent::Cancel { .. } | OrderEvent::Pass { .. });
    if order.version >= ACTS_MAX && act.actor.role.is_some() && !ends {
        return Err(invalid(format!("本单已有 {ACTS_MAX} 步办理记录，请结案或作废后另立新单")));
    }
    apply(order, act, rules)
}

/// What comes of an act that is permitted.
pub fn apply(order: &Order, act: &OrderAct, rules: &RulesInForce) -> Result<Order, OrderRefusal> {
    let mut next = order.clone();
    // Clocks of machines are set back now and then; the life of an order is not.
    let at = act.at.max(order.updated_at);
    let by = act.actor.user.clone();
    next.updated_at = at;
    next.version += 1;
    check_attachments(act.event.attachments())?;
    next.attachments.extend(act.event.attachments().iter().cloned());
    if next.attachments.len() > FILES_MAX {
        return Err(invalid(format!("本单的照片和文件已有 {FILES_MAX} 件，不能再加")));
    }
    happen(order, &mut next, act, at, rules)?;
    if next.state != order.state {
        (next.state_by, next.state_at) = (by, at);
        next.pending = next.pending.filter(|_| is_at_work(next.state));
        move_clocks(order, &mut next, at, rules);
        if order.state == OrderState::Suspended {
            // Resumed, closed or cancelled: nothing is waited for any more.
            (next.suspended_from, next.suspended_until) = (None, None);
        }
    }
    Ok(next)
}

fn is_at_work(state: OrderState) -> bool {
    matches!(state, OrderState::Dispatched | OrderState::Accepted | OrderState::InProgress)
}

fn happen(order: &Order, next: &mut Order, act: &OrderAct, at: i64, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    use OrderEvent as E;
    use OrderState as S;
    let by = &act.actor.user;
    match &act.event {
        E::Verify { user, text } => {
            note(text)?;
            if rules.member(user).is_none() {
                return Err(no_person(user));
            }
            next.verification = Some(Verification { user: user.clone(), asked_at: at, finding: None });
        }
        E::Verified { finding, text, .. } => {
            note(text)?;
            if let Some(asked) = &mut next.verification {
                asked.finding = Some(*finding);
            }
        }
        E::Amend { patch, reason } => {
            words(reason, "修改的原因")?;
            amend(next, patch, rules)?;
        }
        E::File { text } => {
            note(text)?;
            next.state = S::Filed;
        }
        E::Reject { reason } => {
            words(reason, "不予立案的原因")?;
            next.state = S::Rejected;
        }
        E::Merge { into, reason } => {
            words(reason, "并案的原因")?;
            if *into == order.id {
                return Err(invalid("工单不能并入自己，请选择另一张工单"));
            }
            next.merged_into = Some(into.clone());
            next.state = S::Merged;
        }
        E::Unmerge { reason } => {
            words(reason, "取消并案的原因")?;
            next.merged_into = None;
            next.state = if was_filed(order) { S::Filed } else { S::Reported };
        }
        E::Split { parts, reason } => {
            words(reason, "拆分的原因")?;
            check_parts(parts)?;
            next.children.extend(part_ids(order, parts.len())?);
            next.state = S::Split;
        }
        E::Assign { to, reason } => {
            note(reason)?;
            match to {
                Some(to) => give(next, to, rules)?,
                None if order.assignee.is_none() && order.team.is_none() => {
                    return Err(invalid("还没有指派给任何人或班组，无需收回；请选择派给谁"));
                }
                None => (next.assignee, next.team) = (None, None),
            }
        }
        E::Dispatch { to, reason } => dispatch(order, next, (to.as_ref(), reason), (by, at), rules)?,
        E::Recall { reason } => {
            note(reason)?;
            next.state = S::Filed;
        }
        E::Accept => {
            next.assignee = Some(by.clone());
            next.state = S::Accepted;
        }
        E::Return { reason } => {
            words(reason, "回退的原因")?;
            (next.assignee, next.team) = (None, None);
            next.return_count += 1;
            next.state = S::Filed;
        }
        E::Arrive { lon, lat } => {
            check_place(*lon, *lat, None)?;
            next.state = S::InProgress;
        }
        E::Finish { text, .. } => {
            note(text)?;
            next.finished_by = Some(by.clone());
            next.state = S::Finished;
        }
        E::Ask { wish, reason } => {
            words(reason, "申请的原因")?;
            check_wish(order, wish, at)?;
            let (wish, by, reason) = (wish.clone(), by.clone(), reason.trim().to_owned());
            next.pending = Some(PendingWish { wish, by, reason, at, approvals: vec![] });
        }
        E::Approve { text } => {
            note(text)?;
            approve(order, next, by, at, rules)?;
        }
        E::Deny { reason } => {
            words(reason, "驳回的原因")?;
            next.pending = None;
        }
        E::Resume { reason } => {
            note(reason)?;
            next.state = order.suspended_from.unwrap_or(S::Accepted);
        }
        E::Pass { text, .. } => {
            note(text)?;
            next.state = S::Closed;
        }
        E::Rework { reason, .. } => {
            words(reason, "返工的原因")?;
            next.rework_count += 1;
            next.state = S::InProgress;
        }
        E::Close { reason } => {
            words(reason, "强制结案的原因")?;
            next.state = S::Closed;
        }
        E::Cancel { reason } => {
            words(reason, "作废的原因")?;
            next.state = S::Cancelled;
        }
        E::Supervise { level, text } => {
            words(text, "督办的要求")?;
            if !(1..=3).contains(level) {
                return Err(invalid("督办级别应为 1（一般）、2（重要）或 3（紧急）"));
            }
            next.supervision = Some(Supervision { level: *level, by: by.clone(), text: text.trim().to_owned(), at });
        }
        E::Urge { text } => note(text)?,
        E::Comment { text, attachments } => {
            note(text)?;
            if text.trim().is_empty() && attachments.is_empty() {
                return Err(invalid("备注需要文字或照片"));
            }
        }
        E::Warn { stage } => {
            let clock = clock::running(next, *stage).ok_or_else(|| stands(*stage))?;
            clock.warned = true;
        }
        E::Overdue { stage, step } => {
            let clock = clock::running(next, *stage).ok_or_else(|| stands(*stage))?;
            if *step <= clock.escalations || *step > clock::ESCALATIONS_MAX {
                return Err(invalid(format!("第 {step} 次超期已经记过")));
            }
            (clock.warned, clock.escalations) = (true, *step);
        }
        E::Joined { other, joined: true } => {
            if next.children.len() >= CHILDREN_MAX {
                return Err(invalid(format!("工单 {} 已并入 {CHILDREN_MAX} 张工单，请选择另一张", order.id)));
            }
            if !next.children.contains(other) {
                next.children.push(other.clone());
            }
        }
        E::Joined { other, joined: false } => next.children.retain(|child| child != other),
    }
    Ok(())
}

/// Ends the clocks of the stage that is left and begins those of the one that is entered.
fn move_clocks(order: &Order, next: &mut Order, at: i64, rules: &RulesInForce) {
    use OrderState as S;
    match (order.state, next.state) {
        (_, S::Suspended) => clock::pause(next, at),
        (S::Suspended, to) if to.is_open() => clock::resume(next, at, rules),
        (_, S::Filed) => {
            for stage in [Stage::Acceptance, Stage::Receive, Stage::Handling, Stage::Check] {
                clock::end(next, stage, at);
            }
            clock::begin(next, Stage::Dispatch, at, rules);
        }
        (_, S::Reported) => clock::begin(next, Stage::Acceptance, at, rules),
        (S::Filed, S::Dispatched) => {
            clock::end(next, Stage::Dispatch, at);
            clock::begin(next, Stage::Receive, at, rules);
            clock::begin(next, Stage::Handling, at, rules);
        }
        // Sent elsewhere: who gets it has the whole time to accept, the case has not.
        (_, S::Dispatched) => {
            clock::end(next, Stage::Receive, at);
            clock::begin(next, Stage::Receive, at, rules);
        }
        (_, S::Accepted) => clock::end(next, Stage::Receive, at),
        (S::Finished, S::InProgress) => {
            clock::end(next, Stage::Check, at);
            clock::begin(next, Stage::Handling, at, rules);
        }
        (_, S::Finished) => {
            clock::end(next, Stage::Handling, at);
            clock::begin(next, Stage::Check, at, rules);
        }
        (_, to) if !to.is_open() => clock::end_all(next, at),
        _ => {}
    }
    let outer_runs = next.clock(Stage::Outer).is_some_and(|clock| clock.ended_at.is_none());
    if next.state.is_open() && !outer_runs {
        clock::begin_outer(next, at, rules);
    }
}

fn dispatch(
    order: &Order,
    next: &mut Order,
    (to, reason): (Option<&Assignee>, &str),
    (by, at): (&str, i64),
    rules: &RulesInForce,
) -> Result<(), OrderRefusal> {
    note(reason)?;
    if order.state != OrderState::Filed {
        words(reason, "改派的原因")?;
    }
    match to {
        Some(to) => give(next, to, rules)?,
        None if order.state == OrderState::Filed && (order.assignee.is_some() || order.team.is_some()) => {}
        None => return Err(invalid("请选择派给谁：一名人员或一个班组")),
    }
    next.state = OrderState::Dispatched;
    if order.state == OrderState::Dispatched {
        // The state stays, but somebody else is asked now.
        (next.state_by, next.state_at) = (by.to_owned(), at);
        clock::end(next, Stage::Receive, at);
        clock::begin(next, Stage::Receive, at, rules);
    }
    if order.state != OrderState::Filed {
        next.pending = None;
    }
    Ok(())
}

fn give(next: &mut Order, to: &Assignee, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    match to {
        Assignee::Person { user } => {
            let member = rules.member(user).ok_or_else(|| no_person(user))?;
            (next.assignee, next.team) = (Some(member.user.clone()), Some(member.team.clone()));
        }
        Assignee::Team { team } => {
            let team = rules.team(team).ok_or_else(|| {
                let team: String = team.chars().take(80).collect();
                invalid(format!("派单规则中没有班组 {team:?}；请从班组列表中选择"))
            })?;
            (next.assignee, next.team) = (None, Some(team.id.clone()));
        }
    }
    Ok(())
}

fn approve(order: &Order, next: &mut Order, by: &str, at: i64, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    let Some(mut pending) = next.pending.take() else {
        return Err(OrderRefusal::NoWish);
    };
    match &pending.wish {
        Wish::Delay { until } => {
            let running = clock::running(next, Stage::Handling).map(|clock| clock.deadline);
            if running.is_none_or(|deadline| *until <= deadline.max(at)) {
                return Err(invalid("申请的延期时间已过或不晚于现有时限，请驳回后重新申请"));
            }
            clock::delay(next, *until, rules);
            next.delay_count += 1;
        }
        Wish::Suspend { until } => {
            (next.suspended_from, next.suspended_until) = (Some(order.state), *until);
            next.state = OrderState::Suspended;
        }
        Wish::Appeal => {
            pending.approvals.push(by.to_owned());
            if pending.approvals.len() < 3 {
                next.pending = Some(pending);
            } else if order.state == OrderState::Rejected {
                next.state = OrderState::Reported;
            } else {
                (next.assignee, next.team, next.finished_by) = (None, None, None);
                next.state = OrderState::Filed;
            }
        }
    }
    Ok(())
}

fn check_wish(order: &Order, wish: &Wish, at: i64) -> Result<(), OrderRefusal> {
    match wish {
        Wish::Delay { until } => {
            let Some(deadline) = order.clock(Stage::Handling).map(|clock| clock.deadline) else {
                return Err(invalid("本单没有处置时限，不需要延期"));
            };
            let outer = order.external.as_ref().and_then(|external| external.deadline);
            if *until <= deadline.max(at) {
                Err(invalid("延期后的时限必须晚于现在，也晚于现有时限"))
            } else if outer.is_some_and(|outer| *until > outer) {
                Err(invalid("延期后的时限不能晚于来单方要求的时限；请先与来单方协商"))
            } else if *until - at > 366 * 86_400_000 {
                Err(invalid("延期不能超过一年"))
            } else {
                Ok(())
            }
        }
        Wish::Suspend { until: Some(until) } if *until <= at => Err(invalid("挂账的期限必须晚于现在")),
        Wish::Suspend { .. } | Wish::Appeal => Ok(()),
    }
}

fn amend(next: &mut Order, patch: &CasePatch, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    if *patch == CasePatch::default() {
        return Err(invalid("没有要修改的内容"));
    }
    if let Some(title) = &patch.title {
        next.title = title_of(title)?;
    }
    if let Some(text) = &patch.text {
        next.text = long_text(text)?;
    }
    if let Some(kind) = &patch.kind {
        check_kind(kind)?;
        next.kind = Some(kind.clone());
    }
    if let Some(priority) = patch.priority {
        next.priority = priority;
    }
    if let Some(place) = &patch.place {
        put_place(next, place.clone(), rules)?;
    }
    Ok(())
}

fn check_parts(parts: &[SplitPart]) -> Result<(), OrderRefusal> {
    if !(2..=PARTS_MAX).contains(&parts.len()) {
        return Err(invalid(format!("拆分需要 2 到 {PARTS_MAX} 张新工单")));
    }
    for part in parts {
        title_of(&part.title)?;
        long_text(&part.text)?;
        if let Some(kind) = &part.kind {
            check_kind(kind)?;
        }
    }
    Ok(())
}

/// The ids that the parts of an order have.
pub fn part_ids(order: &Order, parts: usize) -> Result<Vec<OrderId>, OrderRefusal> {
    let id = |n: usize| OrderId::new(&format!("{}.{n}", order.id));
    (1..=parts).map(id).collect::<Result<_, _>>().map_err(|_| invalid("本单已多次拆分，不能再拆；请另立新单"))
}

fn was_filed(order: &Order) -> bool {
    order.alarm.is_some() || order.clock(Stage::Dispatch).is_some()
}

fn stands(stage: Stage) -> OrderRefusal {
    invalid(format!("{stage:?} 的计时没有在走"))
}

fn no_person(user: &str) -> OrderRefusal {
    let user: String = user.chars().take(80).collect();
    invalid(format!("派单规则中没有人员 {user:?}；请从人员列表中选择"))
}

/// A refusal in words.
pub(crate) fn invalid(why: impl Into<String>) -> OrderRefusal {
    OrderRefusal::Invalid { why: why.into() }
}

/// A reason that must be there.
pub(super) fn words(text: &str, what: &str) -> Result<(), OrderRefusal> {
    if text.trim().is_empty() {
        return Err(invalid(format!("请填写{what}")));
    }
    note(text)
}

/// A remark that may be empty.
pub(super) fn note(text: &str) -> Result<(), OrderRefusal> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(invalid(format!("文字不能超过 {TEXT_CHARS_MAX} 个字")));
    }
    Ok(())
}

/// A title, trimmed.
pub(super) fn title_of(title: &str) -> Result<String, OrderRefusal> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > 100 {
        return Err(invalid("标题需要 1 到 100 个字"));
    }
    Ok(title.to_owned())
}

/// What is the matter, up to 2,000 characters.
pub(super) fn long_text(text: &str) -> Result<String, OrderRefusal> {
    if text.chars().count() > 2000 {
        return Err(invalid("情况描述不能超过 2000 个字"));
    }
    Ok(text.to_owned())
}
