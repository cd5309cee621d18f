//! What stands around every route: headers, limits, time-outs, and problem documents for what no handler answers.

use crate::api::files::UPLOADS;
use crate::assets;
use crate::problem::Problem;
use crate::routes;
use crate::state::AppState;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tracing::error;

/// Longest request body, bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest time for one answer (sockets are open longer; only their opening is an answer).
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Only our own origin: scripts, styles, data, sockets. The map runs its workers from `blob:` addresses; style
/// attributes (not sheets) are allowed because charts set them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
    media-src 'self' blob:; worker-src 'self' blob:; child-src blob:; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'; object-src 'none'";

const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(self), microphone=(self), geolocation=(self), payment=(), usb=()"),
    ),
];

/// Everything the hub answers by HTTP.
pub fn router(state: AppState) -> Router {
    // Photos, videos and documents are packed already, and a range of one must keep its length.
    let packed = |kind| NotForContentType::const_new(kind);
    let compressed =
        SizeAbove::new(1024).and(NotForContentType::IMAGES).and(packed("video/")).and(packed("application/pdf"));
    routes::guarded(&state)
        .fallback(assets::serve)
        .method_not_allowed_fallback(wrong_method)
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), dress))
        .with_state(state)
}

async fn wrong_method(request: Request) -> Problem {
    let detail = format!("{} is not something {} can do.", request.method(), request.uri().path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

async fn in_time(request: Request, next: Next) -> Response {
    // Pieces of uploads have bounds of their own: a slow network is no mistake of the hub.
    if request.method() == Method::PATCH && request.uri().path().starts_with(UPLOADS) {
        return next.run(request).await;
    }
    match tokio::time::timeout(ANSWER_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The hub took too long to answer; try again.")
            .retry_after(5)
            .into_response(),
    }
}

fn panicked(reason: Box<dyn Any + Send>) -> Response<Body> {
    let text = reason.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| reason.downcast_ref().cloned());
    error!(panic = text.unwrap_or_default(), "a request handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "A part of the hub made a mistake; it was recorded.")
        .into_response()
}

async fn dress(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    state.counters.count(response.status().as_u16());
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // A file brings a stricter policy than the pages have.
        if name == header::CONTENT_SECURITY_POLICY {
            headers.entry(name).or_insert(value);
        } else {
            headers.insert(name, value);
        }
    }
    if state.options.secure_cookie {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    if api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
