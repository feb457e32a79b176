//! Who may use which route, in a row each. What a route changes is written into the trail, in the name of whoever asks.

use std::borrow::Cow;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use chandlery_package::wire::host::HostRole;
use percent_encoding::percent_decode_str;

use crate::error::Error;
use crate::host::Host;
use crate::pages;
use crate::users::{About, Actor, Begun, GoesOn};

/// A route, the role that it takes (none: it is for whoever asks, without a token), and the word that the trail has for it; none: it
/// changes nothing, or the room that it is of writes it down.
///
/// Which targets a deployer's role is for, and which targets and deployments its token, is looked up where a deployment is changed.
pub(super) struct Right {
    pub method: &'static str,
    pub path: &'static str,
    pub role: Option<HostRole>,
    pub act: Option<&'static str>,
}

const fn sees(method: &'static str, path: &'static str) -> Right {
    Right { method, path, role: Some(HostRole::Viewer), act: None }
}

const fn may(role: HostRole, act: &'static str, method: &'static str, path: &'static str) -> Right {
    Right { method, path, role: Some(role), act: Some(act) }
}

const fn reads(role: HostRole, method: &'static str, path: &'static str) -> Right {
    Right { method, path, role: Some(role), act: None }
}

const fn anybody(method: &'static str, path: &'static str) -> Right {
    Right { method, path, role: None, act: None }
}

const VIEWER: HostRole = HostRole::Viewer;
const DEPLOYER: HostRole = HostRole::Deployer;
const APPROVER: HostRole = HostRole::Approver;
const ADMIN: HostRole = HostRole::Admin;

/// Every route of the interface.
pub(super) static RIGHTS: [Right; 62] = [
    sees("GET", "/api/v1/whoami"),
    sees("GET", "/api/v1/plugins"),
    may(APPROVER, "install", "POST", "/api/v1/plugins"),
    may(APPROVER, "uninstall", "DELETE", "/api/v1/plugins/{name}"),
    sees("GET", "/api/v1/plugins/{name}/manifest"),
    may(APPROVER, "grant", "PUT", "/api/v1/plugins/{name}/permissions/{permission}"),
    sees("GET", "/api/v1/plugins/{name}/settings"),
    may(APPROVER, "configure", "PATCH", "/api/v1/plugins/{name}/settings"),
    sees("GET", "/api/v1/plugins/{name}/uses"),
    may(APPROVER, "try", "POST", "/api/v1/plugins/{name}/try"),
    sees("GET", "/api/v1/integrations"),
    sees("POST", "/api/v1/verify"),
    sees("GET", "/api/v1/rules"),
    may(APPROVER, "set-rules", "PUT", "/api/v1/rules"),
    sees("GET", "/api/v1/rules/changes"),
    sees("GET", "/api/v1/rules/broken"),
    sees("GET", "/api/v1/secrets"),
    may(ADMIN, "set-secret", "PUT", "/api/v1/secrets/{name}"),
    may(ADMIN, "remove-secret", "DELETE", "/api/v1/secrets/{name}"),
    sees("GET", "/api/v1/models"),
    sees("GET", "/api/v1/models/{name}"),
    may(APPROVER, "set-model", "PUT", "/api/v1/models/{name}"),
    may(APPROVER, "remove-model", "DELETE", "/api/v1/models/{name}"),
    reads(DEPLOYER, "POST", "/api/v1/plans"),
    sees("GET", "/api/v1/deployments"),
    may(DEPLOYER, "deploy", "POST", "/api/v1/deployments"),
    sees("GET", "/api/v1/deployments/{name}"),
    may(DEPLOYER, "remove", "DELETE", "/api/v1/deployments/{name}"),
    sees("GET", "/api/v1/deployments/{name}/revisions"),
    may(DEPLOYER, "roll-back", "POST", "/api/v1/deployments/{name}/rollback"),
    may(DEPLOYER, "restart", "POST", "/api/v1/deployments/{name}/restart"),
    may(DEPLOYER, "scale", "PUT", "/api/v1/deployments/{name}/scale"),
    may(DEPLOYER, "pause", "PUT", "/api/v1/deployments/{name}/paused"),
    may(DEPLOYER, "repair", "POST", "/api/v1/deployments/{name}/repair"),
    may(DEPLOYER, "repair", "POST", "/api/v1/deployments/{name}/heal"),
    sees("GET", "/api/v1/deployments/{name}/logs"),
    sees("GET", "/api/v1/deployments/{name}/replay"),
    sees("GET", "/api/v1/entitlement"),
    sees("GET", "/api/v1/usage"),
    sees("GET", "/api/v1/registry-account"),
    may(ADMIN, "claim", "PUT", "/api/v1/registry-account"),
    sees("GET", "/api/v1/targets"),
    may(ADMIN, "set-target", "PUT", "/api/v1/targets/{name}"),
    may(ADMIN, "remove-target", "DELETE", "/api/v1/targets/{name}"),
    sees("GET", "/api/v1/targets/{name}/inventory"),
    sees("GET", "/api/v1/users"),
    may(ADMIN, "set-user", "PUT", "/api/v1/users/{name}"),
    may(ADMIN, "remove-user", "DELETE", "/api/v1/users/{name}"),
    may(ADMIN, "invite", "POST", "/api/v1/users/{name}/set-up"),
    sees("GET", "/api/v1/teams"),
    may(ADMIN, "set-team", "PUT", "/api/v1/teams/{name}"),
    may(ADMIN, "remove-team", "DELETE", "/api/v1/teams/{name}"),
    reads(ADMIN, "GET", "/api/v1/tokens"),
    may(ADMIN, "make-token", "POST", "/api/v1/tokens"),
    may(ADMIN, "revoke-token", "DELETE", "/api/v1/tokens/{id}"),
    may(ADMIN, "rotate-host-token", "POST", "/api/v1/host-token"),
    reads(ADMIN, "GET", "/api/v1/sessions"),
    may(ADMIN, "end-session", "DELETE", "/api/v1/sessions/{id}"),
    may(VIEWER, "sign-out", "DELETE", "/api/v1/session"),
    anybody("POST", "/api/v1/device-log-ins"),
    anybody("POST", "/api/v1/device-log-ins/token"),
    sees("GET", "/api/v1/acts"),
];

