//! Requests that Schemathesis (PyPI) makes up from the documents of both servers, some as they should be and some not: no answer is an
//! inner fault, none has a status that the document does not know, and each has the form that the document says.

use std::fs;
use std::process::Command;

use crate::world::{World, workspace};

/// How long each server is asked.
const SECONDS: &str = "40";
const SEED: &str = "18";
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Asks the server at this address as whoever has the token.
fn probe(address: &str, token: &str) {
    let tool = workspace().join("target/tools/schemathesis/bin/schemathesis");
    let output = Command::new(tool)
        .args(["run", &format!("http://{address}/api/v1/openapi.json")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS, "--phases", "coverage,fuzzing", "--seed", SEED, "--max-time", SECONDS])
        .args(["--max-examples", "20", "--continue-on-failure", "--no-shrink", "--request-timeout", "35"])
        .args(["--suppress-health-check", "all", "--warnings", "off"])
        .env("NO_COLOR", "1")
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_registry_answers_as_its_document_says() {
    let world = World::start();
    let token = fs::read_to_string(world.registry_data().join("operator.token")).unwrap();
    probe(&world.registry.address, token.trim());
}

#[test]
fn the_host_answers_as_its_document_says() {
    let world = World::start();
    let token = fs::read_to_string(world.host_data().join("host.token")).unwrap();
    probe(&world.host.address, token.trim());
}

#[test]
fn both_documents_and_their_pages_are_read_without_a_token() {
    let world = World::start();
    for address in [&world.registry.address, &world.host.address] {
        let read = |path: &str| world.send("GET", &format!("http://{address}/api/v1/{path}"), None, &[], "");
        let document = read("openapi.json");
        assert_eq!(document.status, 200);
        assert!(document.json()["paths"]["/api/v1/plugins"]["get"].is_object());
        let page = read("docs");
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text().contains("GET /api/v1/plugins") && !page.text().contains("<script"));
    }
}
