//! The first steps of an account, each with the command or the page that does it. Whether one is done is seen from what there is.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Account, profile, uses_programs};
use chandlery_money::{Finance, billing};
use chandlery_package::Namespace;
use chandlery_package::wire::Paging;
use chandlery_pages::{Tone, badge, command};
use maud::{Markup, html};

use super::layout;
use crate::error::Error;

/// How far an account has come.
struct Progress {
    verified: bool,
    uses_command: bool,
    has_host: bool,
    deployed: bool,
}

/// The page `/welcome`.
pub(super) async fn page(State(finance): State<Finance>, caller: Option<Account>) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(Redirect::to("/login?next=/welcome").into_response()) };
    let verified = profile(&finance.db, &caller.name).await?.email.is_some();
    let uses_command = uses_programs(&finance.db, &caller.name).await?;
    let mut db = finance.db.read().acquire().await?;
    let hosts = billing::hosts(&mut db, &caller.name, &Paging::first(1)).await?;
    let deployments = billing::deployments(&mut db, &caller.name).await?;
    drop(db);
    let progress =
        Progress { verified, uses_command, has_host: !hosts.items.is_empty(), deployed: deployments > 0 };
    Ok(layout::page("Welcome", Some(&caller), steps(&caller.name, &progress)).into_response())
}

fn steps(account: &Namespace, progress: &Progress) -> Markup {
    html! {
        h1 { "Welcome, " (account) }
        ol.steps {
            (step("Verify your e-mail address", progress.verified, &html! {
                p { "A letter with a token was sent to you. Whoever reads your mail can then set another password." }
                p { a href="/account/email" { "E-mail address" } " · " a href="/account/email/verification" { "I have the token" } }
            }))
            (step("Install the command, and log in", progress.uses_command, &html! {
                p { "The one binary " code { "chandlery" } " finds, installs and deploys plugins, and publishes yours. "
                    code { "CHANDLERY_REGISTRY" } " names this registry." }
                (command(&format!("chandlery login {account}")))
            }))
            (step("See your first plan", progress.has_host, &html! {
                p { "A host runs on a machine of yours. It verifies what it installs, and shows what would be deployed before anything is." }
                (command("chandlery host run --data DIR\nchandlery install NAMESPACE:NAME\nchandlery plan NAME"))
                p { a href="/search" { "Find a plugin" } }
            }))
            (step("Deploy it", progress.deployed, &html! {
                p { "One deployment costs nothing. " a href="/pricing" { "What more of them cost" } }
                (command("chandlery deploy NAME"))
            }))
        }
    }
}

fn step(title: &str, done: bool, content: &Markup) -> Markup {
    html! {
        li.card {
            h2.above {
                (title)
                @if done { (badge(Tone::Good, "done")) } @else { (badge(Tone::Plain, "to do")) }
            }
            @if !done { (content) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_says_so_and_what_is_not_says_how() {
        let account: Namespace = "ann".parse().unwrap();
        let shown = |done: bool| {
            let progress = Progress { verified: done, uses_command: done, has_host: done, deployed: done };
            steps(&account, &progress).into_string()
        };
        assert_eq!((shown(true).matches(">done<").count(), shown(false).matches(">to do<").count()), (4, 4));
        assert!(shown(false).contains("chandlery login ann") && !shown(true).contains("chandlery login"));
    }
}
