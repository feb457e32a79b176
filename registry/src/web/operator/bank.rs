//! The bank: which lines of its statements are open and what each may be for, what it holds beside what the books say, and the statements
//! that are brought.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chandlery_edge::{BODY_BYTES_MAX, Query, Upload};
use chandlery_money::{Finance, rails};
use chandlery_package::wire::{BankBalance, BankLine, BankLineState, Page, Paging};
use chandlery_pages::{
    Column, Field, Link, Tone, badge, banner, crumbs, empty, money, next_page, select, signed, table,
};
use maud::{Markup, html};

use super::asking::{ANY, InState};
use super::line;
use super::parts::in_words;
use crate::console::{self, BANK, Operator, SEND_BACKS};
use crate::error::Error;
use crate::shell;
use crate::web::customer::frame::fault;

/// Where statements are brought.
const STATEMENTS: &str = "/operator/bank/statements";

/// The page `/operator/bank`.
pub(super) async fn page(
    State(finance): State<Finance>,
    operator: Operator,
    Query(wanted): Query<InState>,
    Query(paging): Query<Paging<String>>,
) -> Result<Markup, Error> {
    let state = wanted.or(BankLineState::Open)?;
    let mut db = finance.db.snapshot().await?;
    let found = rails::list_lines(&mut db, state, &paging).await?;
    let balances = rails::compare_bank(&mut db).await?;
    let back = rails::count_send_backs(&mut db).await?;
    drop(db);
    let chosen = state.map_or(ANY, BankLineState::as_str);
    let states =
        [(BankLineState::Open.as_str(), "Open"), (BankLineState::Settled.as_str(), "Settled"), (ANY, "All")];
    let content = html! {
        h1 { "Bank" }
        form.card.filters method="get" action=(BANK) {
            (select("state", "State", chosen, &states))
            div { button { "Show" } }
        }
        (lines(&found, chosen))
        p { a href=(SEND_BACKS) { "What goes back to customers" } ": " (signed(back)) " to be sent." }
        h2 { "Bring a statement" }
        (upload(None))
        h2 { "What the bank holds" }
        (held(&balances))
    };
    Ok(console::page(&operator, "Bank", BANK, &content))
}

fn lines(page: &Page<BankLine>, state: &str) -> Markup {
    let next = page.next.as_deref().map(|after| format!("{BANK}?state={state}&after={after}"));
    html! {
        @if page.items.is_empty() {
            (empty("No line is here.", &html! { "What the bank has told of and nobody knows what it is for appears here." }))
        } @else {
            (rows("Lines", &page.items)) (next_page(next.as_deref()))
        }
    }
}

/// Lines in a table, each with what it is likeliest for.
fn rows(label: &str, lines: &[BankLine]) -> Markup {
    let columns = [
        Column::Text("Line"),
        Column::Text("Day"),
        Column::Text("Text"),
        Column::Text("What became of it"),
        Column::Number("Amount"),
        Column::Number("Open"),
    ];
    let row = |line: &BankLine| {
        vec![
            html! { a href=(line::path(&line.id)) { (line.id) } },
            html! { @if let Some(day) = line.day { (day) } },
            html! { (line.text) },
            html! {
                (line.outcome)
                @if let Some(likeliest) = line.suggestions.first() {
                    p.note { "Possible match: it " (in_words(&likeliest.to).0) ": " (likeliest.why) }
                }
            },
            html! { @match line.amount { Some(amount) => (money(amount)), None => (badge(Tone::Warning, "foreign")) } },
            html! { @if let Some(open) = line.open { (money(open)) } },
        ]
    };
    table(label, &columns, &lines.iter().map(row).collect::<Vec<_>>())
}

fn upload(wrong: Option<&str>) -> Markup {
    html! {
        form.card method="post" action=(STATEMENTS) enctype="multipart/form-data" {
            (fault(wrong))
            (Field::new("statement", "Statement").kind("file").required().hint("camt.053 or CSV, as the bank gives it. Each line is taken once, \
                however often it is brought."))
            (Field::new("account", "Own account").hint("Its name, where the statement does not say of which account it is."))
            button { "Upload it" }
        }
    }
}

fn held(balances: &[BankBalance]) -> Markup {
    let columns = [
        Column::Text("Account"),
        Column::Text("Day"),
        Column::Number("Bank"),
        Column::Number("Books"),
        Column::Number("Unseen"),
        Column::Number("Suspense"),
        Column::Number("Difference"),
    ];
    let row = |held: &BankBalance| {
        vec![
            html! { (held.account) },
            html! { (held.day) },
            html! { (money(held.bank)) },
            html! { (money(held.books)) },
            html! { (money(held.unseen)) },
            html! { (money(held.suspense)) },
            html! { (money(held.difference)) },
        ]
    };
    html! {
        (table("What the bank holds", &columns, &balances.iter().map(row).collect::<Vec<_>>()))
        p.note { "Unseen is what was recorded by hand and no line has told of; the difference is what lines are missing for." }
    }
}

/// What a form has brought.
struct Brought {
    statement: String,
    account: Option<String>,
}

impl Brought {
    async fn read(form: Result<Upload, chandlery_edge::Error>) -> Result<Self, Error> {
        let mut form = form?;
        let (mut statement, mut account) = (String::new(), None);
        while let Some(part) = form.next().await? {
            match part.name() {
                Some("statement") => {
                    let bytes = part.file(BODY_BYTES_MAX as u64).whole().await?;
                    let not_text = |_| Error::invalid("the statement is no text in UTF-8");
                    statement = String::from_utf8(bytes).map_err(not_text)?;
                }
                Some("account") => {
                    account = Some(part.text().await?.trim().to_owned()).filter(|name| !name.is_empty());
                }
                _ => {}
            }
        }
        match statement.trim().is_empty() {
            true => Err(Error::invalid("choose the file of a statement")),
            false => Ok(Self { statement, account }),
        }
    }
}

/// Takes a statement's lines into the books, and shows what became of each. Brought again, it changes nothing.
pub(super) async fn bring(
    State(finance): State<Finance>,
    operator: Operator,
    form: Result<Upload, chandlery_edge::Error>,
) -> Result<Response, Error> {
    let taken = match Brought::read(form).await {
        Ok(brought) => {
            let account = brought.account.as_deref();
            rails::bring_statement(&finance, &operator, account, &brought.statement)
                .await
                .map_err(Error::from)
        }
        Err(error) => Err(error),
    };
    let (status, content) = match taken {
        Ok(lines) => (StatusCode::OK, result(&lines)),
        Err(error) => {
            let (status, fault) = shell::told(error)?;
            (status, upload(Some(&fault)))
        }
    };
    let content = html! {
        (crumbs(&[Link { path: BANK, name: "Bank" }], "Statement"))
        h1 { "Statement" }
        (content)
    };
    Ok((status, console::page(&operator, "Statement", BANK, &content)).into_response())
}

fn result(lines: &[BankLine]) -> Markup {
    let open = lines.iter().filter(|line| line.open.is_some()).count();
    let told = match open {
        0 => (Tone::Good, html! { "Every line is where it belongs." }),
        _ => (
            Tone::Warning,
            html! { "Lines that are open: " (open) " of " (lines.len()) ". Say what they are for." },
        ),
    };
    html! { (banner(told.0, &told.1)) (rows("Lines of the statement", lines)) }
}
