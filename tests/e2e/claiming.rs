//! A host that runs by itself: it says whose it is, on the terminal and in its log, and how an account comes to have it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Child;

use crate::process::until;
use crate::world::{Person, World};

/// A host, with what it prints and what it logs in files.
struct Host(Child);

impl Host {
    fn start(person: &Person, data: &Path) -> Self {
        let words = ["host", "run", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        let mut command = person.command(&words);
        command.stdout(File::create(said(person)).unwrap()).stderr(File::create(log(person)).unwrap());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(person: &Person) -> std::path::PathBuf {
    person.path("said.txt")
}

fn log(person: &Person) -> std::path::PathBuf {
    person.path("log.txt")
}

/// Waits until a file has a text, and gives all of it.
fn until_has(path: &Path, text: &str) -> String {
    until(text, || fs::read_to_string(path).ok().filter(|all| all.contains(text)))
}

#[test]
fn a_host_says_how_it_is_claimed_and_then_whose_it_is() {
    let world = World::start();
    let ann = world.person("ann");
    ann.register();
    let data = ann.path("host-of-its-own");
    let host = Host::start(&ann, &data);
    let told = until_has(&said(&ann), "chandlery host claim");
    let address = told.split("CHANDLERY_HOST=").nth(1).unwrap().lines().next().unwrap().to_owned();
    let token = told.split("$(cat ").nth(1).unwrap().split(')').next().unwrap();
    let token = fs::read_to_string(token).unwrap();
    let logged = until_has(&log(&ann), "the host belongs to no account");
    assert!(logged.contains("chandlery host claim"), "{logged}");

    let claim = |words: &[&str]| {
        let mut command = ann.command(words);
        let output = command
            .env("CHANDLERY_HOST", &address)
            .env("CHANDLERY_HOST_TOKEN", token.trim())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(claim(&["host", "account"]).contains("belongs to no account"));
    let claimed = claim(&["host", "claim"]);
    assert!(claimed.contains("belongs to 'ann'") && claimed.contains("subscription licence"), "{claimed}");
    let logged = until_has(&log(&ann), "the host was claimed");
    // What nobody looks at has no colours.
    assert!(logged.contains("account=ann") && !logged.contains('\u{1b}'), "{logged}");
    drop(host);

    let _host = Host::start(&ann, &data);
    until_has(&said(&ann), "the host belongs to 'ann'");
    until_has(&log(&ann), "the host belongs to this account");
}
