//! Images as they are sent: what each is by its content, whatever it is called. Its parts are read, each to its end, and no pixel is
//! decoded. An image that programs could read differently is refused, since each of them must find the size that was found here.

mod jpeg;
mod png;
mod reader;
mod webp;

use bytes::Bytes;
use chandlery_package::Digest;
use chandlery_package::size::bytes as in_words;
use chandlery_package::wire::{ImageType, ListingImage};

use crate::catalog::error::Error;
use reader::Size;

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
    /// Reads what an image is made of. Refused is what is no PNG, JPEG or WebP, what goes on after the image has ended, what moves, and
    /// what is larger than its bounds.
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
        let size = match media_type {
            ImageType::Png => png::size(&bytes),
            ImageType::Jpeg => jpeg::size(&bytes),
            ImageType::Webp => webp::size(&bytes),
        };
        let Size { width, height } = size.map_err(|fault| Error::invalid(fault.to_string()))?;
        if [width, height].iter().any(|side| !(1..=side_max).contains(side)) {
            return Err(Error::invalid(format!(
                "the image has {width} × {height} pixels: {what} has from 1 to {side_max} on each side"
            )));
        }
        let digest = Digest::of(&bytes);
        let about = ListingImage { digest, media_type, bytes: bytes.len() as u64, width, height };
        Ok(Self { bytes, about })
    }
}

