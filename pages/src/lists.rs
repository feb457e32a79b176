//! Tables, and lists that have more than one page.

use maud::{Markup, html};

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column<'a> {
    /// Of words, which begin at the left.
    Text(&'a str),
    /// Of numbers, which end at the right.
    Number(&'a str),
}

impl Column<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Text(name) | Self::Number(name) => name,
        }
    }

    fn class(&self) -> Option<&'static str> {
        match self {
            Self::Text(_) => None,
            Self::Number(_) => Some("number"),
        }
    }
}

/// A table that scrolls by itself where it is wider than the page. `label` says what it lists; each row has a cell for each column.
pub fn table(label: &str, columns: &[Column<'_>], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.card.scroll role="region" aria-label=(label) tabindex="0" {
            table {
                thead {
                    tr { @for column in columns { th scope="col" class=[column.class()] { (column.name()) } } }
                }
                tbody {
                    @for row in rows {
                        tr { @for (cell, column) in row.iter().zip(columns) { td class=[column.class()] { (cell) } } }
                    }
                    @if rows.is_empty() { tr { td colspan=(columns.len()) { "None yet." } } }
                }
            }
        }
    }
}

/// A link to what follows in a list: its path with the query, if there is more.
pub fn next_page(path: Option<&str>) -> Markup {
    html! {
        @if let Some(path) = path { p.more { a href=(path) rel="next" { "Next page" } } }
    }
}
