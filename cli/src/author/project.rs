//! A plugin's folder: its manifest, its source, and the component that they become.

use std::fs;
use std::path::{Path, PathBuf};

use chandlery_package::component::embed;
use chandlery_package::manifest::FILE_NAME;
use chandlery_package::{Component, ComponentError, Manifest, ManifestError, parameters};

use super::language::Language;
use super::starter;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// A plugin's folder.
pub struct Project {
    folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    language: Language,
}

/// What a folder became.
pub struct Built {
    /// The component, read back.
    pub component: Component,
    /// The bytes of the component, with its manifest inside.
    pub bytes: Vec<u8>,
    /// Where they are.
    pub path: PathBuf,
}

impl Project {
    /// Reads what the folder says of itself.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self {
            manifest: read_manifest(folder)?,
            language: Language::of(folder)?,
            folder: folder.to_owned(),
        })
    }

    /// Compiles it, puts the manifest inside, and writes the component to this file, or beside the folder's other
    /// results.
    fn compile(&self, output: Option<&Path>) -> Result<Built> {
        let results = self.language.results(&self.folder)?;
        fs::create_dir_all(&results)?;
        let bare = self.language.compile(&self.folder, &results, &self.manifest)?;
        let bytes = embed(&bare, &self.manifest).map_err(refused)?;
        let component = Component::parse(&bytes).map_err(refused)?;
        let path =
            output.map_or_else(|| results.join(format!("{}.wasm", self.manifest.name.name)), Path::to_owned);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &bytes)?;
        Ok(Built { component, bytes, path })
    }

    /// Says what of it a reader of the shop would miss.
    pub fn doubt(&self) -> Option<&'static str> {
        starter::has_readme_of_starter(&self.manifest)
            .then_some("README.md is the one that `chandlery new` wrote: the shop shows it, so say there what the plugin is")
    }

    /// The same, with something that moves meanwhile.
    pub fn build(&self, output: Option<&Path>) -> Result<Built> {
        let spinner = show::spinner(format!("building {}", self.manifest.release()));
        let built = self.compile(output);
        spinner.finish_and_clear();
        built
    }
}

impl Built {
    /// A component that was built before.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
        let component = Component::parse(&bytes)
            .map_err(|error| refused(error).remedy("build it with a `chandlery build` of this version"))?;
        Ok(Self { component, bytes, path: path.to_owned() })
    }
}

/// The manifest, with the texts for people that lie beside it.
fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(FILE_NAME);
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::new(&words::NO_MANIFEST, format!("{}: {error}", path.display()))
            .remedy("name the plugin's folder, which holds chandlery.toml; `chandlery new` makes one")
    })?;
    let refused = |error: ManifestError| {
        Failure::new(&words::INVALID_PLUGIN_MANIFEST, format!("{}: {error}", path.display()))
    };
    let mut manifest = Manifest::from_toml(&text).map_err(refused)?;
    for (name, place) in [("README.md", &mut manifest.readme), ("CHANGELOG.md", &mut manifest.changelog)] {
        match fs::read_to_string(folder.join(name)) {
            Ok(text) => *place = Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::of(format!("{}: {error}", folder.join(name).display()))),
        }
    }
    let manifest = manifest.checked().map_err(refused)?;
    parameters::check_defaults(&manifest).map_err(refused)?;
    Ok(manifest)
}

fn refused(error: ComponentError) -> Failure {
    if let ComponentError::Contract { .. } = error {
        return Failure::new(&words::BUILT_FOR_ANOTHER_CONTRACT, error.to_string());
    }
    Failure::new(&words::BUILT_COMPONENT_REFUSED, error.to_string())
}
