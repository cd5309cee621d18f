//! Orders of a hub that knew only alarms: the tables of the first migration, filled as it filled them, then opened today.

use super::{MIGRATIONS, MODULE, Orders};
use crate::core::Actor;
use crate::core::district::District;
use crate::{OrderAct, OrderFilter};
use greenhub_model::order::{OrderEvent, OrderSource, OrderState};
use greenhub_model::{OrderId, Priority, Role};
use greenhub_storage::relational::PageRequest;
use greenhub_storage::relational::testing::on_every_database;

const AT: i64 = 1_790_000_000_000;

/// An order as the first version wrote it.
fn body(id: &str, state: &str) -> String {
    format!(
        r#"{{"id":"{id}","alarm":"C-1.HOT.7","title":"过温","priority":"P1","state":"{state}","device":"C-1","class":"charger",
            "lon":121.42,"lat":31.22,"sub_district":"示范街道","assignee":null,"created_at":{AT},"updated_at":{AT}}}"#
    )
}

#[tokio::test]
async fn orders_of_the_first_tables_are_there_and_go_on() {
    on_every_database(async |stage| {
        let db = stage.open().await;
        db.migrate(MODULE, &MIGRATIONS[..1]).await.expect("the first tables");
        for (id, state) in [("W-open", "unassigned"), ("W-void", "cancelled")] {
            let order = "INSERT INTO orders VALUES ($1, $2, $3, 'P1', '', $4, 0, $5)";
            let order = sqlx::query(order).bind(id).bind("C-1.HOT.7").bind(state).bind(AT).bind(body(id, state));
            order.execute(db.writer()).await.expect("an old order");
            let event = "INSERT INTO order_events VALUES ($1, 0, '', $2, 'hub', $3, '')";
            sqlx::query(event).bind(id).bind(AT).bind(state).execute(db.writer()).await.expect("its opening");
        }
        let orders = Orders::open(db, District::default(), AT).await.expect("opened today");
        let open = orders.list(&OrderFilter::open(), &PageRequest::first(10)).await.expect("listed");
        assert_eq!(open.items.len(), 1, "{}", stage.label);
        let id = OrderId::new("W-open").expect("an id");
        let order = orders.get(&id).await.expect("read").expect("kept");
        assert_eq!((order.state, order.source, order.priority), (OrderState::Filed, OrderSource::Alarm, Priority::P1));
        assert_eq!((order.title.as_str(), order.lon, order.version), ("过温", Some(121.42), 0), "{}", stage.label);
        let entries = orders.entries(&id).await.expect("its trace");
        assert_eq!((entries.len(), entries[0].state), (1, OrderState::Filed), "{}", stage.label);
        let cancel = OrderAct {
            order: id.clone(),
            request_id: "r".into(),
            actor: Actor::person("boss", Role::Dispatcher),
            at: AT + 9,
            done_at: None,
            version: None,
            event: OrderEvent::Cancel { reason: "误报".into() },
        };
        orders.act(&cancel).await.expect("it goes on");
        assert_eq!(
            orders.get(&id).await.expect("read").expect("there").state,
            OrderState::Cancelled,
            "{}",
            stage.label
        );
        assert_eq!(orders.entries(&id).await.expect("its trace").len(), 2, "{}", stage.label);
    })
    .await;
}
