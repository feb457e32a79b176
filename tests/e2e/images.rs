//! Images as strangers send them, made here.

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A white PNG of this size in pixels, as any browser shows it.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    with_comment(width, height, "made by a test")
}

/// The same with a comment, which changes nothing but its digest.
pub fn with_comment(width: u32, height: u32, comment: &str) -> Vec<u8> {
    // A bit for each pixel, and before each row how it is filtered: not at all.
    let row = [vec![0], vec![0xff; width.div_ceil(8) as usize]].concat();
    image(width, height, comment, &row.repeat(height as usize))
}

/// One that says that it is larger than its pixels.
pub fn claimed(width: u32, height: u32) -> Vec<u8> {
    image(width, height, "larger than it is", &[])
}

fn image(width: u32, height: u32, comment: &str, pixels: &[u8]) -> Vec<u8> {
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    let comment = [b"Comment\0", comment.as_bytes()].concat();
    let chunks = [
        chunk(b"IHDR", &head),
        chunk(b"tEXt", &comment),
        chunk(b"IDAT", &stored(pixels)),
        chunk(b"IEND", b""),
    ];
    [SIGNATURE, &chunks.concat()].concat()
}

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    let named = [name, data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &named, &crc32(&named).to_be_bytes()].concat()
}

/// As zlib has it (RFC 1950), in one block that is not compressed.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let head = [&b"\x78\x01\x01"[..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
    [&head[..], data, &adler32(data).to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    (high << 16) | low
}

#[test]
fn checksums_are_as_their_specifications_have_them() {
    assert_eq!((crc32(b"123456789"), adler32(b"Wikipedia")), (0xcbf4_3926, 0x11e6_0398));
}
