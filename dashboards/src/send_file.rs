//! A stored file as an answer: from its first byte or a range of it, in pieces, unchanged but for what is blanked.
//!
//! Bytes from outside are never a page of ours: the type is the one that their content has, browsers may not guess another,
//! and a policy that allows nothing stands on them. What is neither picture nor video is saved, not shown. The content
//! behind an id never changes, so the id is the entity tag.

use crate::problem::{Chain, Problem};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use greenhub_storage::files::strip::{Blank, wipe};
use std::io::SeekFrom;
use std::path::Path;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

const PIECE: usize = 64 << 10;
/// Nothing may run, load or be framed.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

/// What is sent.
pub struct Sent<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// What of it is blanked.
    pub blanks: Vec<Blank>,
    /// Its type.
    pub media_type: &'static str,
    /// Its entity tag, without quotes.
    pub tag: String,
    /// Shown by a browser, or saved.
    pub inline: bool,
    /// Name when it is saved.
    pub name: String,
    /// Only so many bytes of it, where it is still being written.
    pub upto: Option<u64>,
}

/// Answers with the file, or the range that the request wants.
pub async fn send(request: &HeaderMap, sent: Sent<'_>) -> Result<Response, Problem> {
    let lost = |error: std::io::Error| Problem::unavailable("read a stored file", &Chain(&error));
    let tag = format!("\"{}\"", sent.tag);
    let mut headers = HeaderMap::new();
    let mut put = |name, value: String| {
        // Names are percent-encoded and tags are hexadecimal, so every value is plain ASCII.
        headers.insert(name, HeaderValue::from_str(&value).expect("plain ASCII"));
    };
    put(header::ETAG, tag.clone());
    put(header::CACHE_CONTROL, "private, no-cache".into());
    put(header::CONTENT_SECURITY_POLICY, POLICY.into());
    put(header::ACCEPT_RANGES, "bytes".into());
    if header_text(request, header::IF_NONE_MATCH).is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let mut file = File::open(sent.path).await.map_err(lost)?;
    let whole = file.metadata().await.map_err(lost)?.len();
    let length = sent.upto.map_or(whole, |upto| upto.min(whole));
    put(header::CONTENT_TYPE, sent.media_type.into());
    let kind = if sent.inline { "inline" } else { "attachment" };
    put(header::CONTENT_DISPOSITION, format!("{kind}; filename*=UTF-8''{}", encode(&sent.name)));
    let if_range = header_text(request, header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let wanted = header_text(request, header::RANGE).filter(|_| if_range).and_then(|text| range(text, length));
    let (status, from, to) = match wanted {
        None => (StatusCode::OK, 0, length),
        Some(Some((from, to))) => {
            put(header::CONTENT_RANGE, format!("bytes {from}-{}/{length}", to - 1));
            (StatusCode::PARTIAL_CONTENT, from, to)
        }
        Some(None) => {
            put(header::CONTENT_RANGE, format!("bytes */{length}"));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    put(header::CONTENT_LENGTH, (to - from).to_string());
    file.seek(SeekFrom::Start(from)).await.map_err(lost)?;
    let mut at = from;
    let pieces = ReaderStream::with_capacity(file.take(to - from), PIECE).map(move |piece| {
        let piece = piece?;
        let offset = at;
        at += piece.len() as u64;
        if sent.blanks.is_empty() {
            return Ok::<_, std::io::Error>(piece);
        }
        let mut piece = Vec::from(piece);
        wipe(&sent.blanks, offset, &mut piece);
        Ok(piece.into())
    });
    Ok((status, headers, Body::from_stream(pieces)).into_response())
}

/// The one header of a request, as text.
pub fn header_text(request: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    request.get(name)?.to_str().ok()
}

/// One range of a file of this length: none where it is no such wish, an inner none where it lies outside.
fn range(text: &str, length: u64) -> Option<Option<(u64, u64)>> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = (from.trim(), to.trim());
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    if from.is_empty() {
        let last = number(to)?.min(length);
        return Some((last > 0).then_some((length - last, length)));
    }
    let from = number(from)?;
    let to = if to.is_empty() { length } else { number(to)?.saturating_add(1).min(length) };
    Some((from < to).then_some((from, to)))
}

/// Percent-encoding of a name (RFC 8187).
fn encode(name: &str) -> String {
    let byte = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    };
    name.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_browsers_write_them() {
        for (text, expected) in [
            ("bytes=0-", Some(Some((0, 10)))),
            ("bytes=0-0", Some(Some((0, 1)))),
            ("bytes=2-4", Some(Some((2, 5)))),
            ("bytes=2-400", Some(Some((2, 10)))),
            ("bytes=-3", Some(Some((7, 10)))),
            ("bytes=-30", Some(Some((0, 10)))),
            ("bytes=-0", Some(None)),
            ("bytes=10-", Some(None)),
            ("bytes=4-2", Some(None)),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Some(None));
    }
}
