//! JPEG: segments that begin with a marker. After some of them comes a scan: coded data up to the next marker.

use super::reader::{Fault, Reader, Size};

/// The first byte of each marker. The second one says which it is.
const MARK: u8 = 0xff;
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
/// The length of a segment counts itself.
const LENGTH_BYTES: usize = 2;
/// What a frame says of each component.
const COMPONENT_BYTES: usize = 3;
/// Brightness and colours, or the four inks of printers.
const COMPONENTS_MAX: usize = 4;
/// Each scan makes a browser go over all pixels once more; progressive images have about ten.
const SCANS_MAX: usize = 100;

/// Whether a file begins as a JPEG.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(&[MARK, START, MARK])
}

/// How large a JPEG is: as its one frame says, which comes before its scans.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Fault> {
    let mut reader = Reader::new(bytes);
    reader.take([MARK, START].len())?;
    let (mut size, mut scans) = (None, 0);
    loop {
        let marker = reader.array()?;
        let [MARK, kind] = marker else {
            return Err(Fault::Form("one of its parts does not end where the next one begins"));
        };
        match kind {
            END => break,
            SCAN if size.is_none() => return Err(Fault::Form("it does not say first how large it is")),
            SCAN if scans == SCANS_MAX => return Err(Fault::Form("it is drawn in more than 100 scans")),
            SCAN => {
                segment(&mut reader)?;
                reader.seek(|[first, second]| first == MARK && !is_coded(second))?;
                scans += 1;
            }
            // Baseline, extended or progressive, by Huffman's code: browsers read no other.
            0xc0..=0xc2 => {
                if size.replace(frame(segment(&mut reader)?)?).is_some() {
                    return Err(Fault::Form("it says more than once how large it is"));
                }
            }
            // Tables, what programs note, and comments.
            0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe => {
                segment(&mut reader)?;
            }
            _ => return Err(Fault::Form("it has a part that not every program reads")),
        }
    }
    reader.end()?;
    size.ok_or(Fault::Form("it does not say how large it is"))
}

/// The data of a segment whose marker was read.
fn segment<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    let bytes = usize::from(u16::from_be_bytes(reader.array()?));
    reader.take(bytes.checked_sub(LENGTH_BYTES).ok_or(Fault::Form("one of its parts has no length"))?)
}

/// Whether the first byte of a marker is none in coded data, by what follows it: a zero, or the number of a restart.
fn is_coded(second: u8) -> bool {
    matches!(second, 0x00 | 0xd0..=0xd7)
}

/// How large the image is that a frame describes.
fn frame(data: &[u8]) -> Result<Size, Fault> {
    match *data {
        [_, a, b, c, d, count, ref components @ ..]
            if (1..=COMPONENTS_MAX).contains(&usize::from(count))
                && components.len() == usize::from(count) * COMPONENT_BYTES =>
        {
            let side = |bytes| u32::from(u16::from_be_bytes(bytes));
            Ok(Size { width: side([c, d]), height: side([a, b]) })
        }
        _ => Err(Fault::Form("its frame is none")),
    }
}
