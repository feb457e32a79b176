//! Forms from a JSON Schema: a control for each property of an object, and what was typed there, read back by the same schema.
//!
//! A field that is left empty gives nothing, so that the schema's default holds.

mod read;
mod shape;

use maud::{Markup, html};
use serde_json::{Map, Value};

use shape::{Property, Shape, properties};

pub use read::{schema_typed, schema_values};

/// What comes before a parameter's name in the names of its fields.
const PREFIX: &str = "set.";
/// The parts of an id, before the place of the parameter: its name may be anything.
const ID: &str = "set";

/// The controls of an object's properties, each named `set.PROPERTY`, with its title, what it is for, and its default where nothing is
/// typed. `values` are what the fields are filled with. A problem stands beside its parameter, which may be named by a JSON pointer,
/// such as `/port`; those of none stand above all fields.
pub fn schema_fields(schema: &Value, values: &Map<String, Value>, problems: &[(String, String)]) -> Markup {
    let all = properties(schema);
    let known = |of: &str| all.iter().any(|property| is_of(of, property.name));
    let of_none: Vec<&(String, String)> = problems.iter().filter(|(of, _)| !known(of)).collect();
    html! {
        @if !of_none.is_empty() {
            div.fault role="alert" {
                ul { @for (of, says) in of_none { li { @if !of.is_empty() { (of) ": " } (says) } } }
            }
        }
        div.fields {
            @for (index, property) in all.iter().enumerate() {
                (field(index, property, values.get(property.name), &about(problems, property.name)))
            }
        }
    }
}

/// What is said of a parameter.
fn about<'a>(problems: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    problems.iter().filter(|(of, _)| is_of(of, name)).map(|(_, says)| says.as_str()).collect()
}

/// Whether a problem that names a parameter, or a place in its value, is about this one.
fn is_of(of: &str, name: &str) -> bool {
    let first = of.strip_prefix('/').map(|path| path.split('/').next().unwrap_or_default());
    of == name || first.is_some_and(|first| first.replace("~1", "/").replace("~0", "~") == name)
}

fn field(index: usize, property: &Property<'_>, value: Option<&Value>, problems: &[&str]) -> Markup {
    let id = format!("{ID}-{index}");
    let (hint, fault) = (format!("{id}-hint"), format!("{id}-fault"));
    let described = property.description.map(|_| hint.as_str()).into_iter();
    let described: Vec<&str> = described.chain((!problems.is_empty()).then_some(fault.as_str())).collect();
    let control = Control {
        id: &id,
        name: format!("{PREFIX}{}", property.name),
        described: (!described.is_empty()).then(|| described.join(" ")),
        invalid: (!problems.is_empty()).then_some("true"),
        required: property.must_be_given(),
    };
    html! {
        div.field {
            label for=(id) { (property.label()) @if property.must_be_given() { " (required)" } }
            (control.shown(property, value))
            @if let Some(description) = property.description { p.note id=(hint) { (description) } }
            @if !problems.is_empty() {
                p.fault id=(fault) role="alert" { (problems.join("; ")) }
            }
        }
    }
}

/// What all kinds of controls have.
struct Control<'a> {
    id: &'a str,
    name: String,
    described: Option<String>,
    invalid: Option<&'static str>,
    required: bool,
}

impl Control<'_> {
    fn shown(&self, property: &Property<'_>, value: Option<&Value>) -> Markup {
        let text = value.map(|value| property.shape.written(value)).unwrap_or_default();
        let default = property.default.map(|value| property.shape.written(value));
        match &property.shape {
            Shape::Choice(choices) => {
                let choices: Vec<(&str, &str)> =
                    choices.iter().map(|(text, _)| (text.as_str(), text.as_str())).collect();
                self.select(&choices, &text, default.as_deref())
            }
            Shape::Boolean => self.select(&[("true", "yes"), ("false", "no")], &text, default.as_deref()),
            Shape::Whole(bounds) | Shape::Number(bounds) => {
                // What is no number is shown again as it was typed, which a field for numbers does not do.
                let kind = if text.is_empty() || text.parse::<f64>().is_ok_and(f64::is_finite) {
                    "number"
                } else {
                    "text"
                };
                let step = if matches!(property.shape, Shape::Whole(_)) { "1" } else { "any" };
                let step = bounds.step.clone().unwrap_or_else(|| step.to_owned());
                html! {
                    input id=(self.id) name=(self.name) type=(kind) value=(text) placeholder=[default]
                        min=[bounds.min.as_ref()] max=[bounds.max.as_ref()] step=(step) autocomplete="off" required[self.required]
                        aria-invalid=[self.invalid] aria-describedby=[self.described.as_ref()];
                }
            }
            Shape::Line if !has_lines(&text) && !default.as_deref().is_some_and(has_lines) => html! {
                input id=(self.id) name=(self.name) type="text" value=(text) placeholder=[default] autocomplete="off"
                    spellcheck="false" required[self.required] aria-invalid=[self.invalid]
                    aria-describedby=[self.described.as_ref()];
            },
            Shape::Line | Shape::Json { .. } => html! {
                textarea id=(self.id) name=(self.name) rows="3" placeholder=[default] spellcheck="false" required[self.required]
                    aria-invalid=[self.invalid] aria-describedby=[self.described.as_ref()] {
                    // A browser leaves out the line's end that a text area begins with.
                    "\n" (text)
                }
            },
        }
    }

    /// A choice of one: each what is sent, and the word that is shown. What is no choice, because somebody typed the address, is kept.
    fn select(&self, choices: &[(&str, &str)], chosen: &str, default: Option<&str>) -> Markup {
        let word = |text: &str| choices.iter().find(|(choice, _)| *choice == text).map(|(_, word)| *word);
        let preset = default.map(|text| word(text).unwrap_or(text));
        let is_choice = chosen.is_empty() || word(chosen).is_some();
        html! {
            select id=(self.id) name=(self.name) required[self.required] aria-invalid=[self.invalid]
                aria-describedby=[self.described.as_ref()] {
                option value="" selected[chosen.is_empty()] {
                    @match &preset { Some(preset) => { "Preset: " (preset) } None => { "Not given" } }
                }
                @if !is_choice { option value=(chosen) selected { (chosen) } }
                @for (text, word) in choices { option value=(text) selected[*text == chosen] { (word) } }
            }
        }
    }
}

fn has_lines(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

#[cfg(test)]
mod tests;
