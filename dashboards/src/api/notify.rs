//! Notices: what was said to the caller, the rules that say whom to tell, and the journal of deliveries.

use super::List;
use super::audit::note;
use super::kpi::rules_now;
use crate::access::Caller;
use crate::extract::{Body, Params, paging, words};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_alarms::notify::{builtin, problems, receiver_problem, trial};
use greenhub_model::notify::{Delivery, Notification, NotifyChannel, NotifyRules, Receiver};
use greenhub_storage::accounts::Outcome;
use greenhub_storage::notify::NOTIFICATIONS_MAX;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Which notifications.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NotificationQuery {
    /// Number of the last one seen; the newest ones where it is missing.
    #[serde(default)]
    pub after: Option<i64>,
    /// Rows wanted, 1 to 500; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Notifications of the caller.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Notifications {
    /// Oldest first.
    pub items: Vec<Notification>,
    /// What to ask after next time.
    pub last: i64,
    /// Number of the newest one that the caller has read; 0 for none.
    pub read: i64,
    /// How many the caller has not read.
    pub unread: u64,
}

/// What was said to the caller's role, or to the caller.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notify", params(NotificationQuery),
    responses((status = 200, body = Notifications), (status = 400, body = Problem)))]
pub async fn notifications(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<NotificationQuery>,
) -> Result<Json<Notifications>, Problem> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=NOTIFICATIONS_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit must lie between 1 and {NOTIFICATIONS_MAX}")));
    }
    let journal = &state.notify.journal;
    let items = journal.notifications(receivers(&caller), query.after, limit).await?;
    let last = items.last().map_or(query.after.unwrap_or(0), |item| item.seq);
    let read = journal.read_up_to(&caller.session.username).await?;
    let unread = journal.count_after(receivers(&caller), read).await?;
    Ok(Json(Notifications { items, last, read, unread }))
}

fn receivers(caller: &Caller) -> [String; 2] {
    let user = Receiver::User(caller.session.username.clone());
    [Receiver::Role(caller.session.role).to_string(), user.to_string()]
}

/// What was read.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadRequest {
    /// Number of the newest notification that was read; it never goes back.
    pub seq: i64,
}

/// How much is unread.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReadAnswer {
    /// Number of the newest one that was read.
    pub read: i64,
    /// How many the caller has not read.
    pub unread: u64,
}

/// The caller has read notifications up to this one.
#[utoipa::path(put, path = "/api/v1/notifications/read", tag = "notify", request_body = ReadRequest,
    responses((status = 200, body = ReadAnswer), (status = 422, body = Problem)))]
pub async fn mark_read(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<ReadRequest>,
) -> Result<Json<ReadAnswer>, Problem> {
    let (journal, user) = (&state.notify.journal, &caller.session.username);
    let newest = journal.newest().await?;
    if !(0..=newest).contains(&request.seq) {
        let detail = format!("seq 须为收到的通知编号，在 0 到 {newest} 之间");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    journal.mark_read(user, request.seq).await?;
    let read = journal.read_up_to(user).await?;
    Ok(Json(ReadAnswer { read, unread: journal.count_after(receivers(&caller), read).await? }))
}

/// A receiver of the configuration.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConfiguredReceiver {
    /// Its name in rules.
    pub name: String,
    /// Its channel.
    pub kind: NotifyChannel,
    /// The host it leads to; what is secret is not shown.
    pub target: String,
}

/// The rules in force.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NotifyRulesAnswer {
    /// The rules.
    pub rules: NotifyRules,
    /// Their version.
    pub version: u64,
    /// Who made them; empty for those built in.
    pub by: String,
    /// When, Unix ms; 0 for those built in.
    pub at: i64,
    /// Names that rules may use.
    pub receivers: Vec<ConfiguredReceiver>,
}

