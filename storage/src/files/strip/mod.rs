//! The public copy of a picture: the same pixels bit for bit, without what the camera knew about the person.
//!
//! Nothing is encoded again. Each format is walked by its own blocks, and only blocks that a picture needs to look right
//! are copied: an unknown block is dropped, since new ones are invented to hold more facts, not fewer. What follows the
//! end of the picture (motion clips, second pictures, archives) is dropped too. Which way up it stands is needed to look
//! right, so an orientation other than 1 is written again, alone.

mod jpeg;
mod mp4;
mod png;
mod webp;

use super::sniff::MediaType;
pub use mp4::{Blank, blanks, wipe};

/// A picture taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripped {
    /// The public copy, still without an orientation.
    pub bytes: Vec<u8>,
    /// The TIFF block of its Exif, where it has one.
    pub exif: Option<Vec<u8>>,
    /// Where in `bytes` an orientation may be put.
    seam: usize,
    media: MediaType,
}

/// Takes a picture apart; none where it is not one, or damaged.
pub fn strip(media: MediaType, bytes: &[u8]) -> Option<Stripped> {
    let (copy, exif, seam) = match media {
        MediaType::Jpeg => jpeg::strip(bytes)?,
        MediaType::Png => png::strip(bytes)?,
        MediaType::Webp => webp::strip(bytes)?,
        _ => return None,
    };
    Some(Stripped { bytes: copy, exif, seam, media })
}

impl Stripped {
    /// The public copy, standing this way up.
    pub fn standing(mut self, orientation: u8) -> Vec<u8> {
        if !(2..=8).contains(&orientation) {
            return self.bytes;
        }
        let block = super::exif::orientation_only(orientation);
        match self.media {
            MediaType::Jpeg => jpeg::put_exif(&mut self.bytes, self.seam, &block),
            MediaType::Png => png::put_exif(&mut self.bytes, self.seam, &block),
            MediaType::Webp => webp::put_exif(&mut self.bytes, self.seam, &block),
            _ => {}
        }
        self.bytes
    }
}

/// What one walk found: the copy, the Exif block, the seam.
type Walked = (Vec<u8>, Option<Vec<u8>>, usize);

#[cfg(test)]
mod tests;
