//! PNG: a signature, and chunks up to one that ends the image.

use super::reader::{Fault, Reader, Size};

const SIGNATURE_BYTES: usize = 8;
/// The checksum after the data of a chunk.
const CHECKSUM_BYTES: usize = 4;
/// The signature, and the beginning of the first chunk, which has 13 bytes.
const HEAD: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";

/// Whether a file begins as a PNG.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(HEAD)
}

/// How large a PNG is: as its first chunk says, and no other one.
pub(super) fn size(bytes: &[u8]) -> Result<Size, Fault> {
    let mut reader = Reader::new(bytes);
    reader.take(SIGNATURE_BYTES)?;
    let mut header = Reader::new(chunk(&mut reader)?.1);
    let [width, height] = [header.array()?, header.array()?].map(u32::from_be_bytes);
    loop {
        match &chunk(&mut reader)?.0 {
            b"IHDR" => return Err(Fault::Form("it says more than once how large it is")),
            b"acTL" | b"fcTL" | b"fdAT" => return Err(Fault::Moves),
            b"IEND" => break,
            _ => {}
        }
    }
    reader.end()?;
    Ok(Size { width, height })
}

/// The name and the data of the next chunk.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), Fault> {
    let bytes = u32::from_be_bytes(reader.array()?);
    let name = reader.array()?;
    let data = reader.take(bytes as usize)?;
    reader.take(CHECKSUM_BYTES)?;
    Ok((name, data))
}
