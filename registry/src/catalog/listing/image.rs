//! Images as they are sent: what each is by its content, whatever it is called. Their heads are read, and nothing is decoded.

use bytes::Bytes;
use chandlery_package::Digest;
use chandlery_package::size::bytes as in_words;
use chandlery_package::wire::{ImageType, ListingImage};

use crate::catalog::error::Error;

/// The signature of a PNG, and its first chunk, which has 13 bytes.
const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
const PNG_SIGNATURE_BYTES: usize = 8;
/// What a chunk of a PNG has beside its data: their length, its name, and a checksum.
const PNG_CHUNK_BYTES: usize = 12;
/// The last chunk of a PNG.
const PNG_END: &[u8] = b"IEND";
/// The mark that ends a JPEG.
const JPEG_END: &[u8] = b"\xff\xd9";
/// What a RIFF has before what it counts.
const RIFF_HEAD_BYTES: usize = 8;

/// How large an image may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What it is, after which its bounds are told.
    pub what: &'static str,
    /// The most bytes that it has.
    pub bytes_max: usize,
    /// The longest that each of its sides is, in pixels.
    pub side_max: u32,
}

/// How large an icon may be.
pub const ICON: Bounds = Bounds { what: "an icon", bytes_max: 256 << 10, side_max: 1024 };
/// How large a screenshot may be.
pub const SCREENSHOT: Bounds = Bounds { what: "a screenshot", bytes_max: 2 << 20, side_max: 4096 };

impl Bounds {
    /// That an image has too many bytes.
    pub(in crate::catalog) fn too_large(self) -> Error {
        Error::invalid(format!("{} has at most {} here", self.what, in_words(self.bytes_max as u64)))
    }
}

/// An image within its bounds.
#[derive(Debug, Clone)]
pub struct Image {
    /// As it was sent.
    pub(super) bytes: Bytes,
    /// What is known of it.
    pub(super) about: ListingImage,
}

impl Image {
    /// Reads an image's head. Refused is what is no PNG, JPEG or WebP, what goes on after the image has ended, and what is larger than its
    /// bounds.
    pub fn read(bounds: Bounds, bytes: Bytes) -> Result<Self, Error> {
        let Bounds { what, bytes_max, side_max } = bounds;
        if bytes.is_empty() {
            return Err(Error::invalid(format!("nothing was sent: {what} is a PNG, JPEG or WebP image")));
        }
        if bytes.len() > bytes_max {
            return Err(bounds.too_large());
        }
        let media_type = kind(&bytes).ok_or_else(|| {
            Error::invalid(format!(
                "{what} is a PNG, JPEG or WebP image, and the content of this file is none: whatever it is called, save it as one"
            ))
        })?;
        if !ends(media_type, &bytes) {
            return Err(Error::invalid(
                "the file does not end where its image does: save it again with a program for images",
            ));
        }
        let size = imagesize::blob_size(&bytes);
        let size = size.map_err(|error| Error::invalid(format!("the image cannot be read: {error}")))?;
        let side = |pixels: usize| u32::try_from(pixels).ok().filter(|side| (1..=side_max).contains(side));
        let (Some(width), Some(height)) = (side(size.width), side(size.height)) else {
            return Err(Error::invalid(format!(
                "the image has {} × {} pixels: {what} has from 1 to {side_max} on each side",
                size.width, size.height
            )));
        };
        let digest = Digest::of(&bytes);
        let about = ListingImage { digest, media_type, bytes: bytes.len() as u64, width, height };
        Ok(Self { bytes, about })
    }
}

/// What the content of a file begins as.
fn kind(bytes: &[u8]) -> Option<ImageType> {
    match imagesize::image_type(bytes).ok()? {
        imagesize::ImageType::Png if bytes.starts_with(PNG_HEAD) => Some(ImageType::Png),
        imagesize::ImageType::Jpeg => Some(ImageType::Jpeg),
        imagesize::ImageType::Webp => Some(ImageType::Webp),
        _ => None,
    }
}

/// Whether a file ends with its image, so that it is nothing else to whoever reads it from its end.
fn ends(media_type: ImageType, bytes: &[u8]) -> bool {
    match media_type {
        ImageType::Png => png_bytes(bytes) == Some(bytes.len()),
        ImageType::Jpeg => bytes.ends_with(JPEG_END),
        ImageType::Webp => riff_bytes(bytes) == Some(bytes.len()),
    }
}

/// How long a PNG says that it is: its chunks, up to the last one.
fn png_bytes(bytes: &[u8]) -> Option<usize> {
    let mut at = PNG_SIGNATURE_BYTES;
    loop {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
        let name = bytes.get(at + 4..at + 8)?;
        at = at.checked_add(PNG_CHUNK_BYTES)?.checked_add(length as usize)?;
        if name == PNG_END {
            return Some(at);
        }
    }
}

