//! Files: resumable uploads by the rules of tus 1.0, and what is given out of them.
//!
//! ```text
//! POST  /files                 begin or find by request_id ─▶ {upload, offset, file}
//! HEAD  /files/uploads/{id}    Upload-Offset: so much is on the disk
//! PATCH /files/uploads/{id}    from Upload-Offset on ─▶ 204, or 200 {file} when it is whole
//! ```
//!
//! A request that is cut leaves what has come. The bytes are taken by a task of their own, so a connection that ends in
//! the middle of a write ends neither the write nor the turn before it is done.

use crate::access::Caller;
use crate::extract::{Body as Json_, Named, Params};
use crate::problem::{Chain, Problem};
use crate::send_file::{Sent, header_text, send};
use crate::state::AppState;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use greenhub_model::Role;
use greenhub_model::ids::FileId;
use greenhub_storage::files::sniff::FileKind;
use greenhub_storage::files::{Append, Copy, FileError, Progress, Refusal, RefusalCode, StoredFile};
use greenhub_storage::files::{UploadId, UploadRequest};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const TUS: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const CONTENT_TYPE: &str = "application/offset+octet-stream";
/// A sender that is silent this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Longest time of one piece; the sender goes on with the next.
const PIECE_TIME_MAX: Duration = Duration::from_secs(900);
/// Path of uploads: their pieces may take longer than other answers.
pub const UPLOADS: &str = "/api/v1/files/uploads/";

/// Roles that see all files as they were sent, and what the camera wrote into them.
const PRIVATE_READERS: [Role; 4] = [Role::Clerk, Role::Dispatcher, Role::Administrator, Role::Auditor];

/// A file to be uploaded.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadForm {
    /// 1 to 128 characters; the same again is the same upload.
    pub request_id: String,
    /// Name of the file.
    #[serde(default)]
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its type, for example `image/jpeg`.
    pub media_type: String,
    /// SHA-256 of its bytes, hexadecimal; a file with another one is refused.
    #[serde(default)]
    pub sha256: Option<String>,
    /// When it was taken, Unix ms.
    #[serde(default)]
    pub taken_at: Option<i64>,
    /// Where, degrees east, WGS-84.
    #[serde(default)]
    pub lon: Option<f64>,
    /// Where, degrees north.
    #[serde(default)]
    pub lat: Option<f64>,
}

/// How far an upload is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UploadAnswer {
    /// Name of the upload in `/files/uploads/{id}`.
    pub upload: String,
    /// Bytes that are on the disk; go on there.
    pub offset: u64,
    /// The file, once it is whole.
    pub file: Option<FileId>,
    /// An unfinished upload goes then, Unix ms.
    pub expires_at: i64,
}

/// A file as it is shown to people.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FileInfo {
    /// The file.
    pub file: FileId,
    /// Name that the sender gave it.
    pub name: String,
    /// Its type by content.
    pub media_type: String,
    /// Size as it was sent.
    pub bytes: u64,
    /// Width of a picture as it stands.
    pub width: Option<u32>,
    /// Height of a picture as it stands.
    pub height: Option<u32>,
    /// Whether there is a small picture.
    pub thumb: bool,
    /// Who sent it first.
    pub by: String,
    /// When, Unix ms.
    pub at: i64,
    /// When it was taken by the sender's word, Unix ms.
    pub taken_at: Option<i64>,
    /// Where, by the sender's word.
    pub lon: Option<f64>,
    /// Where, by the sender's word.
    pub lat: Option<f64>,
    /// What the camera wrote into it; only for those who check cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraFacts>,
}

/// What a camera wrote into a picture.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CameraFacts {
    /// When it was taken, Unix ms.
    pub taken_at: Option<i64>,
    /// Degrees east.
    pub lon: Option<f64>,
    /// Degrees north.
    pub lat: Option<f64>,
    /// Maker and model.
    pub camera: String,
}

