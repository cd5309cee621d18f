//! Notices of orders, as the web tier asks for them.

use super::{Answer, PortFailure};
use greenhub_model::OrderId;
use greenhub_model::notice::{OrderMessage, OrderNotice};
use greenhub_storage::relational::{Page, PageRequest};

/// Who was told what.
pub trait NoticeBook: Send + Sync {
    /// Messages of somebody, newest first; what is shown counts as delivered.
    fn messages<'a>(
        &'a self,
        user: &'a str,
        unread: bool,
        page: &'a PageRequest,
        now: i64,
    ) -> Answer<'a, Result<Page<OrderMessage>, PortFailure>>;
    /// Somebody has opened a message; false where it is not theirs.
    fn read<'a>(&'a self, user: &'a str, id: i64, now: i64) -> Answer<'a, Result<bool, PortFailure>>;
    /// Notices of an order, newest first.
    fn of_order<'a>(&'a self, order: &'a OrderId) -> Answer<'a, Result<Vec<OrderNotice>, PortFailure>>;
    /// What a voice gateway says came of a call; false where nobody can tell that it is the gateway.
    fn called<'a>(&'a self, result: SignedCall<'a>) -> Answer<'a, Result<bool, PortFailure>>;
}

/// The result of a voice call as it came.
#[derive(Debug, Clone, Copy)]
pub struct SignedCall<'a> {
    /// The notice.
    pub notice: i64,
    /// What came of it.
    pub result: CallResult,
    /// `X-Greenhub-Timestamp`.
    pub timestamp: &'a str,
    /// `X-Greenhub-Signature`.
    pub signature: &'a str,
    /// The body that was signed.
    pub body: &'a [u8],
    /// Now, Unix ms.
    pub now: i64,
}

/// What came of a voice call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    /// Their telephone rings.
    Ringing,
    /// They picked up.
    Answered,
    /// They did not.
    NoAnswer,
    /// They speak with somebody else.
    Busy,
    /// The call could not be made.
    Failed,
}
