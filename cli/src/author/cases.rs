//! A plugin's cases: what is asked stands in `cases/NAME.toml`, what was answered and found right in `cases/NAME.json`.

use std::fs;
use std::path::{Path, PathBuf};

use chandlery_package::wire::ReviewCase;
use serde::Deserialize;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use super::trial::{Outcome, Trial, facts};
use crate::failure::{Failure, Result};
use crate::words;

/// The folder beside the manifest.
const FOLDER: &str = "cases";

/// One request, and the answer that is expected.
pub struct Case {
    /// The files' name, without its end.
    pub name: String,
    asked: Asked,
    /// The file that holds the outcome which is expected.
    expected: PathBuf,
    folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The target to plan for, as [`facts`] takes it.
    target: String,
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// How an answer compares with its snapshot.
pub enum Verdict {
    /// The plan is the one that is expected.
    Same,
    /// There is no snapshot yet.
    New,
    /// Another: the lines that differ, each with `-` or `+`, and those around them.
    Differs(Vec<(ChangeTag, String)>),
}

impl Case {
    /// All cases of a plugin's folder, by name.
    pub fn all(plugin: &Path) -> Result<Vec<Self>> {
        let folder = plugin.join(FOLDER);
        let mut cases = Vec::new();
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(cases),
            Err(error) => return Err(Failure::of(format!("{}: {error}", folder.display()))),
        };
        for file in files {
            let path = file?.path();
            let Some(name) = path.file_stem().filter(|_| path.extension().is_some_and(|end| end == "toml"))
            else {
                continue;
            };
            let name = name.to_string_lossy().into_owned();
            let text = fs::read_to_string(&path)?;
            let asked = toml::from_str(&text).map_err(|error| {
                Failure::new(&words::INVALID_CASE, format!("{}: {error}", path.display()))
                    .remedy("a case has a target, and [parameters] where they are not the defaults")
            })?;
            cases.push(Self { name, asked, expected: path.with_extension("json"), folder: folder.clone() });
        }
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(cases)
    }

    /// All cases of a plugin's folder, which has some.
    pub fn all_of_some(plugin: &Path) -> Result<Vec<Self>> {
        match Self::all(plugin)? {
            cases if cases.is_empty() => {
                let problem = format!("{} has no cases", plugin.display());
                Err(Failure::new(&words::NO_CASES, problem).remedy(
                    "write cases/NAME.toml with a target and [parameters], then `chandlery test --accept`",
                ))
            }
            cases => Ok(cases),
        }
    }

    /// The case as operators of a registry are sent it.
    pub fn to_be_reviewed(&self) -> Result<ReviewCase> {
        let target = facts(&self.asked.target, &self.folder)?;
        Ok(ReviewCase { name: self.name.clone(), target, parameters: self.asked.parameters.clone() })
    }

    /// What the plugin answers.
    pub fn ask(&self, trial: &Trial) -> Result<Outcome> {
        trial.ask(&Value::Object(self.asked.parameters.clone()), &facts(&self.asked.target, &self.folder)?)
    }

    /// Compares an answer with the snapshot.
    pub fn judge(&self, answer: &Outcome) -> Result<Verdict> {
        let expected = match fs::read_to_string(&self.expected) {
            Ok(expected) => expected,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Verdict::New),
            Err(error) => return Err(Failure::of(format!("{}: {error}", self.expected.display()))),
        };
        let found = text(answer)?;
        // A snapshot that another program has formatted says the same.
        if serde_json::from_str::<Outcome>(&expected).is_ok_and(|expected| expected == *answer) {
            return Ok(Verdict::Same);
        }
        let diff = TextDiff::from_lines(&expected, &found);
        let groups = diff.grouped_ops(2);
        let changes = groups.iter().flatten().flat_map(|op| diff.iter_changes(op));
        Ok(Verdict::Differs(
            changes.map(|change| (change.tag(), change.value().trim_end().to_owned())).collect(),
        ))
    }

    /// Makes an answer the snapshot.
    pub fn accept(&self, answer: &Outcome) -> Result {
        Ok(fs::write(&self.expected, text(answer)?)?)
    }
}

fn text(answer: &Outcome) -> Result<String> {
    let text = serde_json::to_string_pretty(answer).map_err(|error| Failure::of(error.to_string()))?;
    Ok(text + "\n")
}