/// Begin an upload, or find the one that this request began.
#[utoipa::path(post, path = "/api/v1/files", tag = "files", request_body = UploadForm,
    responses((status = 201, body = UploadAnswer), (status = 200, body = UploadAnswer),
        (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem), (status = 507, body = Problem)))]
pub async fn begin(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Json_(form): Json_<UploadForm>,
) -> Result<Response, Problem> {
    let request = UploadRequest {
        request_id: form.request_id,
        name: form.name,
        size: form.size,
        media_type: form.media_type,
        sha256: form.sha256,
        taken_at: form.taken_at,
        lon: form.lon,
        lat: form.lat,
    };
    let (files, owner, now) = (state.files.clone(), caller.session.username, state.now().millis());
    // What is whole becomes a file here as well, and that is not to be cut half way.
    let begun = tokio::spawn(async move { files.begin(&owner, &request, now).await });
    let progress = begun.await.map_err(|died| Problem::unavailable("begin an upload", &died))??;
    let status = if progress.new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(answer(&progress))).into_response();
    let place = format!("{UPLOADS}{}", progress.upload.id.as_str());
    put(response.headers_mut(), header::LOCATION, &place);
    Ok(progressed(response, &progress))
}

/// How far an upload is.
#[utoipa::path(head, path = "/api/v1/files/uploads/{id}", tag = "files", params(("id" = String, Path)),
    responses((status = 200, headers(("Upload-Offset" = u64), ("Upload-Length" = u64))), (status = 404)))]
pub async fn progress(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<UploadId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    speaks_tus(&headers)?;
    let (files, owner, now) = (state.files.clone(), caller.session.username, state.now().millis());
    let asked = tokio::spawn(async move { files.progress_of(&owner, &id, now).await });
    let progress = asked.await.map_err(|died| Problem::unavailable("look at an upload", &died))??;
    Ok(progressed(StatusCode::OK.into_response(), &progress))
}

/// Send on from an offset; the body is the bytes.
#[utoipa::path(patch, path = "/api/v1/files/uploads/{id}", tag = "files",
    params(("id" = String, Path), ("Upload-Offset" = u64, Header), ("Upload-Checksum" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 200, body = UploadAnswer), (status = 204, headers(("Upload-Offset" = u64))),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 423, body = Problem)))]
pub async fn append(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<UploadId>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    speaks_tus(headers)?;
    if !header_text(headers, header::CONTENT_TYPE).is_some_and(|text| text.eq_ignore_ascii_case(CONTENT_TYPE)) {
        let text = format!("A piece of an upload has the content type {CONTENT_TYPE}.");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let number = |name| header_text(headers, name).and_then(|text| text.parse::<u64>().ok());
    let offset =
        number(OFFSET).ok_or_else(|| Problem::bad_request("Upload-Offset must say where the piece begins."))?;
    let announced = number(header::CONTENT_LENGTH);
    let checksum = header_text(headers, CHECKSUM).map(checksum).transpose()?;
    let owner = caller.session.username;
    let taken = tokio::spawn(async move {
        let now = state.now().millis();
        let append = state.files.append(&owner, &id, offset, announced, checksum, now).await?;
        take(&state, append, request.into_body()).await
    });
    let progress = taken.await.map_err(|died| Problem::unavailable("take an upload", &died))??;
    let response = match progress.upload.file {
        Some(_) => Json(answer(&progress)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    Ok(progressed(response, &progress))
}

/// Takes the bytes of a piece until it ends, is cut, or somebody else goes on.
async fn take(state: &AppState, mut append: Append, body: Body) -> Result<Progress, FileError> {
    let mut pieces = body.into_data_stream();
    let end = Instant::now() + PIECE_TIME_MAX;
    let cut = loop {
        let next = tokio::select! {
            () = append.wanted() => break true,
            next = timeout_at(end, timeout(SILENCE_MAX, pieces.next())) => next,
        };
        match next {
            Ok(Ok(Some(Ok(bytes)))) => append.write(&bytes).await?,
            Ok(Ok(None)) => break false,
            Ok(Ok(Some(Err(_)))) | Ok(Err(_)) | Err(_) => break true,
        }
    };
    append.end(cut, state.now().millis()).await
}

/// Which copy.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CopyQuery {
    /// `1`: as it was sent, with what the camera wrote into it.
    #[serde(default)]
    pub original: Option<u8>,
}

/// A file without what the camera knew; with `original=1` as it was sent.
#[utoipa::path(get, path = "/api/v1/files/{id}", tag = "files", params(("id" = FileId, Path), CopyQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206),
        (status = 304), (status = 403, body = Problem), (status = 404, body = Problem), (status = 416)))]
