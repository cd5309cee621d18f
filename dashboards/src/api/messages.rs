//! Order notices: messages to the caller, the notices of an order, and what a voice gateway says came of a call.

use super::List;
use crate::access::Caller;
use crate::extract::{Named, Params, paging};
use crate::ports::{CallResult, SignedCall};
use crate::problem::Problem;
use crate::send_file::header_text;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use bytes::Bytes;
use greenhub_model::OrderId;
use greenhub_model::notice::{OrderMessage, OrderNotice};
use serde::Deserialize;

const TIMESTAMP: HeaderName = HeaderName::from_static("x-greenhub-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-greenhub-signature");

/// Which messages.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// Only those that were not opened yet.
    #[serde(default)]
    pub unread: Option<bool>,
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// Messages to the caller, newest first.
#[utoipa::path(get, path = "/api/v1/me/messages", tag = "messages", params(MessageQuery),
    responses((status = 200, body = List<OrderMessage>), (status = 400, body = Problem)))]
pub async fn list(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<MessageQuery>,
) -> Result<Json<List<OrderMessage>>, Problem> {
    let page = paging(query.limit, query.cursor)?;
    let (user, now) = (caller.session.username.as_str(), state.now().millis());
    Ok(Json(state.order_notices.messages(user, query.unread.unwrap_or(false), &page, now).await?.into()))
}

/// The caller has opened a message.
#[utoipa::path(post, path = "/api/v1/me/messages/{id}/read", tag = "messages", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn read(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<i64>,
) -> Result<StatusCode, Problem> {
    match state.order_notices.read(&caller.session.username, id, state.now().millis()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("没有这条消息。 There is no such message.")),
    }
}

/// Who was told of an order, newest first, at most 1000.
#[utoipa::path(get, path = "/api/v1/orders/{id}/notices", tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = Vec<OrderNotice>)))]
pub async fn of_order(
    State(state): State<AppState>,
    Named(id): Named<OrderId>,
) -> Result<Json<Vec<OrderNotice>>, Problem> {
    Ok(Json(state.order_notices.of_order(&id).await?))
}

/// What came of a voice call.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct CallReport {
    /// What came of it.
    pub result: CallResult,
}

/// A voice gateway says what came of a call. No session: it signs time and body like our own calls to it.
#[utoipa::path(post, path = "/api/v1/notices/calls/{id}", tag = "messages", params(("id" = i64, Path),
    ("X-Greenhub-Timestamp" = String, Header), ("X-Greenhub-Signature" = String, Header)),
    request_body = CallReport, security(()),
    responses((status = 204), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn called(
    State(state): State<AppState>,
    Named(notice): Named<i64>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let wrong = |error: serde_json::Error| Problem::unusable(format!("the result of a call cannot be read: {error}"));
    let report: CallReport = serde_json::from_slice(&body).map_err(wrong)?;
    let signed = SignedCall {
        notice,
        result: report.result,
        timestamp: header_text(&headers, TIMESTAMP).unwrap_or_default(),
        signature: header_text(&headers, SIGNATURE).unwrap_or_default(),
        body: &body,
        now: state.now().millis(),
    };
    match state.order_notices.called(signed).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(StatusCode::UNAUTHORIZED, "The signature is not that of the voice gateway.")),
    }
}
