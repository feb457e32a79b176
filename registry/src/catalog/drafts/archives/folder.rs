//! The folder that a component was built in, as far as an archive has it, and in what it differs from what the component carries: whoever
//! changes a file there and does not build again would publish what it said before.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use chandlery_package::Manifest;
use chandlery_package::manifest::FILE_NAME;
use serde_json::{Value, json};

use super::ArchiveError;
use super::entries::{Look, printable};
use crate::catalog::differences::changed_parameters;

const README: &str = "README.md";
const CHANGELOG: &str = "CHANGELOG.md";
/// The files of a folder that `chandlery build` puts into the component.
pub(super) const TEXTS: [&str; 3] = [FILE_NAME, README, CHANGELOG];
/// How much of such a file is read, in bytes: more than a manifest may have.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// The longest value that is told as it is, in bytes of JSON, and the longest reason, in characters.
const TOLD_BYTES_MAX: usize = 80;
const REASON_CHARS_MAX: usize = 300;

/// What lies in a plugin's folder of what its component carries, by the names of the files.
#[derive(Default)]
pub(in crate::catalog::drafts) struct Folder {
    texts: BTreeMap<&'static str, Vec<u8>>,
}

impl Folder {
    /// The folder of the component that is at this path: the innermost one around it that has a `chandlery.toml` or, where none has, its own.
    /// `texts` are the paths of all such files, and `read` looks at each file of the archive.
    pub(super) fn around(
        path: &str,
        texts: &BTreeSet<String>,
        read: &mut dyn FnMut(Look<'_>) -> Result<(), ArchiveError>,
    ) -> Result<Self, ArchiveError> {
        let mut around = path.rmatch_indices('/').map(|(at, _)| &path[..=at]).chain([""]).peekable();
        let own = around.peek().copied().unwrap_or_default();
        let folder = around.find(|folder| texts.contains(&format!("{folder}{FILE_NAME}"))).unwrap_or(own);
        let wanted = TEXTS.map(|name| (format!("{folder}{name}"), name));
        let mut found = Self::default();
        if wanted.iter().any(|(path, _)| texts.contains(path)) {
            read(&mut |path, file| {
                if let Some((_, name)) = wanted.iter().find(|(wanted, _)| wanted == path) {
                    let mut text = Vec::new();
                    file.take(TEXT_BYTES_MAX).read_to_end(&mut text)?;
                    found.texts.insert(name, text);
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// In what it differs from the component that was built in it, in words; nothing: in nothing that it has.
    pub(in crate::catalog::drafts) fn differences(&self, built: &Manifest) -> Vec<String> {
        let texts = [(README, &built.readme), (CHANGELOG, &built.changelog)];
        let of_texts = texts.into_iter().filter_map(|(name, carried)| {
            let text = String::from_utf8_lossy(self.texts.get(name)?);
            differing_text(name, &text, carried.as_deref())
        });
        let of_manifest = self.texts.get(FILE_NAME).map(|text| differing_manifest(text, built));
        of_manifest.unwrap_or_default().into_iter().chain(of_texts).collect()
    }
}

fn differing_text(name: &str, text: &str, carried: Option<&str>) -> Option<String> {
    let Some(carried) = carried else { return Some(format!("{name} is not in the component")) };
    if text == carried {
        return None;
    }
    let same = text.lines().zip(carried.lines()).take_while(|(one, other)| one == other).count();
    Some(format!("{name} is another one from line {} on", same + 1))
}

fn differing_manifest(text: &[u8], built: &Manifest) -> Vec<String> {
    let said = match std::str::from_utf8(text) {
        Ok(text) => Manifest::from_toml(text).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let said = match said {
        // The texts beside it take the places that they have in it.
        Ok(said) => Manifest { readme: built.readme.clone(), changelog: built.changelog.clone(), ..said },
        Err(reason) => {
            let reason = reason.lines().map(str::trim).collect::<Vec<_>>().join(" ");
            let reason: String = printable(&reason).chars().take(REASON_CHARS_MAX).collect();
            return vec![format!("{FILE_NAME} cannot be read: {reason}")];
        }
    };
    let parameters = changed_parameters(Some(built), Some(&said));
    let (said, built) = (json!(said), json!(built));
    let names: BTreeSet<&String> =
        [&said, &built].into_iter().filter_map(Value::as_object).flat_map(|fields| fields.keys()).collect();
    let differing = names.into_iter().filter(|name| said[name.as_str()] != built[name.as_str()]);
    let told = differing.map(|name| match name.as_str() {
        "parameters" => {
            let names: Vec<String> = parameters.iter().map(|change| printable(&change.name)).collect();
            format!("{FILE_NAME} has other parameters: {}", names.join(", "))
        }
        name => match (short(&said[name]), short(&built[name])) {
            (Some(now), Some(before)) => {
                format!("{FILE_NAME} has {name} {now}, and the component {before}")
            }
            _ => format!("{FILE_NAME} has another {name}"),
        },
    });
    told.collect()
}

/// A value as it is, where that is a few words.
fn short(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("none".into()),
        value => Some(printable(&value.to_string())).filter(|text| text.len() <= TOLD_BYTES_MAX),
    }
}
