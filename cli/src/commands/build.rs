//! `chandlery build`: from a Rust crate with a `chandlery.toml` to a component that can be published.

mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use chandlery_package::ManifestError;
use chandlery_package::component::embed;
use chandlery_package::manifest::FILE_NAME;
use chandlery_package::{Component, Manifest};
use clap::Args;
use wit_component::ComponentEncoder;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use toolchain::Toolchain;

/// Build a plugin.
#[derive(Args)]
pub struct Build {
    /// The plugin's folder, with its Cargo.toml and chandlery.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the component goes; beside the folder's other build results, where nothing is named
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Build {
    /// Does it.
    pub fn run(self, context: &Context) -> Result {
        let manifest = read_manifest(&self.folder)?;
        let crate_name = crate_name(&self.folder)?;
        let spinner = show::spinner(format!("building {}", manifest.release()));
        let target = toolchain::target_dir(&self.folder)?;
        let module = Toolchain::choose()?.build(&self.folder, &crate_name, &target)?;
        let component = componentize(&module, &manifest)?;
        spinner.finish_and_clear();

        let output = self.output.unwrap_or_else(|| target.join(format!("{crate_name}.wasm")));
        if let Some(parent) = output.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&output, &component)?;
        let parsed = Component::parse(&component).map_err(refused)?;
        match context.settings.json {
            true => show::json(serde_json::json!({
                "release": parsed.manifest.release(), "component": parsed.digest, "bytes": component.len(), "path": output,
            })),
            false => show::done(format!(
                "{} is in {} ({} KiB, {})",
                parsed.manifest.release(),
                output.display(),
                component.len() >> 10,
                parsed.digest
            )),
        }
        Ok(())
    }
}

/// The manifest, with the texts for people that lie beside it.
fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(FILE_NAME);
    let text = fs::read_to_string(&path).map_err(|error| {
        Failure::new("no-manifest", "No manifest", format!("{}: {error}", path.display()))
            .remedy("name the plugin's folder, which holds chandlery.toml beside Cargo.toml")
    })?;
    let refused = |error: ManifestError| {
        Failure::new("invalid-manifest", "The manifest was refused", format!("{}: {error}", path.display()))
    };
    let mut manifest = Manifest::from_toml(&text).map_err(refused)?;
    for (name, place) in [("README.md", &mut manifest.readme), ("CHANGELOG.md", &mut manifest.changelog)] {
        match fs::read_to_string(folder.join(name)) {
            Ok(text) => *place = Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::of(format!("{}: {error}", folder.join(name).display()))),
        }
    }
    manifest.checked().map_err(refused)
}

fn crate_name(folder: &Path) -> Result<String> {
    let path = folder.join("Cargo.toml");
    let text =
        fs::read_to_string(&path).map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    let parsed: toml::Table =
        text.parse().map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    let name = parsed.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| Failure::of(format!("{} names no package", path.display())))
}

fn componentize(module: &Path, manifest: &Manifest) -> Result<Vec<u8>> {
    let bytes = fs::read(module).map_err(|error| Failure::of(format!("{}: {error}", module.display())))?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| {
            Failure::new("not-a-plugin", "Not a plugin", format!("{error:#}"))
                .remedy("does the crate end with chandlery_sdk::export_template!(…), and is it a cdylib?")
        })?;
    embed(&component, manifest).map_err(refused)
}

fn refused(error: chandlery_package::ComponentError) -> Failure {
    Failure::new("invalid-component", "The component was refused", error.to_string())
}
