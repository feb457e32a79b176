//! `chandlery models`: what models are made of, by which templates size them.

use std::path::{Path, PathBuf};

use chandlery_package::model::ModelName;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{ModelInfo, ModelRecord, NewModel};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

const PATH: &str = "/api/v1/models";

/// Records of models that a host keeps.
#[derive(Subcommand)]
pub enum Models {
    /// Keep a model's config.json; templates that are told the model's name are given it from now on
    Add {
        /// What templates are told that the model is called: its name on Hugging Face, or a path
        name: ModelName,
        /// The model's config.json, and its hf_quant_config.json where it has one
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Show the names and digests of all records
    List,
    /// Show what a record says
    Show {
        /// The model's name
        name: ModelName,
    },
    /// Forget a record; what is deployed by it stays as it is
    Remove {
        /// The model's name
        name: ModelName,
    },
}

impl Models {
    pub async fn run(self, context: &Context) -> Result {
        let json = context.settings.json;
        match self {
            Self::Add { name, files } => {
                let mut config = Map::new();
                for file in files {
                    config.extend(read(&file)?);
                }
                let info: ModelInfo = context.host(Method::PUT, &path(&name), NewModel { config }).await?;
                match json {
                    true => show::json(info),
                    false => show::done(format!("a record of '{name}' is kept: {}", info.digest)),
                }
            }
            Self::List => {
                let page: Page<ModelInfo> = context.host_list(PATH).await?;
                let row = |model: ModelInfo| {
                    vec![model.name.to_string(), model.digest.to_string(), model.added_at.to_string()]
                };
                match json {
                    true => show::json(page),
                    false => show::table(&["model", "digest", "added"], page.items.into_iter().map(row)),
                }
            }
            Self::Show { name } => {
                let record: ModelRecord = context.host(Method::GET, &path(&name), ()).await?;
                show::json(record);
            }
            Self::Remove { name } => {
                context.tell_host(Method::DELETE, &path(&name), ()).await?;
                match json {
                    true => show::json(json!({ "removed": name })),
                    false => show::done(format!("the record of '{name}' is forgotten")),
                }
            }
        }
        Ok(())
    }
}

/// What a file says, which is a JSON object.
fn read(file: &Path) -> Result<Map<String, Value>> {
    let refuse =
        |why: String| Failure::new(&words::FAILED, format!("{} is no JSON object{why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(&words::FAILED, format!("{} cannot be read: {error}", file.display()))
    })?;
    match json_of_python(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(refuse(String::new())),
        Err(error) => Err(refuse(format!(": {error}"))),
    }
}

/// Reads JSON as Python writes it, where numbers may be `Infinity` and `NaN`: in configs of models they say that there is no bound,
/// and become null.
pub fn json_of_python(text: &str) -> serde_json::Result<Value> {
    let read = serde_json::from_str(text);
    if read.is_ok() {
        return read;
    }
    let mut strict = String::with_capacity(text.len());
    // Every second part is within quotes, but for quotes that are escaped.
    let mut is_quoted = false;
    for part in text.split_inclusive('"') {
        match is_quoted {
            true => strict.push_str(part),
            false => strict.push_str(
                &part.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"),
            ),
        }
        let escapes = part.trim_end_matches('"').bytes().rev().take_while(|byte| *byte == b'\\').count();
        let ends = part.ends_with('"') && !(is_quoted && escapes % 2 == 1);
        is_quoted ^= ends;
    }
    serde_json::from_str(&strict)
}

/// Where a record is: all that a name may have stands in a path, but for slashes.
fn path(name: &ModelName) -> String {
    format!("{PATH}/{}", name.as_str().replace('/', "%2F"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_is_read() {
        let text =
            r#"{ "a": [0.0, Infinity], "b": -Infinity, "c": NaN, "d": "NaN \" Infinity", "Infinity": 1 }"#;
        let expected =
            json!({ "a": [0.0, null], "b": null, "c": null, "d": "NaN \" Infinity", "Infinity": 1 });
        assert_eq!(json_of_python(text).unwrap(), expected);
        assert!(json_of_python("{ a: NaN }").is_err());
    }
}
