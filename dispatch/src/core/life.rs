//! The life of an order as one function: where it stands, what happens, where it stands then.
//!
//! ```text
//! Filed ─dispatch─▶ Dispatched ─accept─▶ Accepted ─arrive─▶ InProgress ─finish─▶ Finished ─pass─▶ Closed
//!     ▲  ▲                │ │ ▲                │                  ▲                    │
//!     │  └─────return─────┘ └─┘ assign again   │                  └──────rework────────┘
//!     └──────────────return────────────────────┘          any open state ─cancel─▶ Cancelled
//! ```
//!
//! Words follow the city-management flow (2026): 派遣 assign, 接单 accept, 回退 return, 处置 start and finish, 核查通过
//! pass, 返工 rework, 作废 cancel. Going back or ending early needs a reason in words. Closed and cancelled orders
//! never change. Time is an argument.

use greenhub_model::order::{Assignee, Order, OrderEvent, OrderState};
use greenhub_model::{OrderId, ReceivedTime};
use serde::{Deserialize, Serialize};

/// Longest text of a reason, note or assignee in characters.
pub const TEXT_CHARS_MAX: usize = 1000;

/// An event with who did it and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
        (S::Filed | S::Dispatched, E::Dispatch { to, reason }) => {
            if order.state == S::Dispatched {
                text(reason, "reason")?;
            }
            match to {
                Some(Assignee::Person { user }) => next.assignee = Some(text(user, "user")?),
                Some(Assignee::Team { team }) => next.team = Some(text(team, "team")?),
                None => {}
            }
            S::Dispatched
        }
        (S::Dispatched, E::Accept) => by_assignee(order, act, S::Accepted)?,
        (S::Dispatched | S::Accepted, E::Return { reason }) => {
            text(reason, "reason")?;
            next.assignee = None;
            S::Filed
        }
        (S::Accepted, E::Arrive { .. }) => by_assignee(order, act, S::InProgress)?,
        (S::InProgress, E::Finish { .. }) => by_assignee(order, act, S::Finished)?,
        (S::Finished, E::Pass { .. }) => S::Closed,
        (S::Finished, E::Rework { reason, .. }) => {
            text(reason, "reason")?;
            S::InProgress
        }
        (state, E::Cancel { reason }) if state.is_open() => {
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
