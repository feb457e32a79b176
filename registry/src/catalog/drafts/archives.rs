//! An archive of a plugin's folder as it was built: the one component in it, and what lies beside. It is read in memory alone, twice: first
//! for what there is, then for the texts of the folder that the component was built in.

mod entries;
mod folder;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Read};

use chandlery_package::component::{COMPONENT_BYTES_MAX, carries_manifest};
use zip::result::ZipError;

use entries::{ENTRIES_MAX, UNPACKED_BYTES_MAX, each, printable};
pub(super) use entries::{Format, HEAD_BYTES};
pub(super) use folder::Folder;
use folder::TEXTS;

/// How many files a refusal names.
const NAMED_MAX: usize = 10;

/// Why no component was taken from an archive.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArchiveError {
    /// It is damaged, encrypted, or of a kind that is not read.
    #[error("the archive cannot be read: {0}: pack the folder as a .zip or .tar.gz, without a password")]
    Unreadable(String),
    /// More files than anybody packs on purpose.
    #[error(
        "the archive has more than {ENTRIES_MAX} entries: leave out what the plugin is not made of, or upload its .wasm file alone"
    )]
    Entries,
    /// More than is unpacked here, however little it was packed to.
    #[error(
        "what is in the archive has more than {} MiB: leave out what the plugin is not made of, or upload its .wasm file alone",
        UNPACKED_BYTES_MAX >> 20
    )]
    Large,
    /// A component that is larger than any that is accepted; where it is.
    #[error("the component {0} has more than {mib} MiB", mib = COMPONENT_BYTES_MAX >> 20)]
    LargeComponent(String),
    /// Nothing that could be published; what there is instead.
    #[error(
        "the archive holds no component with a manifest inside, and the registry builds nothing: run `chandlery build` in the plugin's \
         folder and pack it again, or upload the .wasm file that it names. In the archive there is {0}"
    )]
    NoComponent(String),
    /// Several, of which only its sender knows which is meant; where the first two are.
    #[error("the archive holds several components, {0}, {1}: leave one of them in it, or upload that alone")]
    ManyComponents(String, String),
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(printable(&error.to_string()))
    }
}

impl From<ZipError> for ArchiveError {
    fn from(error: ZipError) -> Self {
        Self::Unreadable(printable(&error.to_string()))
    }
}

/// What was taken from an archive.
pub(super) struct Unpacked {
    /// Where the component was.
    pub(super) path: String,
    /// Its bytes, of which nothing is known but that they say that they carry a manifest.
    pub(super) component: Vec<u8>,
    /// What lies in the folder that it was built in.
    pub(super) folder: Folder,
}

/// Takes the one component from an archive, and the texts of its folder. Blocks, and takes memory for the component.
pub(super) fn unpack(format: Format, bytes: &[u8]) -> Result<Unpacked, ArchiveError> {
    let mut found = Found::default();
    each(format, bytes, &mut |path, file| found.see(path, file))?;
    let texts = std::mem::take(&mut found.texts);
    let (path, component) = found.only()?;
    let folder = Folder::around(&path, &texts, &mut |look| each(format, bytes, look))?;
    Ok(Unpacked { path, component, folder })
}

/// Reads an archive as one that is uploaded; the refusal is in words.
pub fn read_archive(bytes: &[u8]) -> Result<(), String> {
    let format = Format::of(bytes).ok_or("it is no archive that is read here")?;
    unpack(format, bytes).map(drop).map_err(|error| error.to_string())
}

/// What was seen of an archive.
#[derive(Default)]
struct Found {
    files: usize,
    component: Option<(String, Vec<u8>)>,
    /// What else is Wasm, or an archive, and what it is.
    beside: Vec<String>,
    /// Where the texts are that a component carries.
    texts: BTreeSet<String>,
}

impl Found {
    fn see(&mut self, path: &str, file: &mut dyn Read) -> Result<(), ArchiveError> {
        self.files += 1;
        if TEXTS.contains(&path.rsplit('/').next().unwrap_or(path)) {
            self.texts.insert(path.to_owned());
        }
        let mut head = Vec::with_capacity(HEAD_BYTES);
        (&mut *file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        match Content::of(&head) {
            Some(Content::Component) => self.see_component(path, head, file)?,
            Some(Content::Module) => {
                self.say(path, "a core module, of which `chandlery build` makes a component")
            }
            Some(Content::Archive) => self.say(path, "an archive, which is not opened"),
            None => {}
        }
        Ok(())
    }

    fn see_component(&mut self, path: &str, head: Vec<u8>, file: &mut dyn Read) -> Result<(), ArchiveError> {
        let mut bytes = head;
        let room = COMPONENT_BYTES_MAX - bytes.len();
        if file.take(room as u64 + 1).read_to_end(&mut bytes)? > room {
            return Err(ArchiveError::LargeComponent(path.to_owned()));
        }
        if !carries_manifest(&bytes) {
            self.say(path, "a component without a manifest, which `chandlery build` puts in");
            return Ok(());
        }
        match &self.component {
            None => self.component = Some((path.to_owned(), bytes)),
            Some((_, same)) if *same == bytes => {}
            Some((first, _)) => {
                return Err(ArchiveError::ManyComponents(first.clone(), path.to_owned()));
            }
        }
        Ok(())
    }

    fn say(&mut self, path: &str, what: &str) {
        self.beside.push(format!("{path} ({what})"));
    }

    /// The one component, and where it is.
    fn only(self) -> Result<(String, Vec<u8>), ArchiveError> {
        match self.component {
            Some(found) => Ok(found),
            None if self.beside.is_empty() => Err(ArchiveError::NoComponent(match self.files {
                0 => "nothing".into(),
                1 => "one file, which is no WebAssembly".into(),
                files => format!("no WebAssembly among its {files} files"),
            })),
            None => Err(ArchiveError::NoComponent(few(&self.beside))),
        }
    }
}

/// The first of these, and how many more there are.
fn few(all: &[String]) -> String {
    let named = all.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

/// What a file begins as.
enum Content {
    Component,
    Module,
    Archive,
}

impl Content {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            b"\0asm\x0d\0\x01\0" => Some(Self::Component),
            [b'\0', b'a', b's', b'm', ..] => Some(Self::Module),
            head => Format::of(head).map(|_| Self::Archive),
        }
    }
}
