//! Tables, and lists that have more than one page.

use maud::{Markup, html};

/// From how many columns on a table is too wide for a phone, where each of its rows stands by itself.
const WIDE: usize = 4;

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

/// Which way a table is sorted by a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorting {
    /// What is least stands first.
    Ascending,
    /// What is most stands first.
    Descending,
}

impl Sorting {
    fn word(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Ascending => " ↑",
            Self::Descending => " ↓",
        }
    }
}

/// The head of a column by which a table may be sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading<'a> {
    /// The column that the list is sorted by.
    pub column: Column<'a>,
    /// The page that is sorted by it or, where it is so already, the other way round; none: there is no such page.
    pub path: Option<String>,
    /// How the table is sorted by it now; none: it is not.
    pub sorted: Option<Sorting>,
}

impl<'a> From<Column<'a>> for Heading<'a> {
    fn from(column: Column<'a>) -> Self {
        Self { column, path: None, sorted: None }
    }
}

impl Heading<'_> {
    fn cell(&self) -> Markup {
        let sorted = self.sorted.map(Sorting::word);
        let name = self.column.name();
        html! {
            // What is called nothing is read out as no heading.
            @if name.is_empty() { td class=[self.column.class()] {} } @else {
                th scope="col" class=[self.column.class()] aria-sort=[sorted] {
                    @match &self.path {
                        Some(path) => { a href=(path) { (name) } }
                        None => { (name) }
                    }
                    @if let Some(sorting) = self.sorted { span aria-hidden="true" { (sorting.mark()) } }
                }
            }
        }
    }
}

/// A table that scrolls by itself where it is wider than the page. `label` says what it lists; each row has a cell for each column.
pub fn table(label: &str, columns: &[Column<'_>], rows: &[Vec<Markup>]) -> Markup {
    let headings: Vec<Heading<'_>> = columns.iter().copied().map(Heading::from).collect();
    sortable_table(label, &headings, rows)
}

/// The same, whose heads may lead to the pages that are sorted by them.
pub fn sortable_table(label: &str, headings: &[Heading<'_>], rows: &[Vec<Markup>]) -> Markup {
    let is_wide = headings.len() >= WIDE && !rows.is_empty();
    let name = |heading: &Heading<'_>| is_wide.then(|| heading.column.name().to_owned());
    html! {
        div.card.scroll.rows[is_wide] role="region" aria-label=(label) tabindex="0" {
            table {
                thead {
                    tr { @for heading in headings { (heading.cell()) } }
                }
                tbody {
                    @for row in rows {
                        tr {
                            @for (cell, heading) in row.iter().zip(headings) { td class=[heading.column.class()] data-label=[name(heading)] { (cell) } }
                        }
                    }
                    @if rows.is_empty() { tr { td colspan=(headings.len()) { "None yet." } } }
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
