//! Pictures for tests, drawn on the spot. Only built for tests.

use super::sniff::MediaType;
use image::{ImageFormat, RgbImage};
use std::io::Cursor;

/// A picture of this size with a pattern that no turn leaves as it is.
pub fn picture(media: MediaType, width: u32, height: u32) -> Vec<u8> {
    let pattern = |x: u32, y: u32| image::Rgb([(x * 7) as u8, (y * 13) as u8, if x < y { 200 } else { 20 }]);
    let format = match media {
        MediaType::Png => ImageFormat::Png,
        MediaType::Webp => ImageFormat::WebP,
        _ => ImageFormat::Jpeg,
    };
    let mut bytes = Cursor::new(vec![]);
    RgbImage::from_fn(width, height, pattern).write_to(&mut bytes, format).expect("a picture that can be written");
    bytes.into_inner()
}
