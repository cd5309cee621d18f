//! The one table of all routes: method, path, whom it admits, handler. The router is built from it, the interface
//! document is checked against it, and a test walks all routes with all roles.

use crate::access::{Admits, guard};
use crate::api::media;
use crate::api::{
    alarms, audit, backtests, changes, devices, files, health, ledger, live, map, mqtt, orders, quarantine, rules,
    session, system,
};
use crate::api::{kpi, messages, metrics, notify, openapi, past, push, service, staff, suggestions, units, users};
use crate::state::AppState;
use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{self, MethodRouter};
use greenhub_model::Role;

/// Everybody with a session.
pub const EVERY_ROLE: Admits = Admits::Roles(&Role::ALL);
/// Who answers for alarms at the desk and in the plant.
pub const OPERATORS: Admits = Admits::Roles(&[Role::Dispatcher, Role::PlantOperator]);
/// Who may say something about an alarm.
pub const COMMENTERS: Admits =
    Admits::Roles(&[Role::Dispatcher, Role::PlantOperator, Role::Clerk, Role::PatrolOfficer, Role::Crew]);
/// Who may see where people have been: positions of a shift are personal data.
pub const TRACK_READERS: Admits = Admits::Roles(&[Role::Dispatcher, Role::Clerk, Role::Auditor, Role::Administrator]);
/// Who looks after devices and their data.
pub const CARETAKERS: Admits =
    Admits::Roles(&[Role::Dispatcher, Role::PlantOperator, Role::Auditor, Role::Administrator]);
/// Who may ask for a change of the rules.
pub const REQUESTERS: Admits = Admits::Roles(&[Role::Dispatcher, Role::PlantOperator, Role::Administrator]);
/// Who may review, approve, reject and verify one; never the person who asked for it.
pub const REVIEWERS: Admits = Admits::Roles(&[Role::PlantOperator, Role::Administrator]);
/// Who may see how a desk is served, and what a shift hands over.
pub const KPI_READERS: Admits =
    Admits::Roles(&[Role::Dispatcher, Role::PlantOperator, Role::Clerk, Role::Auditor, Role::Administrator]);
/// Who may upload files: everybody but those who only look.
pub const FILE_SENDERS: Admits = Admits::Roles(&[
    Role::Dispatcher,
    Role::PlantOperator,
    Role::Clerk,
    Role::PatrolOfficer,
    Role::Crew,
    Role::Administrator,
]);
/// Who may read the audit log.
pub const AUDITORS: Admits = Admits::Roles(&[Role::Auditor, Role::Administrator]);
/// Who may change accounts.
pub const ADMINISTRATORS: Admits = Admits::Roles(&[Role::Administrator]);

/// Who may report cases and act on orders; which act by whom, the order book decides.
pub const DOERS: Admits = Admits::Roles(&[
    Role::Dispatcher,
    Role::PlantOperator,
    Role::Clerk,
    Role::PatrolOfficer,
    Role::Crew,
    Role::Administrator,
]);
/// Who may watch and hear a unit.
pub const WATCHERS: Admits = Admits::Roles(&[Role::Dispatcher, Role::Administrator]);
/// Who may see what was recorded of a unit, and keep it as evidence.
pub const REPLAYERS: Admits = Admits::Roles(&[Role::Dispatcher, Role::Auditor, Role::Administrator]);
/// Who may send picture and sound, for the unit they carry; who watches sees all.
pub const CARRIERS: Admits = Admits::Roles(&[Role::PatrolOfficer, Role::Crew, Role::Dispatcher, Role::Administrator]);

/// Who works in the field and shares where they are.
pub const FIELD: Admits = Admits::Roles(&[Role::PatrolOfficer, Role::Crew]);
/// Who gives orders out and may see where people are for it.
pub const SENDERS: Admits = Admits::Roles(&[Role::Dispatcher, Role::Clerk, Role::Administrator]);

/// One route.
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path with `{parameters}`.
    pub path: &'static str,
    /// Whom it admits.
    pub admits: Admits,
    handler: MethodRouter<AppState>,
}

