//! Rust: a `cdylib` for `wasm32-unknown-unknown`, which has no system beneath it.

use std::path::Path;

use wit_component::ComponentEncoder;

use super::toolchain::Toolchain;
use crate::failure::{Failure, Result};
use crate::words;

pub fn compile(folder: &Path, results: &Path) -> Result<Vec<u8>> {
    let module = Toolchain::choose()?.build(folder, &crate_name(folder)?, results)?;
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&super::tools::read(&module)?)
        .and_then(|encoder| encoder.encode());
    encoded.map_err(|error| {
        Failure::new(&words::NOT_A_PLUGIN, format!("{error:#}"))
            .remedy("does the crate end with chandlery_sdk::export_template!(…), and is it a cdylib?")
    })
}

fn crate_name(folder: &Path) -> Result<String> {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    let parsed: toml::Table =
        text.parse().map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
    let name = parsed.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| Failure::of(format!("{} names no package", path.display())))
}
