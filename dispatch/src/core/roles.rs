//! Who may do what from where: one row for each act, the whole of it in one table.
//!
//! A role is what an account is; a relation is what the caller is to this order (its holder, not who did the work). Both
//! must fit. Whoever leads the centre has the administrator's role. The hub itself has none and does what is its own.

use super::life::Actor;
use super::rules::RulesInForce;
use greenhub_model::Role;
use greenhub_model::order::OrderState::*;
use greenhub_model::order::{Order, OrderEvent, OrderRefusal, OrderState, Wish};

/// What the caller has to be to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Nothing in particular.
    Any,
    /// Who has it, or any member of the team it is given to while nobody of the team has it.
    Holder,
    /// Who has it, or the desk.
    HolderOrDesk,
    /// Who was asked to look, or the desk.
    Asked,
    /// Not who did the work.
    OtherThanWorker,
    /// Not who has the wish.
    OtherThanAsker,
    /// The hub itself.
    Hub,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Permission {
    /// The act.
    pub act: &'static str,
    /// From these states.
    pub from: &'static [OrderState],
    /// By these roles.
    pub roles: &'static [Role],
    /// And this relation.
    pub relation: Relation,
}

/// The desk: reviews, sends, checks.
pub const DESK: &[Role] = &[Role::Clerk, Role::Dispatcher, Role::Administrator];
/// Who sends and leads.
pub const SENDERS: &[Role] = &[Role::Dispatcher, Role::Administrator];
/// Who can be given orders.
pub const HOLDERS: &[Role] = &[Role::PatrolOfficer, Role::Crew, Role::PlantOperator];
/// Everybody who does anything at all.
pub const DOERS: &[Role] =
    &[Role::Clerk, Role::Dispatcher, Role::Administrator, Role::PatrolOfficer, Role::Crew, Role::PlantOperator];

const OPEN: &[OrderState] = &[Reported, Filed, Dispatched, Accepted, InProgress, Suspended, Finished];
const AT_WORK: &[OrderState] = &[Dispatched, Accepted, InProgress];
const WISHING: &[OrderState] = &[Dispatched, Accepted, InProgress, Closed, Rejected];

const fn row(act: &'static str, from: &'static [OrderState], roles: &'static [Role], relation: Relation) -> Permission {
    Permission { act, from, roles, relation }
}

/// The table.
pub const TABLE: [Permission; 29] = [
    row("verify", &[Reported], DESK, Relation::Any),
    row("verified", &[Reported], DOERS, Relation::Asked),
    row("amend", OPEN, DESK, Relation::Any),
    row("file", &[Reported], DESK, Relation::Any),
    row("reject", &[Reported], DESK, Relation::Any),
    row("merge", &[Reported, Filed], DESK, Relation::Any),
    row("unmerge", &[Merged], DESK, Relation::Any),
    row("split", &[Reported, Filed], DESK, Relation::Any),
    row("assign", &[Filed], SENDERS, Relation::Any),
    row("dispatch", &[Filed, Dispatched, Accepted, InProgress], SENDERS, Relation::Any),
    row("recall", &[Dispatched], SENDERS, Relation::Any),
    row("accept", &[Dispatched], HOLDERS, Relation::Holder),
    row("return", AT_WORK, HOLDERS, Relation::Holder),
    row("arrive", &[Accepted], HOLDERS, Relation::Holder),
    row("finish", &[InProgress], HOLDERS, Relation::Holder),
    row("ask", WISHING, DOERS, Relation::HolderOrDesk),
    row("approve", WISHING, DESK, Relation::OtherThanAsker),
    row("deny", WISHING, DESK, Relation::OtherThanAsker),
    row("resume", &[Suspended], DOERS, Relation::HolderOrDesk),
    row("pass", &[Finished], DESK, Relation::OtherThanWorker),
    row("rework", &[Finished], DESK, Relation::OtherThanWorker),
    row("close", OPEN, SENDERS, Relation::OtherThanWorker),
    row("cancel", OPEN, DESK, Relation::Any),
    row("supervise", OPEN, SENDERS, Relation::Any),
    row("urge", OPEN, DESK, Relation::Any),
    row("comment", OPEN, DOERS, Relation::Any),
    row("warn", OPEN, &[], Relation::Hub),
    row("overdue", OPEN, &[], Relation::Hub),
    row("joined", OPEN, &[], Relation::Hub),
];

/// Acts of people that the hub does as well: routine cases, and what comes to an end.
const HUB_TOO: [&str; 3] = ["file", "dispatch", "resume"];

/// The row of an act.
pub fn permission(act: &str) -> Option<&'static Permission> {
    TABLE.iter().find(|row| row.act == act)
}

/// Whether the caller may do that now, or why not. Role before state, state before relation.
pub fn permit(order: &Order, actor: &Actor, event: &OrderEvent, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    let act = event.name();
    let row = permission(act).ok_or_else(|| OrderRefusal::Role { act: act.to_owned(), role: actor.role })?;
    permit_row(order, actor, row, rules)?;
    match event {
        OrderEvent::Ask { wish, .. } => may_wish(order, wish),
        OrderEvent::Approve { .. } => may_approve(order, actor),
        _ => Ok(()),
    }
}

