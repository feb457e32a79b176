//! How much work the schema of a manifest's parameters may make for whoever checks values by it. The author of a schema is not
//! trusted with a host's time: `$ref` doubled forty-five times is 3 KB to read and 2⁴⁵ schemas to visit.

use std::collections::BTreeMap;

use serde_json::Value;

/// The largest schema, in bytes of JSON.
const BYTES_MAX: usize = 256 << 10;
/// How deep a schema may be, what its references stand for included.
const DEPTH_MAX: usize = 64;
/// How many values there may be in all, with each reference replaced by what it stands for.
const NODES_MAX: u64 = 20_000;
/// Where references lead out of the document, or where only the values decide whither: parameters need neither.
const REFUSED: [&str; 6] =
    ["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"];
/// Keywords whose values are data, in which `$ref` is a name like any other.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// Refuses a schema that would cost more than parameters need, with the reason.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let bytes = schema.to_string().len();
    if bytes > BYTES_MAX {
        return Err(format!("they have {bytes} bytes of JSON; at most {BYTES_MAX} are accepted"));
    }
    let size = Expansion { root: schema, known: BTreeMap::new() }.of(schema, 0)?;
    if size.depth > DEPTH_MAX {
        return Err(too_deep());
    }
    if size.nodes > NODES_MAX {
        return Err(format!(
            "with each $ref replaced by what it stands for they have {} parts; at most {NODES_MAX} are accepted",
            size.nodes
        ));
    }
    Ok(())
}

fn too_deep() -> String {
    format!("they are more than {DEPTH_MAX} levels deep")
}

#[derive(Clone, Copy)]
struct Size {
    nodes: u64,
    depth: usize,
}

/// A schema with its references replaced, counted without being made.
struct Expansion<'a> {
    root: &'a Value,
    /// What each reference comes to; none: it is being counted.
    known: BTreeMap<&'a str, Option<Size>>,
}

impl<'a> Expansion<'a> {
    /// What a value comes to that is so many levels below the first. No recursion is deeper than what is accepted.
    fn of(&mut self, value: &'a Value, above: usize) -> Result<Size, String> {
        if above > DEPTH_MAX {
            return Err(too_deep());
        }
        let mut size = Size { nodes: 1, depth: 0 };
        let mut add = |inner: Size| {
            size.nodes = size.nodes.saturating_add(inner.nodes);
            size.depth = size.depth.max(inner.depth + 1);
        };
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
                        _ => add(self.of(inner, above + 1)?),
                    }
                }
            }
            _ => {}
        }
        Ok(size)
    }

    fn of_reference(&mut self, reference: &'a str, above: usize) -> Result<Size, String> {
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

#[cfg(test)]
mod tests {
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
        assert_eq!(check(&doubled(5)), Ok(()));
        for levels in [14, 26, 45, 60, 2_000] {
            assert!(check(&doubled(levels)).is_err(), "{levels}");
        }
    }

    #[test]
    fn what_leads_back_or_out_is_refused() {
        let inner = |definition: Value| json!({ "properties": { "x": { "$ref": "#/$defs/a" } }, "$defs": { "a": definition } });
        assert_eq!(check(&inner(json!({ "type": "string" }))), Ok(()));
        for definition in [
            json!({ "$ref": "#/$defs/a" }),
            json!({ "items": { "$ref": "#/properties/x" } }),
            json!({ "not": { "$ref": "#" } }),
            json!({ "$ref": "#/$defs/none" }),
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "$dynamicRef": "#x" }),
            json!({ "$id": "https://example.com/" }),
        ] {
            assert!(check(&inner(definition.clone())).is_err(), "{definition}");
        }
        // A parameter's own data may be called anything.
        assert_eq!(check(&inner(json!({ "default": { "$ref": "#/nowhere", "$id": "7" } }))), Ok(()));
    }

    #[test]
    fn depth_and_size_have_an_end() {
        let deep = (0..DEPTH_MAX + 1).fold(json!({}), |inner, _| json!({ "not": inner }));
        assert!(check(&deep).is_err());
        assert!(check(&json!({ "description": "a".repeat(BYTES_MAX) })).is_err());
    }
}