/// The pages that act: the method and the path of each, and those of the route that does the same. Whoever may use that may use the page.
pub(super) static PAGES: [[&str; 4]; 21] = [
    ["GET", "/deploy", "POST", "/api/v1/plans"],
    ["POST", "/deploy", "POST", "/api/v1/deployments"],
    ["GET", "/deployments/{name}/rollout", "GET", "/api/v1/deployments/{name}"],
    ["GET", "/deployments/{name}/upgrade", "POST", "/api/v1/plans"],
    ["POST", "/deployments/{name}/upgrade", "POST", "/api/v1/deployments"],
    ["GET", "/deployments/{name}/rollback", "POST", "/api/v1/deployments/{name}/rollback"],
    ["POST", "/deployments/{name}/rollback", "POST", "/api/v1/deployments/{name}/rollback"],
    ["GET", "/deployments/{name}/scale", "PUT", "/api/v1/deployments/{name}/scale"],
    ["POST", "/deployments/{name}/scale", "PUT", "/api/v1/deployments/{name}/scale"],
    ["GET", "/deployments/{name}/restart", "POST", "/api/v1/deployments/{name}/restart"],
    ["POST", "/deployments/{name}/restart", "POST", "/api/v1/deployments/{name}/restart"],
    ["GET", "/deployments/{name}/pause", "PUT", "/api/v1/deployments/{name}/paused"],
    ["POST", "/deployments/{name}/pause", "PUT", "/api/v1/deployments/{name}/paused"],
    ["GET", "/deployments/{name}/resume", "PUT", "/api/v1/deployments/{name}/paused"],
    ["POST", "/deployments/{name}/resume", "PUT", "/api/v1/deployments/{name}/paused"],
    ["GET", "/deployments/{name}/repair", "POST", "/api/v1/deployments/{name}/repair"],
    ["POST", "/deployments/{name}/repair", "POST", "/api/v1/deployments/{name}/repair"],
    ["GET", "/deployments/{name}/remove", "DELETE", "/api/v1/deployments/{name}"],
    ["POST", "/deployments/{name}/remove", "DELETE", "/api/v1/deployments/{name}"],
    ["GET", "/plugins/install", "POST", "/api/v1/plugins"],
    ["POST", "/plugins/install", "POST", "/api/v1/plugins"],
];

/// Lets those pass whose token is for it, and writes down what they do.
pub(super) async fn guard(
    State(host): State<Host>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let right = path.as_ref().and_then(|path| right(request.method(), path.as_str()));
    if right.is_some_and(|right| right.role.is_none()) {
        return Ok(next.run(request).await);
    }
    let token = shown(&request);
    let by = host.users.identify(&token).await?.ok_or(Error::Unauthenticated)?;
    let Some(path) = path else {
        return Ok(next.run(request).await);
    };
    // What has no row is nobody's but an admin's.
    by.must_be(right.and_then(|right| right.role).unwrap_or(ADMIN))?;
    request.extensions_mut().insert(by.clone());
    match right.and_then(|right| right.act) {
        Some(act) => written_down(&host, &by, (act, path.as_str()), request, next).await,
        None => Ok(next.run(request).await),
    }
}

/// The same for pages, which a session opens: whoever is not signed in is sent there, and whoever may not is told who may.
pub(super) async fn guard_page(
    State(host): State<Host>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let Some(by) = pages::who(&host, request.headers()).await? else {
        return Ok(pages::to_sign_in_for(request.uri()));
    };
    let Some(path) = request.extensions().get::<MatchedPath>().cloned() else {
        return Ok(next.run(request).await);
    };
    let right = page_right(request.method(), path.as_str());
    let role = right.and_then(|right| right.role).unwrap_or(ADMIN);
    if let Err(error) = by.must_be(role) {
        return pages::not_allowed(&host, &by, role, error).await;
    }
    request.extensions_mut().insert(by.clone());
    // To look at a page that acts does nothing yet.
    let acts = *request.method() == Method::POST;
    match right.and_then(|right| right.act).filter(|_| acts) {
        Some(act) => written_down(&host, &by, (act, path.as_str()), request, next).await,
        None => Ok(next.run(request).await),
    }
}

