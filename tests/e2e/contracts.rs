//! Every published version of the contract is served for ever: of each, a plugin that was built against it is kept as the
//! component that it was.

use std::fs;

use chandlery_host::sandbox::{Limits, Request, Sandbox};
use chandlery_package::Component;
use chandlery_package::component::CONTRACTS;

use crate::plans::local;
use crate::world::{World, workspace};

fn kept(contract: &str) -> Vec<u8> {
    let path = workspace().join(format!("tests/fixtures/contracts/template-{contract}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_plugin_of_each_contract_plans_what_it_did() {
    let sandbox = Sandbox::unoptimised(Limits::default()).unwrap();
    for contract in CONTRACTS {
        let bytes = kept(&contract.to_string());
        let component = Component::parse(&bytes).unwrap();
        assert_eq!(component.manifest.contract, contract);
        let request = Request {
            deployment: "kept".into(),
            parameters: r#"{"port":8000,"replicas":2,"image":null}"#.into(),
            target: local(),
        };
        let plan = sandbox.plan(&sandbox.load(&component, &bytes).unwrap(), &request).unwrap();
        insta::assert_json_snapshot!(format!("template-{contract}"), plan);
    }
}

#[test]
fn a_plugin_for_a_newer_contract_is_refused_with_the_version_that_it_needs() {
    let world = World::start();
    let author = world.publisher("acme");
    let file = world.folder.path().join("newer.wasm");
    let (from, to) = (br#""contract":"0.1.0""#, br#""contract":"0.9.0""#);
    let bytes = kept("0.1.0");
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    fs::write(&file, [&bytes[..at], to, &bytes[at + from.len()..]].concat()).unwrap();
    let (problem, _) = author.refused(&["publish", file.to_str().unwrap()]);
    assert_eq!(problem.r#type, "unknown-contract", "{problem:?}");
    assert!(problem.detail.contains("built for contract 0.9.0; this chandlery serves 0.1.0"), "{problem:?}");
}
