//! The first steps of an account, from its sign-up to its first deployment, each with the command or the page that does it. Whether one
//! is done is seen from what there is; nothing is kept of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use chandlery_accounts::{Account, Accounts, profile, uses_programs};
use chandlery_money::figures::has_deployed;
use chandlery_money::{Finance, billing};
use chandlery_package::wire::{EmailAddress, Paging};
use chandlery_package::{Kind, Namespace, PluginId};
use chandlery_pages::{Tone, badge, command};
use maud::{Markup, html};

use super::layout;
use crate::catalog::{Payment, Query, Search};
use crate::error::Error;
use crate::shell::LogIn;

/// The plugin that a first plan is of, where it is here.
const FIRST: &str = "chandlery:vllm";

/// What the page is made of.
#[derive(Clone)]
struct Welcome {
    finance: Finance,
    search: Arc<Search>,
}

impl FromRef<Welcome> for Accounts {
    fn from_ref(welcome: &Welcome) -> Self {
        welcome.finance.accounts.clone()
    }
}

/// The route of the page.
pub(super) fn routes<S>(finance: Finance, search: Arc<Search>) -> Router<S> {
    Router::new().route("/welcome", get(page)).with_state(Welcome { finance, search })
}

/// How far an account has come.
struct Progress {
    /// Whether the registry sends letters, without which nobody verifies an address.
    sends_letters: bool,
    /// Where a token was sent that nobody has shown yet.
    asked_at: Option<EmailAddress>,
    verified: bool,
    uses_command: bool,
    has_host: bool,
    deployed: bool,
    /// A template for a first plan; none: nothing that is free is published yet.
    first: Option<PluginId>,
}

/// A step: what it is, whether it is done, and how it is.
struct Step {
    title: &'static str,
    done: bool,
    how: Markup,
}

/// The page `/welcome`.
async fn page(
    State(Welcome { finance, search }): State<Welcome>,
    caller: Option<Account>,
    log_in: LogIn,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then("/welcome")) };
    let has = profile(&finance.db, &caller.name).await?;
    let uses_command = uses_programs(&finance.db, &caller.name).await?;
    let mut db = finance.db.read().acquire().await?;
    let hosts = billing::hosts(&mut db, &caller.name, &Paging::first(1)).await?;
    let deployed = has_deployed(&mut db, &caller.name).await?;
    drop(db);
    // Of what has deployed, the host may be gone.
    let progress = Progress {
        sends_letters: finance.mail.is_some(),
        asked_at: has.pending_email.map(|pending| pending.email),
        verified: has.email.is_some(),
        uses_command,
        has_host: deployed || !hosts.items.is_empty(),
        deployed,
        first: first(&finance, &search).await?,
    };
    Ok(layout::page("Welcome", Some(&caller), page_of(&caller.name, &progress)).into_response())
}

/// The template that a first plan is of: the usual one or, where that is not here, the best that costs nothing.
async fn first(finance: &Finance, search: &Search) -> Result<Option<PluginId>, Error> {
    for words in [FIRST, ""] {
        let query = Query {
            q: words.into(),
            kind: Some(Kind::Template),
            price: Some(Payment::Free),
            ..Query::default()
        };
        let found = search.find(&finance.db, &query, &Paging::first(1), |_| false).await?;
        if let Some(record) = found.items.into_iter().next() {
            return Ok(Some(record.release.plugin));
        }
    }
    Ok(None)
}

fn page_of(account: &Namespace, progress: &Progress) -> Markup {
    let steps = steps(account, progress);
    let next = steps.iter().position(|step| !step.done);
    html! {
        h1 { "Welcome, " (account) }
        @if next.is_none() {
            p { "All is done. " a href="/search" { "Find more plugins" } " · " a href="/account" { "Your account" } }
        }
        ol.steps {
            @for (place, step) in steps.iter().enumerate() {
                (card(step, next == Some(place)))
            }
        }
    }
}

fn steps(account: &Namespace, progress: &Progress) -> Vec<Step> {
    let first = [Step { title: "Open an account", done: true, how: html! {} }];
    first.into_iter().chain(verification(progress)).chain(use_of(account, progress)).collect()
}

/// Where the registry sends no e-mail, there is no such step.
fn verification(progress: &Progress) -> Option<Step> {
    let how = html! {
        p {
            @match &progress.asked_at {
                Some(email) => { "A letter with a token was sent to " (email) "." }
                None => { "Say where you are written to, and a letter with a token is sent there." }
            }
            " Whoever reads your mail can then set another password."
        }
        p { a href="/account/email" { "E-mail address" } " · " a href="/account/email/verification" { "I have the token" } }
    };
    let done = progress.verified;
    (progress.sends_letters || done).then_some(Step { title: "Verify your e-mail address", done, how })
}

