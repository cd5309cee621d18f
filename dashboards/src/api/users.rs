//! Accounts, for administrators. The store audits each change together with the change itself.

use super::List;
use crate::access::Caller;
use crate::extract::{Body, Named};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use greenhub_model::Role;
use greenhub_storage::accounts::{NewUser, User};
use serde::{Deserialize, Serialize};

/// An account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UserRow {
    /// What the person types.
    pub username: String,
    /// Name for people.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Shut out by an administrator.
    pub disabled: bool,
    /// Locked by failures until then, Unix ms; 0 when not.
    pub locked_until: i64,
    /// The password must be changed at the next login.
    pub must_change_password: bool,
    /// Made, Unix ms.
    pub created_at: i64,
}

impl From<User> for UserRow {
    fn from(user: User) -> Self {
        Self {
            username: user.username,
            name: user.name,
            role: user.role,
            disabled: user.disabled,
            locked_until: user.locked_until,
            must_change_password: user.must_change,
            created_at: user.created_at,
        }
    }
}

/// All accounts by name; there are never more than one page.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = List<UserRow>)))]
pub async fn list(State(state): State<AppState>) -> Result<Json<List<UserRow>>, Problem> {
    let items = state.accounts.list().await?.into_iter().map(UserRow::from).collect();
    Ok(Json(List { items, next: None }))
}

/// An account to make.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// What the person types: `[A-Za-z0-9._-]{1,64}`.
    pub username: String,
    /// Name for people.
    #[serde(default)]
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// First password; it must be changed at the first login.
    pub password: String,
}

/// Make an account.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = UserRequest,
    responses((status = 201, body = UserRow), (status = 409, body = Problem, description = "exists already"),
        (status = 422, body = Problem, description = "name or password against the rules")))]
pub async fn add(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Body(request): Body<UserRequest>,
) -> Result<(StatusCode, Json<UserRow>), Problem> {
    let new = NewUser {
        username: &request.username,
        name: &request.name,
        role: request.role,
        password: &request.password,
        must_change: true,
    };
    let user = state.accounts.add(&caller.session.username, &new, state.now()).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// What to change of an account.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Another role.
    #[serde(default)]
    pub role: Option<Role>,
    /// Shut out, or let in again.
    #[serde(default)]
    pub disabled: Option<bool>,
}

/// Change the role of an account, or shut it out. Their sessions end.
#[utoipa::path(patch, path = "/api/v1/users/{username}", tag = "users", params(("username" = String, Path)),
    request_body = UserChange,
    responses((status = 200, body = UserRow), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn change(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(username): Named<String>,
    Body(change): Body<UserChange>,
) -> Result<Json<UserRow>, Problem> {
    let (by, now) = (caller.session.username.as_str(), state.now());
    if let Some(role) = change.role {
        state.accounts.set_role(by, &username, role, now).await?;
    }
    if let Some(disabled) = change.disabled {
        state.accounts.set_disabled(by, &username, disabled, now).await?;
    }
    let user = state.accounts.get(&username).await?;
    user.map(|user| Json(user.into())).ok_or_else(|| Problem::not_found(format!("There is no user {username:?}.")))
}

/// A password that an administrator gives.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordRequest {
    /// The password; it must be changed at the next login.
    pub password: String,
}

/// Give an account another password. Their sessions end.
#[utoipa::path(put, path = "/api/v1/users/{username}/password", tag = "users", params(("username" = String, Path)),
    request_body = PasswordRequest,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn set_password(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(username): Named<String>,
    Body(request): Body<PasswordRequest>,
) -> Result<StatusCode, Problem> {
    state.accounts.set_password(&caller.session.username, &username, &request.password, state.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
