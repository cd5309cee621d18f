//! Bad news for clients: RFC 9457 problem documents, everywhere and in one form.
//!
//! `title` names the kind of problem, `detail` is a sentence for the person in front of the screen. What went wrong
//! inside the hub is logged where it is handled and not shown.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use greenhub_alarms::RuleProblem;
use greenhub_alarms::change::{CandidateError, ChangeRefusal};
use greenhub_storage::accounts::AccountError;
use greenhub_storage::relational::StoreError;
use serde::Serialize;
use tracing::error;

use crate::ports::{CommandFailure, OrderFailure, PortFailure};
use greenhub_model::CommandRefusal;
use greenhub_model::order::OrderRefusal;

/// Media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[schema(value_type = String)]
    r#type: &'static str,
    /// The status in words.
    pub title: String,
    /// HTTP status.
    #[schema(value_type = u16)]
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    /// A sentence for people.
    pub detail: String,
    /// Each thing that is wrong, where there are several and each has a place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub problems: Vec<PlacedProblem>,
    /// Why an act on an order did not happen, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub refusal: Option<Box<OrderRefusal>>,
    /// Seconds to wait before another attempt makes sense.
    #[serde(skip)]
    retry_after_s: Option<i64>,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PlacedProblem {
    /// Keys to the place, for example `limits[3].deadband`.
    pub path: String,
    /// What is wrong and what to do (Chinese).
    pub text: String,
}

impl From<RuleProblem> for PlacedProblem {
    fn from(problem: RuleProblem) -> Self {
        Self { path: problem.path, text: problem.text }
    }
}

fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with this status and sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem").to_owned();
        Self {
            r#type: "about:blank",
            title,
            status,
            detail: detail.into(),
            problems: vec![],
            refusal: None,
            retry_after_s: None,
        }
    }

    /// 400: the request is not understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 401: nobody is logged in.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "请先登录。 Log in first: there is no valid session.")
    }

    /// 403: somebody is logged in, but may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 503: a part of the hub does not answer. `why` is logged, not shown.
    pub fn unavailable(attempt: &'static str, why: &dyn std::fmt::Display) -> Self {
        error!(attempt, %why, "request failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "A part of the hub does not answer now; try again in a moment.")
    }

    /// 422: what was sent is understood and cannot be used.
    pub fn unusable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// The same problem with each thing that is wrong.
    pub fn listing(mut self, problems: impl IntoIterator<Item = RuleProblem>) -> Self {
        self.problems = problems.into_iter().map(PlacedProblem::from).collect();
        self
    }

    /// The same problem with a time to wait.
    pub fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("a problem is plain strings and numbers");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        // An id that breaks its grammar names nothing.
        Self::not_found(rejection.body_text())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Row { table: "cursor", why } => Self::bad_request(why),
            other => Self::unavailable("read or write the database", &Chain(&other)),
        }
    }
}

impl From<PortFailure> for Problem {
    fn from(failure: PortFailure) -> Self {
        Self::unavailable("ask a part of the hub", &failure)
    }
}

impl From<CommandFailure> for Problem {
    fn from(failure: CommandFailure) -> Self {
        let status = match &failure {
            CommandFailure::Refused(CommandRefusal::NoSuchAlarm { .. }) => StatusCode::NOT_FOUND,
            CommandFailure::Refused(CommandRefusal::NotNow { .. }) => StatusCode::CONFLICT,
            CommandFailure::Refused(CommandRefusal::Invalid { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
            CommandFailure::NotAccepting { .. } => StatusCode::SERVICE_UNAVAILABLE,
            CommandFailure::Pending => StatusCode::GATEWAY_TIMEOUT,
        };
        Self::new(status, failure.to_string())
    }
}

impl From<OrderFailure> for Problem {
    fn from(failure: OrderFailure) -> Self {
        let status = match &failure {
            OrderFailure::Unknown(_) => StatusCode::NOT_FOUND,
            OrderFailure::Refused(OrderRefusal::Role { .. }) => StatusCode::FORBIDDEN,
            OrderFailure::Refused(OrderRefusal::Invalid { .. }) | OrderFailure::Wrong(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            OrderFailure::Refused(_) | OrderFailure::Overtaken(_) => StatusCode::CONFLICT,
            OrderFailure::Port(why) => return Self::unavailable("ask the order book", why),
        };
        let mut problem = Self::new(status, failure.to_string());
        match failure {
            OrderFailure::Refused(refusal) => problem.refusal = Some(Box::new(refusal)),
            OrderFailure::Wrong(sentences) => {
                let placed = |text| PlacedProblem { path: String::new(), text };
                problem.problems = sentences.into_iter().map(placed).collect();
            }
            _ => {}
        }
        problem
    }
}

impl From<ChangeRefusal> for Problem {
    fn from(refusal: ChangeRefusal) -> Self {
        let status = match &refusal {
            ChangeRefusal::NotYours { .. } | ChangeRefusal::Own { .. } | ChangeRefusal::Role { .. } => {
                StatusCode::FORBIDDEN
            }
            ChangeRefusal::Words { .. } | ChangeRefusal::NoDifference => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<CandidateError> for Problem {
    fn from(error: CandidateError) -> Self {
        Self::unusable(error.to_string()).listing(error.problems())
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let status = match &error {
            AccountError::BadName(_) | AccountError::Password(_) => StatusCode::UNPROCESSABLE_ENTITY,
            AccountError::Exists(_) | AccountError::LastAdministrator(_) => StatusCode::CONFLICT,
            AccountError::Unknown(_) => StatusCode::NOT_FOUND,
            AccountError::Busy => {
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(1);
            }
            AccountError::Store(_) => return Self::unavailable("change an account", &Chain(&error)),
        };
        Self::new(status, error.to_string())
    }
}

/// An error with everything that caused it, for one line of the log.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
