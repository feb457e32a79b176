//! What the fields print, the values read; and what is wrong is said beside its parameter.

use serde_json::json;

use super::*;

/// What a browser would send of a control as it was printed, by its name: for a select the chosen option, else the value or the text.
fn sent(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name} in {page}"));
    let (start, rest) = page.split_at(at);
    let (element, rest) = (start.rsplit('<').next().unwrap(), rest.split_once('>').unwrap());
    let attribute = |text: &str| {
        text.split_once("value=\"").map(|(_, after)| after.split('"').next().unwrap().to_owned())
    };
    let text = match element.split(' ').next().unwrap() {
        "input" => attribute(rest.0).unwrap(),
        "textarea" => {
            let inside = rest.1.split("</textarea>").next().unwrap();
            inside.strip_prefix('\n').unwrap_or(inside).to_owned()
        }
        "select" => {
            let options = rest.1.split("</select>").next().unwrap();
            let chosen: Vec<&str> = options
                .split("<option ")
                .filter(|option| option.split('>').next().unwrap().contains(" selected"))
                .collect();
            assert_eq!(chosen.len(), 1, "{name}: {options}");
            attribute(chosen[0]).unwrap()
        }
        other => panic!("{name} is a {other}"),
    };
    let plain = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    plain.into_iter().fold(text, |text, (entity, character)| text.replace(entity, character))
}

fn of(schema: &Value) -> Value {
    json!({ "type": "object", "properties": { "it": schema }, "required": [], "additionalProperties": false })
}

fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn what_the_fields_print_the_values_read() {
    let texts = json!([
        "a",
        "two words",
        " spaces ",
        "null",
        "5",
        "\"q\"",
        "<b>&amp;",
        "one\ntwo",
        "\nx",
        "{",
        "[1]",
        "ä€"
    ]);
    let anything = json!(["a", "", " a", "null", "5", "{", "x\ny", null, 5, 1.5, true, [], [1, "a"], {}, { "a": [null] }]);
    let table = [
        (json!({ "type": "string" }), texts.clone()),
        (json!({ "type": ["string", "null"], "default": "a" }), texts.clone()),
        (json!({ "type": "string", "default": "one\ntwo" }), texts),
        (json!({ "type": "boolean" }), json!([true, false])),
        (json!({ "type": ["null", "boolean"], "default": true }), json!([true, false])),
        (
            json!({ "type": "integer", "minimum": 1, "maximum": 9, "default": 3 }),
            json!([1, 0, -7, i64::MIN, u64::MAX]),
        ),
        (json!({ "type": ["integer", "null"] }), json!([0, 8_000])),
        (json!({ "type": "number" }), json!([0, -1, 0.1, 1e300, 2.5, -0.25])),
        (json!({ "enum": ["bf16", "fp8", "<\"&'>"] }), json!(["bf16", "fp8", "<\"&'>"])),
        (json!({ "type": "string", "enum": ["a", "b"], "default": "b" }), json!(["a", "b"])),
        (json!({ "enum": [1, 2.5, true, "x", null], "default": 1 }), json!([1, 2.5, true, "x"])),
        (json!({ "const": "only" }), json!(["only"])),
        // What cannot be told apart by its text, or is not seen.
        (json!({ "enum": [1, "1"] }), json!([1, "1"])),
        (json!({ "enum": ["", "a"] }), json!(["", "a"])),
        (
            json!({ "type": "array", "items": { "type": "string" }, "default": [] }),
            json!([[], ["a", "</textarea>"]]),
        ),
        (json!({ "type": ["object", "null"] }), json!([{}, { "a": { "b": 1 } }, null])),
        (json!({ "type": ["string", "integer"] }), json!(["a", "5", 5])),
        (json!({}), anything.clone()),
        (json!(true), anything.clone()),
        (json!({ "$ref": "#/properties/other" }), anything),
    ];
    for (schema, values) in table {
        let schema = of(&schema);
        for value in values.as_array().unwrap() {
            let given = Map::from_iter([("it".to_owned(), value.clone())]);
            let page = schema_fields(&schema, &given, &[]).into_string();
            let text = sent(&page, "set.it");
            let read = schema_values(&schema, &form(&[("set.it", text.as_str())]));
            assert_eq!(read.as_ref(), Ok(&given), "{schema}: {value} as {text:?}");
            // As browsers end lines.
            let text = text.replace('\n', "\r\n");
            assert_eq!(
                schema_values(&schema, &form(&[("set.it", text.as_str())])),
                Ok(given),
                "{schema}: {text:?}"
            );
        }
        let empty = schema_fields(&schema, &Map::new(), &[]).into_string();
        assert_eq!(sent(&empty, "set.it"), "", "{schema}");
        assert_eq!(schema_values(&schema, &form(&[("set.it", "")])), Ok(Map::new()), "{schema}");
        assert_eq!(schema_values(&schema, &[]), Ok(Map::new()), "{schema}");
    }
}

