//! Elements of XML, and how they are written.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// An element with a text or with others inside.
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, &'static str)>,
    text: String,
    inside: Vec<Element>,
}

/// An element around others, which are added in their order.
pub(super) fn element(name: &'static str) -> Element {
    Element { name, attributes: Vec::new(), text: String::new(), inside: Vec::new() }
}

/// An element around a text. What XML cannot carry of it is replaced.
pub(super) fn text(name: &'static str, text: impl ToString) -> Element {
    let allowed = |c: char| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    let text = text.to_string().chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect();
    Element { text, ..element(name) }
}

impl Element {
    /// The same with an attribute.
    pub(super) fn attribute(mut self, name: &'static str, value: &'static str) -> Self {
        self.attributes.push((name, value));
        self
    }

    /// The same with another one inside, behind those that are.
    pub(super) fn with(mut self, inside: Element) -> Self {
        self.inside.push(inside);
        self
    }

    /// The same with several inside: as many as there are.
    pub(super) fn with_each(mut self, inside: impl IntoIterator<Item = Element>) -> Self {
        self.inside.extend(inside);
        self
    }

    fn write(&self, to: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for attribute in &self.attributes {
            start.push_attribute(*attribute);
        }
        to.write_event(Event::Start(start))?;
        if !self.text.is_empty() {
            to.write_event(Event::Text(BytesText::new(&self.text)))?;
        }
        for inside in &self.inside {
            inside.write(to)?;
        }
        to.write_event(Event::End(BytesEnd::new(self.name)))
    }

    /// All of it as a document.
    pub(super) fn document(&self) -> std::io::Result<Vec<u8>> {
        let mut writer = Writer::new(Vec::new());
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        self.write(&mut writer)?;
        Ok(writer.into_inner())
    }
}
