//! The documents as they are shown: read once, when the first is asked for.

use std::sync::LazyLock;

use super::links::of_link;
use super::shelf::{Entry, SHELF};
use crate::markdown::{Section, sections};

/// A document that was read.
pub struct Document {
    /// How it stands on the shelf.
    pub entry: &'static Entry,
    /// What it is made of; the first one has its title.
    pub sections: Vec<Section>,
}

/// All documents, in the order of the shelf.
pub static LIBRARY: LazyLock<Vec<Document>> = LazyLock::new(|| SHELF.iter().map(Document::read).collect());

impl Document {
    fn read(entry: &'static Entry) -> Self {
        Self { entry, sections: sections(entry.source, |link| of_link(entry.path, link)) }
    }

    /// The sections that its table of contents lists.
    pub fn contents(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.level == 2)
    }
}

/// The document at a path below `docs/`, with the one before it and the one after.
pub fn find(path: &str) -> Option<(&'static Document, Option<&'static Entry>, Option<&'static Entry>)> {
    let at = SHELF.iter().position(|entry| entry.path == path)?;
    let before = at.checked_sub(1).and_then(|before| SHELF.get(before));
    Some((LIBRARY.get(at)?, before, SHELF.get(at + 1)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::schema;
    use super::*;
    use crate::shell::DOCS;

    /// Pages beside the documents that they may lead to.
    const ELSEWHERE: [&str; 3] = [DOCS, schema::ADDRESS, "/api/v1/docs"];
    /// The heaviest page of documents, in bytes of HTML without its frame.
    const PAGE_BYTES_MAX: usize = 145 << 10;

    fn links(document: &Document) -> Vec<&str> {
        let all = document.sections.iter().flat_map(|section| section.html.0.split("href=\"").skip(1));
        all.filter_map(|rest| rest.split('"').next()).collect()
    }

    fn has(document: &Document, anchor: &str) -> bool {
        document.sections.iter().any(|section| section.anchor == anchor)
    }

    /// Whether a link of a document leads to what is there.
    fn leads_somewhere(document: &Document, link: &str) -> bool {
        if let Some(anchor) = link.strip_prefix('#') {
            return has(document, anchor);
        }
        let source = format!("{}/blob/main/", env!("CARGO_PKG_REPOSITORY"));
        if let Some(file) = link.strip_prefix(&source) {
            let file = file.split('#').next().unwrap_or_default();
            return Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file).exists();
        }
        let Some(path) = link.strip_prefix("/docs/") else {
            return ELSEWHERE.contains(&link) || !link.starts_with('/');
        };
        let (path, anchor) = path.split_once('#').map_or((path, None), |(path, anchor)| (path, Some(anchor)));
        let found = find(path).map(|(document, ..)| document);
        found.is_some_and(|document| anchor.is_none_or(|anchor| has(document, anchor)))
    }

    #[test]
    fn every_link_leads_to_a_document_and_a_heading_that_are_there() {
        let (mut broken, mut tried) = (Vec::new(), 0);
        for document in LIBRARY.iter() {
            for link in links(document) {
                tried += 1;
                if !leads_somewhere(document, link) {
                    broken.push(format!("docs/{}.md: {link}", document.entry.path));
                }
            }
        }
        assert!(broken.is_empty() && tried > 30, "of {tried} links these lead nowhere: {broken:#?}");
        for wrong in ["#nowhere", "/docs/none", "/docs/money#nowhere", "/none"] {
            assert!(!leads_somewhere(&LIBRARY[0], wrong), "{wrong}");
        }
    }

    #[test]
    fn every_document_begins_with_its_title_and_is_light() {
        for document in LIBRARY.iter() {
            let path = document.entry.path;
            let levels: Vec<u8> = document.sections.iter().map(|section| section.level).collect();
            assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{path} has one title");
            assert_eq!(levels[0], 1, "{path} begins with its title");
            assert!(
                levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
                "{path} leaves a level of headings out"
            );
            let bytes: usize = document.sections.iter().map(|section| section.html.0.len()).sum();
            assert!(bytes < PAGE_BYTES_MAX, "{path} has {bytes} bytes: make two of it");
        }
    }

    /// A file of the repository.
    fn file(path: &str) -> String {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
    }

    fn lacks(document: &str, names: &[String]) -> Vec<String> {
        let source = find(document).unwrap().0.entry.source;
        names.iter().filter(|name| !source.contains(&format!("`{name}`"))).cloned().collect()
    }

    #[test]
    fn the_reference_has_every_field_of_a_plan_and_of_a_manifest() {
        let contract = file("wit/0.1.0/plan.wit") + &file("wit/0.1.0/template.wit");
        let records = contract.split("record ").skip(1).filter_map(|text| text.split('}').next());
        let lines = records.flat_map(|record| record.lines().skip(1).map(str::trim));
        let of_plan: Vec<String> = lines
            .filter_map(|line| Some(line.split_once(": ")?.0.to_owned()).filter(|name| !name.contains(' ')))
            .collect();
        assert!(of_plan.len() > 40, "{of_plan:?}");
        assert_eq!(lacks("reference/plan", &of_plan), Vec::<String>::new());

        let schema: serde_json::Value =
            serde_json::from_str(&file("docs/schemas/chandlery.toml.json")).unwrap();
        let of_manifest: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert!(of_manifest.len() > 15, "{of_manifest:?}");
        assert_eq!(lacks("reference/manifest", &of_manifest), Vec::<String>::new());
    }

    #[test]
    fn one_leads_to_the_next() {
        let (first, before, after) = find(SHELF[0].path).unwrap();
        assert!(before.is_none() && std::ptr::eq(first.entry, &SHELF[0]));
        assert_eq!(after.unwrap().path, SHELF[1].path);
        let (_, before, after) = find(SHELF[SHELF.len() - 1].path).unwrap();
        assert!(before.is_some() && after.is_none());
        assert!(find("none").is_none() && find("").is_none());
    }
}
