//! How much work the schema of a manifest's parameters may make for whoever checks values by it. The author of a schema is not
//! trusted with a host's time: `$ref` doubled forty-five times is 3 KB to read and 2⁴⁵ schemas to visit.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The largest schema, in bytes of JSON.
const BYTES_MAX: usize = 256 << 10;
/// How deep a schema may be, what its references stand for included.
const DEPTH_MAX: usize = 64;
/// How many values there may be in all, with each reference replaced by what it stands for.
const NODES_MAX: u64 = 20_000;
/// How many patterns there may be in all, counted as values are: each is compiled.
const PATTERNS_MAX: u64 = 100;
/// Where references lead out of the document, or where only the values decide whither: parameters need neither.
const REFUSED: [&str; 6] =
    ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"];
/// Keywords whose values are data, in which `$ref` is a name like any other.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];
/// Keywords whose values are schemas by names, which may be anything: a parameter called `default` is no data.
const NAMED: [&str; 6] =
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];

/// Refuses a schema that would cost more than parameters need, with the reason; gives of how many values it is made, with each reference
/// replaced by what it stands for.
pub(super) fn check(schema: &Value) -> Result<u64, String> {
    let bytes = schema.to_string().len();
    if bytes > BYTES_MAX {
        return Err(format!("they have {bytes} bytes of JSON; at most {BYTES_MAX} are accepted"));
    }
    let size = Expansion { root: schema, known: BTreeMap::new(), visited: 0 }.of(schema, 0)?;
    if size.depth > DEPTH_MAX {
        return Err(too_deep());
    }
    if size.nodes > NODES_MAX {
        return Err(too_many());
    }
    if size.patterns > PATTERNS_MAX {
        return Err(format!("they have {} patterns; at most {PATTERNS_MAX} are accepted", size.patterns));
    }
    Ok(size.nodes.saturating_add(size.data))
}

/// How many values a value is made of, itself among them.
pub(super) fn values(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(values).fold(1, u64::saturating_add),
        Value::Object(fields) => fields.values().map(values).fold(1, u64::saturating_add),
        _ => 1,
    }
}

fn too_many() -> String {
    format!("with each $ref replaced by what it stands for they have more than {NODES_MAX} parts")
}

fn too_deep() -> String {
    format!("they are more than {DEPTH_MAX} levels deep")
}

#[derive(Clone, Copy)]
struct Size {
    nodes: u64,
    depth: usize,
    patterns: u64,
    /// Values that are no schemas, but are compared with what is given.
    data: u64,
}

impl Size {
    fn add(&mut self, inner: Self) {
        self.nodes = self.nodes.saturating_add(inner.nodes);
        self.patterns = self.patterns.saturating_add(inner.patterns);
        self.data = self.data.saturating_add(inner.data);
        self.depth = self.depth.max(inner.depth + 1);
    }
}

/// A schema with its references replaced, counted without being made.
struct Expansion<'a> {
    root: &'a Value,
    /// What each reference comes to; none: it is being counted.
    known: BTreeMap<&'a str, Option<Size>>,
    /// How many values were looked at: never more than there are, so that the counting ends where the accepting does.
    visited: u64,
}

impl<'a> Expansion<'a> {
    /// What a value comes to that is so many levels below the first. No recursion is deeper than what is accepted.
    fn of(&mut self, value: &'a Value, above: usize) -> Result<Size, String> {
        if above > DEPTH_MAX {
            return Err(too_deep());
        }
        self.visited += 1;
        if self.visited > NODES_MAX {
            return Err(too_many());
        }
        let mut size = Size { nodes: 1, depth: 0, patterns: patterns(value), data: data(value) };
        let mut add = |inner: Size| size.add(inner);
        match value {
            Value::Array(items) => {
                items.iter().try_for_each(|item| self.of(item, above + 1).map(&mut add))?
            }
            Value::Object(fields) => {
                for (name, inner) in fields {
                    match (name.as_str(), inner) {
                        ("$ref", Value::String(reference)) => add(self.of_reference(reference, above + 1)?),
                        (name, Value::String(_)) if REFUSED.contains(&name) => {
                            return Err(format!("they use {name}, which parameters do not need"));
                        }
                        (name, _) if DATA.contains(&name) => {}
                        (name, Value::Object(named)) if NAMED.contains(&name) => {
                            add(self.of_named(named, above + 1)?);
                        }
                        _ => add(self.of(inner, above + 1)?),
                    }
                }
            }
            _ => {}
        }
        Ok(size)
    }

    /// What schemas come to that have names.
    fn of_named(&mut self, named: &'a Map<String, Value>, above: usize) -> Result<Size, String> {
        let mut size = Size { nodes: 1, depth: 0, patterns: 0, data: 0 };
        named.values().try_for_each(|schema| self.of(schema, above + 1).map(|inner| size.add(inner)))?;
        Ok(size)
    }

    fn of_reference(&mut self, reference: &'a str, above: usize) -> Result<Size, String> {
        // It would lead elsewhere than it says.
        if reference.contains('%') {
            return Err(format!(
                "the $ref '{reference}' has an escape of addresses, which parameters do not need"
            ));
        }
        match self.known.get(reference) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(format!("the $ref '{reference}' leads back to itself")),
            None => {}
        }
        let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let target = target.ok_or_else(|| format!("the $ref '{reference}' leads to nothing in them"))?;
        self.known.insert(reference, None);
        let size = self.of(target, above)?;
        self.known.insert(reference, Some(size));
        Ok(size)
    }
}

