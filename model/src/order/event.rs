//! What happens to an order: the acts, each as a person or the hub means it, and how the trace shows them.

use super::{Assignee, Attachment, CaseKind, CasePatch, OrderState, Place, SiteFinding, Stage, Wish};
use crate::ids::OrderId;
use serde::{Deserialize, Serialize};

/// What happens to an order. Going back, ending early or overriding a proposal needs a reason in words.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderEvent {
    /// 核实: somebody shall look before it is filed.
    Verify {
        /// User name.
        user: String,
        /// What to look for.
        #[serde(default)]
        text: String,
    },
    /// What the look found.
    Verified {
        /// The finding.
        finding: SiteFinding,
        /// In words.
        #[serde(default)]
        text: String,
        /// Photos.
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    /// The form is corrected.
    Amend {
        /// What changes.
        patch: CasePatch,
        /// Why.
        reason: String,
    },
    /// 立案: it is a case.
    File {
        /// What was checked.
        #[serde(default)]
        text: String,
    },
    /// 不予立案: it is none.
    Reject {
        /// Why.
        reason: String,
    },
    /// 并案: it is the same as another one and goes on there.
    Merge {
        /// The order it goes on in.
        into: OrderId,
        /// Why.
        reason: String,
    },
    /// A merge is taken back.
    Unmerge {
        /// Why.
        reason: String,
    },
    /// 拆分: it is several things; each goes on as an order of its own.
    Split {
        /// The orders it becomes, 2 to 10.
        parts: Vec<SplitPart>,
        /// Why.
        reason: String,
    },
    /// 指派: meant for somebody; nobody is told yet.
    Assign {
        /// Whom; missing: nobody, what was meant is taken back.
        #[serde(default)]
        to: Option<Assignee>,
        /// Why, where it is not the first proposal.
        #[serde(default)]
        reason: String,
    },
    /// 派遣: sent.
    Dispatch {
        /// Whom; missing: the one it is assigned to.
        #[serde(default)]
        to: Option<Assignee>,
        /// Why, where it is not the first proposal.
        #[serde(default)]
        reason: String,
    },
    /// 撤回: taken back before it was accepted.
    Recall {
        /// Why.
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
    /// 到场: they are there and begin.
    Arrive {
        /// Degrees east, WGS-84.
        #[serde(default)]
        lon: Option<f64>,
        /// Degrees north.
        #[serde(default)]
        lat: Option<f64>,
    },
    /// 反馈: they say it is done.
    Finish {
        /// What was done.
        #[serde(default)]
        text: String,
        /// Photos.
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    /// 延期, 挂账, 申诉: something that needs approval.
    Ask {
        /// What.
        wish: Wish,
        /// Why.
        reason: String,
    },
    /// The wish is granted (by one of those who must).
    Approve {
        /// In words.
        #[serde(default)]
        text: String,
    },
    /// The wish is denied.
    Deny {
        /// Why.
        reason: String,
    },
    /// A suspended order goes on.
    Resume {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// 核查通过: checked, closed.
    Pass {
        /// What the check saw.
        #[serde(default)]
        text: String,
        /// Photos.
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    /// 返工: checked, not good.
    Rework {
        /// What is missing.
        reason: String,
        /// Photos.
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    /// 强制结案: closed without a check.
    Close {
        /// Why.
        reason: String,
    },
    /// 作废: not to be done.
    Cancel {
        /// Why.
        reason: String,
    },
    /// 督办: somebody above wants it done.
    Supervise {
        /// 1 to 3.
        level: u8,
        /// What they want.
        text: String,
    },
    /// 催办: whoever has it is reminded.
    Urge {
        /// In words.
        #[serde(default)]
        text: String,
    },
    /// A remark, photos or files.
    Comment {
        /// In words.
        #[serde(default)]
        text: String,
        /// Photos and files.
        #[serde(default)]
        attachments: Vec<Attachment>,
    },
    /// A clock says that its deadline comes near. The hub's own act.
    Warn {
        /// Which clock.
        stage: Stage,
    },
    /// A clock is over, or over by a further step. The hub's own act.
    Overdue {
        /// Which clock.
        stage: Stage,
        /// 1 at the deadline, then counted on.
        step: u32,
    },
    /// Another order was merged into this one, or goes its own way again. The hub's own act.
    Joined {
        /// The other order.
        other: OrderId,
        /// Whether it belongs here now.
        joined: bool,
    },
}

/// One of the orders that a case is split into.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitPart {
    /// Title.
    pub title: String,
    /// What is the matter.
    #[serde(default)]
    pub text: String,
    /// Kind; missing: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CaseKind>,
    /// Place; missing: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl OrderEvent {
    /// The word on the wire.
    pub fn name(&self) -> &'static str {
        use OrderEvent::*;
        match self {
            Verify { .. } => "verify",
            Verified { .. } => "verified",
            Amend { .. } => "amend",
            File { .. } => "file",
            Reject { .. } => "reject",
            Merge { .. } => "merge",
            Unmerge { .. } => "unmerge",
            Split { .. } => "split",
            Assign { .. } => "assign",
            Dispatch { .. } => "dispatch",
            Recall { .. } => "recall",
            Accept => "accept",
            Return { .. } => "return",
            Arrive { .. } => "arrive",
            Finish { .. } => "finish",
            Ask { .. } => "ask",
            Approve { .. } => "approve",
            Deny { .. } => "deny",
            Resume { .. } => "resume",
            Pass { .. } => "pass",
            Rework { .. } => "rework",
            Close { .. } => "close",
            Cancel { .. } => "cancel",
            Supervise { .. } => "supervise",
            Urge { .. } => "urge",
            Comment { .. } => "comment",
            Warn { .. } => "warn",
            Overdue { .. } => "overdue",
            Joined { .. } => "joined",
        }
    }

    /// The act in Chinese, as people say it.
    pub fn word(&self) -> &'static str {
        act_word(self.name())
    }

    /// Files that the act brings.
    pub fn attachments(&self) -> &[Attachment] {
        use OrderEvent::*;
        match self {
            Verified { attachments, .. }
            | Finish { attachments, .. }
            | Pass { attachments, .. }
            | Rework { attachments, .. }
            | Comment { attachments, .. } => attachments,
            _ => &[],
        }
    }
}

/// An act, named as on the wire, in Chinese.
pub fn act_word(name: &str) -> &'static str {
    match name {
        "verify" => "核实",
        "verified" => "反馈核实结果",
        "amend" => "修改案卷",
        "file" => "立案",
        "reject" => "不予立案",
        "merge" => "并案",
        "unmerge" => "取消并案",
        "split" => "拆分",
        "assign" => "指派",
        "dispatch" => "派遣",
        "recall" => "撤回",
        "accept" => "接单",
        "return" => "回退",
        "arrive" => "到场",
        "finish" => "反馈",
        "ask" => "提出申请",
        "approve" => "批准",
        "deny" => "驳回",
        "resume" => "恢复处置",
        "pass" => "核查通过",
        "rework" => "返工",
        "close" => "强制结案",
        "cancel" => "作废",
        "supervise" => "督办",
        "urge" => "催办",
        "comment" => "备注",
        "warn" => "预警",
        "overdue" => "超期",
        "joined" => "并入",
        _ => "办理",
    }
}

/// One act in the life of an order, as its trace shows it.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderEntry {
    /// Number of the act; the opening is 0.
    pub version: u64,
    /// When the hub stored it, Unix ms.
    pub at: i64,
    /// When the phone says it was done, Unix ms, where that was earlier (offline).
    pub done_at: Option<i64>,
    /// Who did it: user name, or `hub`.
    pub by: String,
    /// State after it.
    pub state: OrderState,
    /// What happened; none for the opening.
    pub event: Option<OrderEvent>,
}
