//! `chandlery new`.

use std::path::PathBuf;

use chandlery_package::PluginId;
use chandlery_registry::docs::MANIFEST_SCHEMA;
use clap::Args;
use serde_json::json;

use crate::api::Context;
use crate::author::language::Language;
use crate::author::starter;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Begin a plugin.
#[derive(Args)]
pub struct New {
    /// What it will be called: `namespace:name`
    name: PluginId,
    /// The language it is written in
    #[arg(long = "lang", value_name = "LANGUAGE", default_value = "rust")]
    language: Language,
    /// Where it goes; a new folder, called like the plugin, where nothing is named
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl New {
    /// Does it. A folder that holds something is left alone.
    pub fn run(self, context: &Context) -> Result {
        let folder = self.folder.unwrap_or_else(|| self.name.name.as_str().into());
        if std::fs::read_dir(&folder).is_ok_and(|mut files| files.next().is_some()) {
            let problem = format!("{} is not empty", folder.display());
            return Err(Failure::new(&words::FOLDER_EXISTS, problem).remedy("name another one with --folder"));
        }
        let schema = format!("{}{MANIFEST_SCHEMA}", context.settings.registry);
        let written = starter::write(&folder, &self.name, self.language, &schema)?;
        if context.settings.json {
            show::json(json!({ "plugin": self.name, "folder": folder, "files": written }));
            return Ok(());
        }
        show::done(format!("{} begins in {}", self.name, folder.display()));
        show::note(format!("cd {}", folder.display()));
        show::note("chandlery dev        shows its plan, again at every save");
        show::note("chandlery test       compares its plans with those in cases/");
        show::note("chandlery publish    signs it and publishes it");
        Ok(())
    }
}
