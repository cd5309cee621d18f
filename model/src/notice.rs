//! Notices of orders (工单通知): what was said to whom by which way, and what came of it.

use crate::ids::OrderId;
use serde::{Deserialize, Serialize};

/// What a notice is about.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderNoticeKind {
    /// 派遣: an order is yours.
    Dispatched,
    /// 撤回: it is not any more.
    Recalled,
    /// 回退: somebody gave it back.
    Returned,
    /// 返工: it is to be done again.
    Rework,
    /// 督办.
    Supervised,
    /// 催办.
    Urged,
    /// 核实: go and look.
    Verify,
    /// Somebody has looked.
    Verified,
    /// A wish was granted or denied.
    Decided,
    /// It ended without you: merged, closed, void.
    Ended,
    /// A deadline comes near.
    Warned,
    /// A deadline is over.
    Overdue,
}

/// The way a notice took.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderNoticeWay {
    /// Messages of their page and phone, with Web Push.
    App,
    /// Text message.
    Sms,
    /// Voice call.
    Voice,
    /// Another system.
    Target,
}

/// How far a notice is.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderNoticeState {
    /// Waits to be sent.
    Queued,
    /// Handed to the way.
    Sent,
    /// Their page or phone has fetched it, or the gateway says so.
    Delivered,
    /// They have opened it, or picked up.
    Read,
    /// They have acted on the order.
    Answered,
    /// The way did not reach them.
    Failed,
}

/// One notice, with its way and what came of it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderNotice {
    /// Its number.
    pub id: i64,
    /// The order.
    pub order: OrderId,
    /// The act it is about.
    pub version: u64,
    /// What it is about.
    pub kind: OrderNoticeKind,
    /// Who is told: user name, or name of the other system.
    pub to: String,
    /// By which way.
    pub way: OrderNoticeWay,
    /// How far it is.
    pub state: OrderNoticeState,
    /// Decided, Unix ms.
    pub at: i64,
    /// Last change of its state, Unix ms.
    pub changed_at: i64,
    /// Tries so far.
    pub tries: u32,
    /// What the way said last.
    pub response: String,
    /// Title.
    pub title: String,
    /// Text.
    pub text: String,
}

/// A message to somebody, as their phone shows it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMessage {
    /// Its number.
    pub id: i64,
    /// The order.
    pub order: Option<OrderId>,
    /// What it is about.
    pub kind: OrderNoticeKind,
    /// Title.
    pub title: String,
    /// Text.
    pub text: String,
    /// When, Unix ms.
    pub at: i64,
    /// Opened, Unix ms.
    pub read_at: Option<i64>,
}
