//! The files of an archive, one after the other, as somebody packed them. None is ever written, and names are words to show; what unpacks to
//! more than a bound is read until there, and links and whatever else is no file are passed over.

use std::cell::Cell;
use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;
use tar::{Entry, PaxExtensions};
use zip::ZipArchive;

use super::ArchiveError;

/// The most entries of an archive: a folder with the packages that it was built with has thousands.
pub(super) const ENTRIES_MAX: usize = 20_000;
/// The most that is unpacked of an archive in one reading, in bytes.
pub(super) const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// How many of the first bytes of a file say what it is.
pub(in crate::catalog::drafts) const HEAD_BYTES: usize = 8;
/// The longest name that is shown, in characters; of a longer one its end is.
const NAME_CHARS_MAX: usize = 300;
/// The longest name in an entry of its own that is read, in bytes.
const LONG_NAME_BYTES_MAX: u64 = 16 << 10;

/// What each file of an archive is given to: where it is, and its bytes.
pub(super) type Look<'a> = &'a mut dyn FnMut(&str, &mut dyn Read) -> Result<(), ArchiveError>;

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::catalog::drafts) enum Format {
    /// Files that are each compressed by themselves, with a list at the end.
    Zip,
    /// Files in a row, compressed together.
    TarGz,
}

impl Format {
    /// What a file that begins so is packed as, whatever it is called; none: it is no archive that is read here.
    pub(in crate::catalog::drafts) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [0x1f, 0x8b, ..] => Some(Self::TarGz),
            _ => None,
        }
    }
}

/// Looks at each file of an archive, in its order.
pub(super) fn each(format: Format, bytes: &[u8], look: Look<'_>) -> Result<(), ArchiveError> {
    let left = Cell::new(Some(UNPACKED_BYTES_MAX));
    let looked = match format {
        Format::Zip => zipped(bytes, &left, look),
        Format::TarGz => tarred(bytes, &left, look),
    };
    // Whoever reads has its own words for that nothing more comes.
    if left.get().is_none() { Err(ArchiveError::Large) } else { looked }
}

/// A reader that fails where more comes of it than is left; then nothing is.
struct Bounded<'a, R> {
    from: R,
    left: &'a Cell<Option<u64>>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.left.set(self.left.get().and_then(|left| left.checked_sub(read as u64)));
        match self.left.get() {
            Some(_) => Ok(read),
            None => Err(io::Error::other("it unpacks to more than is read")),
        }
    }
}

fn must_be_few(entries: usize) -> Result<(), ArchiveError> {
    if entries <= ENTRIES_MAX { Ok(()) } else { Err(ArchiveError::Entries) }
}

fn zipped(bytes: &[u8], left: &Cell<Option<u64>>, look: Look<'_>) -> Result<(), ArchiveError> {
    must_be_listed_plainly(bytes)?;
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    must_be_few(archive.len())?;
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index)?;
        let (is_file, path) = (entry.is_file(), shown(entry.name_raw()));
        if is_file {
            look(&path, &mut Bounded { from: archive.by_index(index)?, left })?;
        }
    }
    Ok(())
}

/// Refuses a zip whose list would take more memory than its files, before anybody reads it: it is as long as it says, wherever it is found.
fn must_be_listed_plainly(bytes: &[u8]) -> Result<(), ArchiveError> {
    const ENTRY: &[u8] = b"PK\x01\x02";
    const END: &[u8] = b"PK\x05\x06";
    const LONG_END: &[u8] = b"PK\x06\x07";
    const LONG_END_BYTES: usize = 20;
    const ENDS_MAX: usize = 100;
    let (mut entries, mut ends) = (0, 0);
    for (at, four) in bytes.windows(ENTRY.len()).enumerate() {
        if four == ENTRY {
            entries += 1;
        } else if four == END {
            ends += 1;
            let before = at.checked_sub(LONG_END_BYTES).map(|at| &bytes[at..]);
            if before.is_some_and(|before| before.starts_with(LONG_END)) {
                return Err(ArchiveError::Unreadable("it is in the form for more than 4 GiB (zip64)".into()));
            }
        }
    }
    must_be_few(entries)?;
    if ends <= ENDS_MAX { Ok(()) } else { Err(ArchiveError::Unreadable("it is many archives in one".into())) }
}

fn tarred(bytes: &[u8], left: &Cell<Option<u64>>, look: Look<'_>) -> Result<(), ArchiveError> {
    let mut archive = tar::Archive::new(Bounded { from: MultiGzDecoder::new(bytes), left });
    // A name that is too long for its own entry is in one before it, which is read here: by itself, the library takes it whole, however
    // long it is.
    let mut named = None;
    for (count, entry) in archive.entries()?.raw(true).enumerate() {
        must_be_few(count + 1)?;
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() {
            named = Some(short(&mut entry)?);
        } else if kind.is_pax_local_extensions() {
            named = pax_path(&short(&mut entry)?).or(named);
        } else if !kind.is_gnu_longlink() && !kind.is_pax_global_extensions() {
            let name = named.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
            if kind.is_file() {
                look(&shown(&name), &mut entry)?;
            }
        }
    }
    Ok(())
}

/// What an entry says that is about the next one, as far as it is read.
fn short<R: Read>(entry: &mut Entry<'_, R>) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    entry.take(LONG_NAME_BYTES_MAX).read_to_end(&mut said)?;
    Ok(said)
}

fn pax_path(said: &[u8]) -> Option<Vec<u8>> {
    let paths = PaxExtensions::new(said).filter_map(Result::ok).filter(|said| said.key_bytes() == b"path");
    paths.last().map(|path| path.value_bytes().to_vec())
}

/// A name as a path that is only shown and compared: its parts, by single slashes.
fn shown(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let parts =
        name.trim_end_matches('\0').split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    let path = printable(&parts.collect::<Vec<_>>().join("/"));
    match path.char_indices().rev().nth(NAME_CHARS_MAX) {
        None => path,
        Some((at, first)) => format!("…{}", &path[at + first.len_utf8()..]),
    }
}

/// What a text is to people: without what moves a terminal or a database would not keep.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_to_show() {
        for (name, path) in [
            (&b"./a//b/c.wasm"[..], "a/b/c.wasm"),
            (b"a\\b.wasm", "a/b.wasm"),
            (b"/../../etc/passwd", "../../etc/passwd"),
            (b"a\0b\x1b[2J\n", "a\u{fffd}b\u{fffd}[2J\u{fffd}"),
            (b"name\0\0\0", "name"),
            (b"\xff", "\u{fffd}"),
            (b"", ""),
        ] {
            assert_eq!(shown(name), path);
        }
        let long = shown("ä".repeat(70_000).as_bytes());
        assert_eq!(long.chars().count(), NAME_CHARS_MAX + 1);
        assert_eq!(shown("ä".repeat(NAME_CHARS_MAX).as_bytes()).chars().count(), NAME_CHARS_MAX);
    }

    #[test]
    fn a_bound_ends_a_reading_wherever_it_is_met() {
        let left = Cell::new(Some(5));
        let mut read = Vec::new();
        let mut bounded = Bounded { from: &b"12345"[..], left: &left };
        assert!(bounded.read_to_end(&mut read).is_ok() && left.get() == Some(0));
        assert!(Bounded { from: &b""[..], left: &left }.read_to_end(&mut read).is_ok());
        assert!(Bounded { from: &b"6"[..], left: &left }.read_to_end(&mut read).is_err());
        assert!(Bounded { from: &b""[..], left: &left }.read_to_end(&mut read).is_err(), "and stays so");
    }
}
