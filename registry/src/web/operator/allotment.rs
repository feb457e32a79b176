//! What a bank line is for, as an operator says it: shown once more, and then done, all of it or nothing.

use axum::extract::State;
use axum::response::Response;
use chandlery_edge::{Form, Query};
use chandlery_money::{Finance, rails};
use chandlery_package::wire::{Allotment, NewAllotment};
use chandlery_pages::{Column, Link, crumbs, facts, table};
use maud::{Markup, html};

use super::asking::{confirm, led};
use super::line::{self, ALLOTMENT};
use super::parts::{Fields, in_words, read};
use crate::console::{self, BANK, Operator, SEND_BACKS};
use crate::error::Error;
use crate::shell::shown_again;

/// How many parts of the line had been allotted when the page was shown: a form that is sent twice is done once.
const PARTS: &str = "parts";

fn asked(fields: &Fields) -> Result<NewAllotment, Error> {
    let line = fields.get("line").filter(|line| !line.is_empty());
    let line = line.ok_or_else(|| Error::invalid("no bank line is named: choose one on the page Bank"))?;
    Ok(NewAllotment { line: line.clone(), to: read(fields)? })
}

/// The page `/operator/bank/allotment`: what would be done.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(fields): Query<Fields>,
) -> Result<Markup, Error> {
    let new = asked(&fields)?;
    let (found, parts) = rails::find_line(&mut *finance.db.snapshot().await?, &new.line).await?;
    let own = line::path(&found.id);
    let mut sent = line::fields(&new);
    sent.push((PARTS.into(), parts.len().to_string()));
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let content = html! {
        (crumbs(&[Link { path: BANK, name: "Bank" }, Link { path: &own, name: &found.id }], "What it is for"))
        h1 { "Bank line " (found.id) }
        div.card { (facts(&line::about(&found))) }
        h2 { "What it is for" }
        (told(&new.to))
        @if new.to.iter().any(|part| matches!(part, Allotment::SendBack { .. })) {
            p.note {
                "What is sent back may need another operator's approval. It then waits in the "
                a href=(SEND_BACKS) { "list of what goes back" } ", for a bank file."
            }
        }
        (confirm(ALLOTMENT, &sent, "Book it"))
        p { a href=(own) { "Cancel" } }
    };
    Ok(console::page(&operator, &format!("Bank line {}", found.id), BANK, &content))
}

fn told(parts: &[Allotment]) -> Markup {
    let row = |part: &Allotment| {
        let (what, amount) = in_words(part);
        vec![html! { (what) }, html! { (amount) }]
    };
    let columns = [Column::Text("What"), Column::Number("Amount")];
    table("What it is for", &columns, &parts.iter().map(row).collect::<Vec<_>>())
}

/// Does it, or asks others where something is sent back.
pub(super) async fn allot(
    State(finance): State<Finance>,
    operator: Operator,
    Form(fields): Form<Fields>,
) -> Result<Response, Error> {
    let new = asked(&fields)?;
    let seen = fields.get(PARTS).and_then(|parts| parts.parse().ok());
    let seen =
        seen.ok_or_else(|| Error::invalid("open the bank line first, and say there what it is for"))?;
    match rails::allot(&finance, &operator, &new, Some(seen)).await {
        Ok(allotted) => Ok(led(allotted, &line::path(&new.line))),
        Err(error) => {
            let (found, parts) = rails::find_line(&mut *finance.db.snapshot().await?, &new.line).await?;
            shown_again(error, |wrong| line::shown(&operator, &found, &parts, Some(wrong)))
        }
    }
}
