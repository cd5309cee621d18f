//! Same pixels, nothing private, no panic on any bytes.

use super::png::crc32;
use super::*;
use crate::files::exif;
use crate::files::samples::picture;
use crate::files::sniff::sniff;
use image::{ImageFormat, ImageReader};
use proptest::prelude::*;
use std::io::Cursor;

const SECRET: &[u8] = b"SECRET-PLACE";
const PICTURES: [MediaType; 3] = [MediaType::Jpeg, MediaType::Png, MediaType::Webp];

/// A picture with private facts in every place where one may be.
fn told(media: MediaType, orientation: u8) -> Vec<u8> {
    let plain = picture(media, 40, 24);
    let tiff = [exif::sample(orientation), SECRET.to_vec()].concat();
    match media {
        MediaType::Jpeg => {
            let segment = |marker: u8, body: &[u8]| {
                let length = ((body.len() + 2) as u16).to_be_bytes();
                [&[0xff, marker], &length[..], body].concat()
            };
            let private = [
                segment(0xe1, &[b"Exif\0\0", &tiff[..]].concat()),
                segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", SECRET].concat()),
                segment(0xed, &[b"Photoshop 3.0\0", SECRET].concat()),
                segment(0xe2, &[b"MPF\0", SECRET].concat()),
                segment(0xfe, SECRET),
            ];
            // After the end: a second picture, as motion photos have it.
            [&plain[..2], &private.concat(), &plain[2..], SECRET].concat()
        }
        MediaType::Png => {
            let chunk = |name: &[u8], data: &[u8]| {
                let body = [name, data].concat();
                [&(data.len() as u32).to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()[..]].concat()
            };
            let private = [
                chunk(b"eXIf", &tiff),
                chunk(b"tEXt", &[b"Comment\0", SECRET].concat()),
                chunk(b"iTXt", SECRET),
                chunk(b"tIME", b"\x07\xea\x0b\x18\0\0\0"),
                chunk(b"prVt", SECRET),
            ];
            [&plain[..33], &private.concat(), &plain[33..], SECRET].concat()
        }
        _ => {
            let chunk = |name: &[u8], data: &[u8]| {
                let pad = vec![0; data.len() % 2];
                [name, &(data.len() as u32).to_le_bytes()[..], data, &pad].concat()
            };
            let size = |n: u32| [(n - 1) as u8, ((n - 1) >> 8) as u8, 0];
            let flags = [&[0x0c, 0, 0, 0][..], &size(40), &size(24)].concat();
            let body = [
                &b"WEBP"[..],
                &chunk(b"VP8X", &flags),
                &plain[12..],
                &chunk(b"EXIF", &tiff),
                &chunk(b"XMP ", SECRET),
                &chunk(b"PRIV", SECRET),
            ]
            .concat();
            [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body, SECRET].concat()
        }
    }
}

fn pixels(media: MediaType, bytes: &[u8]) -> image::RgbImage {
    let format = match media {
        MediaType::Png => ImageFormat::Png,
        MediaType::Webp => ImageFormat::WebP,
        _ => ImageFormat::Jpeg,
    };
    ImageReader::with_format(Cursor::new(bytes), format).decode().expect("a picture").to_rgb8()
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

#[test]
fn public_copies_have_the_same_pixels_and_nothing_private() {
    for media in PICTURES {
        let sent = told(media, 6);
        assert_eq!(sniff(&sent), Some(media));
        assert!(holds(&sent, SECRET));
        let stripped = strip(media, &sent).expect("a picture");
        let facts = exif::read(stripped.exif.as_deref().expect("Exif"), 480);
        assert_eq!((facts.orientation, facts.lat), (6, Some(31.275)), "{media:?}");
        assert!(pixels(media, &stripped.bytes) == pixels(media, &sent), "{media:?}");
        let public = stripped.standing(6);
        assert!(!holds(&public, SECRET) && !holds(&public, b"2026:"), "{media:?}");
        assert!(pixels(media, &public) == pixels(media, &sent), "{media:?} with its orientation");
        let again = strip(media, &public).expect("a picture");
        let kept = exif::read(again.exif.as_deref().expect("the orientation"), 480);
        assert_eq!(kept, exif::ExifFacts { orientation: 6, ..Default::default() }, "{media:?}: nothing but that");
    }
}

#[test]
fn plain_pictures_stay_as_they_are() {
    for media in PICTURES {
        let plain = picture(media, 9, 9);
        let stripped = strip(media, &plain).expect("a picture");
        assert_eq!((stripped.exif.clone(), stripped.standing(1) == plain), (None, true), "{media:?}");
    }
}

#[test]
fn videos_are_sent_without_place_and_owner() {
    let named = |name: &[u8], body: &[u8]| [&((body.len() + 8) as u32).to_be_bytes()[..], name, body].concat();
    let track = named(b"trak", &[named(b"tkhd", b"12345678"), named(b"udta", SECRET)].concat());
    let movie = [named(b"mvhd", b"12345678"), track, named(b"udta", SECRET), named(b"meta", SECRET)].concat();
    let long = [&1_u32.to_be_bytes()[..], b"mdat", &24_u64.to_be_bytes(), b"pictures"].concat();
    let video = [named(b"ftyp", b"mp42\0\0\0\0mp42"), named(b"moov", &movie), long, named(b"uuid", SECRET)].concat();
    let found = blanks(&mut Cursor::new(&video)).expect("a video");
    assert_eq!(found.len(), 4);
    let mut sent = video.clone();
    // In pieces, as it is sent.
    for (n, piece) in sent.chunks_mut(7).enumerate() {
        wipe(&found, 7 * n as u64, piece);
    }
    assert!(!holds(&sent, SECRET) && holds(&sent, b"pictures") && holds(&sent, b"mvhd"));
    assert_eq!(sent.len(), video.len());
    assert_eq!(sent.windows(4).filter(|four| *four == b"free").count(), 4);
    assert!(blanks(&mut Cursor::new(&sent)).expect("still one").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever comes: no panic, never longer than what came, and what was stripped strips to itself.
    #[test]
    fn any_bytes_are_survived(media in 0..3_usize, cut in any::<prop::sample::Index>(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let media = PICTURES[media];
        let mut bytes = told(media, 3);
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 4);
        for (at, with) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        if let Some(stripped) = strip(media, &bytes) {
            prop_assert!(stripped.bytes.len() <= bytes.len() + 2);
            let again = strip(media, &stripped.bytes);
            prop_assert_eq!(again.map(|again| again.bytes), Some(stripped.bytes));
        }
        let mut wiped = bytes.clone();
        if let Ok(found) = blanks(&mut Cursor::new(&bytes)) {
            wipe(&found, 0, &mut wiped);
        }
    }
}
