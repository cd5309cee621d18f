//! Alarms: lists, one with all that belongs to it, and what people do to them. A command goes into the log like any
//! message; the answer shows the alarm as the dataflow left it.

use super::List;
use super::audit::note;
use crate::access::Caller;
use crate::extract::{Body, Named, Params, paging, words};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use greenhub_model::alarm::{Reason, Repeats};
use greenhub_model::order::Order;
use greenhub_model::{Alarm, AlarmEvent, AlarmId, Class, Command, CommandRequest, DeviceId, OrderId, Position};
use greenhub_storage::accounts::Outcome;
use greenhub_storage::relational::{AlarmFilter, AlarmMember, PageRequest};
use serde::{Deserialize, Serialize};

/// Which alarms.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AlarmQuery {
    /// Comma list of states.
    #[serde(default)]
    pub state: Option<String>,
    /// Comma list of priorities.
    #[serde(default)]
    pub priority: Option<String>,
    /// Only of this device.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub source: Option<DeviceId>,
    /// Only of this class.
    #[serde(default)]
    pub class: Option<Class>,
    /// Only standing ones (true), or only those that are over (false).
    #[serde(default)]
    pub standing: Option<bool>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A page of alarms, newest first.
#[utoipa::path(get, path = "/api/v1/alarms", tag = "alarms", params(AlarmQuery),
    responses((status = 200, body = List<Alarm>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Params(query): Params<AlarmQuery>,
) -> Result<Json<List<Alarm>>, Problem> {
    let page = paging(query.limit, query.cursor)?;
    let filter = AlarmFilter {
        states: words("state", query.state.as_deref())?,
        priorities: words("priority", query.priority.as_deref())?,
        source: query.source,
        class: query.class,
        standing: query.standing,
        folded_under: None,
    };
    Ok(Json(state.alarms.list(&filter, &page).await?.into()))
}

/// One raise or repeat that was merged into an occurrence.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Member {
    /// Log position of the message; of the last one where it stands for several.
    pub position: Position,
    /// The messages it stands for, where it is more than one: repeats that were told together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Repeats>,
    /// Event time, Unix ms.
    pub at: i64,
    /// Value it brought.
    pub value: Option<f64>,
    /// Its text.
    pub text: String,
}

impl From<AlarmMember> for Member {
    fn from(member: AlarmMember) -> Self {
        let AlarmMember { position, repeats, at, value, text } = member;
        Self { position, repeats, at, value, text }
    }
}

/// An alarm with all that belongs to it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AlarmDetail {
    /// As it stands.
    pub alarm: Alarm,
    /// What happened to it, in order.
    pub timeline: Vec<AlarmEvent>,
    /// What was merged into it.
    pub members: Vec<Member>,
    /// Alarms folded under it, newest first, at most 1,000.
    pub folded: Vec<Alarm>,
    /// Why it has its priority.
    pub explanation: Vec<Reason>,
    /// The order it triggered.
    pub order: Option<Order>,
}

/// One alarm.
#[utoipa::path(get, path = "/api/v1/alarms/{id}", tag = "alarms", params(("id" = AlarmId, Path)),
    responses((status = 200, body = AlarmDetail), (status = 404, body = Problem)))]
pub async fn get(State(state): State<AppState>, Named(id): Named<AlarmId>) -> Result<Json<AlarmDetail>, Problem> {
    let alarm = current(&state, &id).await?;
    let timeline = state.alarms.events(&id).await?;
    let members = state.alarms.members(&id).await?.into_iter().map(Member::from).collect();
    let under = AlarmFilter { folded_under: Some(id.clone()), ..AlarmFilter::default() };
    let folded = state.alarms.list(&under, &PageRequest::first(1000)).await?.items;
    let order = OrderId::of_alarm(&id);
    let order = match state.live.order(&order) {
        Some(order) => Some(order),
        None => state.orders.get(&order).await?,
    };
    Ok(Json(AlarmDetail { explanation: alarm.priority_reasons.clone(), alarm, timeline, members, folded, order }))
}

/// The live state is never behind the tables, so it is asked first.
async fn current(state: &AppState, id: &AlarmId) -> Result<Alarm, Problem> {
    if let Some(alarm) = state.live.last_alarm(id) {
        return Ok(alarm);
    }
    let stored = state.alarms.get(id).await?;
    stored.ok_or_else(|| Problem::not_found(format!("There is no alarm {id}.")))
}

/// An alarm after a change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AlarmAnswer {
    /// As it stands now.
    pub alarm: Alarm,
}