fn use_of(account: &Namespace, progress: &Progress) -> [Step; 4] {
    let (plugin, name) = match &progress.first {
        Some(plugin) => (plugin.to_string(), plugin.name.as_str()),
        None => ("NAMESPACE:NAME".into(), "NAME"),
    };
    [
        Step {
            title: "Install the command, and log in",
            done: progress.uses_command,
            how: html! {
                p { "The one binary " code { "chandlery" } " finds, installs and deploys plugins, and publishes yours. "
                    code { "CHANDLERY_REGISTRY" } " names this registry." }
                (command(&format!("chandlery login {account}")))
            },
        },
        Step {
            title: "Have a host",
            done: progress.has_host,
            how: html! {
                p { "A host runs on a machine of yours. It verifies what it installs, and what it deploys counts for your account." }
                (command("chandlery host run --data DIR"))
                p { "Then claim it, in another terminal. Commands show the host the token that is in its folder." }
                (command("export CHANDLERY_HOST_TOKEN=\"$(cat DIR/host.token)\"\nchandlery host claim"))
            },
        },
        // Nobody tells the registry of a plan, but whoever has deployed has seen one.
        Step {
            title: "See your first plan",
            done: progress.deployed,
            how: html! {
                p { "A plan shows what would be deployed before anything is. "
                    code { "chandlery plan " (name) " --parameters" } " tells of its parameters." }
                (command(&format!("chandlery install {plugin}\nchandlery plan {name}")))
                p {
                    @if let Some(plugin) = &progress.first {
                        a href=(format!("/plugins/{}/{}", plugin.namespace, plugin.name)) { "Try " (plugin) " in the shop" } " · "
                    }
                    a href="/search" { "Find a plugin" }
                }
            },
        },
        Step {
            title: "Deploy it",
            done: progress.deployed,
            how: html! {
                p { "One deployment costs nothing. " a href="/pricing" { "What more of them cost" } }
                (command(&format!("chandlery deploy {name}")))
            },
        },
    ]
}

fn card(step: &Step, is_next: bool) -> Markup {
    html! {
        li.card {
            h2.above {
                (step.title)
                @if step.done { (badge(Tone::Good, "done")) }
                @else if is_next { (badge(Tone::Warning, "next")) }
                @else { (badge(Tone::Plain, "to do")) }
            }
            @if !step.done { (step.how) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_says_so_and_the_next_step_says_how() {
        let account: Namespace = "ann".parse().unwrap();
        let marks = |verified: bool, uses_command: bool, has_host: bool, deployed: bool| {
            let asked_at = Some("ann@example.org".parse().unwrap());
            let progress = Progress {
                sends_letters: true,
                asked_at,
                verified,
                uses_command,
                has_host,
                deployed,
                first: Some("acme:ocr-server".parse().unwrap()),
            };
            let shown = page_of(&account, &progress).into_string();
            let count = |mark: &str| shown.matches(&format!(">{mark}<")).count();
            ((count("done"), count("next"), count("to do")), shown)
        };
        let (all, nothing_yet) = marks(false, false, false, false);
        assert_eq!(all, (1, 1, 4));
        for part in
            ["chandlery install acme:ocr-server\n", "chandlery deploy ocr-server", "/plugins/acme/ocr-server"]
        {
            assert!(nothing_yet.contains(part), "{part}: {nothing_yet}");
        }
        assert!(nothing_yet.contains("chandlery login ann"));
        // Whoever has skipped a step is shown it next.
        let (all, shown) = marks(false, true, true, false);
        assert_eq!(all, (3, 1, 2));
        assert!(!shown.contains("chandlery login") && shown.contains("chandlery deploy"));
        let (all, shown) = marks(true, true, true, true);
        assert_eq!(all, (6, 0, 0));
        assert!(shown.contains("All is done") && !shown.contains("chandlery deploy"));
    }

    #[test]
    fn nobody_is_told_of_a_letter_that_was_not_sent() {
        let account: Namespace = "ann".parse().unwrap();
        let shown = |sends_letters: bool, asked_at: Option<&str>| {
            let asked_at = asked_at.map(|email| email.parse().unwrap());
            let progress = Progress {
                sends_letters,
                asked_at,
                verified: false,
                uses_command: true,
                has_host: true,
                deployed: true,
                first: None,
            };
            page_of(&account, &progress).into_string()
        };
        let (nowhere, said) = (shown(true, None), shown(true, Some("ann@example.org")));
        assert!(
            !nowhere.contains("was sent") && said.contains("was sent to ann@example.org"),
            "{nowhere}{said}"
        );
        let without = shown(false, Some("ann@example.org"));
        assert!(!without.contains("letter") && without.contains("All is done"), "{without}");
    }
}
