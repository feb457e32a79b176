//! What every page shares.

use axum::http::{HeaderName, header};
use maud::{DOCTYPE, Markup, html};

use chandlery_accounts::Account;

/// A whole page.
pub(super) fn page(title: &str, caller: Option<&Account>, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Chandlery" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header {
                    a.brand href="/" { "Chandlery" }
                    @if let Some(caller) = caller {
                        nav {
                            a href="/account" { "Account" }
                            a href="/dashboard" { "Payouts" }
                            @if caller.operator { a href="/figures" { "Figures" } }
                        }
                        form method="post" action="/logout" {
                            span { (caller.name) @if caller.operator { " · operator" } }
                            button.quiet { "Log out" }
                        }
                    }
                }
                main { (content) }
            }
        }
    }
}

/// A link to the page of a list that follows, where there is one.
pub(super) fn next_page(path: &str, next: Option<&str>) -> Markup {
    html! {
        @if let Some(after) = next { p { a href=(format!("{path}?after={after}")) rel="next" { "Next page" } } }
    }
}

pub(super) async fn style() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}
