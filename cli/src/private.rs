//! What a server keeps is its user's alone, whatever the mode of the folder that it was given and whatever the umask.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use nix::sys::stat::{Mode, umask};

use crate::failure::{Failure, Result};
use crate::show;

/// What others may do with a file.
const OTHERS: u32 = 0o077;
/// What belongs to what is deployed, below a host's folder that nobody else can enter: programs of other users may be at work in it.
const OF_DEPLOYMENTS: [&str; 5] =
    ["local/environments", "local/replicas", "local/shared", "local/tmp", "local/volumes"];

/// Makes a server's folder, and closes it and all in it to others; says so, where it was open. What is made later is closed, too.
pub fn keep_private(data: &Path) -> Result {
    make_private();
    let failed = |error: std::io::Error| Failure::of(format!("{}: {error}", data.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(failed)?;
    // Where it leads to is what is kept: a link has no mode of its own.
    let data = &data.canonicalize().map_err(failed)?;
    let mut closed = close_to_others(data).map_err(failed)?;
    close_below(data, data, &mut closed);
    if closed {
        show::notice(format!(
            "{} was open to other users of this machine, and is closed now",
            data.display()
        ));
    }
    Ok(())
}

/// From now on, nothing that this process makes is open to others.
pub fn make_private() {
    umask(Mode::from_bits_truncate(0o077));
}

/// Closes what is in a folder, and what is below where that was open: behind a closed folder there is nothing to find.
fn close_below(data: &Path, folder: &Path, closed: &mut bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        let of_deployments = OF_DEPLOYMENTS.iter().any(|name| path == data.join(name));
        if of_deployments || !(kind.is_dir() || kind.is_file()) {
            continue;
        }
        match close_to_others(&path) {
            Ok(true) => {
                *closed = true;
                if kind.is_dir() {
                    close_below(data, &path, closed);
                }
            }
            Ok(false) => {}
            Err(error) => show::notice(format!("{} stays open to others: {error}", path.display())),
        }
    }
}

/// Takes from others what they may do; says whether that was anything.
fn close_to_others(path: &Path) -> std::io::Result<bool> {
    let mode = fs::symlink_metadata(path)?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(mode & 0o7777 & !OTHERS))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_that_was_open_is_closed_with_all_that_is_in_it() {
        let outside = tempfile::tempdir().unwrap();
        let data = outside.path().join("data");
        let made = [
            ("host.db", 0o644, 0o600),
            ("host.db-wal", 0o666, 0o600),
            ("compiled/code", 0o755, 0o700),
            ("local/logs/ocr/server-0.log", 0o664, 0o600),
            ("local/environments/e/bin/python", 0o755, 0o755),
            ("local/volumes/ocr/cache/model", 0o644, 0o644),
        ];
        for (name, before, _) in made {
            let path = data.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
        }
        let other = outside.path().join("other");
        fs::write(&other, "").unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&other, data.join("link")).unwrap();
        for folder in ["", "local", "local/logs", "local/logs/ocr", "compiled"] {
            fs::set_permissions(data.join(folder), Permissions::from_mode(0o755)).unwrap();
        }

        keep_private(&data).unwrap();
        for (name, _, after) in made {
            assert_eq!(mode(&data.join(name)), after, "{name}");
        }
        for folder in ["", "local", "local/logs", "local/logs/ocr", "compiled"] {
            assert_eq!(mode(&data.join(folder)), 0o700, "{folder}");
        }
        assert_eq!(mode(&other), 0o644, "a link leads elsewhere");
        fs::write(data.join("new"), "").unwrap();
        fs::create_dir(data.join("folder")).unwrap();
        assert_eq!((mode(&data.join("new")), mode(&data.join("folder"))), (0o600, 0o700));
        let new = outside.path().join("not/there/yet");
        keep_private(&new).unwrap();
        assert_eq!(mode(&new), 0o700);
    }
}