/// The rules in force, and the receivers they may name.
#[utoipa::path(get, path = "/api/v1/notify/rules", tag = "notify", responses((status = 200, body = NotifyRulesAnswer)))]
pub async fn rules(State(state): State<AppState>) -> Result<Json<NotifyRulesAnswer>, Problem> {
    let row = state.notify.journal.rules().await?;
    let (rules, by, at) = row.map_or_else(|| (builtin(), String::new(), 0), |row| (row.rules, row.author, row.at));
    let receiver = |(name, (kind, target)): (&String, &(NotifyChannel, String))| ConfiguredReceiver {
        name: name.clone(),
        kind: *kind,
        target: target.clone(),
    };
    let receivers = state.notify.receivers.iter().map(receiver).collect();
    Ok(Json(NotifyRulesAnswer { version: rules.version, rules, by, at, receivers }))
}

/// Put new rules in force; `version` is that of the rules they were made from.
#[utoipa::path(put, path = "/api/v1/notify/rules", tag = "notify", request_body = NotifyRules,
    responses((status = 200, body = NotifyRulesAnswer), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn put_rules(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(mut new): Body<NotifyRules>,
) -> Result<Json<NotifyRulesAnswer>, Problem> {
    let found = problems(&new, &configured(&state), &desks(&state));
    if !found.is_empty() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, found.join("\n")));
    }
    let there = state.notify.journal.rules().await?.map_or_else(|| builtin().version, |row| row.rules.version);
    let faster = || Problem::new(StatusCode::CONFLICT, "通知规则已被其他人修改，请刷新后在新版本上重新修改");
    if new.version != there {
        return Err(faster());
    }
    new.version += 1;
    let by = caller.session.username.as_str();
    if !state.notify.journal.put_rules(&new, by, state.now().millis()).await? {
        return Err(faster());
    }
    state.notify.bell.notify_one();
    let detail = format!("version {}", new.version);
    note(&state, &caller, "notify_rules", "notify", Outcome::Done, &detail).await;
    rules(State(state)).await
}

/// Which deliveries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// Comma list of states.
    #[serde(default)]
    pub state: Option<String>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A page of the journal, newest first.
#[utoipa::path(get, path = "/api/v1/notify/deliveries", tag = "notify", params(DeliveryQuery),
    responses((status = 200, body = List<Delivery>), (status = 400, body = Problem)))]
pub async fn deliveries(
    State(state): State<AppState>,
    Params(query): Params<DeliveryQuery>,
) -> Result<Json<List<Delivery>>, Problem> {
    let page = paging(query.limit, query.cursor)?;
    let states = words("state", query.state.as_deref())?;
    Ok(Json(state.notify.journal.list(&states, &page).await?.into()))
}

/// Whom to tell a trial.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestRequest {
    /// The receiver.
    pub receiver: Receiver,
}

/// A queued trial.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TestAnswer {
    /// Its row of the journal.
    pub seq: i64,
}

/// Send a trial notice through the journal.
#[utoipa::path(post, path = "/api/v1/notify/test", tag = "notify", request_body = TestRequest,
    responses((status = 202, body = TestAnswer), (status = 422, body = Problem)))]
pub async fn test(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<TestRequest>,
) -> Result<(StatusCode, Json<TestAnswer>), Problem> {
    if let Some(why) = receiver_problem(&request.receiver, &configured(&state)) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let now = state.now().millis();
    let object = request.receiver.to_string();
    let seq = state.notify.journal.enqueue(&trial(request.receiver, &caller.session.username, now), now).await?;
    note(&state, &caller, "notify_test", &object, Outcome::Done, "").await;
    Ok((StatusCode::ACCEPTED, Json(TestAnswer { seq })))
}

fn configured(state: &AppState) -> BTreeMap<String, NotifyChannel> {
    state.notify.receivers.iter().map(|(name, (kind, _))| (name.clone(), *kind)).collect()
}

fn desks(state: &AppState) -> BTreeSet<String> {
    rules_now(state).correlate.desks.iter().map(|desk| desk.id.clone()).collect()
}
