//! What `chandlery new` puts into a folder: a small plugin that works, with its cases, the contract, and what its
//! language needs.

use std::fs;
use std::path::{Path, PathBuf};

use chandlery_package::component::CONTRACTS;
use chandlery_package::{Manifest, PluginId};
use include_dir::{Dir, include_dir};
use toml::{Table, Value};

use super::language::Language;
use crate::failure::{Failure, Result};

static STARTERS: Dir = include_dir!("$CARGO_MANIFEST_DIR/starters");
static CONTRACT: Dir = include_dir!("$CARGO_MANIFEST_DIR/../wit");
static SDK: Dir = include_dir!("$CARGO_MANIFEST_DIR/../plugins/sdk");
const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Writes a new plugin's files into this folder, and gives their paths in it. `schema` is the URL of the schema by which editors
/// complete its manifest.
pub fn write(folder: &Path, plugin: &PluginId, language: Language, schema: &str) -> Result<Vec<PathBuf>> {
    let mut writer = Writer { folder, plugin, schema, written: Vec::new() };
    writer.starter("common")?;
    writer.starter(match language {
        Language::Rust => "rust",
        Language::Javascript => "javascript",
        Language::Python => "python",
    })?;
    let newest = CONTRACTS.iter().max().map(ToString::to_string).unwrap_or_default();
    writer.files(&CONTRACT, &newest, Path::new("wit").join(&newest))?;
    if language == Language::Rust {
        writer.files(&SDK, "src", "vendor/sdk/src")?;
        writer.file(Path::new("vendor/sdk/Cargo.toml"), standalone(text(&SDK, "Cargo.toml")?)?.as_bytes())?;
    }
    Ok(writer.written)
}

struct Writer<'a> {
    folder: &'a Path,
    plugin: &'a PluginId,
    schema: &'a str,
    written: Vec<PathBuf>,
}

impl Writer<'_> {
    fn starter(&mut self, name: &str) -> Result {
        self.files(&STARTERS, name, PathBuf::new())
    }

    /// Every file below this folder of ours, to this folder of theirs.
    fn files(&mut self, dir: &Dir, from: &str, to: impl AsRef<Path>) -> Result {
        let missing = || Failure::of(format!("'{from}' is missing in this chandlery"));
        let mut open = vec![dir.get_dir(from).ok_or_else(missing)?];
        while let Some(dir) = open.pop() {
            open.extend(dir.dirs());
            for file in dir.files() {
                let path = file.path().strip_prefix(from).map_err(|_| missing())?;
                let contents = match file.contents_utf8() {
                    Some(text) => filled_in(text, self.plugin, self.schema).into_bytes(),
                    None => file.contents().to_vec(),
                };
                self.file(&to.as_ref().join(path), &contents)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, contents: &[u8]) -> Result {
        let whole = self.folder.join(path);
        if let Some(parent) = whole.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&whole, contents)?;
        self.written.push(path.to_owned());
        Ok(())
    }
}

/// A text of a starter for this plugin.
fn filled_in(text: &str, plugin: &PluginId, schema: &str) -> String {
    text.replace("{{schema}}", schema)
        .replace("{{plugin}}", &plugin.to_string())
        .replace("{{name}}", plugin.name.as_str())
        .replace("{{title}}", &plugin.name.as_str().replace('-', " "))
}

/// Whether the shop would show a readme that `chandlery new` wrote, and nobody has changed.
pub fn has_readme_of_starter(manifest: &Manifest) -> bool {
    let ours = text(&STARTERS, "common/README.md").ok().map(|text| filled_in(text, &manifest.name, ""));
    ours.is_some() && manifest.readme == ours
}

fn text<'a>(dir: &'a Dir, path: &str) -> Result<&'a str> {
    let file = dir.get_file(path).and_then(|file| file.contents_utf8());
    file.ok_or_else(|| Failure::of(format!("'{path}' is missing in this chandlery")))
}

/// A crate's manifest with what it takes from our workspace written out.
fn standalone(manifest: &str) -> Result<String> {
    let damaged = |error: toml::de::Error| Failure::of(format!("a Cargo.toml in this chandlery: {error}"));
    let mut manifest: Table = manifest.parse().map_err(damaged)?;
    let workspace: Table = WORKSPACE.parse().map_err(damaged)?;
    let workspace = &workspace["workspace"];
    manifest.remove("lints");
    for (section, source) in
        [("package", &workspace["package"]), ("dependencies", &workspace["dependencies"])]
    {
        let Some(Value::Table(entries)) = manifest.get_mut(section) else { continue };
        for (name, value) in entries {
            if value.get("workspace").is_some() {
                *value = source[name].clone();
            }
        }
    }
    toml::to_string(&manifest).map_err(|error| Failure::of(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_finds_the_schema_of_the_manifest() {
        let (folder, url) =
            (tempfile::tempdir().unwrap(), "https://plugins.example.com/schemas/chandlery.toml.json");
        write(folder.path(), &"acme:hello".parse().unwrap(), Language::Python, url).unwrap();
        let manifest = fs::read_to_string(folder.path().join("chandlery.toml")).unwrap();
        assert!(manifest.starts_with(&format!("#:schema {url}\n")), "{manifest}");
        let readme = fs::read_to_string(folder.path().join("README.md")).unwrap();
        let mut read = Manifest::from_toml(&manifest).unwrap();
        assert!(!has_readme_of_starter(&read), "none is none of ours");
        read.readme = Some(readme.clone());
        assert!(has_readme_of_starter(&read));
        read.readme = Some(readme + "It reads pictures.\n");
        assert!(!has_readme_of_starter(&read));
        assert!(!manifest.contains("{{") && manifest.contains("name = \"acme:hello\""), "{manifest}");
    }

    #[test]
    fn the_sdk_stands_without_the_workspace() {
        let manifest: Table = standalone(text(&SDK, "Cargo.toml").unwrap()).unwrap().parse().unwrap();
        assert_eq!(manifest["package"]["edition"].as_str(), Some("2024"));
        assert!(manifest["dependencies"]["wit-bindgen"].get("version").is_some());
        assert!(!manifest.to_string().contains("workspace"));
    }
}
