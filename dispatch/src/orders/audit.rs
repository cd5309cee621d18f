//! The hub's own acts in the audit log, in the transaction of the act: what was filed, sent, warned of or escalated
//! without a person is found where the acts of people are.

use super::{Checking, OrderChange, OrderFollower};
use crate::core::Actor;
use greenhub_model::order::{Attachment, OrderEvent};
use greenhub_model::time::ReceivedTime;
use greenhub_storage::accounts::{NewAuditEntry, Outcome, append_in};
use greenhub_storage::relational::{Applying, Backend};
use sqlx::AnyConnection;

/// Writes each act of the hub into the audit log.
///
/// Openings are not among them: an alarm that opens an order is in the alarms' own book.
pub struct HubActs {
    backend: Backend,
}

impl HubActs {
    /// For a database of this kind.
    pub fn new(backend: Backend) -> Self {
        Self { backend }
    }
}

/// The hub's word on why, where its act has one.
fn why(event: &OrderEvent) -> &str {
    match event {
        OrderEvent::File { text } => text,
        OrderEvent::Dispatch { reason, .. } | OrderEvent::Resume { reason } => reason,
        _ => "",
    }
}

impl OrderFollower for HubActs {
    fn check<'a>(&'a self, _connection: &'a mut AnyConnection, _files: &'a [Attachment]) -> Checking<'a> {
        Box::pin(async { Ok(None) })
    }

    fn follow<'a>(&'a self, connection: &'a mut AnyConnection, changes: &'a [OrderChange]) -> Applying<'a> {
        Box::pin(async move {
            let hub = Actor::hub().user;
            for change in changes.iter().filter(|change| change.entry.by == hub) {
                let Some(event) = &change.entry.event else { continue };
                let (object, after) = (format!("order {}", change.after.id), &change.after);
                let detail = format!("{}: {} v{} {}", event.name(), after.state.word(), after.version, why(event));
                let entry = NewAuditEntry {
                    at: ReceivedTime(change.entry.at),
                    actor: &hub,
                    origin: "",
                    action: "order_act",
                    object: &object,
                    outcome: Outcome::Done,
                    detail: detail.trim_end(),
                };
                append_in(connection, self.backend, &entry).await?;
            }
            Ok(())
        })
    }
}