/// I have seen it.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// A remark.
    #[serde(default)]
    pub comment: Option<String>,
    /// Idempotency key: the same one again changes nothing and gives the same answer.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// Hide it for a time.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShelveRequest {
    /// Until then, Unix ms.
    pub until: i64,
    /// Why.
    pub reason: String,
    /// Ends already when the condition goes.
    #[serde(default)]
    pub one_shot: bool,
    /// The second person, where the alarm is highly managed.
    #[serde(default)]
    pub witness: Option<Witness>,
    /// Idempotency key.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// A second person who consents on the spot.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// Show it again.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnshelveRequest {
    /// Idempotency key.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// A remark.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentRequest {
    /// What to say.
    pub text: String,
    /// Idempotency key.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// Acknowledge an alarm.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/acknowledge", tag = "alarms", params(("id" = AlarmId, Path)),
    request_body = AcknowledgeRequest,
    responses((status = 200, body = AlarmAnswer), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn acknowledge(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<AlarmId>,
    Body(request): Body<AcknowledgeRequest>,
) -> Result<Json<AlarmAnswer>, Problem> {
    let comment = checked_text("comment", request.comment.unwrap_or_default())?;
    let command = Command::Acknowledge { alarm: id, comment };
    submit(&state, &caller, "alarm_acknowledge", command, request.request_id).await
}

/// Shelve an alarm.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/shelve", tag = "alarms", params(("id" = AlarmId, Path)),
    request_body = ShelveRequest,
    responses((status = 200, body = AlarmAnswer), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn shelve(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<AlarmId>,
    Body(request): Body<ShelveRequest>,
) -> Result<Json<AlarmAnswer>, Problem> {
    let reason = checked_text("reason", request.reason)?;
    let witness = match request.witness {
        Some(second) => Some(super::session::witness(&state, &caller, &second.username, &second.password).await?),
        None => None,
    };
    let command = Command::Shelve { alarm: id, until: request.until, reason, one_shot: request.one_shot, witness };
    submit(&state, &caller, "alarm_shelve", command, request.request_id).await
}

/// Unshelve an alarm.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/unshelve", tag = "alarms", params(("id" = AlarmId, Path)),
    request_body = UnshelveRequest,
    responses((status = 200, body = AlarmAnswer), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn unshelve(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<AlarmId>,
    Body(request): Body<UnshelveRequest>,
) -> Result<Json<AlarmAnswer>, Problem> {
    submit(&state, &caller, "alarm_unshelve", Command::Unshelve { alarm: id }, request.request_id).await
}

/// Comment on an alarm.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/comment", tag = "alarms", params(("id" = AlarmId, Path)),
    request_body = CommentRequest,
    responses((status = 200, body = AlarmAnswer), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn comment(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<AlarmId>,
    Body(request): Body<CommentRequest>,
) -> Result<Json<AlarmAnswer>, Problem> {
    let text = checked_text("text", request.text)?;
    submit(&state, &caller, "alarm_comment", Command::Comment { alarm: id, text }, request.request_id).await
}

/// Release a latched alarm.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/reset", tag = "alarms", params(("id" = AlarmId, Path)),
    request_body = UnshelveRequest,
    responses((status = 200, body = AlarmAnswer), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn reset(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<AlarmId>,
    Body(request): Body<UnshelveRequest>,
) -> Result<Json<AlarmAnswer>, Problem> {
    submit(&state, &caller, "alarm_reset", Command::Reset { alarm: id }, request.request_id).await
}

/// Undo a merge.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnfoldRequest {
    /// Why.
    pub reason: String,
    /// Idempotency key.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// Undo the merge of an alarm under another one.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/unfold", tag = "alarms", params(("id" = AlarmId, Path)),
    request_body = UnfoldRequest,
    responses((status = 200, body = AlarmAnswer), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn unfold(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<AlarmId>,
    Body(request): Body<UnfoldRequest>,
) -> Result<Json<AlarmAnswer>, Problem> {
    let reason = checked_text("reason", request.reason)?;
    submit(&state, &caller, "alarm_unfold", Command::Unfold { alarm: id, reason }, request.request_id).await
}

/// Several alarms at once.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkAcknowledgeRequest {
    /// Which, 1 to 500.
    pub alarms: Vec<AlarmId>,
    /// A remark for each.
    #[serde(default)]
    pub comment: Option<String>,
    /// Idempotency key.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// What came of each alarm of a bulk act.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BulkAnswer {
    /// Done, or done before under this key.
    pub done: Vec<AlarmId>,
    /// Not done, and why.
    pub refused: Vec<BulkRefusal>,
}

/// One alarm that a bulk act left as it was.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct BulkRefusal {
    /// The alarm.
    pub alarm: AlarmId,
    /// Why, and what would help.
    pub why: String,
}

/// Most alarms of one bulk act.
const BULK_MAX: usize = 500;

/// Acknowledge many alarms; each is judged for itself.
#[utoipa::path(post, path = "/api/v1/alarms/acknowledge", tag = "alarms", request_body = BulkAcknowledgeRequest,
    responses((status = 200, body = BulkAnswer), (status = 400, body = Problem)))]
pub async fn acknowledge_many(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<BulkAcknowledgeRequest>,
) -> Result<Json<BulkAnswer>, Problem> {
    if request.alarms.is_empty() || request.alarms.len() > BULK_MAX {
        return Err(Problem::bad_request(format!("alarms must name 1 to {BULK_MAX} alarms")));
    }
    let comment = checked_text("comment", request.comment.unwrap_or_default())?;
    // One key for all: an alarm remembers it for itself, so a repetition finds each one done.
    let key = scoped(&caller.session.username, request.request_id)?;
    let commands = request.alarms.iter().map(|alarm| {
        let command = Command::Acknowledge { alarm: alarm.clone(), comment: comment.clone() };
        let request_id = format!("{key}:{alarm}");
        let by = caller.session.username.clone();
        state.commands.submit(CommandRequest { request_id, by, role: caller.session.role, command })
    });
    let results = futures_util::future::join_all(commands).await;
    let mut answer = BulkAnswer { done: vec![], refused: vec![] };
    for (alarm, result) in request.alarms.into_iter().zip(results) {
        let (outcome, detail) = match &result {
            Ok(()) => (Outcome::Done, String::new()),
            Err(failure) => (Outcome::Refused, failure.to_string()),
        };
        note(&state, &caller, "alarm_acknowledge", alarm.as_str(), outcome, &detail).await;
        match result {
            Ok(()) => answer.done.push(alarm),
            Err(_) => answer.refused.push(BulkRefusal { alarm, why: detail }),
        }
    }
    Ok(Json(answer))
}

const TEXT_CHARS_MAX: usize = 2_000;
const REQUEST_ID_BYTES_MAX: usize = 64;

fn checked_text(name: &str, text: String) -> Result<String, Problem> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(Problem::bad_request(format!("{name} may have at most {TEXT_CHARS_MAX} characters")));
    }
    Ok(text)
}

