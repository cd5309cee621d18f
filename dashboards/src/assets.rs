//! The console's files, inside the binary: a hub is one file to copy.
//!
//! Files under `assets/` have a hash of their content in the name and may be kept for ever; everything else is asked
//! for again each time and answered 304 when it has not changed. A GET for anything else that could be a page is
//! answered with a page, because every view is a URL of its own: `m.html` below `/m/`, where the phone app lives with its
//! service worker's scope (`/m-sw.js`, which may not be kept, or a phone would never see a new build), `index.html`
//! elsewhere.

use crate::problem::Problem;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

const NOT_BUILT: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>Greenhub</title>\
    <h1>网页资源尚未构建</h1><p>The web assets are not built. Run <code>make web</code> and build the hub again. \
    The interfaces under <code>/api</code> work without them.</p></html>";

/// What no route has taken: a file, the console, or 404.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let machine = ["/api/", "/mqtt", "/healthz", "/readyz", "/metrics"].iter().any(|start| path.starts_with(start));
    if machine || path == "/api" {
        return Problem::not_found(format!("There is nothing at {path}.")).into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Files can only be read.").into_response();
    }
    let name = path.trim_start_matches('/');
    if let Some(file) = Files::get(name).filter(|_| !name.is_empty()) {
        return answer(name, file, &headers);
    }
    if is_file(name) {
        return Problem::not_found(format!("There is no file {path}.")).into_response();
    }
    if path == "/m" {
        // The scope of the phone's service worker ends with a slash.
        return (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, HeaderValue::from_static("/m/"))]).into_response();
    }
    let page = if path.starts_with("/m/") { "m.html" } else { "index.html" };
    match Files::get(page) {
        Some(file) => answer(page, file, &headers),
        None => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            (StatusCode::SERVICE_UNAVAILABLE, [kind], NOT_BUILT).into_response()
        }
    }
}

/// Names of files, as opposed to views. A dot alone says nothing: ids of alarms have dots.
fn is_file(name: &str) -> bool {
    const KINDS: [&str; 13] =
        ["js", "mjs", "css", "map", "html", "json", "txt", "svg", "png", "ico", "woff2", "webmanifest", "wasm"];
    name.starts_with("assets/") || name.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind))
}

fn answer(name: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String = hash.iter().take(16).fold(String::from("\""), |tag, byte| tag + &format!("{byte:02x}")) + "\"";
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|list| list.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let cache = if name.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal in quotes");
    let common = [(header::ETAG, tag), (header::CACHE_CONTROL, cache)];
    if fresh {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let kind = HeaderValue::from_str(&media_type(file.metadata.mimetype())).expect("media types are plain ASCII");
    (common, [(header::CONTENT_TYPE, kind)], bytes).into_response()
}

/// Text without a charset would be guessed.
fn media_type(kind: &str) -> String {
    let text = kind.starts_with("text/") || kind.ends_with("javascript");
    if text && !kind.contains("charset") { format!("{kind}; charset=utf-8") } else { kind.to_owned() }
}
