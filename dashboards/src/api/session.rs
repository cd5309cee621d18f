//! Logging in and out. The token comes back in the answer (for programs) and as a cookie that scripts cannot read.

use crate::access::{COOKIE, Caller};
use crate::extract::Body;
use crate::problem::{Chain, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use greenhub_model::{ReceivedTime, Role};
use greenhub_storage::accounts::{LoginFailure, Session};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Name and password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// What the person types.
    pub username: String,
    /// Their password.
    pub password: String,
}

/// Somebody with a session.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Person {
    /// User name.
    pub username: String,
    /// Name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The session ends then at the latest, Unix ms.
    pub expires_at: i64,
}

/// A new session.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LoginAnswer {
    /// For `Authorization: Bearer`.
    pub token: String,
    /// Whose session it is.
    pub user: Person,
    /// The session ends then at the latest, Unix ms.
    pub expires_at: i64,
    /// The password should be changed now: it is a first one, or too old.
    pub must_change_password: bool,
}

/// Another password for oneself.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    pub current: String,
    /// The password from now on.
    pub password: String,
}

impl From<Session> for Person {
    fn from(session: Session) -> Self {
        Self { username: session.username, name: session.name, role: session.role, expires_at: session.expires_at }
    }
}

/// Log in.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = LoginRequest, security(()),
    responses((status = 200, body = LoginAnswer), (status = 401, body = Problem, description = "name or password wrong"),
        (status = 429, body = Problem, description = "locked or too many attempts; see Retry-After")))]
pub async fn login(
    State(state): State<AppState>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Body(request): Body<LoginRequest>,
) -> Result<Response, Problem> {
    let now = state.now();
    let peer = peer.map_or(std::net::Ipv4Addr::LOCALHOST.into(), |Extension(info)| info.0.ip());
    state.login_limit.attempt(peer, now).map_err(too_many)?;
    let login = state
        .accounts
        .login(&request.username, &request.password, &peer.to_string(), now)
        .await
        .map_err(|failure| refused(failure, now))?;
    let cookie = cookie(&state, &login.token, (login.session.expires_at - now.millis()) / 1000);
    let answer = LoginAnswer {
        token: login.token,
        expires_at: login.session.expires_at,
        user: login.session.into(),
        must_change_password: login.must_change,
    };
    Ok(([(header::SET_COOKIE, cookie)], Json(answer)).into_response())
}

/// A second person consents on the spot: name and password, no session of their own. Returns the name.
pub(super) async fn witness(
    state: &AppState,
    caller: &Caller,
    username: &str,
    password: &str,
) -> Result<String, Problem> {
    let now = state.now();
    state.login_limit.attempt(caller.peer, now).map_err(too_many)?;
    let proof = state.accounts.login(username, password, &caller.peer.to_string(), now).await;
    let login = proof.map_err(|failure| match failure {
        LoginFailure::Wrong => {
            Problem::forbidden("授权人的用户名或密码错误。 The second person's name or password is wrong.")
        }
        other => refused(other, now),
    })?;
    state.accounts.logout(&login.token, &caller.peer.to_string(), now).await?;
    if !crate::routes::OPERATORS.admits(Some(login.session.role)) {
        return Err(Problem::forbidden(
            "授权人须为值班调度员或处置中心值班员。 The second person must be an operator.",
        ));
    }
    Ok(login.session.username)
}

fn too_many(seconds: i64) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "登录尝试过多，请稍后再试。 Too many attempts from this address.")
        .retry_after(seconds)
}

fn refused(failure: LoginFailure, now: ReceivedTime) -> Problem {
    match failure {
        LoginFailure::Wrong => {
            Problem::new(StatusCode::UNAUTHORIZED, "用户名或密码错误。 The user name or password is wrong.")
        }
        LoginFailure::Locked { until } => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "失败次数过多，账号已暂时锁定。 Too many failures: the account is locked for a while.",
        )
        .retry_after((until - now.millis()).div_euclid(1000) + 1),
        LoginFailure::Busy => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Too many logins at a time, try again in a moment.")
                .retry_after(1)
        }
        LoginFailure::Store(error) => Problem::unavailable("log in", &Chain(&error)),
    }
}

fn cookie(state: &AppState, token: &str, seconds: i64) -> HeaderValue {
    let secure = if state.options.secure_cookie { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", seconds.max(0));
    HeaderValue::from_str(&text).expect("tokens are hexadecimal")
}

/// Who I am.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = Person), (status = 401, body = Problem)))]
pub async fn show(Extension(caller): Extension<Caller>) -> Json<Person> {
    Json(caller.session.into())
}

/// Log out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204), (status = 401, body = Problem)))]
pub async fn logout(State(state): State<AppState>, Extension(caller): Extension<Caller>) -> Result<Response, Problem> {
    state.accounts.logout(&caller.token, &caller.peer.to_string(), state.now()).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&state, "", 0))]).into_response())
}

/// Change my password. All my sessions end; log in again with the new one.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = PasswordChange,
    responses((status = 204), (status = 401, body = Problem), (status = 422, body = Problem, description = "against the rules"),
        (status = 429, body = Problem)))]
pub async fn change_password(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(change): Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let now = state.now();
    state.login_limit.attempt(caller.peer, now).map_err(too_many)?;
    let name = &caller.session.username;
    // A login proves that the person at the screen knows the password; it ends with all the others.
    let proof = state.accounts.login(name, &change.current, &caller.peer.to_string(), now).await;
    proof.map_err(|failure| match failure {
        LoginFailure::Wrong => Problem::forbidden("当前密码不正确。 The current password is wrong."),
        other => refused(other, now),
    })?;
    state.accounts.set_password(name, name, &change.password, now).await?;
    Ok(StatusCode::NO_CONTENT)
}
