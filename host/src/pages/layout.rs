//! The frame of the host's pages: where they lead, who is signed in, and what was wrong with a form.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::host::HostRole;
use chandlery_pages::{Head, Link, STYLE, Shell};
use maud::{Markup, html};

use crate::error::Error;
use crate::users::{self, Actor};

pub(super) use chandlery_pages::fault;

const NAME: &str = "Chandlery host";
const STYLE_PATH: &str = "/style.css";
const LINKS: [Link<'static>; 6] = [
    Link { path: "/deployments", name: "Deployments" },
    Link { path: "/targets", name: "Targets" },
    Link { path: "/plugins", name: "Plugins" },
    Link { path: "/integrations", name: "Rules and integrations" },
    Link { path: "/secrets", name: "Secrets" },
    Link { path: "/activity", name: "Activity" },
];
const FOR_ADMINS: Link<'static> = Link { path: "/users", name: "Users" };

/// A whole page, with the name of whoever is signed in, and links to what that user may see.
pub(super) fn page(title: &str, who: Option<&Actor>, content: Markup) -> Markup {
    let links = who.map(links).unwrap_or_default();
    let shell = Shell {
        name: NAME,
        style: STYLE_PATH,
        links: &links,
        // Nothing else is called so: deployments are called by small letters.
        here: links.iter().find(|link| link.name == title).map(|link| link.path),
        search: None,
        visitor: visitor(who),
        footer: &[],
    };
    let head = Head { title: title.into(), private: true, ..Head::default() };
    shell.page(&head, &content)
}

fn links(who: &Actor) -> Vec<Link<'static>> {
    let for_admins = who.must_be(HostRole::Admin).is_ok().then_some(FOR_ADMINS);
    LINKS.into_iter().chain(for_admins).collect()
}

fn visitor(who: Option<&Actor>) -> Markup {
    html! {
        @if let Some(who) = who {
            a href="/account" { "Account" }
            form method="post" action="/logout" {
                span { (who.name()) " · " (who.whoami().role) }
                button.quiet { "Sign out" }
            }
        }
    }
}

/// The page once more, with what is wrong, where whoever asked can mend it or ask again; else the error itself.
pub(super) fn again(error: users::Error, page: impl FnOnce(&str) -> Markup) -> Result<Response, Error> {
    let problem = error.problem();
    match StatusCode::from_u16(problem.status) {
        Ok(status) if status != StatusCode::INTERNAL_SERVER_ERROR => {
            Ok((status, page(&problem.in_words())).into_response())
        }
        _ => Err(error.into()),
    }
}

pub(super) async fn style() -> ([(HeaderName, &'static str); 2], &'static str) {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, STYLE)
}
