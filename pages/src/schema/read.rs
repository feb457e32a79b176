//! What was typed into the fields of a schema, as values of its types.

use serde_json::{Map, Number, Value};

use super::PREFIX;
use super::shape::{Property, Shape, properties};

/// The largest whole number that is written with a fraction or an exponent and means itself: 2⁵³.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The values of a form's fields that [`super::schema_fields`] made, of the types that the schema has; a field that is empty gives none.
/// Fields of other names are not looked at, and of several with one name the last one counts. Problems are by parameter: what has
/// another type, what must be given, and what the schema does not describe. Bounds and patterns are left to whoever validates.
pub fn schema_values(
    schema: &Value,
    form: &[(String, String)],
) -> Result<Map<String, Value>, Vec<(String, String)>> {
    let all = properties(schema);
    let (mut values, mut problems) = (Map::new(), Vec::new());
    for property in &all {
        match typed(form, property.name).map(|text| read(property, &text)) {
            None if property.must_be_given() => {
                problems.push((property.name.to_owned(), "this must be given".to_owned()));
            }
            None => {}
            Some(Ok(value)) => {
                values.insert(property.name.to_owned(), value);
            }
            Some(Err(wanted)) => problems.push((property.name.to_owned(), wanted)),
        }
    }
    for (name, text) in given(form) {
        let is_known = all.iter().any(|property| property.name == name);
        if !is_known && !text.is_empty() && !problems.iter().any(|(of, _)| of == name) {
            problems.push((name.to_owned(), "there is no such parameter".to_owned()));
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// What was typed, to fill the same fields again: values where they can be read, and the text where not.
pub fn schema_typed(schema: &Value, form: &[(String, String)]) -> Map<String, Value> {
    let value = |property: &Property<'_>| {
        let text = typed(form, property.name)?;
        Some((property.name.to_owned(), read(property, &text).unwrap_or(Value::String(text))))
    };
    properties(schema).iter().filter_map(value).collect()
}

/// The parameters that a form has fields of, with what was typed there.
fn given(form: &[(String, String)]) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    form.iter().filter_map(|(name, text)| Some((name.strip_prefix(PREFIX)?, text.as_str())))
}

/// What was typed for a parameter, if anything was. Browsers end lines as the network does.
fn typed(form: &[(String, String)], name: &str) -> Option<String> {
    let (_, text) = given(form).rev().find(|(of, _)| *of == name)?;
    (!text.is_empty()).then(|| text.replace("\r\n", "\n"))
}

/// The value that a text stands for, or what it should be.
fn read(property: &Property<'_>, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    match &property.shape {
        Shape::Choice(choices) => {
            let found = choices.iter().find(|(choice, _)| choice == text);
            let known = || choices.iter().map(|(choice, _)| choice.as_str()).collect::<Vec<_>>().join(", ");
            found
                .map(|(_, value)| (*value).clone())
                .ok_or_else(|| format!("'{text}' is none of: {}", known()))
        }
        Shape::Boolean => match trimmed {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(format!("'{text}' is neither true nor false")),
        },
        Shape::Whole(_) => {
            whole(trimmed).map(Value::Number).ok_or_else(|| format!("'{text}' is no whole number"))
        }
        Shape::Number(_) => {
            number(trimmed).map(Value::Number).ok_or_else(|| format!("'{text}' is no number"))
        }
        Shape::Line => Ok(Value::String(text.to_owned())),
        Shape::Json { text: may_be_text } => match serde_json::from_str(trimmed) {
            Ok(value) => Ok(value),
            Err(_) if *may_be_text => Ok(Value::String(text.to_owned())),
            Err(error) => Err(format!("this is no JSON: {error}")),
        },
    }
}

fn whole(text: &str) -> Option<Number> {
    let exact = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    exact.ok().or_else(|| {
        let about = text.parse::<f64>().ok()?;
        (about.fract() == 0.0 && about.abs() <= EXACT_MAX).then(|| Number::from(about as i64))
    })
}

fn number(text: &str) -> Option<Number> {
    let exact = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    // What is infinite, or no number at all, has no JSON.
    exact.ok().or_else(|| Number::from_f64(text.parse().ok()?))
}
