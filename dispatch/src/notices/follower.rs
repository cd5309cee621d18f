//! What an act means for notices and files, written in the act's own transaction.

use super::rows::to_json;
use super::{TargetNews, Work};
use crate::core::notices::begins;
use crate::orders::{Checking, OrderChange, OrderFollower, RulesBook};
use greenhub_model::ids::FileId;
use greenhub_model::order::{Attachment, Order};
use greenhub_storage::files::{hold, missing};
use greenhub_storage::relational::{Applying, StoreError};
use sqlx::AnyConnection;

/// Writes rings and holds files.
pub struct NoticeFollower {
    rules: RulesBook,
}

impl NoticeFollower {
    /// A follower that knows the teams of these rules.
    pub fn new(rules: RulesBook) -> Self {
        Self { rules }
    }

    /// The other system that takes this order, if one does.
    fn target(&self, order: &Order) -> Option<String> {
        let team = order.team.as_ref()?;
        self.rules.current().document.teams.iter().find(|row| row.id == *team)?.target.clone()
    }

    async fn follow_one(&self, connection: &mut AnyConnection, change: &OrderChange) -> Result<(), StoreError> {
        let OrderChange { before, after, entry } = change;
        let new: Vec<FileId> = match &entry.event {
            Some(event) => event.attachments().iter().map(|one| one.file.clone()).collect(),
            None => after.attachments.iter().map(|one| one.file.clone()).collect(),
        };
        hold(connection, &after.id, &new, entry.at).await?;
        if before.is_some() {
            wake(connection, after, &entry.by, entry.at).await?;
        }
        for ring in begins(before.as_ref(), after, entry) {
            let id = format!("{}~{}", after.id, entry.version);
            put_ring(connection, &id, after, &Work::Ring(ring), entry.at).await?;
        }
        let target = self.target(after).or_else(|| before.as_ref().and_then(|before| self.target(before)));
        if let Some(target) = target {
            let order = Order { reporter: None, ..after.clone() };
            let id = format!("{}~{}~target", after.id, entry.version);
            let news = Work::Target(Box::new(TargetNews { target, order, entry: entry.clone() }));
            put_ring(connection, &id, after, &news, entry.at).await?;
        }
        Ok(())
    }
}

impl OrderFollower for NoticeFollower {
    fn check<'a>(&'a self, connection: &'a mut AnyConnection, files: &'a [Attachment]) -> Checking<'a> {
        Box::pin(async move {
            let files: Vec<FileId> = files.iter().map(|one| one.file.clone()).collect();
            let missing = missing(connection, &files).await?;
            Ok(missing.map(|file| {
                let short: String = file.as_str().chars().take(12).collect();
                format!("附件 {short}… 尚未上传完成或已被移除，请先上传再提交")
            }))
        })
    }

    fn follow<'a>(&'a self, connection: &'a mut AnyConnection, changes: &'a [OrderChange]) -> Applying<'a> {
        Box::pin(async move {
            for change in changes {
                self.follow_one(connection, change).await?;
            }
            Ok(())
        })
    }
}

/// Whoever acts has answered what they were told; rings of the order are looked at again.
async fn wake(connection: &mut AnyConnection, order: &Order, by: &str, at: i64) -> Result<(), StoreError> {
    let failed = || StoreError::when("answer notices");
    let sql = "UPDATE order_notices SET state = 'answered', changed_at = $1 WHERE order_id = $2 AND recipient = $3 \
               AND state IN ('sent', 'delivered', 'read')";
    sqlx::query(sql).bind(at).bind(order.id.as_str()).bind(by).execute(&mut *connection).await.map_err(failed())?;
    sqlx::query("UPDATE order_rings SET next_at = $1 WHERE order_id = $2 AND next_at > $1")
        .bind(at)
        .bind(order.id.as_str())
        .execute(connection)
        .await
        .map_err(failed())?;
    Ok(())
}

async fn put_ring(
    connection: &mut AnyConnection,
    id: &str,
    order: &Order,
    work: &Work,
    at: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO order_rings (id, order_id, next_at, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(order.id.as_str())
        .bind(at)
        .bind(to_json(work))
        .execute(connection)
        .await
        .map_err(StoreError::when("begin a ring"))?;
    Ok(())
}
