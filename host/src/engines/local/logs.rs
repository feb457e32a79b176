//! What replicas wrote.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::Error;
use crate::engines::LogTail;

/// How much of the end of a file is looked at.
const TAIL_BYTES_MAX: u64 = 1 << 20;

/// The last lines of every log in a folder, by name; a folder that is not there has none.
pub(super) fn tails(folder: &Path, lines: usize) -> Result<Vec<LogTail>, Error> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut tails = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let lines = tail(&path, lines).map_err(Error::system(path.display().to_string()))?;
        tails.push(LogTail { replica: name, lines });
    }
    tails.sort_by(|a, b| a.replica.cmp(&b.replica));
    Ok(tails)
}

/// The last lines of a file.
pub(super) fn tail(path: &Path, lines: usize) -> std::io::Result<Vec<String>> {
    let mut file = fs::File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().map(str::to_owned).collect();
    Ok(all[all.len().saturating_sub(lines)..].to_vec())
}
