//! Parts of forms: each field with its label, and what is wrong with it beside it.

use maud::{Markup, Render, html};

use crate::states::is_sentence;

/// A field of one line.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    name: &'a str,
    label: &'a str,
    kind: &'a str,
    value: &'a str,
    hint: Option<&'a str>,
    fault: Option<&'a str>,
    complete: &'a str,
    pattern: Option<&'a str>,
    required: bool,
}

impl<'a> Field<'a> {
    /// A field for text, which may be left empty.
    pub fn new(name: &'a str, label: &'a str) -> Self {
        Self {
            name,
            label,
            kind: "text",
            value: "",
            hint: None,
            fault: None,
            complete: "off",
            pattern: None,
            required: false,
        }
    }

    /// The same for another kind of input, such as `email`.
    #[must_use]
    pub fn kind(self, kind: &'a str) -> Self {
        Self { kind, ..self }
    }

    /// The same, filled with what was typed before.
    #[must_use]
    pub fn value(self, value: &'a str) -> Self {
        Self { value, ..self }
    }

    /// The same, with what to write there.
    #[must_use]
    pub fn hint(self, hint: &'a str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// The same, with what is wrong with it, if anything is.
    #[must_use]
    pub fn fault(self, fault: Option<&'a str>) -> Self {
        Self { fault, ..self }
    }

    /// The same, which browsers fill in by this word of HTML's `autocomplete`.
    #[must_use]
    pub fn complete(self, complete: &'a str) -> Self {
        Self { complete, ..self }
    }

    /// The same, which a browser sends only where all of it fits this pattern of HTML: what does not is told with the hint.
    #[must_use]
    pub fn pattern(self, pattern: &'a str) -> Self {
        Self { pattern: Some(pattern), ..self }
    }

    /// The same, which must be filled.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The ids of what describes it: its hint, and what is wrong.
    fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let fault = self.fault.map(|_| format!("{}-fault", self.name));
        let ids: Vec<String> = hint.into_iter().chain(fault).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

impl Render for Field<'_> {
    fn render(&self) -> Markup {
        let invalid = self.fault.map(|_| "true");
        html! {
            div.field {
                label for=(self.name) { (self.label) }
                input id=(self.name) name=(self.name) type=(self.kind) value=(self.value)
                    autocomplete=(self.complete) required[self.required]
                    pattern=[self.pattern] title=[self.pattern.and(self.hint)]
                    aria-invalid=[invalid] aria-describedby=[self.described_by()];
                @if let Some(hint) = self.hint { p.note id=(format!("{}-hint", self.name)) { (hint) } }
                @if let Some(fault) = self.fault {
                    p.fault id=(format!("{}-fault", self.name)) role="alert" { (fault) }
                }
            }
        }
    }
}

/// What is wrong with what was sent, above its form.
pub fn fault(fault: Option<&str>) -> Markup {
    html! { @if let Some(fault) = fault { p.fault.says[is_sentence(fault)] role="alert" { (fault) } } }
}

/// A field for one file of these media types. `hint` says what it may be; `fault`, what was wrong with the one that was sent.
pub fn file(name: &str, label: &str, accept: &str, hint: &str, fault: Option<&str>) -> Markup {
    let (hint_id, fault_id) = (format!("{name}-hint"), format!("{name}-fault"));
    let described_by = match fault {
        Some(_) => format!("{hint_id} {fault_id}"),
        None => hint_id.clone(),
    };
    html! {
        div.field {
            label for=(name) { (label) }
            input id=(name) name=(name) type="file" accept=(accept) required
                aria-invalid=[fault.map(|_| "true")] aria-describedby=(described_by);
            p.note id=(hint_id) { (hint) }
            @if let Some(fault) = fault { p.fault id=(fault_id) role="alert" { (fault) } }
        }
    }
}

/// A choice of one of several: each what is sent, and what is shown.
pub fn select(name: &str, label: &str, chosen: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (value, shown) in options {
                    option value=(value) selected[*value == chosen] { (shown) }
                }
            }
        }
    }
}

/// A choice of yes, which is sent as `true`, or no.
pub fn checkbox(name: &str, label: &str, checked: bool) -> Markup {
    html! {
        label.check { input type="checkbox" name=(name) value="true" checked[checked]; (label) }
    }
}
