//! The order book of `dispatch`, as the web tier asks it.

use super::{Answer, PortFailure};
use greenhub_model::dispatch::{CodeEntry, DispatchRules};
use greenhub_model::order::{
    CaseCategory, CaseForm, CaseKind, Order, OrderEntry, OrderEvent, OrderRefusal, OrderSource, OrderState,
};
use greenhub_model::{OrderId, Priority, Role};
use greenhub_storage::relational::{Page, PageRequest};

/// Which orders to list; an empty filter lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderQuery {
    /// Any of these states.
    pub states: Vec<OrderState>,
    /// Any of these priorities.
    pub priorities: Vec<Priority>,
    /// Any of these sources.
    pub sources: Vec<OrderSource>,
    /// Given to this user, or to the user's team while nobody of it has it.
    pub mine: Option<String>,
    /// Given to this user.
    pub assignee: Option<String>,
    /// Given to this team.
    pub team: Option<String>,
    /// Of this kind.
    pub kind: Option<CaseKind>,
    /// In this sub-district.
    pub sub_district: Option<String>,
    /// Number, title, text, address or device holds this.
    pub text: Option<String>,
    /// Only those with a clock over at this moment, Unix ms.
    pub overdue_at: Option<i64>,
    /// Nearest deadline first instead of newest first.
    pub late_first: bool,
    /// Opened at or after the first and before the second, Unix ms.
    pub created: Option<(i64, i64)>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderCaller {
    /// User name.
    pub user: String,
    /// Role.
    pub role: Role,
    /// Now, Unix ms.
    pub at: i64,
}

/// An act on an order.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderCall {
    /// The order.
    pub order: OrderId,
    /// Idempotency key.
    pub request_id: String,
    /// What.
    pub event: OrderEvent,
    /// When it was done, where that was earlier.
    pub done_at: Option<i64>,
    /// Only while the order is at this version.
    pub version: Option<u64>,
}

/// A form that opens an order.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCall {
    /// Idempotency key.
    pub request_id: String,
    /// The form.
    pub form: CaseForm,
    /// Whether it is a case at once.
    pub file: bool,
    /// When it was written, where that was earlier.
    pub done_at: Option<i64>,
}

/// An order with all that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderThread {
    /// The order.
    pub order: Order,
    /// Its acts.
    pub entries: Vec<OrderEntry>,
    /// Orders merged into it, or split from it.
    pub children: Vec<Order>,
    /// Open orders that may be the same case.
    pub duplicates: u32,
}

/// Rules of dispatch with who made them.
#[derive(Debug, Clone, PartialEq)]
pub struct DispatchRulesVersion {
    /// The rules.
    pub rules: DispatchRules,
    /// In force since, Unix ms.
    pub at: i64,
    /// Who made them.
    pub author: String,
}

/// Why an act or an opening had no effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrderFailure {
    /// No such order.
    #[error("没有编号为 {0} 的工单")]
    Unknown(OrderId),
    /// The life cycle does not allow it.
    #[error(transparent)]
    Refused(#[from] OrderRefusal),
    /// The rules are wrong, each thing in a sentence.
    #[error("派单规则有 {} 处问题，请改正后再保存", .0.len())]
    Wrong(Vec<String>),
    /// The rules were changed meanwhile; this is their version now.
    #[error("派单规则已被他人改为第 {0} 版，请刷新后在新版本上修改")]
    Overtaken(u64),
    /// The book could not answer.
    #[error(transparent)]
    Port(#[from] PortFailure),
}

/// The order book of `dispatch`.
pub trait OrderBook: Send + Sync {
    /// A page of orders.
    fn list<'a>(&'a self, query: &'a OrderQuery, page: &'a PageRequest)
    -> Answer<'a, Result<Page<Order>, PortFailure>>;
    /// One order.
    fn get<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<Order>, PortFailure>>;
    /// One order with all that happened to it.
    fn thread<'a>(&'a self, id: &'a OrderId) -> Answer<'a, Result<Option<OrderThread>, PortFailure>>;
    /// Opens an order; false where the same request or number had opened it before.
    fn open(&self, by: OrderCaller, call: OpenCall) -> Answer<'_, Result<(Order, bool), OrderFailure>>;
    /// Lets acts happen in one transaction, each for itself, in the order given.
    fn act(
        &self,
        by: OrderCaller,
        calls: Vec<OrderCall>,
    ) -> Answer<'_, Result<Vec<Result<Order, OrderFailure>>, PortFailure>>;
    /// Names of the acts that the caller may do now.
    fn allowed(&self, order: &Order, by: &OrderCaller) -> Vec<String>;
    /// The rules in force.
    fn rules(&self) -> DispatchRulesVersion;
    /// Puts rules in force that were made from the version they name.
    fn put_rules(
        &self,
        by: OrderCaller,
        rules: DispatchRules,
    ) -> Answer<'_, Result<DispatchRulesVersion, OrderFailure>>;
    /// Versions of the rules, newest first, before a number.
    fn rules_versions(
        &self,
        before: Option<u64>,
        limit: u32,
    ) -> Answer<'_, Result<Vec<DispatchRulesVersion>, PortFailure>>;
    /// Entries of the code lists that fit.
    fn codes(&self, words: &str, scheme: Option<&str>, category: Option<CaseCategory>) -> Vec<CodeEntry>;
}
