//! Who may call what. Every route says in the table ([`crate::routes`]) which roles it admits; this is the guard.
//!
//! ```text
//! open route ─▶ handler
//! else token (Authorization: Bearer, or cookie; the live socket also ?token=) ─ none, unknown, over ─▶ 401
//!      role not admitted ─▶ 403 and a line in the audit log
//!      write with a cookie and without X-Greenhub-Request ─▶ 403 (another site's form could have sent it)
//!      socket from a foreign origin ─▶ 403
//!      ─▶ handler, with the caller at hand
//! ```

use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use greenhub_model::Role;
use greenhub_storage::accounts::{NewAuditEntry, Outcome, Session};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tracing::warn;

/// Name of the session cookie.
pub const COOKIE: &str = "greenhub_session";
/// Header that writes with a cookie must carry; its value does not matter.
pub const WRITE_HEADER: &str = "x-greenhub-request";

/// Whom a route admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// Everybody, without a session.
    Anybody,
    /// Sessions of these roles.
    Roles(&'static [Role]),
}

impl Admits {
    /// Whether a caller with this role (or none) may come in.
    pub fn admits(self, role: Option<Role>) -> bool {
        match (self, role) {
            (Admits::Anybody, _) => true,
            (Admits::Roles(roles), Some(role)) => roles.contains(&role),
            (Admits::Roles(_), None) => false,
        }
    }
}

/// Who is calling.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The session.
    pub session: Session,
    /// Its token, to ask again or to end it.
    pub token: String,
    /// Address of the peer.
    pub peer: IpAddr,
}

/// The peer's address; requests that come without one (in-process) count as loopback.
pub fn peer(request: &Request) -> SocketAddr {
    request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), |info| info.0)
}

enum Token {
    Bearer(String),
    Cookie(String),
    Query(String),
}

/// Lets a request through to a route that admits some, or answers why not.
pub async fn guard(State((state, admits)): State<(AppState, Admits)>, request: Request, next: Next) -> Response {
    match check(&state, admits, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => axum::response::IntoResponse::into_response(problem),
    }
}

async fn check(state: &AppState, admits: Admits, mut request: Request) -> Result<Request, Problem> {
    let Admits::Roles(roles) = admits else {
        return Ok(request);
    };
    let socket = is_socket(request.headers());
    let (token, by_cookie) = match token_of(&request, socket).ok_or_else(Problem::unauthorized)? {
        Token::Bearer(token) | Token::Query(token) => (token, false),
        Token::Cookie(token) => (token, true),
    };
    let session = state.accounts.authenticate(&token, state.now()).await?.ok_or_else(Problem::unauthorized)?;
    let peer = peer(&request).ip();
    if !roles.contains(&session.role) {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        note_refusal(state, &session, peer, &method, &path).await;
        return Err(Problem::forbidden(format!("The role {} may not do this.", session.role)));
    }
    if by_cookie && !is_safe(request.method()) && !request.headers().contains_key(WRITE_HEADER) {
        return Err(Problem::forbidden("A change with the session cookie needs the header X-Greenhub-Request: 1."));
    }
    if socket && !origin_is_ours(request.headers(), &state.options.allowed_origins) {
        return Err(Problem::forbidden("The live socket is not open to pages of other sites."));
    }
    request.extensions_mut().insert(Caller { session, token, peer });
    Ok(request)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_socket(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn token_of(request: &Request, socket: bool) -> Option<Token> {
    let headers = request.headers();
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Token::Bearer(token.trim().to_owned()));
    }
    if socket
        && let Some(query) = request.uri().query()
        && let Some(token) = query.split('&').find_map(|pair| pair.strip_prefix("token="))
    {
        return Some(Token::Query(token.to_owned()));
    }
    cookie(headers).map(Token::Cookie)
}

/// The session cookie of a request.
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| token.to_owned())
}

/// Browsers name the page's origin when they open a socket; other programs name none. It must be the host that was
/// called, or one of those allowed.
fn origin_is_ours(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let ours = origin.split_once("://").is_some_and(|(_, named)| !host.is_empty() && named.eq_ignore_ascii_case(host));
    ours || allowed.iter().any(|one| one.eq_ignore_ascii_case(origin))
}

async fn note_refusal(state: &AppState, session: &Session, peer: IpAddr, method: &Method, path: &str) {
    let origin = peer.to_string();
    let entry = NewAuditEntry {
        at: state.now(),
        actor: &session.username,
        origin: &origin,
        action: "forbidden",
        object: path,
        outcome: Outcome::Refused,
        detail: method.as_str(),
    };
    if let Err(error) = state.accounts.audit().append(&entry).await {
        warn!(%error, "a refused request could not be audited");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("plain text"))).collect()
    }

    #[test]
    fn the_session_cookie_is_found_among_others() {
        let found = |text| cookie(&headers(&[(header::COOKIE, text)]));
        assert_eq!(found("a=b; greenhub_session=tok ; c=d").as_deref(), Some("tok"));
        assert_eq!(found("xgreenhub_session=tok"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn only_our_own_pages_may_open_a_socket() {
        let allowed = ["https://wall.example".to_owned()];
        let ours = |origin: &str| {
            let headers = headers(&[(header::HOST, "hub.example:8080"), (header::ORIGIN, origin)]);
            origin_is_ours(&headers, &allowed)
        };
        assert!(ours("http://hub.example:8080"));
        assert!(ours("https://wall.example"));
        assert!(!ours("http://hub.example"));
        assert!(!ours("https://evil.example"));
        assert!(!ours("null"));
        assert!(origin_is_ours(&headers(&[(header::HOST, "hub")]), &allowed), "programs name no origin");
    }
}
