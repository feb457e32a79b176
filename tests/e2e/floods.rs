//! Floods: what is asked too often, or begun and left unfinished, is refused in time, and others are served meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use chandlery_package::Digest;
use futures::future::join_all;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use crate::forge;
use crate::world::{World, until};

/// How many uploads an account may have open.
const OPEN_MAX: usize = 64;
/// How often somebody asks while there is a flood.
const ASKED: usize = 300;
/// What a registry may take of memory in a flood, in KiB.
const PEAK_KIB_MAX: u64 = 1 << 20;
/// How large the component is that is published meanwhile: of those that are accepted, what takes a validator longest.
const BOMB_VALUES: u32 = 20_000;
/// Larger than what is held in memory whole.
const LARGE_BYTES: usize = 9 << 20;

#[test]
fn an_upload_is_finished_after_a_wrong_digest() {
    let world = World::start();
    let token = world.publisher("acme").token();
    let send = |method: &str, path: &str, body: &str| world.send(method, path, Some(&token), &[], body);
    let begin = || send("POST", "/v2/acme/x/blobs/uploads/", "").header("location").to_owned();
    let name = Digest::of("0123456789");

    // Each ends with a last chunk, or with none, that does not make it what it is called; and can be finished.
    for (first, wrong, right) in
        [("0123", "4567", "456789"), ("01234567", "", "89"), ("", "else", "0123456789")]
    {
        let place = begin();
        if !first.is_empty() {
            assert_eq!(send("PATCH", &place, first).status, 202);
        }
        for _ in 0..2 {
            let refused = send("PUT", &format!("{place}?digest={name}"), wrong);
            assert_eq!((refused.status, refused.code().as_str()), (400, "DIGEST_INVALID"), "{first} {wrong}");
        }
        let asked = send("GET", &place, "");
        let range = format!("0-{}", first.len().saturating_sub(1));
        assert_eq!((asked.status, asked.header("range")), (204, range.as_str()), "{first} {wrong}");
        let finished = send("PUT", &format!("{place}?digest={name}"), right);
        assert_eq!(finished.status, 201, "{first} {wrong}: {}", finished.text());
        assert_eq!(send("GET", &format!("/v2/acme/x/blobs/{name}"), "").text(), "0123456789");
        assert_eq!(send("DELETE", &format!("/v2/acme/x/blobs/{name}"), "").status, 202);
    }

    // What is too large to be held in memory comes in one request all the same, and leaves nothing when it is refused.
    let large = vec![7_u8; LARGE_BYTES];
    let push = |name: &Digest| {
        world.send(
            "POST",
            &format!("/v2/acme/x/blobs/uploads/?digest={name}"),
            Some(&token),
            &[],
            large.clone(),
        )
    };
    assert_eq!((push(&name).status, push(&name).code().as_str()), (400, "DIGEST_INVALID"));
    let pushed = push(&Digest::of(&large));
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let got = world.send("GET", pushed.header("location"), None, &[], "");
    assert!(got.body == large, "{} bytes", got.body.len());
    until("nothing is left of the uploads", || {
        world.stores.texts("select id from uploads").is_empty().then_some(())
    });
}

#[test]
fn unfinished_uploads_are_counted() {
    let mut world = World::start();
    let token = world.publisher("acme").token();
    let begin = || world.send("POST", "/v2/acme/x/blobs/uploads/", Some(&token), &[], "");
    let places: Vec<String> = (0..OPEN_MAX).map(|_| begin().header("location").to_owned()).collect();
    assert!(places.iter().all(|place| !place.is_empty()));
    let refused = begin();
    assert_eq!((refused.status, refused.code().as_str()), (429, "TOOMANYREQUESTS"), "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(world.send("DELETE", &places[0], Some(&token), &[], "").status, 204);
    assert_eq!(begin().status, 202);

    world.restart_registry_with(&["--namespace-gib-max", "0"].map(str::to_owned));
    let refused = world.send("PATCH", &places[1], Some(&token), &[], "more");
    assert_eq!((refused.status, refused.code().as_str()), (403, "DENIED"), "{}", refused.text());
    assert!(refused.text().contains("unfinished uploads included"), "{}", refused.text());
}

#[test]
fn a_manifest_says_how_large_its_content_is() {
    let world = World::start();
    let token = world.publisher("acme").token();
    let blob = Digest::of("{}");
    let push = format!("/v2/acme/x/blobs/uploads/?digest={blob}");
    assert_eq!(world.send("POST", &push, Some(&token), &[], "{}").status, 201);
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let put = |size: serde_json::Value| {
        let config = json!({ "mediaType": "text/plain", "digest": blob, "size": size });
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [] }).to_string();
        world.send("PUT", "/v2/acme/x/manifests/v1", Some(&token), &[("content-type", kind)], manifest)
    };
    for size in [json!(3), json!(0), json!(-2), json!("2"), json!(2.5), json!(u64::MAX)] {
        let refused = put(size.clone());
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "SIZE_INVALID"),
            "{size}: {}",
            refused.text()
        );
    }
    assert_eq!(put(json!(2)).status, 201);
}

