//! `chandlery compile-component`: what a host starts to compile a plugin away from itself.

use std::path::PathBuf;

use chandlery_sandbox::{Compilation, Compiler, compile};
use clap::Args;

use crate::failure::{Failure, Result};

/// The command's name.
const NAME: &str = "compile-component";

/// Compile a component, within bounds.
#[derive(Args)]
pub struct Compile {
    component: PathBuf,
    code: PathBuf,
    seconds: u64,
    bytes: u64,
}

impl Compile {
    pub fn run(self) -> Result {
        let Self { component, code, seconds, bytes } = self;
        compile(&Compilation { component, code, seconds, bytes })
            .map_err(|error| Failure::of(format!("{error:#}")))
    }
}

/// A process of this program for each component.
pub fn compiler() -> Result<Compiler> {
    Ok(Compiler::Worker { program: std::env::current_exe()?, words: vec![NAME.into()] })
}