fn get<H, T>(path: &'static str, admits: Admits, handler: H) -> Route
where
    H: axum::handler::Handler<T, AppState>,
    T: 'static,
{
    Route { method: Method::GET, path, admits, handler: routing::get(handler) }
}

fn head<H, T>(path: &'static str, admits: Admits, handler: H) -> Route
where
    H: axum::handler::Handler<T, AppState>,
    T: 'static,
{
    Route { method: Method::HEAD, path, admits, handler: routing::head(handler) }
}

fn post<H, T>(path: &'static str, admits: Admits, handler: H) -> Route
where
    H: axum::handler::Handler<T, AppState>,
    T: 'static,
{
    Route { method: Method::POST, path, admits, handler: routing::post(handler) }
}

fn put<H, T>(path: &'static str, admits: Admits, handler: H) -> Route
where
    H: axum::handler::Handler<T, AppState>,
    T: 'static,
{
    Route { method: Method::PUT, path, admits, handler: routing::put(handler) }
}

fn patch<H, T>(path: &'static str, admits: Admits, handler: H) -> Route
where
    H: axum::handler::Handler<T, AppState>,
    T: 'static,
{
    Route { method: Method::PATCH, path, admits, handler: routing::patch(handler) }
}

fn delete<H, T>(path: &'static str, admits: Admits, handler: H) -> Route
where
    H: axum::handler::Handler<T, AppState>,
    T: 'static,
{
    Route { method: Method::DELETE, path, admits, handler: routing::delete(handler) }
}

/// All routes.
pub fn table() -> Vec<Route> {
    use Admits::Anybody;
    vec![
        get("/healthz", Anybody, health::process),
        get("/readyz", Anybody, health::ready),
        get("/metrics", Anybody, metrics::page),
        get("/api/openapi.json", Anybody, openapi::document),
        get("/mqtt", Anybody, mqtt::upgrade),
        post("/api/v1/session", Anybody, session::login),
        get("/api/v1/session", EVERY_ROLE, session::show),
        delete("/api/v1/session", EVERY_ROLE, session::logout),
        put("/api/v1/session/password", EVERY_ROLE, session::change_password),
        get("/api/v1/live", EVERY_ROLE, live::upgrade),
        post("/api/v1/past", TRACK_READERS, past::open),
        get("/api/v1/past/{id}", TRACK_READERS, past::show),
        put("/api/v1/past/{id}/speed", TRACK_READERS, past::turn),
        delete("/api/v1/past/{id}", TRACK_READERS, past::close),
        get("/api/v1/past/{id}/live", TRACK_READERS, past::upgrade),
        get("/api/v1/units", EVERY_ROLE, units::list),
        get("/api/v1/units/{id}", EVERY_ROLE, units::get),
        get("/api/v1/units/{id}/track", TRACK_READERS, units::track),
        get("/api/v1/devices", EVERY_ROLE, devices::list),
        get("/api/v1/devices/{id}", EVERY_ROLE, devices::get),
        get("/api/v1/devices/{id}/history", EVERY_ROLE, devices::history),
        get("/api/v1/alarms", EVERY_ROLE, alarms::list),
        get("/api/v1/alarms/{id}", EVERY_ROLE, alarms::get),
        post("/api/v1/alarms/{id}/acknowledge", OPERATORS, alarms::acknowledge),
        post("/api/v1/alarms/{id}/shelve", OPERATORS, alarms::shelve),
        post("/api/v1/alarms/{id}/unshelve", OPERATORS, alarms::unshelve),
        post("/api/v1/alarms/acknowledge", OPERATORS, alarms::acknowledge_many),
        post("/api/v1/alarms/{id}/reset", OPERATORS, alarms::reset),
        post("/api/v1/alarms/{id}/unfold", OPERATORS, alarms::unfold),
        get("/api/v1/out-of-service", EVERY_ROLE, service::list),
        get("/api/v1/floods", EVERY_ROLE, service::floods),
        post("/api/v1/devices/{id}/remove-from-service", OPERATORS, service::remove),
        post("/api/v1/devices/{id}/return-to-service", OPERATORS, service::give_back),
        post("/api/v1/alarms/{id}/comment", COMMENTERS, alarms::comment),
        get("/api/v1/alarm-suggestions", KPI_READERS, suggestions::list),
        get("/api/v1/desks", KPI_READERS, kpi::desks),
        get("/api/v1/alarm-kpi", KPI_READERS, kpi::show),
        get("/api/v1/alarm-kpi.csv", KPI_READERS, kpi::show_csv),
        get("/api/v1/handover", KPI_READERS, kpi::handover),
        get("/api/v1/handover.csv", KPI_READERS, kpi::handover_csv),
        get("/api/v1/notifications", EVERY_ROLE, notify::notifications),
        put("/api/v1/notifications/read", EVERY_ROLE, notify::mark_read),
        get("/api/v1/push/key", EVERY_ROLE, push::key),
        get("/api/v1/push/subscriptions", EVERY_ROLE, push::list),
        post("/api/v1/push/subscriptions", EVERY_ROLE, push::subscribe),
        delete("/api/v1/push/subscriptions", EVERY_ROLE, push::unsubscribe),
        post("/api/v1/push/test", EVERY_ROLE, push::test),
        get("/api/v1/notify/rules", CARETAKERS, notify::rules),
        put("/api/v1/notify/rules", ADMINISTRATORS, notify::put_rules),
        get("/api/v1/notify/deliveries", CARETAKERS, notify::deliveries),
        post("/api/v1/notify/test", ADMINISTRATORS, notify::test),
        get("/api/v1/orders", EVERY_ROLE, orders::list),
        post("/api/v1/orders", DOERS, orders::acts::open),
        post("/api/v1/orders/acts", DOERS, orders::acts::act_many),
        post("/api/v1/orders/plan", SENDERS, orders::advice::plan),
        get("/api/v1/orders/statistics", KPI_READERS, orders::statistics::show),
        get("/api/v1/me/statistics", EVERY_ROLE, orders::statistics::mine),
        get("/api/v1/orders/export", KPI_READERS, orders::export::export),
        get("/api/v1/orders/{id}", EVERY_ROLE, orders::get),
        get("/api/v1/orders/{id}/candidates", SENDERS, orders::advice::candidates),
        get("/api/v1/orders/{id}/duplicates", KPI_READERS, orders::advice::duplicates),
        get("/api/v1/staff", TRACK_READERS, staff::list),
        get("/api/v1/me/shift", EVERY_ROLE, staff::shift),
        post("/api/v1/me/shift", FIELD, staff::turn),
        post("/api/v1/me/positions", FIELD, staff::positions),
        post("/api/v1/orders/{id}/acts", DOERS, orders::acts::act),
        get("/api/v1/orders/{id}/acts/allowed", EVERY_ROLE, orders::acts::allowed),
        get("/api/v1/dispatch/rules", EVERY_ROLE, orders::rules::dispatch_rules),
        put("/api/v1/dispatch/rules", ADMINISTRATORS, orders::rules::put_dispatch_rules),
        get("/api/v1/dispatch/rules/versions", KPI_READERS, orders::rules::dispatch_versions),
        get("/api/v1/dispatch/codes", EVERY_ROLE, orders::rules::codes),
        get("/api/v1/orders/{id}/notices", EVERY_ROLE, messages::of_order),
        get("/api/v1/me/messages", EVERY_ROLE, messages::list),
        post("/api/v1/me/messages/{id}/read", EVERY_ROLE, messages::read),
        post("/api/v1/notices/calls/{id}", Anybody, messages::called),
        post("/api/v1/files", FILE_SENDERS, files::begin),
        head("/api/v1/files/uploads/{id}", FILE_SENDERS, files::progress),
        patch("/api/v1/files/uploads/{id}", FILE_SENDERS, files::append),
        get("/api/v1/files/{id}", EVERY_ROLE, files::get),
        get("/api/v1/files/{id}/thumb", EVERY_ROLE, files::thumb),
        get("/api/v1/files/{id}/info", EVERY_ROLE, files::info),
        get("/api/v1/quarantine", CARETAKERS, quarantine::list),
        get("/api/v1/quarantine/counts", CARETAKERS, quarantine::counts),
        get("/api/v1/ledger", EVERY_ROLE, ledger::show),
        get("/api/v1/map/district", EVERY_ROLE, map::district),
        get("/api/v1/media", WATCHERS, media::list),
        get("/api/v1/media/{unit}", CARRIERS, media::show),
        post("/api/v1/media/{unit}/whip", CARRIERS, media::publish),
        post("/api/v1/media/{unit}/whep", WATCHERS, media::watch),
        delete("/api/v1/media/sessions/{session}", CARRIERS, media::end),
        post("/api/v1/media/{unit}/record", WATCHERS, media::recordings::switch),
        get("/api/v1/media/{unit}/recordings", REPLAYERS, media::recordings::list),
        get("/api/v1/media/{unit}/recordings/{id}/video", REPLAYERS, media::recordings::video),
        get("/api/v1/media/{unit}/recordings/{id}/verification", REPLAYERS, media::recordings::verify),
        put("/api/v1/media/{unit}/recordings/{id}/hold", REPLAYERS, media::recordings::hold),
        get("/api/v1/system", EVERY_ROLE, system::show),
        get("/api/v1/changes", EVERY_ROLE, changes::list),
        post("/api/v1/changes", REQUESTERS, changes::create),
        post("/api/v1/changes/check", REQUESTERS, changes::check),
        get("/api/v1/changes/{id}", EVERY_ROLE, changes::get),
        patch("/api/v1/changes/{id}", REQUESTERS, changes::edit),
        get("/api/v1/changes/{id}/rules", EVERY_ROLE, changes::candidate),
        post("/api/v1/changes/{id}/submit", REQUESTERS, changes::submit),
        post("/api/v1/changes/{id}/withdraw", REQUESTERS, changes::withdraw),
        post("/api/v1/changes/{id}/emergency", REVIEWERS, changes::emergency),
        post("/api/v1/changes/{id}/review", REVIEWERS, changes::review),
        post("/api/v1/changes/{id}/approve", REVIEWERS, changes::approve),
        post("/api/v1/changes/{id}/reject", REVIEWERS, changes::reject),
        post("/api/v1/changes/{id}/verify", REVIEWERS, changes::verify),
        get("/api/v1/changes/{id}/backtest", EVERY_ROLE, backtests::get),
        post("/api/v1/changes/{id}/backtest", REQUESTERS, backtests::start),
        delete("/api/v1/changes/{id}/backtest", REQUESTERS, backtests::cancel),
        get("/api/v1/rules", EVERY_ROLE, rules::show),
        get("/api/v1/rules/versions", EVERY_ROLE, rules::versions),
        get("/api/v1/rules/versions/{id}", EVERY_ROLE, rules::version),
        post("/api/v1/rules/versions/{id}/rollback", REQUESTERS, rules::rollback),
        get("/api/v1/rules/audit", EVERY_ROLE, rules::audit),
        post("/api/v1/rules/restore", REVIEWERS, rules::restore),
        get("/api/v1/audit", AUDITORS, audit::list),
        get("/api/v1/audit/verdict", AUDITORS, audit::verify),
        get("/api/v1/users", ADMINISTRATORS, users::list),
        post("/api/v1/users", ADMINISTRATORS, users::add),
        patch("/api/v1/users/{username}", ADMINISTRATORS, users::change),
        put("/api/v1/users/{username}/password", ADMINISTRATORS, users::set_password),
    ]
}

/// The table as a router, each route behind its guard.
pub fn guarded(state: &AppState) -> Router<AppState> {
    table().into_iter().fold(Router::new(), |router, route| {
        let guarded = route.handler.route_layer(from_fn_with_state((state.clone(), route.admits), guard));
        router.route(route.path, guarded)
    })
}
