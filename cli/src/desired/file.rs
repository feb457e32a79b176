//! What one file says of deployments, with the place of each word of it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use chandlery_package::{DeploymentName, NameError, OwnerName, Requirement, TargetName, TeamName};
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::{Mistakes, Place};
use crate::failure::{Failure, Result};

/// A file of deployments, which need not say everything of each.
#[derive(Debug, Default)]
pub struct Layer {
    /// Whose files it is one of.
    pub owner: Option<OwnerName>,
    /// What it says of deployments, by their names.
    pub deployments: BTreeMap<DeploymentName, Said>,
}

/// What a file says of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Where its name stands.
    pub at: Place,
    /// The plugin and which of its releases would do.
    pub plugin: Option<At<Requirement>>,
    /// Where it runs.
    pub target: Option<TargetName>,
    /// Whose it is, for policies.
    pub team: Option<TeamName>,
    /// Parameters by their names.
    pub parameters: BTreeMap<String, At<Value>>,
}

/// A value and the place where it stands.
#[derive(Debug, Clone)]
pub struct At<T> {
    /// Where it stands.
    pub at: Place,
    /// What stands there.
    pub value: T,
}

/// Reads a file, and notes what is wrong in it.
pub fn read(path: &Path, mistakes: &mut Mistakes) -> Result<Layer> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::of(format!("{name}: {error}"))
            .remedy("name a file with `--file FILE`; `chandlery export` writes one of what runs")
    })?;
    Ok(Reader { file: &name, text: &text, mistakes }.layer())
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    mistakes: &'a mut Mistakes,
}

