//! The life of an order as one function: where it stands, what happens, where it stands then.
//!
//! ```text
//! Unassigned ─assign─▶ Dispatched ─accept─▶ Accepted ─start─▶ InProgress ─finish─▶ Finished ─pass─▶ Closed
//!     ▲  ▲                │ │ ▲                │                  ▲                    │
//!     │  └─────return─────┘ └─┘ assign again   │                  └──────rework────────┘
//!     └──────────────return────────────────────┘          any open state ─cancel─▶ Cancelled
//! ```
//!
//! Words follow the city-management flow (2026): 派遣 assign, 接单 accept, 回退 return, 处置 start and finish, 核查通过
//! pass, 返工 rework, 作废 cancel. Going back or ending early needs a reason in words. Closed and cancelled orders
//! never change. Time is an argument.

use greenhub_model::order::{Order, OrderState};
use greenhub_model::{OrderId, ReceivedTime};
use serde::{Deserialize, Serialize};

/// Longest text of a reason, note or assignee in characters.
pub const TEXT_CHARS_MAX: usize = 1000;

/// What happens to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderEvent {
    /// 派遣: given to somebody; to another one while nobody has accepted.
    Assign {
        /// User name.
        assignee: String,
        /// Why; needed when it is taken from somebody.
        #[serde(default)]
        reason: String,
    },
    /// 接单: they take it.
    Accept,
    /// 回退: they give it back.
    Return {
        /// Why.
        reason: String,
    },
    /// 处置: they are there and work.
    Start,
    /// 反馈: they say it is done.
    Finish {
        /// What was done.
        #[serde(default)]
        note: String,
    },
    /// 核查通过: checked, closed.
    Pass {
        /// What the check saw.
        #[serde(default)]
        note: String,
    },
    /// 返工: checked, not good.
    Rework {
        /// What is missing.
        reason: String,
    },
    /// 作废: not to be done.
    Cancel {
        /// Why.
        reason: String,
    },
}

impl OrderEvent {
    /// The word on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            OrderEvent::Assign { .. } => "assign",
            OrderEvent::Accept => "accept",
            OrderEvent::Return { .. } => "return",
            OrderEvent::Start => "start",
            OrderEvent::Finish { .. } => "finish",
            OrderEvent::Pass { .. } => "pass",
            OrderEvent::Rework { .. } => "rework",
            OrderEvent::Cancel { .. } => "cancel",
        }
    }
}

/// An event with who did it and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAct {
    /// The order.
    pub order: OrderId,
    /// Idempotency key, 1 to 128 characters: the same key again returns the order without acting.
    pub request_id: String,
    /// User name.
    pub by: String,
    /// When.
    pub at: ReceivedTime,
    /// What.
    pub event: OrderEvent,
}

/// Why an event did not happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum OrderRefusal {
    /// Not from that state.
    #[error("an order that is {state:?} cannot {event}")]
    NotNow {
        /// Where it stands.
        state: OrderState,
        /// What was asked.
        event: String,
    },
    /// Only the person who has it may do that.
    #[error("the order is given to {assignee}, not to {by}")]
    NotYours {
        /// Who has it.
        assignee: String,
        /// Who asked.
        by: String,
    },
    /// A member of the event is wrong.
    #[error("{why}")]
    Invalid {
        /// What is wrong and what would be right.
        why: String,
    },
}

/// The one transition function: the order after the event, or why not.
pub fn step(order: &Order, act: &OrderAct) -> Result<Order, OrderRefusal> {
    use OrderEvent as E;
    use OrderState as S;
    let mut next = order.clone();
    next.updated_at = act.at.millis().max(order.updated_at);
    next.state = match (order.state, &act.event) {
        (S::Unassigned, E::Assign { assignee, .. }) => {
            next.assignee = Some(text(assignee, "assignee")?);
            S::Dispatched
        }
        (S::Dispatched, E::Assign { assignee, reason }) => {
            text(reason, "reason")?;
            next.assignee = Some(text(assignee, "assignee")?);
            S::Dispatched
        }
        (S::Dispatched, E::Accept) => by_assignee(order, act, S::Accepted)?,
        (S::Dispatched | S::Accepted, E::Return { reason }) => {
            text(reason, "reason")?;
            next.assignee = None;
            S::Unassigned
        }
        (S::Accepted, E::Start) => by_assignee(order, act, S::InProgress)?,
        (S::InProgress, E::Finish { .. }) => by_assignee(order, act, S::Finished)?,
        (S::Finished, E::Pass { .. }) => S::Closed,
        (S::Finished, E::Rework { reason }) => {
            text(reason, "reason")?;
            S::InProgress
        }
        (S::Unassigned | S::Dispatched | S::Accepted | S::InProgress | S::Finished, E::Cancel { reason }) => {
            text(reason, "reason")?;
            S::Cancelled
        }
        (state, event) => return Err(OrderRefusal::NotNow { state, event: event.name().to_owned() }),
    };
    Ok(next)
}

fn by_assignee(order: &Order, act: &OrderAct, then: OrderState) -> Result<OrderState, OrderRefusal> {
    match &order.assignee {
        Some(assignee) if *assignee != act.by => {
            Err(OrderRefusal::NotYours { assignee: assignee.clone(), by: act.by.clone() })
        }
        _ => Ok(then),
    }
}

fn text(text: &str, member: &str) -> Result<String, OrderRefusal> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(OrderRefusal::Invalid { why: format!("{member} needs 1 to {TEXT_CHARS_MAX} characters") });
    }
    Ok(text.to_owned())
}
