//! `chandlery build`: from a folder with a `chandlery.toml` to a component that can be published.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::api::Context;
use crate::author::project::Project;
use crate::failure::Result;
use crate::show;

/// Build a plugin.
#[derive(Args)]
pub struct Build {
    /// The plugin's folder, with its chandlery.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the component goes; beside the folder's other build results, where nothing is named
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Build {
    pub fn run(self, context: &Context) -> Result {
        let project = Project::open(&self.folder)?;
        let release = project.manifest.release();
        let built = project.build(self.output.as_deref())?;
        let digest = built.component.digest;
        match context.settings.json {
            true => show::json(json!({
                "release": release, "component": digest, "bytes": built.bytes.len(), "path": built.path,
            })),
            false => show::done(format!(
                "{release} is in {} ({} KiB, {digest})",
                built.path.display(),
                built.bytes.len() >> 10,
            )),
        }
        Ok(())
    }
}
