//! How users sign in to a host: on its pages, with the command line, and what of that ends when.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::world::{Answer, Person, World, plugin};

const PASSWORD: &str = "correct horse battery";

fn origin(world: &World) -> String {
    format!("http://{}", world.host.address)
}

/// Sends a form as a page of the host does.
pub fn send_form(world: &World, path: &str, cookie: &str, form: &str) -> Answer {
    let origin = origin(world);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers = [kind, ("origin", origin.as_str()), ("cookie", cookie)];
    world.send("POST", &format!("{origin}{path}"), None, &headers, form)
}

fn page(world: &World, path: &str, cookie: &str) -> Answer {
    world.send("GET", &format!("{}{path}", origin(world)), None, &[("cookie", cookie)], "")
}

/// What the API answers to whoever shows this token.
fn asked(world: &World, token: &str) -> u16 {
    world.send("GET", &format!("{}/api/v1/whoami", origin(world)), Some(token), &[], "").status
}

fn is_in(world: &World, cookie: &str) -> bool {
    page(world, "/account", cookie).status == 200
}

fn cookie_of(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// The token by which a user sets a password.
pub fn invitation(world: &World, name: &str) -> String {
    let made = world.customer().ok(&["host", "users", "invite", name]);
    made["token"].as_str().unwrap().to_owned()
}

fn set_up(world: &World, token: &str, password: &str) -> Answer {
    let password = password.replace(' ', "+");
    send_form(world, "/set-up", "", &format!("token={token}&password={password}&again={password}"))
}

/// The cookie of a user who has set a password.
pub fn signed_up(world: &World, name: &str) -> String {
    let answer = set_up(world, &invitation(world, name), PASSWORD);
    assert_eq!(answer.status, 303, "{answer:?}");
    cookie_of(&answer)
}

fn sign_in(world: &World, name: &str, password: &str) -> Answer {
    send_form(world, "/login", "", &format!("name={name}&password={}", password.replace(' ', "+")))
}

/// The token of a program that whoever has this cookie has confirmed.
pub fn program(world: &World, cookie: &str) -> String {
    let kind = [("content-type", "application/json")];
    let api = format!("{}/api/v1/device-log-ins", origin(world));
    let waits = world.send("POST", &api, None, &kind, "{}").json();
    let asks = json!({ "device_code": waits["device_code"] }).to_string();
    let ask = || world.send("POST", &format!("{api}/token"), None, &kind, asks.clone());
    assert_eq!((ask().status, &ask().json()["type"]), (400, &json!("authorization-pending")));
    let form = format!("user_code={}", waits["user_code"].as_str().unwrap());
    assert_eq!(send_form(world, "/device", cookie, &form).status, 200);
    ask().json()["token"].as_str().unwrap().to_owned()
}

/// Somebody who has no token of the host but by a log-in.
pub fn person(world: &World, name: &str) -> Person {
    Person { host: Some((world.host.address.clone(), "/nowhere".into())), ..world.person(name) }
}

/// A command line that waits until somebody confirms the code that it shows.
pub struct Waiting {
    process: Child,
    pub code: String,
}

/// Has somebody log in at the host with the command line.
pub fn program_waits(person: &Person) -> Waiting {
    let mut command = person.command(&["host", "login", "--json"]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = told.find(|line| line.contains("the code ")).expect("it shows no code");
    let code = line.split("the code ").nth(1).unwrap().trim().to_owned();
    // Whatever it says later must not block it.
    std::thread::spawn(move || told.for_each(drop));
    Waiting { process, code }
}

impl Waiting {
    /// The session that it was given, as soon as it was confirmed.
    pub fn session(mut self) -> Value {
        let mut printed = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(self.process.wait().unwrap().success(), "{printed}");
        serde_json::from_str(&printed).unwrap()
    }
}

#[test]
fn a_user_signs_in_by_password_and_so_does_a_program() {
    let world = World::start();
    let first = world.customer();
    first.ok(&["host", "users", "add", "ann", "deployer"]);

    // An invitation sets a password that is hard to guess, once.
    let invited = invitation(&world, "ann");
    assert!(page(&world, &format!("/set-up?token={invited}"), "").text().contains("Password of ann"));
    assert_eq!(page(&world, "/set-up?token=another", "").status, 404);
    let weak = set_up(&world, &invited, "password");
    assert_eq!((weak.status, weak.text().contains("easy to guess")), (400, true), "{}", weak.text());
    let differs = format!("token={invited}&password=one+two+three&again=four");
    assert_eq!(send_form(&world, "/set-up", "", &differs).status, 400);
    let answer = set_up(&world, &invited, PASSWORD);
    let cookie = cookie_of(&answer);
    for part in ["chandlery_host_session=", "; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=43200"] {
        assert!(answer.header("set-cookie").contains(part), "{answer:?}");
    }
    assert_eq!(set_up(&world, &invited, PASSWORD).status, 404);
    let account = page(&world, "/account", &cookie);
    assert!(account.text().contains("deployer on this host"), "{}", account.text());
    assert!(!account.text().contains("<script"));
    assert_eq!(account.header("cache-control"), "no-store");

    // A cookie is for the pages alone, and a password for whoever has it.
    let value = cookie.split_once('=').unwrap().1;
    assert_eq!(asked(&world, value), 401);
    assert_eq!(sign_in(&world, "ann", "another").status, 401);
    assert_eq!(sign_in(&world, "nobody", PASSWORD).status, 401);
    let again = sign_in(&world, "ann", PASSWORD);
    assert_eq!((again.status, again.header("location")), (303, "/deployments"));
    let token = fs::read_to_string(world.host_data().join("host.token")).unwrap();
    assert_eq!(sign_in(&world, "admin", &token).status, 303, "the first admin");

    // The command line waits until the code that it shows is confirmed.
    let ann = person(&world, "ann");
    let waiting = program_waits(&ann);
    let code = waiting.code.clone();
    let path = format!("/device?user_code={code}");
    let sent_on = page(&world, &path, "");
    assert_eq!((sent_on.status, sent_on.header("location")), (303, format!("/login?next={path}").as_str()));
    assert!(page(&world, &path, &cookie).text().contains(&format!("value=\"{code}\"")));
    assert_eq!(send_form(&world, "/device", &cookie, "user_code=BBBB-BBBB").status, 404);
    assert_eq!(send_form(&world, "/device", &cookie, &format!("user_code={code}")).status, 200);
    let session = waiting.session();
    assert_eq!((&session["user"], &session["kind"]), (&json!("ann"), &json!("program")));
    let whoami = ann.ok(&["host", "whoami"]);
    assert_eq!((&whoami["user"], &whoami["token"]), (&json!("ann"), &session["id"]));

    // Each is listed, is in the trail, and ends when its user says so.
    let listed = first.ok(&["host", "sessions", "list"]);
    let of_ann = |session: &&Value| session["user"] == "ann" && session["kind"] == "program";
    assert_eq!(listed["items"].as_array().unwrap().iter().filter(of_ann).count(), 1, "{listed}");
    let acts = first.ok(&["host", "acts"]);
    for act in ["sign-in", "set-password", "confirm-program"] {
        let is_told =
            |entry: &Value| entry["user"] == "ann" && entry["act"] == act && entry["token"].is_string();
        assert!(acts["items"].as_array().unwrap().iter().any(is_told), "{act}: {acts}");
    }
    ann.ok(&["host", "logout"]);
    assert_eq!(ann.refused(&["host", "whoami"]).0.r#type, "unauthenticated");
    assert!(is_in(&world, &cookie));
    assert_eq!(send_form(&world, "/logout", &cookie, "").status, 303);
    assert!(!is_in(&world, &cookie));
}

#[test]
fn what_a_user_was_signed_in_with_ends_with_it() {
    let world = World::start();
    let first = world.customer();
    let signed_in = |name: &str| {
        first.ok(&["host", "users", "add", name, "approver"]);
        let cookie = signed_up(&world, name);
        let token = program(&world, &cookie);
        (cookie, token)
    };
    let is_known = |(cookie, token): &(String, String)| (is_in(&world, cookie), asked(&world, token) == 200);
    let (ann, bob, eve, kim) = (signed_in("ann"), signed_in("bob"), signed_in("eve"), signed_in("kim"));
    let made = first.ok(&["host", "tokens", "new", "ann", "viewer"]);
    let machine = made["token"].as_str().unwrap();
    for known in [&ann, &bob, &eve, &kim] {
        assert_eq!(is_known(known), (true, true));
    }
    first.ok(&["host", "users", "remove", "ann"]);
    assert_eq!((is_known(&ann), asked(&world, machine)), ((false, false), 401), "the user is no more");
    first.ok(&["host", "users", "add", "bob", "viewer"]);
    assert_eq!(is_known(&bob), (false, false), "the role fell");
    invitation(&world, "eve");
    assert_eq!(is_known(&eve), (false, false), "the password is reset");
    assert_eq!(sign_in(&world, "eve", PASSWORD).status, 401);
    let current = PASSWORD.replace(' ', "+");
    let change = |current: &str| {
        let form = format!("current={current}&password=one+two+three&again=one+two+three");
        send_form(&world, "/account/password", &kim.0, &form).status
    };
    assert_eq!((change("wrong"), change(&current)), (400, 303));
    assert_eq!(is_known(&kim), (true, false), "all but the session that changed the password");

    // Another token of the first admin, without a restart.
    let path = world.host_data().join("host.token");
    let before = fs::read_to_string(&path).unwrap();
    let admin = cookie_of(&sign_in(&world, "admin", &before));
    assert!(is_in(&world, &admin));
    let rotated = first.ok(&["host", "token", "rotate"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), rotated["token"].as_str().unwrap());
    assert_eq!((asked(&world, &before), is_in(&world, &admin)), (401, false));
    let acts = first.ok(&["host", "acts"]);
    let last = &acts["items"][0];
    assert_eq!((&last["user"], &last["act"]), (&json!("admin"), &json!("rotate-host-token")));
}

#[test]
fn a_token_is_for_the_deployments_that_it_names() {
    let world = World::start();
    let mallory = world.publisher("mallory");
    mallory.publish(&plugin("hostile"));
    let first = world.customer();
    first.ok(&["install", "mallory:hostile"]);
    let deploy =
        |name: &'static str| ["deploy", "hostile", "--set", "attack=none", "--name", name, "--no-wait"];
    first.ok(&deploy("web"));
    first.ok(&["host", "users", "add", "ann", "deployer"]);
    let by = |words: &[&str]| {
        let made = first.ok(&[&["host", "tokens", "new", "ann", "deployer"], words].concat());
        let path = first.file("ann.token", made["token"].as_str().unwrap().as_bytes());
        Person { host: Some((world.host.address.clone(), path.into())), ..world.customer() }
    };
    let restart = ["restart", "web", "--no-wait"];
    let ann = by(&["--deployment", "db"]);
    assert!(ann.refused(&restart).0.detail.contains("not for the deployment 'web'"));
    assert!(ann.refused(&deploy("another")).0.detail.contains("not for the deployment 'another'"));
    ann.ok(&deploy("db"));
    ann.ok(&["status"]);
    assert_eq!(ann.ok(&["host", "whoami"])["deployments"], json!(["db"]));
    let ann = by(&["--target", "gpu"]);
    assert!(ann.refused(&restart).0.detail.contains("not for the target 'local'"));
    by(&["--target", "local", "--deployment", "web"]).ok(&restart);
    let listed = first.ok(&["host", "tokens", "list"]);
    let used = listed["items"].as_array().unwrap().iter().filter(|token| token["used_at"].is_string());
    assert_eq!(used.count(), 3, "{listed}");
    let refused = first.refused(&["host", "tokens", "new", "ann", "approver", "--target", "gpu"]);
    assert_eq!(refused.0.r#type, "invalid");
}
