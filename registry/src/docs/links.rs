//! Where links in documents lead: in the repository they name files, and here pages.

use crate::shell::DOCS;

/// The document that is the index in the repository.
const README: &str = "README";
/// The folder of `docs/` whose files are served as they are, at `/schemas`.
const SCHEMAS: &str = "schemas/";

/// The address of the document at a path below `docs/`, without its ending.
pub fn of_document(path: &str) -> String {
    match path {
        README => DOCS.into(),
        path => format!("{DOCS}/{path}"),
    }
}

/// Where a link leads that stands in the document at `from`. What is not served here is shown where the source is.
pub fn of_link(from: &str, link: &str) -> String {
    let is_whole = link.starts_with(['#', '/']) || link.contains("://") || link.starts_with("mailto:");
    if is_whole {
        return link.into();
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let path = resolved(from, file);
    let page = match path.strip_prefix("docs/") {
        Some(path) if path.starts_with(SCHEMAS) => format!("/{path}"),
        Some(path) => {
            path.strip_suffix(".md").map_or_else(|| of_source(&format!("docs/{path}")), of_document)
        }
        None => of_source(&path),
    };
    match anchor {
        Some(anchor) => format!("{page}#{anchor}"),
        None => page,
    }
}

/// Where a file of the repository is shown.
fn of_source(path: &str) -> String {
    format!("{}/blob/main/{path}", env!("CARGO_PKG_REPOSITORY"))
}

/// The path from the repository's root of a file that the document at `from` names.
fn resolved(from: &str, file: &str) -> String {
    let mut parts = vec!["docs"];
    parts.extend(from.split('/'));
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_pages_and_all_else_stays_what_it_is() {
        for (from, link, address) in [
            ("plugins", "money.md", "/docs/money"),
            ("plugins", "money.md#taxes", "/docs/money#taxes"),
            ("tutorials/publish", "../plugins.md#limits", "/docs/plugins#limits"),
            ("tutorials/publish", "deploy.md", "/docs/tutorials/deploy"),
            ("tutorials/publish", "../README.md", "/docs"),
            ("reference/manifest", "../schemas/chandlery.toml.json", "/schemas/chandlery.toml.json"),
            ("plugins", "#limits", "#limits"),
            ("plugins", "/api/v1/docs", "/api/v1/docs"),
            ("plugins", "https://example.com/a.md", "https://example.com/a.md"),
        ] {
            assert_eq!(of_link(from, link), address, "{from} {link}");
        }
        let source = of_link("tutorials/publish", "../../examples/README.md");
        assert_eq!(source, "https://github.com/chandlery/chandlery/blob/main/examples/README.md");
    }
}