/// Names of the acts that the caller may do now, in the order of the table.
pub fn allowed(order: &Order, actor: &Actor, rules: &RulesInForce) -> Vec<&'static str> {
    let fits = |row: &&Permission| {
        permit_row(order, actor, row, rules).is_ok()
            && match row.act {
                "ask" => order.pending.is_none(),
                "approve" => may_approve(order, actor).is_ok(),
                _ => true,
            }
    };
    TABLE.iter().filter(fits).map(|row| row.act).collect()
}

fn permit_row(order: &Order, actor: &Actor, row: &Permission, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    let act = || row.act.to_owned();
    let role_fits = match actor.role {
        Some(role) => row.roles.contains(&role),
        None => row.relation == Relation::Hub || HUB_TOO.contains(&row.act),
    };
    if !role_fits {
        return Err(OrderRefusal::Role { act: act(), role: actor.role });
    }
    if !row.from.contains(&order.state) {
        let (by, at) = (order.state_by.clone(), order.state_at);
        let first = row.act == "accept" && order.assignee.as_ref().is_some_and(|other| *other != actor.user);
        if first && matches!(order.state, Accepted | InProgress) {
            let by = order.assignee.clone().unwrap_or(by);
            return Err(OrderRefusal::Taken { act: act(), by, at });
        }
        return Err(OrderRefusal::NotNow { act: act(), state: order.state, by, at });
    }
    let desk = actor.role.is_none_or(|role| DESK.contains(&role));
    match row.relation {
        Relation::Any | Relation::Hub => Ok(()),
        Relation::Holder => holds(order, actor, row.act, rules),
        Relation::HolderOrDesk if desk || order.state == Rejected => Ok(()),
        Relation::HolderOrDesk => holds(order, actor, row.act, rules),
        Relation::Asked => asked(order, actor, desk),
        Relation::OtherThanWorker => {
            let worked =
                order.finished_by.as_ref() == Some(&actor.user) || order.assignee.as_ref() == Some(&actor.user);
            if worked { Err(OrderRefusal::Own { act: act() }) } else { Ok(()) }
        }
        Relation::OtherThanAsker => match &order.pending {
            None => Err(OrderRefusal::NoWish),
            Some(wish) if wish.by == actor.user => Err(OrderRefusal::Own { act: act() }),
            Some(_) => Ok(()),
        },
    }
}

fn holds(order: &Order, actor: &Actor, act: &str, rules: &RulesInForce) -> Result<(), OrderRefusal> {
    let refused = |holder: String| Err(OrderRefusal::NotYours { act: act.to_owned(), holder });
    match (&order.assignee, &order.team) {
        (Some(user), _) if *user == actor.user => Ok(()),
        (Some(user), _) => refused(rules.name_of(user).to_owned()),
        (None, Some(team)) if rules.member(&actor.user).is_some_and(|member| member.team == *team) => Ok(()),
        (None, Some(team)) => refused(rules.team(team).map_or_else(|| team.clone(), |team| team.name.clone())),
        (None, None) => refused("尚未指定的人员".to_owned()),
    }
}

fn asked(order: &Order, actor: &Actor, desk: bool) -> Result<(), OrderRefusal> {
    match &order.verification {
        Some(asked) if asked.finding.is_none() && (desk || asked.user == actor.user) => Ok(()),
        Some(asked) if asked.finding.is_none() => {
            Err(OrderRefusal::NotYours { act: "verified".into(), holder: asked.user.clone() })
        }
        _ => Err(OrderRefusal::Invalid {
            why: "本单没有待反馈的核实任务；可能已由他人反馈，请刷新后查看".into()
        }),
    }
}

fn may_wish(order: &Order, wish: &Wish) -> Result<(), OrderRefusal> {
    if order.pending.is_some() {
        return Err(OrderRefusal::Invalid {
            why: "本单已有一项待批的申请，请等其批准或驳回后再申请".into()
        });
    }
    let fits = match wish {
        Wish::Delay { .. } => AT_WORK.contains(&order.state),
        Wish::Suspend { .. } => matches!(order.state, Accepted | InProgress),
        Wish::Appeal => matches!(order.state, Closed | Rejected),
    };
    if fits {
        return Ok(());
    }
    Err(OrderRefusal::NotNow {
        act: "ask".to_owned(),
        state: order.state,
        by: order.state_by.clone(),
        at: order.state_at,
    })
}

/// Who grants what: a first delay and a suspension anyone of the desk, a later delay the leader; an appeal goes from the
/// pre-check to the department to the leader, three different people.
fn may_approve(order: &Order, actor: &Actor) -> Result<(), OrderRefusal> {
    let Some(pending) = &order.pending else {
        return Err(OrderRefusal::NoWish);
    };
    let roles: &[Role] = match (&pending.wish, pending.approvals.len()) {
        (Wish::Delay { .. }, _) if order.delay_count > 0 => &[Role::Administrator],
        (Wish::Delay { .. } | Wish::Suspend { .. }, _) | (Wish::Appeal, 0) => DESK,
        (Wish::Appeal, 1) => SENDERS,
        (Wish::Appeal, _) => &[Role::Administrator],
    };
    if actor.role.is_none_or(|role| !roles.contains(&role)) {
        return Err(OrderRefusal::Role { act: "approve".to_owned(), role: actor.role });
    }
    if pending.approvals.contains(&actor.user) {
        return Err(OrderRefusal::Own { act: "approve".to_owned() });
    }
    Ok(())
}
