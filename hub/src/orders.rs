//! Orders at work: opened with the district, shown live, and their clocks looked at each second.

use crate::staffing::fix_of;
use anyhow::{Context, Result};
use greenhub_dashboards::live::Live;
use greenhub_dispatch::core::district::District;
use greenhub_dispatch::notices::NoticeFollower;
use greenhub_dispatch::{HubActs, OrderFilter, Orders};
use greenhub_model::dispatch::StaffMember;
use greenhub_storage::log::Clock;
use greenhub_storage::relational::{Database, PageRequest};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Transactions of one look; what is left is due at the next.
const ROUNDS: u32 = 25;
/// Orders shown live at the start; the page reads the others as lists.
const SHOWN_MAX: usize = 5_000;

/// The orders of this hub; each change is shown live.
pub async fn open(db: &Database, district: &[u8], live: &Live, now: i64) -> Result<Orders> {
    let district = District::of_geojson(district);
    let orders = Orders::open(db.clone(), district, now).await.context("open the orders")?;
    let follower = NoticeFollower::new(orders.rules().clone());
    let audit = HubActs::new(db.backend());
    let shown = live.clone();
    let positions = Arc::new(move |member: &StaffMember| fix_of(&shown, member));
    let orders = orders.followed(Arc::new(follower)).followed(Arc::new(audit)).knowing(positions);
    let live = live.clone();
    Ok(orders.telling(Arc::new(move |changed| live.put_orders(changed, 0))))
}

/// Shows the open orders, the latest first.
pub async fn show_open(live: &Live, orders: &Orders, known_to: u64) -> Result<()> {
    let (mut page, mut shown) = (PageRequest::first(1000), 0);
    let filter = OrderFilter { late_first: true, ..OrderFilter::open() };
    loop {
        let rows = orders.list(&filter, &page).await.context("read the open orders")?;
        live.put_orders(&rows.items, known_to);
        shown += rows.items.len();
        match rows.next.filter(|_| shown < SHOWN_MAX) {
            Some(next) => page.cursor = Some(next),
            None => return Ok(()),
        }
    }
}

/// Looks each second, on the second, for clocks that are due, until `stop`.
pub async fn watch_clocks(orders: Orders, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let now = clock.now().millis();
        match orders.tick(now, ROUNDS).await {
            Ok(_) if failing => {
                info!("the clocks of orders go on");
                failing = false;
            }
            Ok(_) => {}
            Err(error) if !failing => {
                warn!(%error, "the clocks of orders wait, trying again");
                failing = true;
            }
            Err(_) => {}
        }
        let rest = 1000 - clock.now().millis().rem_euclid(1000);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(rest.unsigned_abs())) => {}
        }
    }
}
