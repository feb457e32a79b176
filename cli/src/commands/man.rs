//! `chandlery man`: manual pages, for whoever packs this program.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::generate_to;

use crate::failure::{Failure, Result};
use crate::show;

/// Write manual pages.
#[derive(Args)]
pub struct Man {
    /// The folder that they are written to, a page for each command
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Man {
    /// Writes a page for each command that help shows.
    pub fn run(self, command: Command) -> Result {
        write(command, &self.folder)?;
        show::done(format!("the manual pages are in {}", self.folder.display()));
        Ok(())
    }
}

fn write(command: Command, folder: &Path) -> Result {
    let written = fs::create_dir_all(folder).and_then(|()| generate_to(command, folder));
    written.map_err(|error| Failure::of(format!("{}: {error}", folder.display())))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::Cli;

    #[test]
    fn each_command_that_help_shows_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        write(Cli::command(), folder.path()).unwrap();
        let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert!(page("chandlery.1").contains(".SH NAME"));
        assert!(page("chandlery-host-tokens-new.1").contains("deployer"), "what an argument may be is told");
        assert!(page("chandlery-apply.1").contains("deployments"));
        assert!(page("chandlery-work.1").is_empty() && page("chandlery-man.1").is_empty(), "they are hidden");
    }
}
