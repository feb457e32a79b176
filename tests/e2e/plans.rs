//! What first-party templates plan for different targets, as snapshots that a person can review.

use chandlery_host::plan::{EngineKind, Facts, GpuPool, RuntimeKind};
use chandlery_host::sandbox::{Compiler, Limits, Request, Sandbox, SandboxError};
use chandlery_package::Component;

use crate::world::plugin;

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

fn cluster() -> Facts {
    Facts {
        name: "cluster".into(),
        engine: EngineKind::Kubernetes,
        runtimes: vec![RuntimeKind::Container],
        gpu_pools: vec![GpuPool { kind: "h100".into(), memory_mib: 81_559, total: 16, free: 4, nodes: 2 }],
        architecture: "x86_64".into(),
    }
}

#[test]
fn ocr_server_runs_as_python_here_and_as_a_container_elsewhere() {
    let cache = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(cache.path(), Limits::default(), Compiler::Here).unwrap();
    let bytes = plugin("ocr-server");
    let template = sandbox.load(&Component::parse(&bytes).unwrap(), &bytes).unwrap();
    let plan = |target, image: &str| {
        let parameters = format!(
            r#"{{"port":9003,"replicas":2,"cpu_millis":2500,"memory_mib":1536,"log_level":"info","image":{image}}}"#
        );
        sandbox.plan(&template, &Request { deployment: "ocr".into(), parameters, target })
    };
    insta::assert_json_snapshot!("ocr-server-local", plan(local(), "null").unwrap());
    let image = r#""registry.example/ocr@sha256:0000""#;
    insta::assert_json_snapshot!("ocr-server-kubernetes", plan(cluster(), image).unwrap());
    let Err(SandboxError::Problems { problems, .. }) = plan(cluster(), "null") else {
        panic!("a cluster without Python needs an image");
    };
    assert_eq!(problems[0].parameter.as_deref(), Some("/image"));
}
