//! `chandlery work`: what a server starts to work on a component that a stranger made, away from itself.

use std::io::Write as _;
use std::path::PathBuf;

use chandlery_sandbox::{Job, Work, Worker};
use clap::Args;

use crate::failure::Result;

/// The command's name.
const NAME: &str = "work";

/// Compile or inspect a component, within bounds.
#[derive(Args)]
pub struct Perform {
    work: Work,
    component: PathBuf,
    output: PathBuf,
    seconds: u64,
    bytes: u64,
}

impl Perform {
    /// Does it, or says in plain words why not.
    pub fn run(self) -> Result {
        let Self { work, component, output, seconds, bytes } = self;
        if let Err(error) = (Job { work, component, output, seconds, bytes }).perform() {
            // Whoever started this reads what it says, and tells it in a way of their own.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            std::process::exit(1);
        }
        Ok(())
    }
}

/// A process of this program for each component.
pub fn worker() -> Result<Worker> {
    Ok(Worker::Process { program: std::env::current_exe()?, words: vec![NAME.into()] })
}
