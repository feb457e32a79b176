//! The languages that plugins are written in: each turns a folder into a component that imports nothing but what the
//! contract offers.

mod javascript;
mod python;
mod rust;
mod toolchain;
mod tools;

use std::path::{Path, PathBuf};

use chandlery_package::Manifest;
use clap::ValueEnum;

use crate::failure::{Failure, Result};
use crate::words;

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust, with `chandlery-sdk`
    Rust,
    /// JavaScript, on QuickJS by componentize-qjs
    #[value(alias = "js")]
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
            Failure::new(&words::NO_LANGUAGE, format!("{} holds no source", folder.display()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_the_names_that_people_type() {
        for (typed, language) in
            [("rust", Language::Rust), ("javascript", Language::Javascript), ("js", Language::Javascript)]
        {
            assert_eq!(Language::from_str(typed, false), Ok(language));
        }
        assert!(Language::from_str("cobol", false).is_err());
    }
}
