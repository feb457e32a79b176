//! The terms that orders are made on, for whoever is about to agree.

use chandlery_accounts::Principal;
use chandlery_package::terms::VERSION;
use maud::{Markup, html};

use super::markdown;
use super::telling::Base;
use crate::catalog::error::Error;
use crate::shell;

/// Their text, which begins with a heading.
const TEXT: &str = include_str!("../../../../docs/terms.md");

/// The page `/terms`.
pub(super) async fn page(principal: Principal, base: Base) -> Result<Markup, Error> {
    let text = TEXT.split_once('\n').map_or(TEXT, |(_, text)| text);
    let prose = markdown::prose(text.to_owned()).await?;
    let content = html! { h1 { "Terms of orders" } (prose) };
    let about = format!("What orders here are made on, in the version of {VERSION}.");
    let head = base.head("/terms", "Terms of orders", &about);
    Ok(shell::page(&head, principal.account.as_ref().into(), "", &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_of_the_version_that_orders_name() {
        assert!(
            TEXT.starts_with("# Terms of orders\n") && TEXT.contains(&format!("Version {VERSION}.")),
            "{TEXT}"
        );
    }
}
