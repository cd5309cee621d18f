//! What a file is, by its first bytes. Names and declared types are claims of the sender and decide nothing.
//!
//! The list is short on purpose: what a browser shows safely and people attach to a case. Everything else (programs,
//! pages, drawings with scripts, archives) is not taken, whatever it is called.

use serde::{Deserialize, Serialize};

/// Bytes that [`sniff`] looks at, at most.
pub const HEAD_BYTES: usize = 64;

/// The types that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MediaType {
    /// JPEG image.
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// PNG image.
    #[serde(rename = "image/png")]
    Png,
    /// WebP image.
    #[serde(rename = "image/webp")]
    Webp,
    /// MPEG-4 or 3GPP video.
    #[serde(rename = "video/mp4")]
    Mp4,
    /// QuickTime video.
    #[serde(rename = "video/quicktime")]
    Quicktime,
    /// WebM video.
    #[serde(rename = "video/webm")]
    Webm,
    /// PDF document.
    #[serde(rename = "application/pdf")]
    Pdf,
}

/// What a type is for, which decides its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Photo.
    Photo,
    /// Video.
    Video,
    /// Document.
    Document,
}

impl MediaType {
    /// All types in their fixed order.
    pub const ALL: [MediaType; 7] = [
        MediaType::Jpeg,
        MediaType::Png,
        MediaType::Webp,
        MediaType::Mp4,
        MediaType::Quicktime,
        MediaType::Webm,
        MediaType::Pdf,
    ];

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            MediaType::Jpeg => "image/jpeg",
            MediaType::Png => "image/png",
            MediaType::Webp => "image/webp",
            MediaType::Mp4 => "video/mp4",
            MediaType::Quicktime => "video/quicktime",
            MediaType::Webm => "video/webm",
            MediaType::Pdf => "application/pdf",
        }
    }

    /// Ending of a file name.
    pub fn extension(self) -> &'static str {
        match self {
            MediaType::Jpeg => "jpg",
            MediaType::Png => "png",
            MediaType::Webp => "webp",
            MediaType::Mp4 => "mp4",
            MediaType::Quicktime => "mov",
            MediaType::Webm => "webm",
            MediaType::Pdf => "pdf",
        }
    }

    /// What it is for.
    pub fn kind(self) -> FileKind {
        match self {
            MediaType::Jpeg | MediaType::Png | MediaType::Webp => FileKind::Photo,
            MediaType::Mp4 | MediaType::Quicktime | MediaType::Webm => FileKind::Video,
            MediaType::Pdf => FileKind::Document,
        }
    }

    /// Reads a declared type; parameters and case do not count.
    pub fn parse(declared: &str) -> Option<Self> {
        let name = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match name.as_str() {
            "image/jpg" | "image/pjpeg" => Some(MediaType::Jpeg),
            "video/3gpp" | "video/x-m4v" => Some(MediaType::Mp4),
            name => Self::ALL.into_iter().find(|media| media.as_str() == name),
        }
    }
}

/// Brands of MPEG-4 files that hold a video.
const MP4_BRANDS: [&[u8]; 9] = [b"isom", b"iso", b"mp4", b"avc", b"M4V", b"3gp", b"3g2", b"MSNV", b"dash"];

/// The type that these first bytes begin, if it is one that is taken.
pub fn sniff(head: &[u8]) -> Option<MediaType> {
    let at = |from: usize, want: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(want));
    if at(0, b"\xff\xd8\xff") {
        return Some(MediaType::Jpeg);
    }
    if at(0, b"\x89PNG\r\n\x1a\n") {
        return Some(MediaType::Png);
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Some(MediaType::Webp);
    }
    if at(4, b"ftyp") {
        if at(8, b"qt  ") {
            return Some(MediaType::Quicktime);
        }
        return MP4_BRANDS.iter().any(|brand| at(8, brand)).then_some(MediaType::Mp4);
    }
    if at(0, b"\x1a\x45\xdf\xa3") {
        let head = &head[..head.len().min(HEAD_BYTES)];
        return head.windows(4).any(|four| four == b"webm").then_some(MediaType::Webm);
    }
    at(0, b"%PDF-").then_some(MediaType::Pdf)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn first_bytes_name_the_type() {
        for (head, expected) in [
            (&b"\xff\xd8\xff\xe1\x00\x10Exif"[..], Some(MediaType::Jpeg)),
            (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", Some(MediaType::Png)),
            (b"RIFF\x24\x00\x00\x00WEBPVP8 ", Some(MediaType::Webp)),
            (b"RIFF\x24\x00\x00\x00WAVEfmt ", None),
            (b"\x00\x00\x00\x18ftypmp42\x00\x00", Some(MediaType::Mp4)),
            (b"\x00\x00\x00\x18ftypiso5\x00\x00", Some(MediaType::Mp4)),
            (b"\x00\x00\x00\x14ftypqt  \x00\x00", Some(MediaType::Quicktime)),
            (b"\x00\x00\x00\x18ftypheic\x00\x00", None),
            (b"\x00\x00\x00\x18ftypavif\x00\x00", None),
            (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", Some(MediaType::Webm)),
            (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", None),
            (b"%PDF-1.7\n", Some(MediaType::Pdf)),
            (b"MZ\x90\x00", None),
            (b"<svg xmlns=", None),
            (b"<!doctype html>", None),
            (b"PK\x03\x04", None),
            (b"GIF89a", None),
            (b" \xff\xd8\xff", None),
            (b"", None),
        ] {
            assert_eq!(sniff(head), expected, "{:?}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn declared_types_are_read_and_names_come_back() {
        for media in MediaType::ALL {
            assert_eq!(MediaType::parse(media.as_str()), Some(media));
            assert_eq!(serde_json::to_value(media).expect("a word"), media.as_str());
        }
        assert_eq!(MediaType::parse("IMAGE/JPG; charset=x"), Some(MediaType::Jpeg));
        assert_eq!(MediaType::parse("text/html"), None);
    }
}
