//! The host's pages that act: a plugin is installed with consent, its plan shown, approved, rolled out, changed and taken back, by those
//! who may, and what was shown is what is done.

use std::time::{Duration, Instant};

use chandlery_package::Digest;
use serde_json::{Value, json};

use crate::grants::ASKS;
use crate::host_sign_in::{send_form, signed_up};
use crate::world::{Answer, World, plugin};

/// How long a rollout may take: the server's environment is made first.
const PATIENCE: Duration = Duration::from_secs(600);

fn get(world: &World, path: &str, cookie: &str) -> Answer {
    world.send("GET", &format!("http://{}{path}", world.host.address), None, &[("cookie", cookie)], "")
}

/// What a page's form sends without being seen.
fn hidden(page: &str, name: &str) -> String {
    let field = format!("type=\"hidden\" name=\"{name}\" value=\"");
    let rest = page.split(&field).nth(1).unwrap_or_else(|| panic!("{name} is not on the page: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Waits until the page of the rollout says this.
fn until_told(world: &World, cookie: &str, says: &str) -> String {
    let started = Instant::now();
    loop {
        let page = get(world, "/deployments/ocr/rollout", cookie).text();
        if page.contains(says) {
            return page;
        }
        assert!(started.elapsed() < PATIENCE, "'{says}' is not told: {page}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn leads_to_the_rollout(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (303, "/deployments/ocr/rollout"), "{answer:?}");
}

/// Nothing is granted that nobody has decided about, and nobody who may not installs anything.
fn installs_with_consent(world: &World, approver: &str, deployer: &str) {
    let look = |plugin: &str, cookie: &str| get(world, &format!("/plugins/install?plugin={plugin}"), cookie);
    let refused = look("acme:ocr-server", deployer);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("<strong>cid</strong>"), "who may is named: {}", refused.text());
    assert_eq!(refused.text().matches("<strong>admin</strong>").count(), 1, "nobody is named twice");

    let shown = look("mallory:curious", approver).text();
    for part in ["release logged", "keep data of its own on this host", "asked for", "It is free."] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let (release, digest) = (hidden(&shown, "release"), hidden(&shown, "digest"));
    let agree = |more: &str| {
        let form = format!("release={release}&digest={digest}{more}");
        send_form(world, "/plugins/install", approver, &form)
    };
    assert_eq!(agree("").status, 409, "nobody has decided");
    let denied: Vec<String> = ASKS.iter().map(|asked| format!("&permission.{asked}=deny")).collect();
    let installed = agree(&denied.concat());
    assert_eq!(installed.status, 200, "{}", installed.text());
    let again = look("mallory:curious", approver).text();
    assert!(again.contains("denied before") && !again.contains("type=\"radio\""), "{again}");
    world.customer().ok(&["uninstall", "curious"]);

    let shown = look("acme:ocr-server", approver).text();
    assert!(shown.contains("It asks for nothing."), "{shown}");
    let other = format!("release=acme:ocr-server@1.0.0&digest={}", Digest::of("another"));
    let refused = send_form(world, "/plugins/install", approver, &other);
    assert!(refused.status >= 400 && refused.text().contains("is really"), "{}", refused.text());
    assert_eq!(get(world, "/deploy?plugin=acme:ocr-server", deployer).status, 404, "it is not installed");
    let form = format!("release={}&digest={}", hidden(&shown, "release"), hidden(&shown, "digest"));
    assert_eq!(send_form(world, "/plugins/install", deployer, &form).status, 403);
    let installed = send_form(world, "/plugins/install", approver, &form);
    assert!(installed.text().contains("acme:ocr-server@1.0.0 is installed"), "{}", installed.text());
}

#[test]
fn a_plan_is_shown_approved_rolled_out_and_taken_back_on_pages() {
    let world = World::start();
    world.publisher("acme").publish(&plugin("ocr-server"));
    world.publisher("mallory").publish(&plugin("curious"));
    let first = world.customer();
    let signed_in = |name: &str, role: &str| {
        first.ok(&["host", "users", "add", name, role]);
        signed_up(&world, name)
    };
    let (vic, ann, cid) =
        (signed_in("vic", "viewer"), signed_in("ann", "deployer"), signed_in("cid", "approver"));
    installs_with_consent(&world, &cid, &ann);

    // What is wrong is told where it is, and what is right is shown before anything is done.
    let form = "plugin=acme:ocr-server&target=local&name=ocr";
    let plan = |parameters: &str| get(&world, &format!("/deploy?step=plan&{form}&{parameters}"), &ann);
    let refused = plan("set.port=80");
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("The parameters do not fit"), "{}", refused.text());
    let chosen = "set.port=19205";
    let shown = plan(chosen).text();
    let planned = first.ok(&["plan", "ocr-server", "--name", "ocr", "--set", "port=19205"]);
    let digest = hidden(&shown, "digest");
    assert_eq!(planned["digest"], digest.as_str());
    assert!(shown.contains("everything is new") && shown.contains("19205"), "{shown}");

    // What was shown is what is deployed, or nothing is.
    let approve = |path: &str, form: &str, digest: &str, base: &str| {
        let approved = format!("release=acme:ocr-server@1.0.0&digest={digest}&base={base}");
        send_form(&world, path, &ann, &format!("{form}&{approved}"))
    };
    let other = Digest::of("another plan").to_string();
    let deploy = format!("{form}&{chosen}");
    let refused = approve("/deploy", &deploy, &other, "");
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains(&format!("the plan {other} was shown")), "{}", refused.text());
    assert_eq!(first.ok(&["status"]), json!([]));
    leads_to_the_rollout(&approve("/deploy", &deploy, &digest, ""));
    let page = get(&world, "/deployments/ocr/rollout", &vic);
    assert!(page.header("content-security-policy").contains("script-src 'self'"), "{page:?}");
    let told = until_told(&world, &vic, "Revision 1 is ready.");
    assert!(told.contains("was deployed by ann"), "{told}");
    assert!(!told.contains("/deployments/ocr/remove"), "a viewer is offered nothing: {told}");
    let status = || first.ok(&["status", "ocr"])[0].clone();
    assert_eq!(status()["plan_digest"], digest.as_str());

    // As many replicas as are asked for.
    let scale = |replicas: &str| {
        let form = format!("workload=server&replicas={replicas}");
        send_form(&world, "/deployments/ocr/scale", &ann, &form)
    };
    assert_eq!((scale("many").status, scale("1001").status), (400, 422));
    leads_to_the_rollout(&scale("2"));
    until_told(&world, &ann, "server-1");
    leads_to_the_rollout(&scale("1"));
    until_told(&world, &ann, "Revision 1 is ready.");

    // A change is shown as a difference to what runs, and pressing twice changes nothing more.
    assert!(get(&world, "/deployments/ocr/upgrade", &ann).text().contains("19205"), "what was given");
    let changed = format!("{chosen}&set.log_level=debug");
    let shown = get(&world, &format!("/deployments/ocr/upgrade?step=plan&{changed}"), &ann).text();
    assert!(shown.contains("What would be different") && shown.contains("debug"), "{shown}");
    let (digest, base) = (hidden(&shown, "digest"), hidden(&shown, "base"));
    assert_eq!(base, "1");
    let upgrade = || approve("/deployments/ocr/upgrade", &changed, &digest, &base);
    leads_to_the_rollout(&upgrade());
    leads_to_the_rollout(&upgrade());
    until_told(&world, &ann, "Revision 2 is ready.");
    assert_eq!(status()["revision"], 2);

    // Back to what was before, from just what was seen.
    let shown = get(&world, "/deployments/ocr/rollback?revision=1", &ann).text();
    assert!(shown.contains("What revision 1 would change") && shown.contains("debug"), "{shown}");
    let back = |from: &str| {
        let form = format!("revision=1&from={from}");
        send_form(&world, "/deployments/ocr/rollback", &ann, &form)
    };
    let refused = back("1");
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("revision 2 should run now"), "{}", refused.text());
    leads_to_the_rollout(&back(&hidden(&shown, "from")));
    until_told(&world, &ann, "Revision 1 is ready.");

    // Who may only look does none of it.
    let before = status();
    for act in ["upgrade", "rollback", "scale", "restart", "pause", "resume", "repair", "remove"] {
        let path = format!("/deployments/ocr/{act}");
        assert_eq!(get(&world, &path, &vic).status, 403, "{act}");
        let form = "typed=ocr&workload=server&replicas=0&revision=2&from=1";
        assert_eq!(send_form(&world, &path, &vic, form).status, 403, "{act}");
    }
    assert_eq!(status()["revision"], before["revision"]);

    // It is removed by its name.
    let remove = |typed: &str| send_form(&world, "/deployments/ocr/remove", &ann, &format!("typed={typed}"));
    assert_eq!(remove("ocrs").status, 400);
    leads_to_the_rollout(&remove("ocr"));
    until_told(&world, &ann, "There is no deployment ocr");
    assert_eq!(first.ok(&["status"]), json!([]));

    let acts = first.ok(&["host", "acts"]);
    for (user, act, about) in [
        ("cid", "install", "acme:ocr-server@=1.0.0"),
        ("ann", "deploy", "ocr"),
        ("ann", "scale", "ocr"),
        ("ann", "roll-back", "ocr"),
        ("ann", "remove", "ocr"),
    ] {
        let is_told = |entry: &Value| {
            entry["user"] == user
                && entry["act"] == act
                && entry["about"] == about
                && entry["status"].is_u64()
        };
        assert!(acts["items"].as_array().unwrap().iter().any(is_told), "{user} {act} {about}: {acts}");
    }
    let found = |words: &[&str]| {
        let found = first.ok(&[&["host", "acts"], words].concat());
        found["items"].as_array().unwrap().iter().map(|act| act["act"].clone()).collect::<Vec<_>>()
    };
    let of_ann = ["--user", "ann", "--about", "ocr", "--act", "scale"];
    assert_eq!(found(&[&of_ann[..], &["--from", "2020-01-01"]].concat()).first(), Some(&json!("scale")));
    assert!(found(&[&of_ann[..], &["--before", "2020-01-01"]].concat()).is_empty());
    assert!(found(&["--before", "2020-01-01T00:00:00Z", "--refused"]).is_empty());
}
