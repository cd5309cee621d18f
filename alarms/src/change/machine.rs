//! The life of a request: one transition function over state × act.
//!
//! Everything that a decision needs and the request does not hold comes in as [`Facts`]. A refusal is a sentence that says
//! what to do. The caller stores the changed request only if nobody else changed it meanwhile (`revision`).

use greenhub_model::Role;
use greenhub_model::change::{Change, ChangeAct, ChangeState};

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor<'a> {
    /// A person.
    Person {
        /// User name.
        name: &'a str,
        /// Role.
        role: Role,
    },
    /// The hub, for what time brings.
    Hub,
}

impl<'a> Actor<'a> {
    /// The name that is written down.
    pub fn name(self) -> &'a str {
        match self {
            Actor::Person { name, .. } => name,
            Actor::Hub => "hub",
        }
    }
}

/// What a decision needs besides the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Now, Unix ms.
    pub now: i64,
    /// Newest version of the master.
    pub master: u64,
    /// Another request that is approved and not in force yet.
    pub scheduled: Option<i64>,
    /// How long an emergency change may run without its approval, milliseconds.
    pub approve_within_ms: i64,
}

/// Why an act is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefusal {
    /// The state does not allow it.
    #[error("该申请现为“{}”，不能{}；请刷新页面查看最新状态", .state.label(), .act.label())]
    NotNow {
        /// The state.
        state: ChangeState,
        /// The act.
        act: ChangeAct,
    },
    /// Only the requester may do it.
    #[error("只有申请人 {requester} 可以{}；请联系申请人，或另提一份申请", .act.label())]
    NotYours {
        /// Who asks for the change.
        requester: String,
        /// The act.
        act: ChangeAct,
    },
    /// The requester may not do it.
    #[error("申请人不能{}自己的申请；请由另一名值班操作员或管理员办理", .act.label())]
    Own {
        /// The act.
        act: ChangeAct,
    },
    /// The role may not do it.
    #[error("您的角色不能{}；请由{who}办理", .act.label())]
    Role {
        /// The act.
        act: ChangeAct,
        /// Who may.
        who: &'static str,
    },
    /// The base is no longer the newest version.
    #[error(
        "该申请以第 {base} 版规则为基线，现行规则已是第 {master} 版；请由申请人改为以第 {master} 版为基线，核对差异后重新提交"
    )]
    Stale {
        /// Version it starts from.
        base: u64,
        /// Newest version.
        master: u64,
    },
    /// The present candidate has not been back-tested.
    #[error("当前候选规则尚未回测；请先运行回测并查看结果，再批准")]
    NotBacktested,
    /// Another one waits for its time.
    #[error("第 {id} 号申请已批准、尚未生效；请待其生效后以新版本为基线重新提交，或先由其申请人撤回")]
    AnotherScheduled {
        /// Its number.
        id: i64,
    },
    /// The approval of an emergency change is missing.
    #[error("紧急变更尚未补批；请先由另一名值班操作员或管理员批准或驳回，再核实")]
    ApprovalMissing,
    /// Nothing differs from the base.
    #[error("候选规则与基线没有差异；请先修改规则再提交")]
    NoDifference,
    /// Words are missing.
    #[error("请填写{what}")]
    Words {
        /// Which.
        what: &'static str,
    },
}

const REQUESTERS: &str = "调度员、值班操作员或管理员";
const REVIEWERS: &str = "值班操作员或管理员";

/// Whether a role may ask for changes.
pub fn is_requester(role: Role) -> bool {
    matches!(role, Role::Dispatcher | Role::PlantOperator | Role::Administrator)
}

/// Whether a role may review, approve, reject and verify.
pub fn is_reviewer(role: Role) -> bool {
    matches!(role, Role::PlantOperator | Role::Administrator)
}