/// Of how many values those are made that a schema compares with, without those of the schemas in it.
fn data(schema: &Value) -> u64 {
    ["const", "enum"].into_iter().filter_map(|name| schema.get(name)).map(values).fold(0, u64::saturating_add)
}

/// How many patterns a schema has, without those of the schemas in it.
fn patterns(schema: &Value) -> u64 {
    let own = schema.get("pattern").is_some_and(Value::is_string);
    let names = schema.get("patternProperties").and_then(Value::as_object).map_or(0, |names| names.len());
    u64::from(own) + names as u64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    /// Each definition names the next one twice.
    fn doubled(levels: usize) -> Value {
        let mut definitions: serde_json::Map<String, Value> = (0..levels)
            .map(|level| {
                let next = json!({ "$ref": format!("#/$defs/d{}", level + 1) });
                (format!("d{level}"), json!({ "allOf": [next, next] }))
            })
            .collect();
        definitions.insert(format!("d{levels}"), json!({ "type": "string" }));
        json!({ "$ref": "#/$defs/d0", "$defs": definitions })
    }

    #[test]
    fn references_are_counted_as_what_they_stand_for() {
        assert!(check(&doubled(5)).is_ok());
        for levels in [14, 26, 45, 60, 2_000] {
            assert!(check(&doubled(levels)).is_err(), "{levels}");
        }
    }

    /// Schemas may be called like data; what an address stands for is not what it says.
    #[test]
    fn no_name_hides_a_schema() {
        for keyword in NAMED {
            for name in DATA {
                let whole =
                    doubled(45).to_string().replace("#/$defs/", &format!("#/{keyword}/{name}/$defs/"));
                let mut schema = json!({});
                schema[keyword][name] = serde_json::from_str(&whole).unwrap();
                assert!(check(&schema).is_err(), "{keyword} {name}");
            }
        }
        let small = json!({ "properties": { "default": { "enum": [1, [2, 3]] } } });
        // The object, what it names, and that; and what is listed.
        assert_eq!(check(&small), Ok(3 + 5));
        assert_eq!(values(&json!({ "a": [1, 2], "b": null })), 5);
    }

    /// Each `~` of a name may be written in two ways, so that one value has as many references as there are spellings.
    #[test]
    fn one_value_under_many_references_takes_no_longer() {
        let spelled = |bits: usize| {
            (0..12).map(|bit| if bits & (1 << bit) == 0 { "~" } else { "~0" }).collect::<String>()
        };
        let references: Vec<_> =
            (0..1 << 12).map(|bits| json!({ "$ref": format!("#/{}", spelled(bits)) })).collect();
        let schema = json!({ "allOf": references, "~~~~~~~~~~~~": vec![json!({}); 10_000] });
        let started = Instant::now();
        assert_eq!(check(&schema), Err(too_many()));
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }

    #[test]
    fn patterns_are_counted_wherever_they_stand() {
        let all = |schema: Value, count: u64| json!({ "allOf": vec![schema; count as usize] });
        let shared = |count: u64| {
            let definition = json!({ "patternProperties": { "^a": {}, "^b": {} }, "pattern": "c" });
            json!({ "$defs": { "a": definition }, "allOf": vec![json!({ "$ref": "#/$defs/a" }); count as usize] })
        };
        assert!(check(&all(json!({ "pattern": "a" }), PATTERNS_MAX)).is_ok());
        assert!(check(&shared(PATTERNS_MAX / 3 - 1)).is_ok());
        // A parameter may be called so, and its own data may be anything.
        let named = json!({ "properties": { "pattern": {} }, "default": { "pattern": "a" } });
        assert!(check(&all(named, PATTERNS_MAX + 1)).is_ok());
        for schema in [all(json!({ "pattern": "a" }), PATTERNS_MAX + 1), shared(PATTERNS_MAX / 3 + 1)] {
            assert!(check(&schema).is_err_and(|reason| reason.contains("patterns")), "{schema}");
        }
    }

    #[test]
    fn what_leads_back_or_out_is_refused() {
        let inner = |definition: Value| json!({ "properties": { "x": { "$ref": "#/$defs/a" } }, "$defs": { "a": definition } });
        assert!(check(&inner(json!({ "type": "string" }))).is_ok());
        for definition in [
            json!({ "$ref": "#/$defs/a" }),
            json!({ "items": { "$ref": "#/properties/x" } }),
            json!({ "not": { "$ref": "#" } }),
            json!({ "$ref": "#/$defs/none" }),
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "$dynamicRef": "#x" }),
            json!({ "$id": "https://example.com/" }),
            json!({ "$ref": "#/%24defs/b" }),
            json!({ "properties": { "default": { "$ref": "#/$defs/a" } } }),
        ] {
            assert!(check(&inner(definition.clone())).is_err(), "{definition}");
        }
        // A parameter's own data may be called anything.
        assert!(check(&inner(json!({ "default": { "$ref": "#/nowhere", "$id": "7" } }))).is_ok());
    }

    #[test]
    fn depth_and_size_have_an_end() {
        let deep = (0..DEPTH_MAX + 1).fold(json!({}), |inner, _| json!({ "not": inner }));
        assert!(check(&deep).is_err());
        assert!(check(&json!({ "description": "a".repeat(BYTES_MAX) })).is_err());
    }
}
