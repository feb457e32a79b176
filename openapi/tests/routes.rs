//! No route of the documented interfaces is missing from its document.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Where the sources of the servers are that are described.
const SERVERS: [&str; 2] = ["registry", "host"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, found),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
}

/// A handler below `/api/v1` is given to `routes!`, which takes only those that describe themselves.
#[test]
fn every_route_below_the_root_is_one_that_describes_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for server in SERVERS {
        sources(&root.join(server), &mut found);
    }
    assert!(found.len() > 150, "the servers' sources are not where they were");
    let plain = format!(r#".route("{}"#, chandlery_openapi::ROOT);
    let faults: Vec<_> = found
        .iter()
        .filter(|path| {
            let text: String = fs::read_to_string(path).unwrap().split_whitespace().collect();
            text.contains(&plain)
        })
        .collect();
    assert!(faults.is_empty(), "give these to `OpenApiRouter::routes(routes!(…))`: {faults:?}");
}
