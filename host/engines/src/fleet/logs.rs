//! What replicas wrote.

use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::Error;
use chandlery_package::wire::host::LogTail;

/// How much of the end of a file is looked at.
const TAIL_BYTES_MAX: u64 = 1 << 20;

/// A log that has become longer than this is kept as the former one, and begun anew.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// Begins a log anew that has become too long. Its program writes on to the same file, so it is copied and emptied.
pub(crate) fn rotate(log: &Path) -> std::io::Result<()> {
    match fs::metadata(log) {
        Ok(meta) if meta.len() > LOG_BYTES_MAX => {
            fs::copy(log, log.with_extension("log.1"))?;
            fs::OpenOptions::new().write(true).open(log)?.set_len(0)
        }
        _ => Ok(()),
    }
}

/// How many revisions back logs are kept.
const REVISIONS_KEPT: i64 = 10;

/// Removes the logs of revisions long before this one. Of what has never run there is no folder, and nothing to remove.
pub(crate) fn prune(folder: &Path, revision: i64) -> std::io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let of = name.split(".r").nth(1).and_then(|rest| rest.split('.').next()?.parse::<i64>().ok());
        if of.is_some_and(|of| of + REVISIONS_KEPT < revision) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The last lines of every log in a folder, by name; a folder that is not there has none.
pub(crate) fn tails(folder: &Path, lines: usize) -> Result<Vec<LogTail>, Error> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut tails = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let lines = tail(&path, lines).map_err(Error::system(path.display().to_string()))?;
        tails.push(LogTail { replica: name, lines });
    }
    tails.sort_by(|a, b| a.replica.cmp(&b.replica));
    Ok(tails)
}

/// The last lines of a file.
pub(crate) fn tail(path: &Path, lines: usize) -> std::io::Result<Vec<String>> {
    let mut file = fs::File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().map(str::to_owned).collect();
    Ok(all[all.len().saturating_sub(lines)..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_too_long_begins_anew() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server-0.log");
        // As a program has it open that goes on writing.
        let mut log = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        writeln!(log, "short").unwrap();
        rotate(&path).unwrap();
        assert_eq!(tail(&path, 9).unwrap(), ["short"]);
        log.write_all(&vec![b'x'; LOG_BYTES_MAX as usize]).unwrap();
        rotate(&path).unwrap();
        writeln!(log, "after").unwrap();
        assert_eq!(tail(&path, 9).unwrap(), ["after"]);
        assert!(fs::metadata(folder.path().join("server-0.log.1")).unwrap().len() > LOG_BYTES_MAX);
        assert_eq!(tails(folder.path(), 9).unwrap().len(), 1);
        fs::write(folder.path().join("server-0.r2.log"), "old").unwrap();
        fs::write(folder.path().join("server-0.r9.log"), "new").unwrap();
        prune(folder.path(), 13).unwrap();
        prune(&folder.path().join("waits-for-its-image"), 13).unwrap();
        assert_eq!(tails(folder.path(), 9).unwrap().len(), 2);
    }
}
