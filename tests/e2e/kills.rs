//! SIGKILL to the registry while artifacts are pushed and deleted, releases published and garbage collected: what was
//! acknowledged is there and whole, what was not is there whole or not at all, and the log and the catalog agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chandlery_package::Digest;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::crashes::rounds;
use crate::world::{World, as_version, plugin, with_other_content};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const PUSHERS: u64 = 4;

/// The manifests that the registry has acknowledged and was not asked to delete, by repository and digest.
type Acknowledged = Arc<Mutex<BTreeMap<(String, String), String>>>;

/// Pushes small artifacts, one after another, and now and then deletes one, until it is told to stop or nobody answers.
async fn push(base: String, token: String, seed: u64, acknowledged: Acknowledged, stop: Arc<AtomicBool>) {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let repository = format!("acme/r{}", seed % 3);
    while !stop.load(Ordering::Relaxed) {
        if push_one(&http, &base, &token, &repository, &mut random, &acknowledged).await.is_err() {
            // Killed in the middle: nothing was acknowledged.
            return;
        }
    }
}

async fn push_one(
    http: &reqwest::Client,
    base: &str,
    token: &str,
    repository: &str,
    random: &mut rand::rngs::StdRng,
    acknowledged: &Acknowledged,
) -> reqwest::Result<()> {
    let content = format!("content {}", random.random::<u32>() % 200);
    // Left over: nothing will name it.
    let garbage = format!("garbage {}", random.random::<u64>());
    for blob in ["{}", &content, &garbage] {
        let digest = Digest::of(blob);
        let begin = format!("{base}/v2/{repository}/blobs/uploads/");
        if random.random() {
            let url = format!("{begin}?digest={digest}");
            http.post(url).bearer_auth(token).body(blob.to_owned()).send().await?.error_for_status()?;
        } else {
            let begun = http.post(begin).bearer_auth(token).send().await?.error_for_status()?;
            let place = format!("{base}{}", begun.headers()["location"].to_str().unwrap());
            http.patch(&place).bearer_auth(token).body(blob.to_owned()).send().await?.error_for_status()?;
            http.put(format!("{place}?digest={digest}"))
                .bearer_auth(token)
                .send()
                .await?
                .error_for_status()?;
        }
    }
    let describe =
        |blob: &str| json!({ "mediaType": "text/plain", "digest": Digest::of(blob), "size": blob.len() });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": describe("{}"),
        "layers": [describe(&content)],
        "annotations": { "n": random.random::<u32>().to_string() },
    })
    .to_string();
    let digest = Digest::of(&manifest).to_string();
    let url = format!("{base}/v2/{repository}/manifests/{digest}?tag=t{}", random.random::<u32>() % 20);
    let put = http.put(&url).bearer_auth(token).header("content-type", IMAGE).body(manifest.clone());
    let answer = put.send().await?;
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await?);
    let key = (repository.to_owned(), digest);
    acknowledged.lock().unwrap().insert(key.clone(), manifest);
    if random.random::<u32>() % 5 == 0 {
        // From now on it may be gone, whether or not that is acknowledged.
        acknowledged.lock().unwrap().remove(&key);
        let url = format!("{base}/v2/{repository}/manifests/{}", key.1);
        http.delete(url).bearer_auth(token).send().await?.error_for_status()?;
    }
    Ok(())
}

