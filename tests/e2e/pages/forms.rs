//! What a page offers to do, read from its text: the forms, and where its links lead.

use std::collections::BTreeSet;

/// A form with the names and values of its fields, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    pub is_post: bool,
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// What a browser sends with it, with other values in some fields.
    pub fn body(&self, change: impl Fn(&str) -> Option<String>) -> String {
        let value = |(name, value): &(String, String)| change(name).unwrap_or_else(|| value.clone());
        let pairs = self.fields.iter().map(|field| (field.0.as_str(), value(field)));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

/// The value of an attribute of a tag, as it was before it was escaped.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    Some(value.replace("&amp;", "&"))
}

/// The tags of these names in a text, each from its name to its end, in order.
fn tags<'a>(text: &'a str, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let found = text.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    found.filter(move |tag| names.contains(&tag.split([' ', '\n']).next().unwrap_or_default()))
}

/// The forms of a page.
pub fn forms(page: &str) -> Vec<Form> {
    let texts = page.split("<form").skip(1).filter_map(|rest| rest.split("</form>").next());
    let form = |text: &str| {
        let head = text.split('>').next().unwrap_or_default();
        let fields = tags(text, &["input", "select", "textarea", "button"])
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())));
        Form {
            is_post: attribute(head, "method").is_some_and(|method| method == "post"),
            action: attribute(head, "action").unwrap_or_default(),
            fields: fields.collect(),
        }
    };
    texts.map(form).collect()
}

/// Where a page leads: what its links, forms and scripts have, as it stands there.
pub fn leads_to(page: &str) -> BTreeSet<String> {
    let of = |tag: &str| {
        let names = ["href", "action", "formaction", "src", "data-next"];
        names.into_iter().filter_map(|name| attribute(tag, name)).collect::<Vec<_>>()
    };
    tags(page, &["a", "form", "button", "input", "link", "script", "img"]).flat_map(of).collect()
}

#[test]
fn a_form_is_read_as_a_browser_would() {
    let page = "<form class=\"card\" method=\"post\" action=\"/a?b=1&amp;c=2\"><input type=\"hidden\" name=\"id\" value=\"&lt;x&quot;\">\
                <select name=\"role\"><option value=\"viewer\">v</option></select><button>Go</button></form><a href=\"/next\">n</a>";
    let [form] = forms(page).try_into().unwrap();
    assert!(form.is_post && form.action == "/a?b=1&c=2", "{form:?}");
    assert_eq!(form.fields, [("id".into(), "<x\"".into()), ("role".into(), String::new())]);
    assert_eq!(form.body(|name| (name == "role").then(|| "a b".into())), "id=%3Cx%22&role=a+b");
    assert_eq!(leads_to(page).into_iter().collect::<Vec<_>>(), ["/a?b=1&c=2", "/next"]);
}