async fn submit(
    state: &AppState,
    caller: &Caller,
    action: &'static str,
    command: Command,
    request_id: Option<String>,
) -> Result<Json<AlarmAnswer>, Problem> {
    let id = command.alarm().cloned().expect("this module only builds commands on alarms");
    self::command(state, caller, action, command, request_id).await?;
    Ok(Json(AlarmAnswer { alarm: current(state, &id).await? }))
}

/// Gives a command to the dataflow, waits for its result, and writes both into the audit log.
pub(super) async fn command(
    state: &AppState,
    caller: &Caller,
    action: &'static str,
    command: Command,
    request_id: Option<String>,
) -> Result<(), Problem> {
    let object = command.object().to_owned();
    let request = CommandRequest {
        request_id: scoped(&caller.session.username, request_id)?,
        by: caller.session.username.clone(),
        role: caller.session.role,
        command,
    };
    let result = state.commands.submit(request).await;
    let (outcome, detail) = match &result {
        Ok(()) => (Outcome::Done, String::new()),
        Err(failure) => (Outcome::Refused, failure.to_string()),
    };
    note(state, caller, action, &object, outcome, &detail).await;
    Ok(result?)
}

/// Request ids of one person never meet those of another.
fn scoped(username: &str, request_id: Option<String>) -> Result<String, Problem> {
    match request_id {
        Some(id) if id.is_empty() || id.len() > REQUEST_ID_BYTES_MAX => {
            Err(Problem::bad_request(format!("request_id must have 1 to {REQUEST_ID_BYTES_MAX} bytes")))
        }
        Some(id) => Ok(format!("{username}:{id}")),
        None => {
            let random = getrandom::u64().map_err(|error| Problem::unavailable("draw a request id", &error))?;
            let more = getrandom::u64().map_err(|error| Problem::unavailable("draw a request id", &error))?;
            Ok(format!("{username}:{random:016x}{more:016x}"))
        }
    }
}
