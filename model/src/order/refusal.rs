//! Why an act on an order did not happen: one word for programs, one sentence for people that says what to do.

use super::{OrderState, act_word};
use crate::ids::OrderId;
use crate::user::Role;
use serde::{Deserialize, Serialize};

/// Why an act on an order did not happen.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum OrderRefusal {
    /// Not from where it stands; `by` brought it there at `at`, perhaps a moment ago.
    #[error("工单现为「{}」（{}），不能再{}；请刷新后查看", state.word(), by_word(by), act_word(act))]
    NotNow {
        /// The act.
        act: String,
        /// Where it stands.
        state: OrderState,
        /// Who brought it there.
        by: String,
        /// When, Unix ms.
        at: i64,
    },
    /// Somebody else was first.
    #[error("{by} 已先{}，本单由其负责；请刷新后查看", act_word(act))]
    Taken {
        /// The act.
        act: String,
        /// Who has it.
        by: String,
        /// Since when, Unix ms.
        at: i64,
    },
    /// It is no longer the version that the caller has seen.
    #[error("工单刚被{}改动，现为「{}」；请刷新后再试", by_word(by), state.word())]
    Changed {
        /// Its version.
        version: u64,
        /// Where it stands.
        state: OrderState,
        /// Who brought it there.
        by: String,
    },
    /// The caller's role may not do that.
    #[error("您的角色不能{}；请联系调度员或管理员", act_word(act))]
    Role {
        /// The act.
        act: String,
        /// The role; none for the hub itself.
        role: Option<Role>,
    },
    /// Only who has it may do that.
    #[error("本单由{holder}负责，只有其本人可以{}", act_word(act))]
    NotYours {
        /// The act.
        act: String,
        /// Who has it.
        holder: String,
    },
    /// Somebody else must do that: nobody checks his own work or grants his own wish.
    #[error("不能由本人{}自己的处置或申请，须由另一人办理", act_word(act))]
    Own {
        /// The act.
        act: String,
    },
    /// There is nothing to approve or deny.
    #[error("本单没有待批的申请；可能已由他人办理，请刷新后查看")]
    NoWish,
    /// Another order that the act needs is not there, or not open.
    #[error("工单 {other} 不存在或已办结，不能{}；请选择一张未办结的工单", act_word(act))]
    Other {
        /// The act.
        act: String,
        /// The other order.
        other: OrderId,
    },
    /// A member of the act is wrong.
    #[error("{why}")]
    Invalid {
        /// What is wrong and what would be right.
        why: String,
    },
}

fn by_word(by: &str) -> String {
    match by {
        "" | "hub" => "系统".to_owned(),
        user => format!("由 {user} 办理"),
    }
}
