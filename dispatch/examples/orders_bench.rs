//! What orders cost: transitions a second, the clock's look, lists and the map at 100,000 open orders. One JSON line each.
//!
//! [`OPENED`] orders are opened one by one and timed; the others are copies of them, written in one transaction and placed
//! beside one another, so that filling the tables takes no hour.
//!
//! `cargo run --release -p greenhub-dispatch --example orders_bench [ORDERS]`; `GREENHUB_TEST_POSTGRES` names a server to
//! use instead of SQLite in a temporary directory.

use greenhub_dispatch::core::district::District;
use greenhub_dispatch::core::statistics::Tally;
use greenhub_dispatch::{Actor, OrderAct, OrderFilter, OrderOpening, Orders};
use greenhub_model::order::{Assignee, CaseCategory, CaseForm, CaseKind, Order, OrderEvent, OrderSource, Place};
use greenhub_model::statistics::StatisticsBy;
use greenhub_model::{Priority, Role};
use greenhub_storage::relational::{Backend, Database, PageRequest};
use std::time::Instant;

/// Tuesday 2026-11-24, 10:00 in China.
const AT: i64 = 1_795_485_600_000;
const WRITERS: usize = 8;
const ACTS: usize = 1_000;
/// Opened as hubs do it.
const OPENED: usize = 1_000;

fn form(n: usize) -> CaseForm {
    CaseForm {
        source: OrderSource::Hotline,
        external: None,
        title: format!("暴露垃圾 {n}"),
        text: "小区门口堆放多日，影响通行".into(),
        kind: Some(CaseKind {
            scheme: "gbt47678-2026".into(),
            category: CaseCategory::Matter,
            code: ["06010", "06012", "06042"][n % 3].into(),
        }),
        priority: [Priority::P2, Priority::P3, Priority::P4][n % 3],
        place: Place {
            lon: Some(121.4 + (n % 1000) as f64 / 1e4),
            lat: Some(31.2 + (n / 1000) as f64 / 1e4),
            sub_district: format!("街道 {}", n % 14),
            ..Place::default()
        },
        reporter: None,
        seen_at: None,
        device: None,
        attachments: vec![],
    }
}

fn boss() -> Actor {
    Actor::person("boss", Role::Dispatcher)
}

fn act(order: &Order, key: String, at: i64, event: OrderEvent) -> OrderAct {
    OrderAct { order: order.id.clone(), request_id: key, actor: boss(), at, done_at: None, version: None, event }
}