pub async fn get(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<FileId>,
    Params(query): Params<CopyQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = seen(&state, &caller, &id).await?;
    let original = query.original == Some(1);
    if original && !PRIVATE_READERS.contains(&caller.session.role) {
        let text = "原始文件含拍摄隐私信息，仅限审核、派遣、审计和管理人员查看。 \
                    The original holds private facts; only those who check cases may see it.";
        return Err(Problem::forbidden(text));
    }
    let copy = if original { Copy::Original } else { Copy::Public };
    let (path, blanks) = state.files.content(&file, copy);
    let sent = Sent {
        path: &path,
        blanks,
        media_type: file.media.as_str(),
        tag: format!("{}{}", file.id, if original { "-original" } else { "" }),
        inline: file.media.kind() != FileKind::Document,
        name: saved_name(&file),
        upto: None,
    };
    send(&headers, sent).await
}

/// The small picture of a file, at most 320 pixels wide and high.
#[utoipa::path(get, path = "/api/v1/files/{id}/thumb", tag = "files", params(("id" = FileId, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), (status = 304),
        (status = 404, body = Problem)))]
pub async fn thumb(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<FileId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = seen(&state, &caller, &id).await?;
    if !file.thumb {
        return Err(Problem::not_found("该文件没有缩略图。 This file has no small picture."));
    }
    let (path, blanks) = state.files.content(&file, Copy::Thumb);
    let (tag, name) = (format!("{}-thumb", file.id), "thumb.jpg".to_owned());
    send(&headers, Sent { path: &path, blanks, media_type: "image/jpeg", tag, inline: true, name, upto: None }).await
}

/// What is known of a file.
#[utoipa::path(get, path = "/api/v1/files/{id}/info", tag = "files", params(("id" = FileId, Path)),
    responses((status = 200, body = FileInfo), (status = 404, body = Problem)))]
pub async fn info(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Named(id): Named<FileId>,
) -> Result<Json<FileInfo>, Problem> {
    let file = seen(&state, &caller, &id).await?;
    let camera = CameraFacts {
        taken_at: file.exif.taken_at,
        lon: file.exif.lon,
        lat: file.exif.lat,
        camera: file.exif.camera.clone(),
    };
    Ok(Json(FileInfo {
        file: file.id,
        name: file.name,
        media_type: file.media.as_str().to_owned(),
        bytes: file.bytes,
        width: file.width,
        height: file.height,
        thumb: file.thumb,
        by: file.by,
        at: file.at,
        taken_at: file.taken_at,
        lon: file.lon,
        lat: file.lat,
        camera: PRIVATE_READERS.contains(&caller.session.role).then_some(camera),
    }))
}

/// The file, if the caller may see it; who may not is told that there is none.
async fn seen(state: &AppState, caller: &Caller, id: &FileId) -> Result<StoredFile, Problem> {
    let none = || Problem::not_found("没有这个文件。 There is no such file.");
    let file = state.files.info(id).await?.ok_or_else(none)?;
    if file.infected {
        let text = "文件含病毒，已停止提供。 The file is infected and is not given out any more.";
        return Err(Problem::new(StatusCode::GONE, text));
    }
    let user = &caller.session.username;
    if PRIVATE_READERS.contains(&caller.session.role) || state.files.is_of(id, user).await? {
        return Ok(file);
    }
    // Orders are open to every role, and so is what they name.
    if state.files.orders(id).await?.is_empty() { Err(none()) } else { Ok(file) }
}

