//! WebP: a chunk, of which all others are a part. One of them is the picture; where the first one is a canvas, others may stand beside it.

use super::reader::{Fault, Reader, Size};

const RIFF: &[u8] = b"RIFF";
/// What follows the length of the whole.
const FORM: &[u8; 4] = b"WEBP";
const FORM_AT: usize = 8;
/// The flag of a canvas on which pictures follow each other.
const MOVES: u8 = 0b10;
/// The bit of a picture's first byte that says that it changes an earlier one.
const CHANGES: u8 = 0b1;
/// The bits of a side of a picture: two more say how to stretch it, which no program does.
const SIDE_BITS: u32 = 14;
const SIDE_MAX: u32 = (1 << SIDE_BITS) - 1;

/// Whether a file begins as a WebP.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(RIFF) && bytes.get(FORM_AT..).is_some_and(|form| form.starts_with(FORM))
}

/// How large a WebP is: as its one picture says, and its canvas where it has one.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Fault> {
    let mut file = Reader::new(bytes);
    let mut reader = Reader::new(chunk(&mut file)?.1);
    file.end()?;
    reader.take(FORM.len())?;
    let (name, data) = chunk(&mut reader)?;
    if &name != b"VP8X" {
        reader.end()?;
        return picture(&name, data)?.ok_or(Fault::Form("it does not begin with a picture"));
    }
    let canvas = canvas(data)?;
    let mut pictures = Vec::new();
    while !reader.is_empty() {
        let (name, data) = chunk(&mut reader)?;
        pictures.extend(picture(&name, data)?);
    }
    match pictures[..] {
        [picture] if picture == canvas => Ok(canvas),
        [_] => Err(Fault::Form("its picture is not as large as its canvas")),
        _ => Err(Fault::Form("it is not one picture")),
    }
}

/// The name and the data of the next chunk. After an odd number of bytes comes one that is not counted.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), Fault> {
    let name = reader.array()?;
    let bytes = u32::from_le_bytes(reader.array()?) as usize;
    let data = reader.take(bytes)?;
    reader.take(bytes % 2)?;
    Ok((name, data))
}

/// How large the canvas is that a chunk describes.
fn canvas(data: &[u8]) -> Result<Size, Fault> {
    let side = |[low, middle, high]: [u8; 3]| u32::from_le_bytes([low, middle, high, 0]) + 1;
    match *data {
        [flags, _, _, _, _, _, _, _, _, _] if flags & MOVES != 0 => Err(Fault::Moves),
        [_, _, _, _, a, b, c, d, e, f] => Ok(Size { width: side([a, b, c]), height: side([d, e, f]) }),
        _ => Err(Fault::Form("its canvas is none")),
    }
}

/// How large the picture is that a chunk holds, if it holds one.
fn picture(name: &[u8; 4], data: &[u8]) -> Result<Option<Size>, Fault> {
    match (name, data) {
        (b"VP8 ", &[first, _, _, 0x9d, 0x01, 0x2a, a, b, c, d, ..]) if first & CHANGES == 0 => {
            let side = |bytes| u32::from(u16::from_le_bytes(bytes)) & SIDE_MAX;
            Ok(Some(Size { width: side([a, b]), height: side([c, d]) }))
        }
        (b"VP8L", &[0x2f, a, b, c, d, ..]) => {
            let sides = u32::from_le_bytes([a, b, c, d]);
            let side = |shifted: u32| (shifted & SIDE_MAX) + 1;
            Ok(Some(Size { width: side(sides), height: side(sides >> SIDE_BITS) }))
        }
        (b"VP8 " | b"VP8L", _) => Err(Fault::Form("its picture is none")),
        (b"VP8X", _) => Err(Fault::Form("it says more than once how large it is")),
        (b"ANIM" | b"ANMF", _) => Err(Fault::Moves),
        _ => Ok(None),
    }
}