fn urge(order: &Order, key: String) -> OrderAct {
    act(order, key, AT + 1, OrderEvent::Urge { text: String::new() })
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

fn report(what: &str, mut times_ms: Vec<f64>) {
    times_ms.sort_by(f64::total_cmp);
    let (p50, p99) = (percentile(&times_ms, 0.5), percentile(&times_ms, 0.99));
    println!(r#"{{"what":"{what}","n":{},"p50_ms":{p50:.3},"p99_ms":{p99:.3}}}"#, times_ms.len());
}

#[tokio::main]
async fn main() {
    let wanted: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let directory = std::env::temp_dir().join(format!("greenhub-orders-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let url = std::env::var("GREENHUB_TEST_POSTGRES").ok().filter(|url| !url.is_empty());
    let url = url.unwrap_or_else(|| format!("sqlite://{}/bench.db", directory.display()));
    let db = Database::open(&url).await.expect("a database");
    let orders = Orders::open(db.clone(), District::default(), AT).await.expect("tables");
    fill(&orders, wanted.min(OPENED)).await;
    copy(&db, wanted / OPENED).await;
    transitions(&orders).await;
    lists(&orders).await;
    map(&orders).await;
    ticks(&orders, wanted).await;
    std::fs::remove_dir_all(&directory).expect("the directory can go");
}

/// Copies what was opened until there are `times` as many, each copy a little further north and with its own deadline.
async fn copy(db: &Database, times: usize) {
    let started = Instant::now();
    let body = match db.backend() {
        Backend::Sqlite => {
            "json_set(body, '$.id', id || '-' || CAST($1 AS TEXT), '$.lat', json_extract(body, '$.lat') + $1 * 0.001)"
        }
        Backend::Postgres => {
            "(body::jsonb || jsonb_build_object('id', id || '-' || CAST($1 AS TEXT), 'lat', \
             (body::jsonb->>'lat')::float8 + $1 * 0.001))::text"
        }
    };
    let orders = format!(
        "INSERT INTO orders SELECT id || '-' || CAST($1 AS TEXT), alarm, source, opened_by, '', '', '', created_at - $1 * 60000, \
         state, priority, assignee, team, kind, sub_district, lon_e6, lat_e6 + $1 * 1000, updated_at, deadline + $1 * 1000, \
         next_due, version, search || ' ' || CAST($1 AS TEXT), {body} FROM orders WHERE request_id <> ''"
    );
    let events = "INSERT INTO order_events SELECT order_id || '-' || CAST($1 AS TEXT), version, request_id, at, done_at, actor, \
                  role, state, rules_version, event FROM order_events WHERE order_id NOT LIKE '%-%-%'";
    let mut tx = db.begin().await.expect("a transaction");
    for n in 1..times as i64 {
        for sql in [&*orders, events] {
            sqlx::query(sqlx::AssertSqlSafe(sql.replace("$1", &n.to_string())))
                .execute(&mut *tx)
                .await
                .expect("copied");
        }
    }
    tx.commit().await.expect("kept");
    println!(
        r#"{{"what":"copies","n":{},"s":{:.0}}}"#,
        OPENED * times.saturating_sub(1),
        started.elapsed().as_secs_f64()
    );
}

/// What the map and a form ask for: the open orders shown at the start, those of a past moment, and what is near a case.
async fn map(orders: &Orders) {
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let filter = OrderFilter { late_first: true, ..OrderFilter::open() };
        orders.list(&filter, &PageRequest::first(1000)).await.expect("listed");
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    report("map: 1,000 orders nearest their deadline", times);
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        orders.open_at(AT + 5, 2_000).await.expect("read");
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    report("map: 2,000 orders of a past moment", times);
    let page = orders.list(&OrderFilter::open(), &PageRequest::first(200)).await.expect("listed").items;
    let mut times = Vec::new();
    for order in &page {
        let started = Instant::now();
        orders.duplicates(order).await.expect("looked");
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    report("duplicates of a case", times);
    let started = Instant::now();
    let rules = orders.in_force();
    let mut tally = Tally::new(AT - 86_400_000, AT + 10, Some(StatisticsBy::SubDistrict), &rules.calendar);
    orders.tally(&mut tally, AT - 86_400_000, AT + 10, None).await.expect("counted");
    let reported = tally.report(480, str::to_owned).total.reported;
    println!(
        r#"{{"what":"statistics of a day, all orders","reported":{reported},"ms":{:.0}}}"#,
        started.elapsed().as_secs_f64() * 1e3
    );
}

/// Opens orders, many in a transaction only as far as writers queue: each opening is one.
async fn fill(orders: &Orders, wanted: usize) {
    let started = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let orders = orders.clone();
            tokio::spawn(async move {
                for n in (writer..wanted).step_by(WRITERS) {
                    let (request_id, form) = (format!("open-{n}"), form(n));
                    let opening = OrderOpening { request_id, form, file: true, actor: boss(), at: AT, done_at: None };
                    orders.open_order(&opening).await.expect("opened");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(r#"{{"what":"openings","n":{wanted},"per_s":{:.0}}}"#, wanted as f64 / seconds);
}

async fn transitions(orders: &Orders) {
    let page = orders.list(&OrderFilter::open(), &PageRequest::first(1000)).await.expect("listed").items;
    let mut alone = Vec::with_capacity(ACTS);
    for (n, order) in page.iter().cycle().take(ACTS).enumerate() {
        let started = Instant::now();
        orders.act(&urge(order, format!("alone-{n}"))).await.expect("done");
        alone.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let total: f64 = alone.iter().sum();
    println!(r#"{{"what":"transitions, one writer","per_s":{:.0}}}"#, ACTS as f64 / total * 1e3);
    report("transition, one writer", alone);

    let started = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (orders, page) = (orders.clone(), page.clone());
            tokio::spawn(async move {
                for (n, order) in page.iter().cycle().skip(writer * 100).take(ACTS).enumerate() {
                    orders.act(&urge(order, format!("w{writer}-{n}"))).await.expect("done");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    let per_s = (WRITERS * ACTS) as f64 / started.elapsed().as_secs_f64();
    println!(r#"{{"what":"transitions, {WRITERS} writers","per_s":{per_s:.0}}}"#);

    let to = Some(Assignee::Team { team: "crew".into() });
    let send =
        |order: &Order| act(order, "send".into(), AT + 2, OrderEvent::Dispatch { to: to.clone(), reason: "近".into() });
    let acts: Vec<OrderAct> = page.iter().take(500).map(send).collect();
    let started = Instant::now();
    let done = orders.act_together(&acts).await.expect("done").iter().filter(|result| result.is_ok()).count();
    let ms = started.elapsed().as_secs_f64() * 1e3;
    println!(r#"{{"what":"one call that dispatches 500","done":{done},"ms":{ms:.0}}}"#);
}

async fn lists(orders: &Orders) {
    let open = OrderFilter::open;
    let filters = [
        ("newest open", open()),
        ("late first", OrderFilter { late_first: true, ..open() }),
        ("one sub-district", OrderFilter { sub_district: Some("街道 3".into()), ..open() }),
        ("one team", OrderFilter { team: Some("crew".into()), ..open() }),
        ("text found", OrderFilter { text: Some("垃圾 99".into()), ..open() }),
        ("text not found", OrderFilter { text: Some("没有这样的字".into()), ..open() }),
    ];
    for (what, filter) in filters {
        let mut times = Vec::new();
        for _ in 0..100 {
            let started = Instant::now();
            orders.list(&filter, &PageRequest::first(100)).await.expect("listed");
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        report(&format!("list of 100, {what}"), times);
    }
}

async fn ticks(orders: &Orders, wanted: usize) {
    let mut idle = Vec::new();
    for _ in 0..100 {
        let started = Instant::now();
        orders.tick(AT + 3, 1).await.expect("looked");
        idle.push(started.elapsed().as_secs_f64() * 1e3);
    }
    report(&format!("clock's look, nothing due, {wanted} open"), idle);
    // The first moment at which some are due: all P2 orders warn at the same second.
    let started = Instant::now();
    let acted = orders.tick(AT + 1_800_000, 25).await.expect("looked");
    let per_s = acted as f64 / started.elapsed().as_secs_f64();
    println!(r#"{{"what":"clock's acts when thousands are due","acts":{acted},"per_s":{per_s:.0}}}"#);
}
