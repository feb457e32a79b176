//! What a property is, as far as a control can say it; what no control can is written as JSON.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

/// The most values that one chooses from; more are typed. Whoever wrote a schema is not trusted with the time of whoever shows it.
const CHOICES_MAX: usize = 1_000;

/// A property of an object.
pub(super) struct Property<'a> {
    pub name: &'a str,
    pub title: Option<&'a str>,
    pub description: Option<&'a str>,
    pub default: Option<&'a Value>,
    pub required: bool,
    pub shape: Shape<'a>,
}

impl Property<'_> {
    /// What people call it.
    pub fn label(&self) -> &str {
        self.title.unwrap_or(self.name)
    }

    /// Whether there is nothing without somebody giving it.
    pub fn must_be_given(&self) -> bool {
        self.required && self.default.is_none()
    }
}

/// What can be given for a property.
pub(super) enum Shape<'a> {
    /// One of these: each the text that it is chosen by.
    Choice(Vec<(String, &'a Value)>),
    Boolean,
    /// A number without fractions.
    Whole(Bounds),
    Number(Bounds),
    /// Text as it is.
    Line,
    /// Anything else, as JSON; what is none may be text.
    Json {
        text: bool,
    },
}

/// Between what a number must be, and by which steps, as HTML has it.
#[derive(Default)]
pub(super) struct Bounds {
    pub min: Option<String>,
    pub max: Option<String>,
    pub step: Option<String>,
}

impl Shape<'_> {
    /// A value as its control shows it: what [`super::schema_values`] reads back. A text that stands for no such value is shown as it is.
    pub fn written(&self, value: &Value) -> String {
        match (self, value) {
            (Self::Json { text: true }, Value::String(text)) if !is_plain(text) => value.to_string(),
            (_, Value::String(text)) => text.clone(),
            (Self::Json { .. }, value) => value.to_string(),
            // As good as not given, which is the only way to say it there.
            (_, Value::Null) => String::new(),
            (_, value) => value.to_string(),
        }
    }
}

/// Whether a text in a field for JSON is taken as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && !text.contains('\r')
        && serde_json::from_str::<Value>(text).is_err()
}

/// The properties that a schema describes, those that must be given first.
pub(super) fn properties(schema: &Value) -> Vec<Property<'_>> {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let described = schema["properties"].as_object().into_iter().flatten();
    let mut all: Vec<Property<'_>> = described
        .map(|(name, schema)| {
            let text = |key: &str| schema.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            Property {
                name,
                title: text("title"),
                description: text("description"),
                default: schema.get("default").filter(|default| !default.is_null()),
                required: required.contains(&name.as_str()),
                shape: shape(schema),
            }
        })
        .collect();
    all.sort_by_key(|property| !property.must_be_given());
    all
}

fn shape(schema: &Value) -> Shape<'_> {
    let Some(schema) = schema.as_object() else { return Shape::Json { text: true } };
    if let Some(choices) = choices(schema) {
        return Shape::Choice(choices);
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let types: Vec<&str> = types.into_iter().filter(|one| *one != "null").collect();
    match types.as_slice() {
        ["string"] => Shape::Line,
        ["boolean"] => Shape::Boolean,
        ["integer"] => Shape::Whole(bounds(schema, true)),
        ["number"] => Shape::Number(bounds(schema, false)),
        types => Shape::Json { text: types.is_empty() || types.contains(&"string") },
    }
}

/// The values that it lists, where each can be told from the others by its text.
fn choices(schema: &Map<String, Value>) -> Option<Vec<(String, &Value)>> {
    let listed = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(listed)), _) => listed.as_slice(),
        (_, Some(only)) => std::slice::from_ref(only),
        _ => return None,
    };
    if listed.len() > CHOICES_MAX {
        return None;
    }
    let (mut choices, mut texts) = (Vec::new(), HashSet::new());
    for value in listed.iter().filter(|value| !value.is_null()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let can_be_sent = !text.is_empty() && !text.contains(['\n', '\r']);
        if !can_be_sent || !texts.insert(text.clone()) {
            return None;
        }
        choices.push((text, value));
    }
    (!choices.is_empty()).then_some(choices)
}

fn bounds(schema: &Map<String, Value>, whole: bool) -> Bounds {
    let number = |key: &str| schema.get(key).and_then(Value::as_number);
    let beyond = |key: &str, by: i64| {
        let next = number(key)?.as_i64()?.checked_add(by)?;
        whole.then(|| Number::from(next))
    };
    let min = number("minimum").cloned().or_else(|| beyond("exclusiveMinimum", 1));
    let max = number("maximum").cloned().or_else(|| beyond("exclusiveMaximum", -1));
    // Browsers count steps from the minimum, schemas from nought.
    let of = |number: Option<&Number>| number.and_then(Number::as_i64);
    let step = match (of(number("multipleOf")), of(min.as_ref())) {
        (Some(step), Some(min)) if step > 0 && min % step == 0 => Some(step.to_string()),
        _ => None,
    };
    Bounds { min: min.map(|min| min.to_string()), max: max.map(|max| max.to_string()), step }
}
