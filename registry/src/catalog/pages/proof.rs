//! Why a release is to be believed, and what verifies it: the visitor's own browser, or commands.

use axum::response::Response;
use chandlery_edge::Path;
use chandlery_package::wire::ReleaseRecord;
use chandlery_pages::{bytes, command, facts};
use maud::{Markup, html};

use super::{log_entry, notices, telling::Base};
use crate::catalog::error::Error;
use crate::shell;

/// The scripts of the box, each of which says what it is for.
const SCRIPTS: [(&str, &str); 10] = [
    ("box.js", include_str!("proof/box.js")),
    ("bytes.js", include_str!("proof/bytes.js")),
    ("checks.js", include_str!("proof/checks.js")),
    ("finding.js", include_str!("proof/finding.js")),
    ("log.js", include_str!("proof/log.js")),
    ("note.js", include_str!("proof/note.js")),
    ("registry.js", include_str!("proof/registry.js")),
    ("seen.js", include_str!("proof/seen.js")),
    ("signature.js", include_str!("proof/signature.js")),
    ("tree.js", include_str!("proof/tree.js")),
];

/// What the box checks, by the word that its script has for it.
const CHECKS: [(&str, &str); 7] = [
    ("component", "The component's bytes are those that were signed"),
    ("signature", "The publisher's key has signed them"),
    ("key", "The log gave that key to the publisher, and does not revoke it for the time of this release"),
    ("logged", "The log tells of this release as this page does"),
    ("checkpoint", "The log's key has signed the log's checkpoint"),
    ("witnesses", "Witnesses have cosigned the checkpoint"),
    ("history", "The log is the one that this browser saw before"),
];

/// `/proof/{script}`: one of the scripts, which pages of releases name.
pub(super) async fn script(Path(name): Path<String>) -> Result<Response, Error> {
    let found = SCRIPTS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.ok_or_else(|| Error::not_found(format!("script '{name}'")))?;
    Ok(shell::script(text))
}

/// The signature, the digests and the log's entries of a release, the box in which the visitor's browser checks them, and the commands that
/// do the same.
pub(super) fn proof(base: &Base, record: &ReleaseRecord) -> Markup {
    let release = &record.release;
    let entry = |index: u64| html! { a href=(log_entry::path(index)) { "entry " (index) } };
    let by = match &record.identity {
        Some(identity) => html! { "a workload that its issuer vouched for: " (identity) },
        None => html! { "a key of '" (release.plugin.namespace) "'" },
    };
    html! {
        h2 id="proof" { "Proof" }
        div.card {
            (facts(&[
                ("Signed by", by),
                ("Key", html! { code { (record.key.id()) } ", " (entry(record.key_log_index)) " of the log" }),
                ("Logged", html! { (entry(record.log_index)) " of the log" }),
                ("Component", html! { code { (record.component) } }),
                ("Artifact", html! { code { (record.artifact) } }),
            ]))
        }
        (in_browser(record))
        p { "A host checks all of it before it installs, and "
            code { "chandlery verify" } " checks it again. " code { "chandlery log audit" } " reads the whole log." }
        (notices::install(record, &format_args!("{}@={}", release.plugin, release.version)))
        p { "So does cosign, with the key below as " code { (key_file(record)) } ":" }
        (command(&cosign(base, record)))
        (command(record.key.to_string().trim_end()))
    }
}

/// The box, of which only a script can make something.
fn in_browser(record: &ReleaseRecord) -> Markup {
    let release = &record.release;
    html! {
        section.card.scripted aria-labelledby="in-browser" data-proof
            data-name=(release) data-repository=(release.plugin.repository())
            data-component=(record.component) data-artifact=(record.artifact) data-key=(record.key)
            data-logged=(record.log_index) data-key-logged=(record.key_log_index) {
            h3 id="in-browser" { "Checked by your browser" }
            p { "It fetches the component again (" (bytes(record.component_bytes)) "), hashes it, and follows the signature and the log "
                "to the log's key. The script that does so is this registry's, too: commands on a machine of yours need not believe it." }
            p { button type="button" disabled data-verify { "Check it now" } }
            ol.steps hidden data-checks {
                @for (word, what) in CHECKS { li data-check=(word) { (what) " " div data-finding { } } }
            }
            p.note role="status" data-verdict { }
        }
        script type="module" src="/proof/box.js" { }
    }
}

fn key_file(record: &ReleaseRecord) -> String {
    format!("{}.pub", record.release.plugin.namespace)
}

fn cosign(base: &Base, record: &ReleaseRecord) -> String {
    let host = base.0.split_once("://").map_or(base.0.as_str(), |(_, host)| host);
    let (key, repository) = (key_file(record), record.release.plugin.repository());
    format!("cosign verify --key {key} --insecure-ignore-tlog=true {host}/{repository}@{}", record.artifact)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_script_that_another_one_imports_is_served() {
        let imported = SCRIPTS.iter().flat_map(|(_, text)| text.split("from \"./").skip(1));
        let mut needed: BTreeSet<&str> = imported.filter_map(|rest| rest.split('"').next()).collect();
        needed.insert("box.js");
        assert_eq!(needed, SCRIPTS.iter().map(|(name, _)| *name).collect());
    }

    #[test]
    fn the_box_has_a_line_for_each_check_of_its_script() {
        let (_, script) = SCRIPTS[0];
        let found = script.split("found(\"").skip(1).filter_map(|rest| rest.split('"').next());
        let known = CHECKS.iter().map(|(word, _)| *word);
        assert_eq!(found.collect::<BTreeSet<_>>(), known.collect());
    }
}