/// Does what is asked, which is written down before: what it is, and by the route what it is about; and afterwards how it was answered.
async fn written_down(
    host: &Host,
    by: &Actor,
    (act, route): (&str, &str),
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let about = named(route, request.uri().path());
    let entry = host.users.begin(by, act, &about).await?;
    request.extensions_mut().insert(Begun(entry));
    let response = next.run(request).await;
    let about = response.extensions().get::<About>().map(|About(about)| about.clone());
    let goes_on = response.extensions().get::<GoesOn>().is_some();
    let status = (!goes_on).then_some(response.status().as_u16());
    if let Err(error) = host.users.conclude(entry, status, about).await {
        tracing::error!(%error, entry, "the trail does not tell how it was answered");
    }
    Ok(response)
}

/// The token that a request shows, or nothing.
fn shown(request: &Request) -> String {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned()
}

fn right(method: &Method, path: &str) -> Option<&'static Right> {
    // Who asks for the head of an answer is served by the route of the whole of it.
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    RIGHTS.iter().find(|right| right.method == method && right.path == path)
}

/// The right that a page takes: that of the route that does the same.
fn page_right(method: &Method, page: &str) -> Option<&'static Right> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let [.., as_method, as_path] = PAGES.iter().find(|[by, path, ..]| *by == method && *path == page)?;
    RIGHTS.iter().find(|right| right.method == *as_method && right.path == *as_path)
}

/// What stands in a path in the place of the names of a route, with spaces between.
fn named(route: &str, path: &str) -> String {
    let parts = route.split('/').zip(path.split('/'));
    let named = parts.filter(|(part, _)| part.starts_with('{')).map(|(_, name)| decoded(name));
    named.collect::<Vec<_>>().join(" ")
}

/// A name as its route reads it, however it was written in a path; as it was written, where nothing has such a name.
fn decoded(name: &str) -> Cow<'_, str> {
    match percent_decode_str(name).decode_utf8() {
        Ok(decoded) if !decoded.contains(char::is_control) => decoded,
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn whatever_changes_something_is_in_the_trail() {
        for right in &RIGHTS {
            let Some(role) = right.role else { continue };
            let changes = !matches!(
                (right.method, right.path),
                ("GET", _) | ("POST", "/api/v1/verify") | ("POST", "/api/v1/plans")
            );
            assert_eq!(right.act.is_some(), changes, "{} {}", right.method, right.path);
            // Whoever is signed in may sign out.
            let ends_own = right.path == "/api/v1/session";
            assert!(!changes || ends_own || role > HostRole::Viewer, "{} {}", right.method, right.path);
        }
    }

    #[test]
    fn a_page_takes_the_right_of_a_route() {
        for [method, page, ..] in &PAGES {
            let right = page_right(&method.parse().unwrap(), page);
            assert!(right.is_some_and(|right| right.role.is_some()), "{method} {page}");
            let is_written_down = right.is_some_and(|right| right.act.is_some());
            assert!(*method == "GET" || is_written_down, "{method} {page}");
        }
        assert!(page_right(&Method::POST, "/deployments/{name}/rollout").is_none());
    }

    #[test]
    fn the_manual_has_the_same_table() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
        let page = std::fs::read_to_string(page).unwrap();
        for Right { method, path, role, act } in &RIGHTS {
            let act = act.map(|act| format!("`{act}`")).unwrap_or_default();
            let role = role.map_or("anybody", HostRole::as_str);
            let row = format!("| `{method} {path}` | {role} | {act} |");
            assert!(page.contains(&row), "docs/operating.md lacks: {row}");
        }
    }

    #[test]
    fn what_an_act_is_about_is_what_its_path_names() {
        for (route, path, about) in [
            ("/api/v1/rules", "/api/v1/rules", ""),
            ("/api/v1/deployments/{name}/scale", "/api/v1/deployments/web/scale", "web"),
            ("/a/{name}/permissions/{permission}", "/a/ocr/permissions/secret:x", "ocr secret:x"),
            // However somebody writes it.
            ("/api/v1/deployments/{name}/scale", "/api/v1/deployments/we%62/scale", "web"),
            ("/api/v1/deployments/{name}", "/api/v1/deployments/%1b%5b2J", "%1b%5b2J"),
            ("/api/v1/deployments/{name}", "/api/v1/deployments/%ff", "%ff"),
        ] {
            assert_eq!(named(route, path), about);
        }
        assert_eq!(right(&Method::HEAD, "/api/v1/rules").unwrap().act, None);
        assert!(right(&Method::TRACE, "/api/v1/rules").is_none());
    }
}
