//! `chandlery configure`: the settings of a policy or an integration.

use chandlery_package::Manifest;
use chandlery_package::wire::host::Settings;
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value};

use super::plan::parse_set;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Configure a plugin.
#[derive(Args)]
pub struct Configure {
    /// The installed plugin: `namespace:name`, or only the name
    plugin: String,
    /// A setting, as JSON or text; `null` takes it back. Without any, the settings are shown
    #[arg(long = "set", short = 's', value_name = "NAME=VALUE", value_parser = parse_set)]
    set: Vec<(String, Value)>,
}

impl Configure {
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/plugins/{}/settings", self.plugin);
        if !self.set.is_empty() {
            let changes: Map<String, Value> = self.set.into_iter().collect();
            context.tell_host(Method::PATCH, &path, changes).await?;
        }
        let settings: Settings = context.host(Method::GET, &path, ()).await?;
        if context.settings.json {
            show::json(settings);
            return Ok(());
        }
        let manifest: Manifest =
            context.host(Method::GET, &format!("/api/v1/plugins/{}/manifest", self.plugin), ()).await?;
        print(&manifest, &settings);
        Ok(())
    }
}

fn print(manifest: &Manifest, settings: &Settings) {
    let row = |(name, schema): (&String, &Value)| {
        let (value, from) = match (settings.given.get(name), schema.get("default")) {
            (Some(value), _) => (value.to_string(), "set"),
            (None, Some(default)) => (default.to_string(), "default"),
            (None, None) if manifest.required.contains(name) => ("-".into(), "must be set"),
            (None, None) => ("-".into(), ""),
        };
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        vec![name.clone(), value, from.into(), description.into()]
    };
    show::table(&["setting", "value", "", "description"], manifest.parameters.iter().map(row));
    if let Some(problem) = &settings.problem {
        show::warning(problem);
    }
}
