//! The interface document (OpenAPI 3.1), generated from the handlers and the types they speak.

use super::media;
use super::{
    alarms, audit, backtests, changes, devices, files, health, ledger, live, map, metrics, mqtt, orders, quarantine,
    rules, session,
};
use super::{kpi, messages, notify, past, push, service, staff, suggestions, system, units, users};
use crate::problem::Problem;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::sync::LazyLock;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Greenhub", description = "Hub for monitoring and dispatch of a city district. \
        Times are Unix milliseconds, coordinates WGS-84 degrees, errors RFC 9457 problem documents."),
    paths(
        health::process, health::ready, metrics::page, document, mqtt::upgrade,
        session::login, session::show, session::logout, session::change_password,
        live::upgrade,
        past::open, past::show, past::turn, past::close, past::upgrade,
        units::list, units::get, units::track,
        devices::list, devices::get, devices::history,
        alarms::list, alarms::get, alarms::acknowledge, alarms::shelve, alarms::unshelve, alarms::comment,
        alarms::acknowledge_many, alarms::reset, alarms::unfold,
        service::list, service::floods, service::remove, service::give_back,
        suggestions::list,
        kpi::desks, kpi::show, kpi::show_csv, kpi::handover, kpi::handover_csv,
        notify::notifications, notify::mark_read, notify::rules, notify::put_rules, notify::deliveries, notify::test,
        push::key, push::list, push::subscribe, push::unsubscribe, push::test,
        orders::list, orders::get, orders::acts::open, orders::acts::act, orders::acts::act_many,
        orders::acts::allowed, orders::rules::dispatch_rules, orders::rules::put_dispatch_rules,
        orders::rules::dispatch_versions, orders::rules::codes,
        orders::export::export,
        messages::list, messages::read, messages::of_order, messages::called,
        files::begin, files::progress, files::append, files::get, files::thumb, files::info,
        orders::advice::candidates, orders::advice::duplicates, orders::advice::plan,
        orders::statistics::show, orders::statistics::mine,
        staff::list, staff::shift, staff::turn, staff::positions,
        quarantine::list, quarantine::counts,
        ledger::show, map::district, system::show,
        media::list, media::show, media::publish, media::watch, media::end,
        media::recordings::switch, media::recordings::list, media::recordings::video, media::recordings::verify,
        media::recordings::hold,
        audit::list, audit::verify,
        changes::list, changes::get, changes::candidate, changes::create, changes::check, changes::edit,
        changes::submit, changes::withdraw, changes::emergency, changes::review, changes::approve, changes::reject,
        changes::verify, backtests::start, backtests::get, backtests::cancel,
        rules::show, rules::versions, rules::version, rules::rollback, rules::audit, rules::restore,
        users::list, users::add, users::change, users::set_password,
    ),
    components(schemas(
        Problem, greenhub_model::kpi::TrendWidth, orders::statistics::StatisticsFormat,
        greenhub_model::order::OrderEvent, greenhub_model::order::OrderEntry, greenhub_model::order::CaseForm,
        greenhub_model::dispatch::DispatchRules, greenhub_model::dispatch::CodeEntry,
        greenhub_model::dispatch::StaffView, greenhub_model::dispatch::Candidate, greenhub_model::dispatch::Plan,
        greenhub_model::dispatch::Duplicate,
    )),
    modifiers(&Security, &Names),
    security(("bearer" = []), ("cookie" = []))
)]
pub struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let cookie = ApiKeyValue::with_description(
            crate::access::COOKIE,
            "Writes need the header X-Greenhub-Request: 1 as well.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// Each call is named by its method and path. The names of handlers repeat (`list`, `show`), and programs made from a
/// document in which two calls share a name mix them up.
struct Names;

impl Modify for Names {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let place = path.trim_start_matches("/api").trim_start_matches("/v1").replace(['{', '}'], "");
            let place = place.trim_matches('/').replace(['/', '-', '.'], "_");
            let calls = [
                ("get", &mut item.get),
                ("head", &mut item.head),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, call) in calls {
                if let Some(call) = call {
                    call.operation_id = Some(format!("{method}_{place}"));
                }
            }
        }
    }
}

static TEXT: LazyLock<Bytes> =
    LazyLock::new(|| Document::openapi().to_json().expect("the document is plain data").into());

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "health", security(()),
    responses((status = 200, body = serde_json::Value)))]
pub async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone()).into_response()
}