/// A request as its requester first writes it down.
pub fn new_change(
    title: &str,
    reason: &str,
    base: u64,
    requester: Actor<'_>,
    facts: &Facts,
) -> Result<Change, ChangeRefusal> {
    check_actor(None, ChangeAct::Create, requester)?;
    words(title, "标题")?;
    words(reason, "变更理由")?;
    if base != facts.master {
        return Err(ChangeRefusal::Stale { base, master: facts.master });
    }
    Ok(Change {
        id: 0,
        title: title.trim().to_owned(),
        reason: reason.trim().to_owned(),
        state: ChangeState::Draft,
        revision: 1,
        candidate: 1,
        base,
        restores: None,
        emergency: false,
        effective_at: None,
        requester: requester.name().to_owned(),
        created_at: facts.now,
        submitted_at: None,
        reviewer: None,
        reviewed_at: None,
        approver: None,
        approved_at: None,
        approve_by: None,
        overdue: false,
        version: None,
        in_force_at: None,
        verified: None,
        verifier: None,
        closed_at: None,
        backtested: false,
        differences: 0,
    })
}

/// Takes one step in place. A refusal leaves the request as it was. `passed` belongs to a verification.
pub fn advance(
    change: &mut Change,
    act: ChangeAct,
    actor: Actor<'_>,
    comment: &str,
    passed: bool,
    facts: &Facts,
) -> Result<(), ChangeRefusal> {
    let next = next_state(change, act)?;
    check_actor(Some(change), act, actor)?;
    match act {
        ChangeAct::Emergency => words(comment, "紧急变更的原因")?,
        ChangeAct::Reject => words(comment, "驳回的理由")?,
        _ => {}
    }
    if !passed && act == ChangeAct::Verify {
        words(comment, "核实未通过的情况")?;
    }
    let builds_on_master = matches!(act, ChangeAct::Submit | ChangeAct::Review | ChangeAct::Emergency)
        || (act == ChangeAct::Approve && change.state == ChangeState::InApproval)
        || act == ChangeAct::PutInForce;
    if builds_on_master && change.base != facts.master {
        return Err(ChangeRefusal::Stale { base: change.base, master: facts.master });
    }
    if matches!(act, ChangeAct::Submit | ChangeAct::Emergency) && change.differences == 0 {
        return Err(ChangeRefusal::NoDifference);
    }
    if act == ChangeAct::Approve && change.state == ChangeState::InApproval {
        if !change.backtested {
            return Err(ChangeRefusal::NotBacktested);
        }
        if let Some(id) = facts.scheduled.filter(|id| *id != change.id) {
            return Err(ChangeRefusal::AnotherScheduled { id });
        }
    }
    if act == ChangeAct::Verify && change.emergency && change.approver.is_none() {
        return Err(ChangeRefusal::ApprovalMissing);
    }
    take(change, act, actor.name(), passed, facts);
    change.state = next;
    change.revision += 1;
    Ok(())
}

/// The acts that this person may do now, as far as the request alone tells.
pub fn may(change: &Change, actor: Actor<'_>) -> Vec<ChangeAct> {
    let acts = ChangeAct::ALL.into_iter();
    acts.filter(|act| next_state(change, *act).is_ok() && check_actor(Some(change), *act, actor).is_ok()).collect()
}

fn take(change: &mut Change, act: ChangeAct, name: &str, passed: bool, facts: &Facts) {
    let now = Some(facts.now);
    match act {
        ChangeAct::Create | ChangeAct::Edit => {}
        ChangeAct::Submit => change.submitted_at = now,
        ChangeAct::Withdraw | ChangeAct::Reject => change.closed_at = now,
        ChangeAct::Emergency => {
            change.emergency = true;
            change.submitted_at = now;
            change.effective_at = now;
            change.approve_by = Some(facts.now.saturating_add(facts.approve_within_ms));
        }
        ChangeAct::Review => (change.reviewer, change.reviewed_at) = (Some(name.to_owned()), now),
        ChangeAct::Approve => (change.approver, change.approved_at) = (Some(name.to_owned()), now),
        ChangeAct::PutInForce => (change.version, change.in_force_at) = (Some(facts.master + 1), now),
        ChangeAct::SendBack => {
            (change.reviewer, change.reviewed_at, change.approver, change.approved_at) = (None, None, None, None);
            (change.submitted_at, change.emergency, change.approve_by) = (None, false, None);
        }
        ChangeAct::Verify => {
            (change.verified, change.verifier, change.closed_at) = (Some(passed), Some(name.to_owned()), now);
        }
    }
}