/// What the content of a file begins as.
fn kind(bytes: &[u8]) -> Option<ImageType> {
    if png::is(bytes) {
        Some(ImageType::Png)
    } else if jpeg::is(bytes) {
        Some(ImageType::Jpeg)
    } else if webp::is(bytes) {
        Some(ImageType::Webp)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &[u8] = b"\xff\xd8";
    const NOTE: &[u8] = b"\xff\xe0\x00\x04ab";
    const TABLE: &[u8] = b"\xff\xc4\x00\x03t";
    /// With a byte that is stuffed, and a restart.
    const SCAN: &[u8] = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00ab\xff\x00\xff\xd0cd";
    const END: &[u8] = b"\xff\xd9";

    fn png_chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
        [&(data.len() as u32).to_be_bytes()[..], name, data, &[0; 4]].concat()
    }

    fn png_head(width: u32, height: u32) -> Vec<u8> {
        png_chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat())
    }

    fn png_of(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"\x89PNG\r\n\x1a\n", &chunks.concat()[..]].concat()
    }

    /// A PNG of this size with this in a comment, which no browser would show but for its head.
    fn png(width: u32, height: u32, comment: &[u8]) -> Vec<u8> {
        png_of(&[png_head(width, height), png_chunk(b"tEXt", comment), png_chunk(b"IEND", b"")])
    }

    fn frame(width: u16, height: u16) -> Vec<u8> {
        [&b"\xff\xc2\x00\x11\x08"[..], &height.to_be_bytes(), &width.to_be_bytes(), &[3; 10]].concat()
    }

    fn comment(text: &[u8]) -> Vec<u8> {
        [b"\xff\xfe", &(text.len() as u16 + 2).to_be_bytes()[..], text].concat()
    }

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        [START, NOTE, TABLE, &frame(width, height), SCAN, TABLE, SCAN, END].concat()
    }

    fn webp_chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
        [name, &(data.len() as u32).to_le_bytes(), data, &[0][..data.len() % 2]].concat()
    }

    fn webp_of(chunks: &[Vec<u8>]) -> Vec<u8> {
        webp_chunk(b"RIFF", &[b"WEBP", &chunks.concat()[..]].concat())
    }

    fn canvas(flags: u8, width: u32, height: u32) -> Vec<u8> {
        let sides = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
        webp_chunk(b"VP8X", &[&[flags, 0, 0, 0], &sides[..]].concat())
    }

    fn lossless(width: u32, height: u32) -> Vec<u8> {
        webp_chunk(b"VP8L", &[&[0x2f], &((width - 1) | (height - 1) << 14).to_le_bytes()[..]].concat())
    }

    fn lossy(width: u16, height: u16) -> Vec<u8> {
        webp_chunk(
            b"VP8 ",
            &[b"\0\0\0\x9d\x01\x2a", &width.to_le_bytes()[..], &height.to_le_bytes()].concat(),
        )
    }

    /// A WebP with all that may stand beside its picture.
    fn webp(width: u16, height: u16) -> Vec<u8> {
        let beside = |name: &[u8]| webp_chunk(name, b"odd");
        let canvas = canvas(0b11_1100, width.into(), height.into());
        webp_of(&[canvas, beside(b"ICCP"), beside(b"ALPH"), lossy(width, height), beside(b"EXIF")])
    }

    fn read(bounds: Bounds, bytes: &[u8]) -> Result<(ImageType, u32, u32), String> {
        let image = Image::read(bounds, Bytes::copy_from_slice(bytes)).map_err(|error| error.to_string())?;
        Ok((image.about.media_type, image.about.width, image.about.height))
    }

    /// Fails unless each of these is refused in these words.
    fn refuse(cases: &[(&str, Vec<u8>, &str)]) {
        for (what, bytes, says) in cases {
            let refused = read(SCREENSHOT, bytes).expect_err(what);
            assert!(refused.contains(says), "{what}: {refused}");
        }
    }

    #[test]
    fn an_image_is_what_its_content_says() {
        for (bytes, media_type) in [
            (png(640, 400, b"a"), ImageType::Png),
            (jpeg(640, 400), ImageType::Jpeg),
            (webp(640, 400), ImageType::Webp),
            (webp_of(&[lossy(640, 400)]), ImageType::Webp),
            (webp_of(&[lossless(640, 400)]), ImageType::Webp),
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
        let page = b"<script>alert(1)</script>";
        let zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        // Its comment is what ends a JPEG.
        let zip_to_the_end = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\xff\xd9";
        for image in [png(8, 8, b"a"), jpeg(8, 8), webp(8, 8), webp_of(&[lossless(8, 8)])] {
            for more in [&page[..], zip, zip_to_the_end, b"\0", &image] {
                let refused = read(ICON, &[&image[..], more].concat()).unwrap_err();
                assert!(refused.contains("does not end where its image does"), "{refused}");
            }
            for cut in 0..image.len() {
                assert!(read(ICON, &image[..cut]).is_err(), "{cut} of {}", image.escape_ascii());
            }
        }
        // Lengths that lead beyond what can be counted, or back.
        for (image, at) in [(png(8, 8, b"a"), 33..37), (webp(8, 8), 4..8), (webp(8, 8), 16..20)] {
            for byte in [0, 0xff] {
                let mut wrong = image.clone();
                wrong[at.clone()].fill(byte);
                assert!(read(ICON, &wrong).is_err(), "{}", wrong.escape_ascii());
            }
        }
    }

    #[test]
    fn a_jpeg_has_one_size_for_whoever_reads_it() {
        let (small, large) = (frame(64, 64), frame(20_000, 20_000));
        let of = |parts: &[&[u8]]| [START, &parts.concat(), END].concat();
        let (twice, strange) = ("more than once how large", "not every program");
        // Whoever takes the fill byte for a marker takes the frame after it for a length, and goes on at the small frame.
        let goes_on = START.len() + 2 + 0xc200;
        let before = [START, b"\xff", &large, &comment(b"")].concat().len();
        let fooling =
            of(&[b"\xff", &large, &comment(&[&vec![b'z'; goes_on - before][..], &small].concat()), SCAN]);
        assert!(fooling[goes_on..].starts_with(&small), "it fools nobody");
        refuse(&[
            ("a fill byte before a large frame", fooling, strange),
            ("a fill byte before the end", of(&[&small, SCAN, b"\xff"]), strange),
            ("a byte between two parts", of(&[NOTE, b"\0", &small, SCAN]), "where the next one begins"),
            ("two frames", of(&[&small, &large, SCAN]), twice),
            ("a frame between scans", of(&[&small, SCAN, &large, SCAN]), twice),
            ("the same frame twice", of(&[&small, &small, SCAN]), twice),
            ("a scan before its frame", of(&[SCAN, &small]), "does not say first"),
            ("no frame", of(&[NOTE]), "does not say how large"),
            ("a frame in a comment alone", of(&[&comment(&small)]), "does not say how large"),
            ("a large frame", of(&[&comment(&small), &large, SCAN]), "20000 × 20000 pixels"),
            ("lines that are counted later", of(&[&frame(64, 0), SCAN, b"\xff\xdc\0\x04\0\x08"]), strange),
            ("a frame that is coded otherwise", of(&[&small, b"\xff\xc9\0\x02", SCAN]), strange),
            ("frames in a hierarchy", of(&[b"\xff\xde\0\x02", &small, SCAN]), strange),
            ("another image inside", of(&[START, &small, SCAN]), strange),
            ("a restart outside a scan", of(&[b"\xff\xd0", &small, SCAN]), strange),
            ("a part of no length", of(&[b"\xff\xfe\0\x01", &small, SCAN]), "has no length"),
            (
                "a frame of no components",
                of(&[b"\xff\xc0\0\x08\x08\0\x40\0\x40\0", SCAN]),
                "its frame is none",
            ),
            ("a frame that is cut", of(&[b"\xff\xc0\0\x06\x08\0\x40\0", SCAN]), "its frame is none"),
            ("more scans than are of use", of(&[&small, &SCAN.repeat(101)]), "100 scans"),
        ]);
        let noted = of(&[NOTE, &comment(&large), &small, SCAN, TABLE, &comment(&large), &SCAN.repeat(99)]);
        assert_eq!(read(ICON, &noted), Ok((ImageType::Jpeg, 64, 64)));
    }

    #[test]
    fn a_png_has_one_size_and_one_picture() {
        let (small, large, end) = (png_head(8, 8), png_head(60_000, 60_000), png_chunk(b"IEND", b""));
        let with = |chunk: Vec<u8>| png_of(&[small.clone(), chunk, end.clone()]);
        refuse(&[
            ("a second head", with(large), "more than once how large"),
            ("the same head again", with(small.clone()), "more than once how large"),
            ("an animation", with(png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])), "moves"),
            ("a frame's size", with(png_chunk(b"fcTL", &[0xff; 26])), "moves"),
            ("a frame", with(png_chunk(b"fdAT", b"\0\0\0\x01")), "moves"),
        ]);
    }

    #[test]
    fn a_webp_has_one_size_and_one_picture() {
        let (small, huge) = (|| canvas(0, 8, 8), || lossless(16_384, 16_384));
        let unequal = "not as large as its canvas";
        refuse(&[
            ("a picture larger than its canvas", webp_of(&[small(), huge()]), unequal),
            ("a picture smaller than its canvas", webp_of(&[canvas(0, 4096, 8), lossless(8, 8)]), unequal),
            ("two pictures", webp_of(&[small(), lossless(8, 8), huge()]), "not one picture"),
            ("no picture", webp_of(&[small()]), "not one picture"),
            ("two pictures without a canvas", webp_of(&[lossless(8, 8), huge()]), "does not end"),
            ("a canvas after its picture", webp_of(&[lossless(8, 8), small()]), "does not end"),
            (
                "two canvases",
                webp_of(&[small(), canvas(0, 9, 9), lossless(8, 8)]),
                "more than once how large",
            ),
            ("something else first", webp_of(&[webp_chunk(b"ALPH", b"a"), huge()]), "does not end"),
            ("something else alone", webp_of(&[webp_chunk(b"EXIF", b"a")]), "does not begin with a picture"),
            ("an animation", webp_of(&[canvas(0b10, 8, 8), lossless(8, 8)]), "moves"),
            ("frames", webp_of(&[small(), webp_chunk(b"ANMF", &huge()), lossless(8, 8)]), "moves"),
            (
                "a canvas that is cut",
                webp_of(&[webp_chunk(b"VP8X", &[0; 9]), lossless(8, 8)]),
                "its canvas is none",
            ),
            ("a picture that is cut", webp_of(&[webp_chunk(b"VP8L", &[0x2f, 0, 0])]), "its picture is none"),
            (
                "a picture of changes",
                webp_of(&[webp_chunk(b"VP8 ", b"\x01\0\0\x9d\x01\x2a\x08\0\x08\0")]),
                "its picture",
            ),
            ("a large picture", webp_of(&[huge()]), "16384 × 16384 pixels"),
        ]);
        // Two bits beside each side say how to stretch it, which nobody does.
        assert_eq!(read(ICON, &webp_of(&[lossy(0xc008, 0x4008)])), Ok((ImageType::Webp, 8, 8)));
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
            (webp(1025, 1), false),
            (webp_of(&[lossless(1, 1025)]), false),
            (webp_of(&[lossy(0, 8)]), false),
            (png(8, 8, &vec![b'a'; ICON.bytes_max]), false),
            (png(8, 8, &vec![b'a'; ICON.bytes_max - 200]), true),
        ] {
            assert_eq!(read(ICON, &bytes).is_ok(), fits, "{:?}", read(ICON, &bytes));
        }
        assert!(read(SCREENSHOT, &png(4096, 2160, b"a")).is_ok());
    }
}
