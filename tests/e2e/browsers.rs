//! What a browser may be made to do: nothing that people push is a page, and only the registry's own pages act in a session.

use serde_json::json;

use crate::world::{Answer, World};

const OCTETS: &str = "application/octet-stream";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn is_cross_site(answer: &Answer) -> bool {
    answer.status == 403 && answer.json()["type"] == "cross-site"
}

#[test]
fn what_people_push_is_served_as_a_manifest_or_as_bytes() {
    let world = World::start();
    let token = world.publisher("acme").token();
    for (number, (pushed_as, served_as)) in [
        (IMAGE, IMAGE),
        ("Application/VND.oci.image.manifest.v1+json; charset=utf-8", IMAGE),
        (INDEX, INDEX),
        (
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ),
        ("text/html", OCTETS),
        ("Text/HTML", OCTETS),
        ("text/html; charset=utf-8", OCTETS),
        ("application/xhtml+xml", OCTETS),
        ("image/svg+xml", OCTETS),
        ("application/x-unknown", OCTETS),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/v2/acme/x/manifests/v{number}");
        let script = format!("<script>alert({number})</script>");
        let manifest = json!({ "schemaVersion": 2, "manifests": [], "annotations": { "is": script } });
        let kind = [("content-type", pushed_as)];
        let pushed = world.send("PUT", &path, Some(&token), &kind, manifest.to_string());
        assert_eq!(pushed.status, 201, "{pushed_as}: {}", pushed.text());
        for method in ["GET", "HEAD"] {
            let answer = world.send(method, &path, None, &[], "");
            assert_eq!(answer.header("content-type"), served_as, "{method} {pushed_as}");
            is_inert(&answer);
        }
    }
    let page = "<script>alert(1)</script>";
    let digest = chandlery_package::Digest::of(page);
    let path = format!("/v2/acme/x/blobs/uploads/?digest={digest}");
    assert_eq!(world.send("POST", &path, Some(&token), &[("content-type", "text/html")], page).status, 201);
    for range in [&[("range", "bytes=0-7")][..], &[]] {
        let answer = world.send("GET", &format!("/v2/acme/x/blobs/{digest}"), None, range, "");
        assert_eq!(answer.header("content-type"), OCTETS);
        is_inert(&answer);
    }
}

fn is_inert(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("content-disposition"), "attachment");
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
}

#[test]
fn every_answer_of_both_servers_has_a_policy() {
    let world = World::start();
    let (registry, host) = (&world.registry.address, &world.host.address);
    let asked =
        ["/login", "/dashboard", "/style.css", "/invoice.css", "/api/v1/docs", "/api/v1/plugins", "/none"];
    let of_registry = asked.map(|path| format!("http://{registry}{path}"));
    let of_host = ["/api/v1/docs", "/api/v1/openapi.json", "/api/v1/deployments", "/none"]
        .map(|path| format!("http://{host}{path}"));
    for url in of_registry.iter().chain(&of_host) {
        let answer = world.send("GET", url, None, &[], "");
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(part), "{url}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script"), "{url}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{url}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{url}");
        let text = answer.text();
        for inline in ["<style", "<script", " style=", " onclick="] {
            assert!(!text.contains(inline), "{url} has {inline}, which its policy forbids");
        }
    }
}

#[test]
fn only_the_registrys_own_pages_act_in_a_session() {
    let world = World::start();
    let acme = world.publisher("acme");
    let cookie = world.session(&acme);
    let own = world.origin();
    let replica = "http://127.0.0.1:1";
    let ask = |method: &str, path: &str, more: &[(&str, &str)]| {
        let headers = [more, &[("cookie", cookie.as_str())]].concat();
        world.send(method, path, None, &headers, "")
    };
    // There is no such host, which only those learn who may ask.
    let forget = |more: &[(&str, &str)]| ask("DELETE", "/api/v1/hosts/none", more);
    for allowed in [&[("origin", own.as_str())][..], &[("sec-fetch-site", "same-origin")]] {
        assert_eq!(forget(allowed).status, 404);
    }
    for refused in [
        &[("origin", replica)][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", own.as_str())],
        &[],
    ] {
        assert!(is_cross_site(&forget(refused)), "{refused:?}");
        assert!(is_cross_site(&ask("POST", "/logout", refused)), "{refused:?}");
        assert!(is_cross_site(&ask("GET", "/api/v1/licence?host=x&deployments=9", refused)), "{refused:?}");
    }
    assert_eq!(ask("GET", "/account", &[("sec-fetch-site", "cross-site")]).status, 200, "a link is followed");
    // A program has a token and no cookie, wherever it runs.
    let token = acme.token();
    let by_token = world.send("DELETE", "/api/v1/hosts/none", Some(&token), &[("origin", replica)], "");
    assert_eq!(by_token.status, 404);

    let logged_in = world.log_in_from(replica, &acme);
    assert!(is_cross_site(&logged_in) && logged_in.header("set-cookie").is_empty(), "{logged_in:?}");
    assert_eq!(ask("POST", "/logout", &[("origin", own.as_str())]).status, 303);
    assert_eq!(ask("GET", "/account", &[]).header("location"), "/login?next=/account");
}

#[test]
fn a_session_is_as_safe_as_the_way_to_the_registry() {
    let mut world = World::start();
    let acme = world.publisher("acme");
    let kept = |world: &World, origin: &str| world.log_in_from(origin, &acme).header("set-cookie").to_owned();
    let realm = |world: &World| {
        let proxied = [("x-forwarded-proto", "https"), ("x-forwarded-host", "plugins.example.com")];
        world.send("GET", "/v2/", None, &proxied, "").header("www-authenticate").to_owned()
    };
    let plain = kept(&world, &world.origin());
    assert!(plain.starts_with("chandlery_session=") && !plain.contains("Secure"), "{plain}");
    assert!(plain.contains("HttpOnly") && plain.contains("SameSite=Strict"), "{plain}");
    assert!(realm(&world).contains(&format!("realm=\"{}/token\"", world.origin())), "nobody is trusted");

    world.restart_registry_with(&["--trusted-proxies", "127.0.0.1"].map(str::to_owned));
    assert!(realm(&world).contains("realm=\"https://plugins.example.com/token\""));

    let public = "https://plugins.example.com";
    world.restart_registry_with(&["--url".to_owned(), public.to_owned()]);
    let secure = kept(&world, public);
    for part in ["__Host-chandlery_session=", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/"] {
        assert!(secure.contains(part), "{secure}");
    }
    assert!(!secure.contains("Domain"), "{secure}");
    assert_eq!(kept(&world, "http://plugins.example.com"), "", "another origin");
    let session = secure.split(';').next().unwrap();
    assert_eq!(world.get("/account", &[("cookie", session)]).0, 200);
    let planted = session.trim_start_matches("__Host-");
    assert_eq!(world.get("/account", &[("cookie", planted)]).0, 303, "only the one that no port can plant");
}