/// The whole table: every pair that is not named is refused.
fn next_state(change: &Change, act: ChangeAct) -> Result<ChangeState, ChangeRefusal> {
    use ChangeAct as A;
    use ChangeState as S;
    let after_the_fact = change.emergency && change.approver.is_none();
    match (change.state, act) {
        (S::Draft, A::Edit) => Ok(S::Draft),
        (S::Draft, A::Submit) => Ok(S::InReview),
        (S::Draft, A::Emergency) => Ok(S::Scheduled),
        (S::Draft | S::InReview | S::InApproval, A::Withdraw) => Ok(S::Withdrawn),
        (S::Scheduled, A::Withdraw) if !change.emergency => Ok(S::Withdrawn),
        (S::InReview, A::Review) => Ok(S::InApproval),
        (S::InApproval, A::Approve) => Ok(S::Scheduled),
        (S::InReview | S::InApproval, A::Reject) => Ok(S::Rejected),
        (S::Scheduled, A::PutInForce) => Ok(S::InForce),
        (S::Scheduled, A::SendBack) => Ok(S::Draft),
        (S::InForce, A::Approve) if after_the_fact => Ok(S::InForce),
        (S::InForce, A::Reject) if after_the_fact => Ok(S::Rejected),
        (S::InForce, A::Verify) => Ok(S::Closed),
        (state, act) => Err(ChangeRefusal::NotNow { state, act }),
    }
}

fn check_actor(change: Option<&Change>, act: ChangeAct, actor: Actor<'_>) -> Result<(), ChangeRefusal> {
    let by_hub = matches!(act, ChangeAct::PutInForce | ChangeAct::SendBack);
    let (name, role) = match actor {
        Actor::Hub if by_hub => return Ok(()),
        Actor::Hub => return Err(ChangeRefusal::Role { act, who: REVIEWERS }),
        Actor::Person { .. } if by_hub => return Err(ChangeRefusal::Role { act, who: "系统" }),
        Actor::Person { name, role } => (name, role),
    };
    let requester = change.map(|change| change.requester.as_str());
    match act {
        ChangeAct::Create | ChangeAct::Edit | ChangeAct::Submit | ChangeAct::Withdraw | ChangeAct::Emergency => {
            if !is_requester(role) {
                return Err(ChangeRefusal::Role { act, who: REQUESTERS });
            }
            if let Some(requester) = requester.filter(|requester| *requester != name) {
                return Err(ChangeRefusal::NotYours { requester: requester.to_owned(), act });
            }
            if act == ChangeAct::Emergency && !is_reviewer(role) {
                return Err(ChangeRefusal::Role { act, who: REVIEWERS });
            }
        }
        ChangeAct::Review | ChangeAct::Approve | ChangeAct::Reject => {
            if !is_reviewer(role) {
                return Err(ChangeRefusal::Role { act, who: REVIEWERS });
            }
            if requester == Some(name) {
                return Err(ChangeRefusal::Own { act });
            }
        }
        ChangeAct::Verify if !is_reviewer(role) => return Err(ChangeRefusal::Role { act, who: REVIEWERS }),
        ChangeAct::Verify | ChangeAct::PutInForce | ChangeAct::SendBack => {}
    }
    Ok(())
}

fn words(text: &str, what: &'static str) -> Result<(), ChangeRefusal> {
    if text.trim().is_empty() { Err(ChangeRefusal::Words { what }) } else { Ok(()) }
}