impl Reader<'_> {
    fn layer(&mut self) -> Layer {
        let mut layer = Layer::default();
        let (document, faults) = DeTable::parse_recoverable(self.text);
        for fault in &faults {
            self.wrong(fault.span().map_or(0, |span| span.start), fault.message());
        }
        if !faults.is_empty() {
            return layer;
        }
        for (key, value) in document.get_ref() {
            let name: &str = key.get_ref();
            match name {
                "owner" => layer.owner = self.word(value),
                "deployments" => layer.deployments = self.deployments(value),
                other => self.unknown(key.span().start, other, "`owner` and `[deployments.NAME]`"),
            }
        }
        layer
    }

    fn deployments(&mut self, value: &Spanned<DeValue<'_>>) -> BTreeMap<DeploymentName, Said> {
        let mut deployments = BTreeMap::new();
        for (key, value) in self.table(value).into_iter().flatten() {
            let said = self.said(self.place(key.span().start), value);
            match key.get_ref().parse() {
                Ok(name) => {
                    deployments.insert(name, said);
                }
                Err(error) => self.wrong(key.span().start, &NameError::to_string(&error)),
            }
        }
        deployments
    }

    fn said(&mut self, at: Place, value: &Spanned<DeValue<'_>>) -> Said {
        let mut said = Said { at, ..Said::default() };
        for (key, value) in self.table(value).into_iter().flatten() {
            let name: &str = key.get_ref();
            match name {
                "plugin" => {
                    let at = self.place(value.span().start);
                    said.plugin = self.word(value).map(|value| At { at, value });
                }
                "target" => said.target = self.word(value),
                "team" => said.team = self.word(value),
                "parameters" => said.parameters = self.parameters(value),
                other => self.unknown(
                    key.span().start,
                    other,
                    "`plugin`, `target`, `team` and `[deployments.NAME.parameters]`",
                ),
            }
        }
        said
    }

    fn parameters(&mut self, value: &Spanned<DeValue<'_>>) -> BTreeMap<String, At<Value>> {
        let mut parameters = BTreeMap::new();
        for (key, value) in self.table(value).into_iter().flatten() {
            let at = self.place(key.span().start);
            if let Some(value) = self.json(value) {
                parameters.insert(key.get_ref().to_string(), At { at, value });
            }
        }
        parameters
    }

    /// A value as templates take it.
    fn json(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let read = match value.get_ref() {
            DeValue::String(text) => Some(Value::from(text.to_string())),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from)
            }
            DeValue::Float(number) => {
                number.as_str().parse().ok().and_then(Number::from_f64).map(Value::from)
            }
            DeValue::Boolean(is) => Some(Value::from(*is)),
            DeValue::Array(items) => return items.iter().map(|item| self.json(item)).collect(),
            DeValue::Table(fields) => {
                let fields =
                    fields.iter().map(|(name, value)| Some((name.get_ref().to_string(), self.json(value)?)));
                return fields.collect::<Option<Map<_, _>>>().map(Value::Object);
            }
            DeValue::Datetime(_) => None,
        };
        if read.is_none() {
            self.wrong(value.span().start, "it is no value that a parameter has: write a date between quotes, and numbers that are finite");
        }
        read
    }

    /// A text with a grammar.
    fn word<T: FromStr<Err: Display>>(&mut self, value: &Spanned<DeValue<'_>>) -> Option<T> {
        let read = match value.get_ref().as_str() {
            Some(text) => text.parse().map_err(|error: T::Err| error.to_string()),
            None => Err(format!("it is no text but {}", value.get_ref().type_str())),
        };
        read.map_err(|why| self.wrong(value.span().start, &why)).ok()
    }

    fn table<'v, 'i>(&mut self, value: &'v Spanned<DeValue<'i>>) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value.span().start, &format!("it is no table but {}", value.get_ref().type_str()));
        }
        table
    }

    fn unknown(&mut self, offset: usize, name: &str, known: &str) {
        self.wrong(offset, &format!("nothing is called '{name}' here, where there are {known}"));
    }

    fn wrong(&mut self, offset: usize, says: &str) {
        let at = self.place(offset);
        self.mistakes.add(&at, says);
    }

    fn place(&self, offset: usize) -> Place {
        Place::of(self.file, self.text, offset)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn layer(text: &str) -> (Layer, Mistakes) {
        let mut mistakes = Mistakes::default();
        let layer = Reader { file: "f.toml", text, mistakes: &mut mistakes }.layer();
        (layer, mistakes)
    }

    #[test]
    fn a_file_says_what_deployments_there_are() {
        let (layer, mistakes) = layer(
            "owner = 'team-a'\n[deployments.web]\nplugin = 'acme:errand@^1'\ntarget = 'lab'\n\
             parameters = { command = ['sleep', '600'], replicas = 0x2, ratio = 0.5, deep = { on = true } }\n",
        );
        mistakes.judge(Some(())).unwrap();
        assert_eq!(layer.owner.unwrap().as_str(), "team-a");
        let web = &layer.deployments[&"web".parse().unwrap()];
        assert_eq!(web.at.to_string(), "f.toml:2:14");
        assert_eq!(web.plugin.as_ref().unwrap().value.to_string(), "acme:errand@^1");
        let of = |name: &str| &web.parameters[name].value;
        assert_eq!(
            (of("command"), of("replicas"), of("ratio"), of("deep")),
            (&json!(["sleep", "600"]), &json!(2), &json!(0.5), &json!({ "on": true }))
        );
        assert_eq!(web.parameters["ratio"].at.to_string(), "f.toml:5:60");
    }

    #[test]
    fn every_mistake_has_its_place() {
        let (_, mistakes) = layer(
            "Owner = 'a'\nowner = 3\n[deployments.Web]\nplugin = 'errand'\nport = 1\n[deployments.b]\nparameters = 7\n\
             [deployments.c.parameters]\nat = 2026-01-01\nmuch = inf\nlist = [1, 10:00:00]\n",
        );
        let told = mistakes.judge(Some(())).unwrap_err();
        let places: Vec<&str> = told.detail().lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(
            places,
            [
                "f.toml:1:1",
                "f.toml:2:9",
                "f.toml:3:14",
                "f.toml:4:10",
                "f.toml:5:1",
                "f.toml:7:14",
                "f.toml:9:6",
                "f.toml:10:8",
                "f.toml:11:12",
            ],
            "{}",
            told.detail()
        );
        let (_, mistakes) = layer("owner = \ntarget = \n");
        assert_eq!(mistakes.judge(Some(())).unwrap_err().detail().lines().count(), 2);
    }
}