#[test]
fn what_has_another_type_is_said_of_its_parameter_and_shown_again() {
    for (schema, text, says) in [
        (json!({ "type": "integer" }), "many", "'many' is no whole number"),
        (json!({ "type": "integer" }), "1.5", "'1.5' is no whole number"),
        (json!({ "type": "integer" }), "1e400", "'1e400' is no whole number"),
        (json!({ "type": "number" }), "NaN", "'NaN' is no number"),
        (json!({ "type": "number" }), "inf", "'inf' is no number"),
        (json!({ "type": "boolean" }), "yes", "'yes' is neither true nor false"),
        (json!({ "enum": ["a", "b"] }), "c", "'c' is none of: a, b"),
        (json!({ "type": "array" }), "[1,", "this is no JSON"),
    ] {
        let schema = of(&schema);
        let typed = form(&[("set.it", text), ("other", "1")]);
        let problems = schema_values(&schema, &typed).unwrap_err();
        assert_eq!(problems.len(), 1, "{schema}");
        assert!(problems[0].0 == "it" && problems[0].1.contains(says), "{problems:?}");
        let page = schema_fields(&schema, &schema_typed(&schema, &typed), &problems).into_string();
        assert_eq!(sent(&page, "set.it"), text, "{schema}");
        assert!(
            page.contains("aria-describedby=\"set-0-fault\"") && page.contains("id=\"set-0-fault\""),
            "{page}"
        );
    }
    let read = |text: &str| schema_values(&of(&json!({ "type": "integer" })), &form(&[("set.it", text)]));
    let five = Ok(Map::from_iter([("it".to_owned(), json!(5))]));
    assert_eq!((read(" 5 "), read("5.0"), read("0.5e1")), (five.clone(), five.clone(), five));
}

#[test]
fn what_must_be_given_and_what_is_unknown_is_named() {
    let schema = json!({
        "properties": { "late": { "type": "string" }, "port": { "type": "integer", "default": 80 }, "model": { "type": "string" } },
        "required": ["model", "port"],
    });
    let typed =
        form(&[("set.model", ""), ("set.none", "1"), ("set.empty", ""), ("set.none", "2"), ("model", "x")]);
    let wanted = [("model", "this must be given"), ("none", "there is no such parameter")];
    let wanted = wanted.map(|(of, says)| (of.to_owned(), says.to_owned())).to_vec();
    assert_eq!(schema_values(&schema, &typed), Err(wanted));
    // What must be given comes first, and a default is enough.
    let page = schema_fields(&schema, &Map::new(), &[]).into_string();
    let places =
        ["set.model", "set.late", "set.port"].map(|name| page.find(&format!("name=\"{name}\"")).unwrap());
    assert!(places.is_sorted(), "{page}");
    assert_eq!((page.matches("(required)").count(), page.matches(" required").count()), (1, 1), "{page}");
    assert!(page.contains("placeholder=\"80\""), "{page}");
    // The last field of a name counts, as where a checkbox stands behind a hidden one.
    let twice = form(&[("set.model", "a"), ("set.model", "b")]);
    assert_eq!(schema_values(&schema, &twice).unwrap()["model"], "b");
}

#[test]
fn problems_stand_where_they_belong_and_nothing_becomes_markup() {
    let hostile = "\"><script>alert(1)</script></textarea>";
    let schema = json!({
        "properties": {
            (hostile): { "title": hostile, "description": hostile, "default": hostile, "enum": [hostile, "a"] },
            "a/b c": { "type": "object", "description": "x", "default": { "k": hostile } },
        },
    });
    let values = Map::from_iter([(hostile.to_owned(), json!(hostile)), ("a/b c".to_owned(), json!(hostile))]);
    let problems = [("/a~1b c/k", "in it"), ("a/b c", "of it"), ("elsewhere", hostile), ("", "of all")];
    let problems = problems.map(|(of, says)| (of.to_owned(), says.to_owned()));
    let page = schema_fields(&schema, &values, &problems).into_string();
    assert!(!page.contains("<script>"), "{page}");
    assert_eq!(page.matches("</textarea>").count(), 1, "{page}");
    assert!(page.contains("in it; of it") && page.contains("<li>of all</li>"), "{page}");
    assert!(page.contains("aria-describedby=\"set-1-hint set-1-fault\""), "{page}");
    assert_eq!(schema_fields(&Value::Null, &Map::new(), &[]).into_string(), "<div class=\"fields\"></div>");
}

#[test]
fn numbers_are_bounded_as_browsers_count() {
    let shown = |schema: Value| schema_fields(&of(&schema), &Map::new(), &[]).into_string();
    for (schema, has, has_not) in [
        (json!({ "type": "integer", "minimum": 1, "maximum": 64 }), "min=\"1\" max=\"64\" step=\"1\"", "any"),
        (
            json!({ "type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9 }),
            "min=\"1\" max=\"8\"",
            "any",
        ),
        (json!({ "type": "integer", "minimum": 8, "multipleOf": 8 }), "step=\"8\"", "any"),
        // Counted from 1, no multiple of 8 would be a step.
        (json!({ "type": "integer", "minimum": 1, "multipleOf": 8 }), "step=\"1\"", "step=\"8\""),
        (json!({ "type": "number", "exclusiveMinimum": 0 }), "step=\"any\"", "min="),
        (json!({ "type": "integer" }), "step=\"1\"", "min="),
    ] {
        let page = shown(schema);
        assert!(page.contains(has) && !page.contains(has_not), "{has}: {page}");
    }
}

#[test]
fn nobody_chooses_from_too_many() {
    let listed = |count: u32| of(&json!({ "type": "integer", "enum": (0..count).collect::<Vec<_>>() }));
    let shown = |schema: &Value| schema_fields(schema, &Map::new(), &[]).into_string();
    assert!(shown(&listed(1_000)).contains("<select"));
    let many = listed(30_000);
    assert!(!shown(&many).contains("<select") && shown(&many).contains("type=\"number\""));
    assert_eq!(schema_values(&many, &form(&[("set.it", "7")])).unwrap()["it"], 7);
}