#[test]
fn an_account_takes_so_many_names_and_makes_so_many_changes() {
    let mut world = World::start();
    let person = world.person("acme");
    person.register();
    let take = |name: &str| {
        let headers = [("content-type", "application/json")];
        let body = json!({ "name": name }).to_string();
        world.send("POST", "/api/v1/namespaces", Some(&person.token()), &headers, body)
    };
    let trees =
        ["alder", "birch", "cedar", "dogwood", "elm", "fir", "gum", "hazel", "juniper", "kapok", "larch"];
    let answers: Vec<_> = trees.iter().map(|name| take(name)).collect();
    assert!(answers[..10].iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!((answers[10].status, answers[10].json()["type"].as_str()), (429, Some("too-many")));
    let left: u64 = answers[10].header("retry-after").parse().unwrap();
    assert!((3000..=3601).contains(&left), "{left}");

    // More accounts are no way to more names.
    world.restart_registry_with(&["--registrations-per-hour", "3"].map(str::to_owned));
    let open = |name: &str| {
        let headers = [("content-type", "application/json")];
        let body = json!({ "name": name, "password": "correct horse battery" }).to_string();
        world.send("POST", "/api/v1/accounts", None, &headers, body)
    };
    // What is taken opens none, and does not count. Each replica counts for itself.
    assert_eq!(open("acme").status, 409);
    let opened: Vec<_> = (0..12).map(|number| open(&format!("person-{number}"))).collect();
    assert!(opened[..3].iter().all(|answer| answer.status == 201), "{opened:?}");
    let refused = opened.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!((refused.status, refused.json()["type"].as_str()), (429, Some("too-many")));
    let left: u64 = refused.header("retry-after").parse().unwrap();
    assert!((3000..=3601).contains(&left), "{left}");

    // A fifth of the requests may be changes.
    world.restart_registry_with(&["--requests-per-second", "5"].map(str::to_owned));
    let path = "/api/v1/namespaces/alder/invitation";
    let refused = until("too many changes are refused", || {
        Some(world.send("DELETE", path, Some(&person.token()), &[], ""))
            .filter(|answer| answer.text().contains("too many changes"))
    });
    assert_eq!((refused.status, refused.json()["type"].as_str()), (429, Some("too-many")));
    until("who may change nothing may read", || {
        let answer = world.send("GET", "/api/v1/account/tokens", Some(&person.token()), &[], "");
        (answer.status == 200).then_some(())
    });
}

/// How many wrong log-ins, slow connections and open uploads there are at once: `CHANDLERY_FLOOD=600/1000/200` for a soak.
fn sizes() -> [usize; 3] {
    let text = std::env::var("CHANDLERY_FLOOD").unwrap_or_else(|_| "100/100/50".into());
    let sizes: Vec<usize> = text.split('/').map(|size| size.parse().unwrap()).collect();
    sizes.try_into().unwrap()
}

/// A client whose requests come from another address of this machine.
fn client(last: u8) -> reqwest::Client {
    reqwest::Client::builder().local_address(std::net::IpAddr::from([127, 0, 0, last])).build().unwrap()
}

/// A request that has begun, from another address of this machine.
async fn begun(registry: &str, last: u8, request: String) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    let mut stream = socket.connect(registry.parse().unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn wrong_log_in(client: reqwest::Client, registry: String) -> u16 {
    let login = json!({ "name": "globex", "password": "a wrong password" }).to_string();
    let request = client.post(format!("http://{registry}/api/v1/tokens")).body(login);
    request.header("content-type", "application/json").send().await.unwrap().status().as_u16()
}

/// Begins an upload, and a chunk of it that never ends; nothing where no more may be open.
async fn endless_upload(client: &reqwest::Client, registry: &str, token: &str) -> Option<TcpStream> {
    let begin = client.post(format!("http://{registry}/v2/hooli/x/blobs/uploads/")).bearer_auth(token);
    let answer = begin.send().await.unwrap();
    if answer.status() == 429 {
        return None;
    }
    assert_eq!(answer.status(), 202);
    let place = answer.headers()["location"].to_str().unwrap();
    let head = format!(
        "PATCH {place} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000000000\r\n\r\n"
    );
    Some(begun(registry, 4, head + &"a".repeat(1_000_000)).await)
}

/// How long each of the requests took that somebody else makes, shortest first.
async fn others(registry: &str, token: &str) -> Vec<Duration> {
    let client = crate::person::plain_client();
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let began = Instant::now();
        let asked = client.get(format!("http://{registry}/api/v1/account/tokens")).bearer_auth(token);
        assert_eq!(asked.send().await.unwrap().status(), 200);
        times.push(began.elapsed());
    }
    times.sort();
    times
}

#[test]
fn others_are_served_during_a_flood() {
    let [log_ins, connections, uploads] = sizes();
    let world = World::start();
    let (acme, hooli) = (world.publisher("acme").token(), world.publisher("hooli").token());
    let (mallory, bomb) = (world.publisher("mallory"), forge::compiler_bomb("bomb", BOMB_VALUES));
    let registry = &world.registry.address;
    let flood = async {
        let slow = |_| begun(registry, 3, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ".into());
        let slow = join_all((0..connections).map(slow)).await;
        let pusher = client(4);
        let open = join_all((0..uploads).map(|_| endless_upload(&pusher, registry, &hooli))).await;
        let guesser = client(2);
        let guess = |_| tokio::spawn(wrong_log_in(guesser.clone(), registry.clone()));
        let flood: Vec<_> = (0..log_ins).map(guess).collect();
        let times = others(registry, &acme).await;
        let statuses: Vec<u16> = join_all(flood).await.into_iter().map(Result::unwrap).collect();
        drop(slow);
        (times, statuses, open.iter().flatten().count())
    };
    let (times, statuses, open) = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| mallory.publish(&bomb));
        let seen = world.runtime.block_on(flood);
        publishing.join().unwrap();
        seen
    });
    let [median, slow, slowest] =
        [50, 99, 100].map(|percent| times[(times.len() * percent / 100).min(ASKED - 1)]);
    let peak = world.registry.peak_kib();
    println!(
        "{log_ins} wrong log-ins, {connections} slow connections, {open} open uploads and a compiler bomb that is published: \
         others' median {median:?}, p99 {slow:?}, slowest {slowest:?}; memory {} MiB at most",
        peak >> 10
    );
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&429) && open <= OPEN_MAX, "{open} {statuses:?}");
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB");
}
