//! The languages that plugins are written in: each turns a folder into a component that imports nothing but what the
//! contract offers.

mod javascript;
mod python;
mod rust;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::Command;

use chandlery_package::Manifest;
use clap::ValueEnum;

use crate::failure::{Failure, Result};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust, with `chandlery-sdk`
    Rust,
    /// JavaScript, on QuickJS by componentize-qjs
    Javascript,
    /// Python, on CPython by componentize-py
    Python,
}

impl Language {
    /// What the folder is written in.
    pub fn of(folder: &Path) -> Result<Self> {
        let marks = [
            ("Cargo.toml", Self::Rust),
            ("package.json", Self::Javascript),
            ("requirements.txt", Self::Python),
        ];
        let found = marks.into_iter().find(|(file, _)| folder.join(file).exists());
        found.map(|(_, language)| language).ok_or_else(|| {
            Failure::new("no-language", "Not a plugin's folder", format!("{} holds no source", folder.display()))
                .remedy("a Rust plugin has a Cargo.toml, a JavaScript one a package.json, a Python one a requirements.txt")
        })
    }

    /// Where results go.
    pub fn results(self, folder: &Path) -> Result<PathBuf> {
        match self {
            Self::Rust => toolchain::target_dir(folder),
            Self::Javascript | Self::Python => Ok(folder.join("target")),
        }
    }

    /// Compiles the folder into a component, without its manifest.
    pub fn compile(self, folder: &Path, results: &Path, manifest: &Manifest) -> Result<Vec<u8>> {
        match self {
            Self::Rust => rust::compile(folder, results),
            Self::Javascript => javascript::compile(folder, results, manifest),
            Self::Python => python::compile(folder, results, manifest),
        }
    }
}

/// Runs a compiler to its end; what it said is the failure's text.
fn run(command: &mut Command) -> Result {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        Failure::new("no-compiler", "A compiler is missing", format!("{program}: {error}"))
            .remedy(format!("install {program}, and see that it is on the PATH"))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Err(Failure::new("build-failed", "The build failed", format!("{program}\n{}", text.concat().trim_end())))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Failure::of(format!("{}: {error}", path.display())))
}

/// The contract, as `chandlery new` put it beside the source.
fn contract(folder: &Path, manifest: &Manifest) -> Result<PathBuf> {
    let path = folder.join("wit").join(manifest.contract.to_string());
    match path.is_dir() {
        true => Ok(std::path::absolute(path)?),
        false => Err(Failure::new("no-contract", "No contract", format!("{} is missing", path.display()))
            .remedy("`chandlery new` puts it into a plugin's folder: copy it from a new one")),
    }
}
