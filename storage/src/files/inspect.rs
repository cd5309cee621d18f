//! What is done with a whole upload before it becomes a file: its hash, its real type, its private facts, its copies.
//!
//! Runs on a thread that may block, at most two at a time (see [`super::FileStore`]): a picture takes up to four bytes a
//! pixel while it is open. The dimensions are read from its head and judged before any pixel is decoded, so a small file
//! that claims a huge picture costs nothing.

use super::exif::{self, ExifFacts};
use super::sniff::{FileKind, HEAD_BYTES, MediaType, sniff};
use super::strip::{Blank, blanks, strip};
use super::{FilesConfig, Refusal};
use greenhub_model::ids::FileId;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Cursor, Read, Seek};
use std::path::Path;

/// Longest side of a small picture.
const THUMB_SIDE: u32 = 320;
const THUMB_QUALITY: u8 = 80;
/// Longest side of a picture that is taken.
const SIDE_MAX: u32 = 30_000;

/// A whole upload as it was found to be.
#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) media: MediaType,
    /// Width and height of a picture as it stands.
    pub(super) size: Option<(u32, u32)>,
    pub(super) exif: ExifFacts,
    /// The copy without private facts, where it differs.
    pub(super) public: Option<Vec<u8>>,
    pub(super) thumb: Option<Vec<u8>>,
    pub(super) blanks: Vec<Blank>,
}

/// The hash that names a file's content.
pub(super) fn hash(path: &Path) -> io::Result<FileId> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => digest.update(&piece[..read]),
        }
    }
    let text = crate::relational::migration::hex(&digest.finalize());
    Ok(FileId::new(&text).expect("a hash is 64 hexadecimal digits"))
}

/// Looks into a whole upload; the inner refusal is for whoever sent it.
pub(super) fn inspect(
    path: &Path,
    declared: MediaType,
    config: &FilesConfig,
) -> io::Result<Result<Inspected, Refusal>> {
    let mut file = File::open(path)?;
    let mut head = vec![];
    (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    let Some(media) = sniff(&head) else {
        return Ok(Err(Refusal::disguised(declared, &head)));
    };
    if media.kind() != declared.kind() {
        return Ok(Err(Refusal::other_kind(declared, media)));
    }
    let plain = Inspected { media, size: None, exif: ExifFacts::default(), public: None, thumb: None, blanks: vec![] };
    match media.kind() {
        FileKind::Photo => {
            let mut bytes = vec![];
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
            Ok(picture(media, &bytes, config))
        }
        FileKind::Video if media != MediaType::Webm => Ok(Ok(Inspected { blanks: blanks(&mut file)?, ..plain })),
        FileKind::Video | FileKind::Document => Ok(Ok(plain)),
    }
}

fn picture(media: MediaType, bytes: &[u8], config: &FilesConfig) -> Result<Inspected, Refusal> {
    let damaged = Refusal::damaged;
    let stripped = strip(media, bytes).ok_or_else(damaged)?;
    let format = match media {
        MediaType::Png => ImageFormat::Png,
        MediaType::Webp => ImageFormat::WebP,
        _ => ImageFormat::Jpeg,
    };
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(config.pixels_max.saturating_mul(8));
    let mut reader = ImageReader::with_format(Cursor::new(&stripped.bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|_| damaged())?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > config.pixels_max || width.max(height) > SIDE_MAX {
        return Err(Refusal::too_many_pixels(width, height, config.pixels_max));
    }
    let pixels = DynamicImage::from_decoder(decoder).map_err(|_| damaged())?;
    let facts = stripped.exif.as_deref().map(|block| exif::read(block, config.utc_offset_min)).unwrap_or_default();
    let thumb = thumb(&pixels, facts.orientation).ok_or_else(damaged)?;
    let turned = facts.orientation >= 5;
    let size = if turned { (height, width) } else { (width, height) };
    let public = Some(stripped.standing(facts.orientation)).filter(|copy| copy != bytes);
    Ok(Inspected { media, size: Some(size), exif: facts, public, thumb: Some(thumb), blanks: vec![] })
}

fn thumb(pixels: &DynamicImage, orientation: u8) -> Option<Vec<u8>> {
    let mut small = match pixels.width().max(pixels.height()) > THUMB_SIDE {
        true => pixels.thumbnail(THUMB_SIDE, THUMB_SIDE),
        false => pixels.clone(),
    };
    small.apply_orientation(Orientation::from_exif(orientation).unwrap_or(Orientation::NoTransforms));
    let mut bytes = vec![];
    JpegEncoder::new_with_quality(&mut bytes, THUMB_QUALITY).encode_image(&small.to_rgb8()).ok()?;
    Some(bytes)
}
