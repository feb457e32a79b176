//! What first-party templates plan for different targets: each has cases of its own, which a person can review.

use std::process::Command;

use chandlery_package::plan::{EngineKind, Facts, RuntimeKind};

use crate::world::{binary, workspace};

/// A machine that makes Python environments and runs programs of its own.
pub fn local() -> Facts {
    Facts {
        name: "local".into(),
        engine: EngineKind::Local,
        runtimes: vec![RuntimeKind::Python, RuntimeKind::Host],
        gpu_pools: Vec::new(),
        architecture: "x86_64".into(),
    }
}

#[test]
fn first_party_templates_plan_what_their_cases_say() {
    let folders = std::fs::read_dir(workspace().join("plugins")).unwrap().map(|entry| entry.unwrap().path());
    let with_cases: Vec<_> = folders.filter(|folder| folder.join("cases").exists()).collect();
    assert!(with_cases.len() >= 8, "{with_cases:?}");
    for folder in with_cases {
        let mut test = Command::new(binary());
        test.arg("test").arg(&folder).env("CARGO_TARGET_DIR", workspace().join("target"));
        let tested = test.output().unwrap();
        assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    }
}
