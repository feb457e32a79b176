//! Why a release is to be believed, and what verifies it.

use chandlery_package::wire::ReleaseRecord;
use chandlery_pages::{command, facts};
use maud::{Markup, html};

use super::{log_entry, telling::Base};

/// The signature, the digests and the log's entries of a release, and the commands that check them.
pub(super) fn proof(base: &Base, record: &ReleaseRecord) -> Markup {
    let release = &record.release;
    let entry = |index: u64| html! { a href=(log_entry::path(index)) { "entry " (index) } };
    let by = match &record.identity {
        Some(identity) => html! { "a workload that its issuer vouched for: " (identity) },
        None => html! { "a key of '" (release.plugin.namespace) "'" },
    };
    html! {
        h2 { "Proof" }
        div.card {
            (facts(&[
                ("Signed by", by),
                ("Key", html! { code { (record.key.id()) } ", " (entry(record.key_log_index)) " of the log" }),
                ("Logged", html! { (entry(record.log_index)) " of the log" }),
                ("Component", html! { code { (record.component) } }),
                ("Artifact", html! { code { (record.artifact) } }),
            ]))
        }
        p { "A host checks all of it before it installs, and "
            code { "chandlery verify" } " checks it again. " code { "chandlery log audit" } " reads the whole log." }
        (command(&format!("chandlery install {}@={}", release.plugin, release.version)))
        p { "So does cosign, with the key below as " code { (key_file(record)) } ":" }
        (command(&cosign(base, record)))
        (command(record.key.to_string().trim_end()))
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
