//! The container image, through a registry of our own: pushed, pulled, and run as nobody in particular.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use super::{script, strip};
use crate::podman::Podman;
use crate::process::{free_address, until, workspace};
use crate::world::World;

const USER: u32 = 65532;

fn build(podman: &Podman, tree: &Path, name: &str) {
    let mut build = Command::new(workspace().join("packaging/image/build.sh"));
    build.arg(tree).arg(name).envs(podman.environment());
    let output = build.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_image_comes_back_from_our_registry_and_serves_one_as_no_root() {
    let world = World::start();
    let podman = Podman::start();
    let acme = world.publisher("acme");
    podman.trust(&acme.registry);
    let folder = tempfile::tempdir().unwrap();
    strip(&folder.path().join("chandlery"));
    script("tree.sh", &[&folder.path().join("chandlery"), &folder.path().join("tree")]);
    build(&podman, &folder.path().join("tree"), "localhost/chandlery");
    let built = podman.run(&["images", "--quiet", "--no-trunc", "localhost/chandlery"]);

    let reference = format!("{}/acme/chandlery:1", acme.registry);
    let credentials = format!("acme:{}", acme.token());
    podman.run(&[
        "push",
        "--quiet",
        "--creds",
        &credentials,
        "localhost/chandlery",
        &format!("docker://{reference}"),
    ]);
    podman.run(&["rmi", "--force", "localhost/chandlery"]);
    podman.run(&["pull", "--quiet", &reference]);
    assert_eq!(podman.run(&["images", "--quiet", "--no-trunc", &reference]), built, "the same image");

    let at = free_address();
    let listen = format!("CHANDLERY_REGISTRY_LISTEN={at}");
    let serve = [
        "run",
        "--detach",
        "--name",
        "one",
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
    ];
    podman.run(&[&serve[..], &["--volume=data:/data", "--env", &listen, &reference]].concat());
    let ask = |path: &str| world.send("GET", &format!("http://{at}{path}"), None, &[], "");
    let ready = || TcpStream::connect(&at).is_ok_and(|_| ask("/readyz").status == 200).then_some(());
    until("the registry in the container is ready", ready);
    let first = ask("/api/v1/log").text();

    // What it keeps is its user's in the volume; an operator begins without a shell.
    let volume = podman.run(&["volume", "inspect", "--format", "{{.Mountpoint}}", "data"]);
    let kept = fs::metadata(Path::new(&volume).join("registry/log.key")).unwrap();
    assert_eq!((kept.uid(), kept.mode() & 0o777), (USER, 0o600));
    let reset = podman.run(&["exec", "one", "chandlery", "registry", "reset-password", "operator"]);
    assert!(reset.contains("account reset"), "{reset}");

    // So does a host's first admin.
    let host = free_address();
    let told = [
        format!("CHANDLERY_HOST_LISTEN={host}"),
        format!("CHANDLERY_HOST=http://{host}"),
        format!("CHANDLERY_REGISTRY=http://{at}"),
    ];
    let told: Vec<&str> = told.iter().flat_map(|variable| ["--env", variable.as_str()]).collect();
    let words = ["run", "--detach", "--name", "host", "--read-only", "--cap-drop=all", "--volume=host:/data"];
    podman.run(&[&words[..], &told[..], &[reference.as_str(), "host", "run"]].concat());
    until("the host in the container is there", || TcpStream::connect(&host).is_ok().then_some(()));
    podman.run(&["exec", "host", "chandlery", "host", "users", "add", "ann", "admin"]);
    let invited = podman.run(&["exec", "host", "chandlery", "host", "users", "invite", "ann"]);
    assert!(invited.contains(&format!("http://{host}/set-up?token=")), "{invited}");

    podman.run(&["rm", "--force", "one"]);
    podman.run(&[&serve[..], &["--volume=data:/data", "--env", &listen, &reference]].concat());
    until("another container has its volume", ready);
    assert_eq!(ask("/api/v1/log").text(), first, "the log goes on with its key");
}