/// Every manifest that is there names only what is there, byte for byte. Those in `checked` were read before.
fn everything_is_whole(world: &World, acknowledged: &Acknowledged, checked: &mut BTreeSet<(String, String)>) {
    let stored: BTreeSet<(String, String)> = world
        .stores
        .texts("select repository || ' ' || digest from manifests")
        .into_iter()
        .map(|text| text.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap())
        .collect();
    for key in acknowledged.lock().unwrap().keys() {
        assert!(stored.contains(key), "{key:?} was acknowledged, and is lost");
    }
    let mut seen = BTreeMap::new();
    for (repository, digest) in &stored {
        if !checked.insert((repository.clone(), digest.clone())) {
            continue;
        }
        let manifest = world.send("GET", &format!("/v2/{repository}/manifests/{digest}"), None, &[], "");
        assert_eq!(Digest::of(&manifest.body).to_string(), *digest, "{}", manifest.text());
        let manifest = manifest.json();
        let named = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
        for blob in named.map(|descriptor| descriptor["digest"].as_str().unwrap().to_owned()) {
            seen.entry((repository.clone(), blob)).or_insert_with_key(|(repository, blob)| {
                let content = world.send("GET", &format!("/v2/{repository}/blobs/{blob}"), None, &[], "");
                assert_eq!(Digest::of(&content.body).to_string(), *blob, "{}", content.text());
            });
        }
    }
    let tagged = world.stores.texts("select repository || ' ' || digest from tags");
    for tag in tagged {
        let (repository, digest) = tag.split_once(' ').unwrap();
        assert!(stored.contains(&(repository.into(), digest.into())), "a tag points to nothing: {tag}");
    }
    let recorded = world.stores.texts(
        "select cast(bytes as text) from namespaces where name = 'acme' and bytes <>
         (select sum(bytes) from repository_blobs where repository like 'acme/%')",
    );
    assert!(recorded.is_empty(), "the namespace's bytes are not the sum of its blobs");
}

#[test]
fn a_registry_that_is_killed_at_any_moment_loses_nothing_that_it_acknowledged() {
    let mut world = World::start();
    world.restart_registry_with(&["--requests-per-second", "100000"].map(str::to_owned));
    let (acme, operator, auditor) = (world.publisher("acme"), world.operator(), world.person("auditor"));
    let bytes = plugin("ocr-server");
    let acknowledged = Acknowledged::default();
    let mut checked = BTreeSet::new();
    let mut published = 0_u64;
    let seed: u64 = std::env::var("CHANDLERY_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let rounds = rounds(5);
    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let base = format!("http://{}", world.registry.address);
        for pusher in 0..PUSHERS {
            let seed = seed * 1_000_000 + round * PUSHERS + pusher;
            let pushing =
                push(base.clone(), acme.token(), seed, Arc::clone(&acknowledged), Arc::clone(&stop));
            world.runtime.spawn(pushing);
        }
        let (token, collecting) = (operator.token(), base.clone());
        world.runtime.spawn(async move {
            let http = crate::person::plain_client();
            let url = format!("{collecting}/api/v1/garbage?older_than_seconds=3");
            while http.post(&url).bearer_auth(&token).send().await.is_ok() {}
        });
        // A release every round, which the kill may meet.
        let version = format!("{}.{}.{}", 1 + round / 100, round / 10 % 10, round % 10);
        let mut release = as_version(&bytes, &version);
        (0..round % 7).for_each(|_| release = with_other_content(&release));
        let file = acme.file(&format!("{version}.wasm"), &release);
        let mut publishing = acme.command(&["publish", &file, "--json"]);
        let publishing = publishing.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        std::thread::sleep(Duration::from_millis(random.random::<u64>() % 400));
        let mut publishing = publishing.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(random.random::<u64>() % 2000));
        world.registry.kill();
        stop.store(true, Ordering::Relaxed);
        let was_published = publishing.wait().unwrap().success();
        world.restart_registry();

        everything_is_whole(&world, &acknowledged, &mut checked);
        published += u64::from(was_published);
        if !was_published {
            acme.ok(&["publish", &file]);
        }
        // The longer the log, the longer an audit; nothing would mend a fault before the next one.
        if round % 10 == 9 || round + 1 == rounds {
            let found = auditor.ok(&["log", "audit"]);
            assert_eq!(found["faults"], Value::Array(Vec::new()), "round {round}");
            assert_eq!(found["releases"], round + 1, "one release each round");
            assert_eq!(found["entries"], round + 2, "and one entry");
            println!("{} kills, {} manifests", round + 1, checked.len());
        }
    }
    // And once more all of it, since garbage was collected after the earlier looks.
    everything_is_whole(&world, &acknowledged, &mut BTreeSet::new());
    let pushed = acknowledged.lock().unwrap().len();
    println!("{pushed} artifacts acknowledged and kept; {published} publishes were done before the kill");
    assert!(pushed > 0);
}