/// How long a RIFF says that it is: an odd length is followed by a byte more.
fn riff_bytes(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(4..RIFF_HEAD_BYTES)?.try_into().ok()?) as usize;
    length.checked_next_multiple_of(2)?.checked_add(RIFF_HEAD_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG of this size with this in a comment, which no browser would show but for its head.
    fn png(width: u32, height: u32, comment: &[u8]) -> Vec<u8> {
        let chunk =
            |name: &[u8], data: &[u8]| [&(data.len() as u32).to_be_bytes()[..], name, data, &[0; 4]].concat();
        let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        [&PNG_HEAD[..8], &chunk(b"IHDR", &head), &chunk(b"tEXt", comment), &chunk(PNG_END, b"")].concat()
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let frame = [&b"\xff\xc0\x00\x11\x08"[..], &height.to_be_bytes(), &width.to_be_bytes(), &[3; 10]];
        [b"\xff\xd8\xff\xe0\x00\x04ab", &frame.concat()[..], JPEG_END].concat()
    }

    fn webp(width: u32, height: u32) -> Vec<u8> {
        let canvas = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
        [&b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"[..], &canvas].concat()
    }

    fn read(bounds: Bounds, bytes: &[u8]) -> Result<(ImageType, u32, u32), String> {
        let image = Image::read(bounds, Bytes::copy_from_slice(bytes)).map_err(|error| error.to_string())?;
        Ok((image.about.media_type, image.about.width, image.about.height))
    }

    #[test]
    fn an_image_is_what_its_content_says() {
        for (bytes, media_type) in [
            (png(640, 400, b"a"), ImageType::Png),
            (jpeg(640, 400), ImageType::Jpeg),
            (webp(640, 400), ImageType::Webp),
        ] {
            assert_eq!(read(SCREENSHOT, &bytes), Ok((media_type, 640, 400)));
        }
    }

    #[test]
    fn what_is_no_image_is_refused_whatever_it_begins_with() {
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        for bytes in [
            &svg[..],
            b"GIF89a\x01\0\x01\0\0\0\0;",
            b"GIF89a/*\x01\0*/=1;alert(1)//",
            b"<!doctype html><script>alert(1)</script>",
            b"%PDF-1.7 and more of it",
            b"PK\x03\x04 and more of it",
            b"BM and more of it, as bitmaps have",
            b"\x89PNG<script>alert(1)</script>",
            b"RIFF\x08\0\0\0WAVEfmt and more",
            b"\0asm\x0d\0\x01\0\0\0\0\0",
            b"x",
        ] {
            let refused = read(ICON, bytes).unwrap_err();
            assert!(refused.contains("is a PNG, JPEG or WebP"), "{}: {refused}", bytes.escape_ascii());
        }
        assert!(read(ICON, b"").unwrap_err().contains("nothing was sent"));
    }

    #[test]
    fn what_is_an_image_and_something_else_is_refused() {
        let zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        for image in [png(8, 8, b"a"), jpeg(8, 8), webp(8, 8)] {
            for more in [&b"<script>alert(1)</script>"[..], zip, b"\0"] {
                let refused = read(ICON, &[&image[..], more].concat()).unwrap_err();
                assert!(refused.contains("does not end where its image does"), "{refused}");
            }
            for cut in 0..image.len() {
                assert!(read(ICON, &image[..cut]).is_err(), "{cut} of {}", image.escape_ascii());
            }
        }
        // A length that leads beyond what can be counted, or back.
        let mut wrong = png(8, 8, b"a");
        wrong[33..37].copy_from_slice(&[0xff; 4]);
        assert!(read(ICON, &wrong).is_err());
    }

    #[test]
    fn no_image_is_larger_than_its_bounds() {
        for (bytes, fits) in [
            (png(1024, 1024, b"a"), true),
            (png(1025, 1, b"a"), false),
            (png(1, 1025, b"a"), false),
            (png(0, 8, b"a"), false),
            (png(u32::MAX, u32::MAX, b"a"), false),
            (jpeg(u16::MAX, 1), false),
            (webp(1 << 24, 1), false),
            (png(8, 8, &vec![b'a'; ICON.bytes_max]), false),
            (png(8, 8, &vec![b'a'; ICON.bytes_max - 200]), true),
        ] {
            assert_eq!(read(ICON, &bytes).is_ok(), fits, "{:?}", read(ICON, &bytes));
        }
        assert!(read(SCREENSHOT, &png(4096, 2160, b"a")).is_ok());
    }
}
