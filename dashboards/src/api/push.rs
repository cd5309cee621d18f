//! Web Push: each person subscribes own browsers, sees and removes them, and may try them.

use super::audit::note;
use super::notify::TestAnswer;
use crate::access::Caller;
use crate::extract::Body;
use crate::problem::Problem;
use crate::state::{AppState, PushDoor};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_alarms::notify::trial;
use greenhub_model::notify::Receiver;
use greenhub_model::push::{Endpoint, PushKeys, PushSubscription};
use greenhub_storage::accounts::Outcome;
use serde::{Deserialize, Serialize};

/// What a browser subscribes with.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PushKeyAnswer {
    /// `applicationServerKey`: a point of P-256, base64url.
    pub key: String,
}

/// The hub's public key for push services.
#[utoipa::path(get, path = "/api/v1/push/key", tag = "notify",
    responses((status = 200, body = PushKeyAnswer), (status = 404, body = Problem)))]
pub async fn key(State(state): State<AppState>) -> Result<Json<PushKeyAnswer>, Problem> {
    Ok(Json(PushKeyAnswer { key: door(&state)?.key.to_string() }))
}

fn door(state: &AppState) -> Result<&PushDoor, Problem> {
    state
        .notify
        .push
        .as_ref()
        .ok_or_else(|| Problem::not_found("本系统未启用通知（配置 notify.enabled），无法开启桌面通知"))
}

/// A browser as its owner sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PushBrowser {
    /// Its address, by which it is told from others.
    pub endpoint: String,
    /// What it calls itself.
    pub label: String,
    /// When it was subscribed, Unix ms.
    pub at: i64,
}

/// The caller's browsers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PushBrowsers {
    /// The newest first.
    pub items: Vec<PushBrowser>,
}

/// Browsers that the caller has subscribed.
#[utoipa::path(get, path = "/api/v1/push/subscriptions", tag = "notify",
    responses((status = 200, body = PushBrowsers)))]
pub async fn list(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<PushBrowsers>, Problem> {
    let browsers = state.notify.journal.browsers(&caller.session.username).await?;
    let items = browsers.into_iter().map(|browser| PushBrowser {
        endpoint: browser.subscription.endpoint.as_str().to_owned(),
        label: browser.subscription.label,
        at: browser.at,
    });
    Ok(Json(PushBrowsers { items: items.collect() }))
}

/// A subscription as `PushSubscription.toJSON()` of the browser has it, and what the browser calls itself.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscribeRequest {
    /// Where its push service takes messages.
    pub endpoint: String,
    /// Its keys.
    pub keys: PushKeys,
    /// Given by some browsers; of no use here.
    #[serde(default, rename = "expirationTime")]
    pub expiration_time: Option<f64>,
    /// What it calls itself.
    #[serde(default)]
    pub label: String,
}

/// Subscribe a browser of the caller, or renew it.
#[utoipa::path(post, path = "/api/v1/push/subscriptions", tag = "notify", request_body = SubscribeRequest,
    responses((status = 201, body = PushBrowser), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn subscribe(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<SubscribeRequest>,
) -> Result<(StatusCode, Json<PushBrowser>), Problem> {
    let door = door(&state)?;
    let endpoint = Endpoint::new(&request.endpoint, &door.hosts)
        .map_err(|why| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))?;
    let (user, now) = (caller.session.username.clone(), state.now().millis());
    let subscription = PushSubscription { user, endpoint, keys: request.keys, label: request.label };
    let id = state.notify.journal.subscribe(&subscription, &door.key, now).await?;
    note(&state, &caller, "push_subscribed", &id, Outcome::Done, subscription.endpoint.authority()).await;
    let PushSubscription { endpoint, label, .. } = subscription;
    Ok((StatusCode::CREATED, Json(PushBrowser { endpoint: endpoint.as_str().to_owned(), label, at: now })))
}

/// Which browser.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsubscribeRequest {
    /// Its address.
    pub endpoint: String,
}

/// Take a browser of the caller out; one that is not there is out already.
#[utoipa::path(delete, path = "/api/v1/push/subscriptions", tag = "notify", request_body = UnsubscribeRequest,
    responses((status = 204, description = "it is out")))]
pub async fn unsubscribe(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<UnsubscribeRequest>,
) -> Result<StatusCode, Problem> {
    let user = &caller.session.username;
    if state.notify.journal.unsubscribe(user, &request.endpoint).await? {
        note(&state, &caller, "push_unsubscribed", user, Outcome::Done, "").await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Tell the caller something, in the page and on all own browsers, to see that it arrives.
#[utoipa::path(post, path = "/api/v1/push/test", tag = "notify",
    responses((status = 202, body = TestAnswer), (status = 404, body = Problem)))]
pub async fn test(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
) -> Result<(StatusCode, Json<TestAnswer>), Problem> {
    door(&state)?;
    let (user, now) = (caller.session.username.as_str(), state.now().millis());
    let seq = state.notify.journal.enqueue(&trial(Receiver::User(user.to_owned()), user, now), now).await?;
    Ok((StatusCode::ACCEPTED, Json(TestAnswer { seq })))
}