/// The sender's name with the ending of the real type.
fn saved_name(file: &StoredFile) -> String {
    let stem = file.name.rsplit_once('.').map_or(file.name.as_str(), |(stem, _)| stem);
    let stem = if stem.is_empty() { &file.id.as_str()[..12] } else { stem };
    format!("{stem}.{}", file.media.extension())
}

fn answer(progress: &Progress) -> UploadAnswer {
    UploadAnswer {
        upload: progress.upload.id.as_str().to_owned(),
        offset: progress.at,
        file: progress.upload.file.clone(),
        expires_at: progress.upload.expires_at,
    }
}

fn progressed(mut response: Response, progress: &Progress) -> Response {
    let headers = response.headers_mut();
    headers.insert(TUS, TUS_VERSION);
    headers.insert(OFFSET, HeaderValue::from(progress.at));
    headers.insert(LENGTH, HeaderValue::from(progress.upload.size));
    if progress.upload.file.is_none() {
        put(headers, EXPIRES, &http_date(progress.upload.expires_at));
    }
    response
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.insert(name, HeaderValue::from_str(value).expect("plain ASCII"));
}

/// A moment as HTTP writes it (RFC 9110).
fn http_date(at: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = crate::csv::local_time(at, 0);
    let month = text[5..7].parse::<usize>().unwrap_or(1).clamp(1, 12);
    let day = DAYS[at.div_euclid(86_400_000).rem_euclid(7) as usize];
    format!("{day}, {} {} {} {} GMT", &text[8..10], MONTHS[month - 1], &text[..4], &text[11..19])
}

/// Programs that name a version of tus name the one that is spoken here.
fn speaks_tus(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(TUS) {
        Some(version) if *version != TUS_VERSION => {
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, "This hub speaks version 1.0.0 of tus."))
        }
        _ => Ok(()),
    }
}

/// `sha256 BASE64`.
fn checksum(text: &str) -> Result<[u8; 32], Problem> {
    let wrong = || Problem::bad_request("Upload-Checksum must be sha256 and the digest in base64.");
    let digest = text.strip_prefix("sha256 ").ok_or_else(wrong)?;
    let bytes = base64(digest.trim()).ok_or_else(wrong)?;
    bytes.try_into().map_err(|_| wrong())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = vec![];
    for letter in text.trim_end_matches('=').bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        (bits, held) = (bits << 6 | u32::from(six), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        let status = match &error {
            FileError::Refused(Refusal { code: RefusalCode::Type, .. }) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            FileError::Refused(Refusal { code: RefusalCode::Size, .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            FileError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            FileError::Unknown => StatusCode::NOT_FOUND,
            FileError::OtherFile | FileError::Offset { .. } => StatusCode::CONFLICT,
            FileError::Beyond { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            // What tus registered for it.
            FileError::Checksum => StatusCode::from_u16(460).expect("a number of three digits"),
            FileError::Busy => StatusCode::LOCKED,
            FileError::Quota => StatusCode::TOO_MANY_REQUESTS,
            FileError::DiskLow => StatusCode::INSUFFICIENT_STORAGE,
            FileError::ScannerAway => StatusCode::SERVICE_UNAVAILABLE,
            FileError::Disk { .. } | FileError::Store(_) => {
                return Self::unavailable("keep or read a file", &Chain(&error));
            }
        };
        let problem = Self::new(status, error.to_string());
        match error {
            FileError::Quota => problem.retry_after(3600),
            FileError::DiskLow => problem.retry_after(300),
            FileError::ScannerAway | FileError::Busy => problem.retry_after(10),
            _ => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_digests_are_as_the_standards_write_them() {
        assert_eq!(http_date(784_111_777_000), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(base64("Kq5sNclPz7QV2+lfQIuc6R7oRu0=").map(|b| b.len()), Some(20));
        assert_eq!(base64("AAECAw==").as_deref(), Some(&[0, 1, 2, 3][..]));
        assert!(checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").is_err());
        assert!(checksum("sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").is_err());
    }
}
