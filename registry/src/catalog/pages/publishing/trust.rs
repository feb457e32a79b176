//! The workloads that publish a plugin without a stored key, on the page of its publishers.

use chandlery_package::PluginId;
use chandlery_package::publisher::GITHUB;
use chandlery_package::wire::{Paging, PublisherRecord};
use chandlery_pages::{Column, Field, day, table};
use maud::{Markup, html};

use super::answers::plugin_path;
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::trusted::publishers;

/// How many are shown: as many as there may be.
const SHOWN: u32 = 20;

/// What the page of a plugin says of them, and lets an owner do.
pub(super) async fn section(catalog: &Catalog, plugin: &PluginId, owns: bool) -> Result<Markup, Error> {
    let known = publishers(&catalog.db, plugin, &Paging::first(SHOWN)).await?.items;
    let path = format!("{}/trusted-publishers", plugin_path(plugin));
    let rows: Vec<Vec<Markup>> = known.iter().map(|record| row(&path, record, owns)).collect();
    let columns = ["Workload", "Added by", "On", "Actions"].map(Column::Text);
    Ok(html! {
        h2 { "Trusted publishers" }
        p { "CI jobs that publish without a stored key. The issuer of their tokens vouches for them." }
        (table("Trusted publishers", &columns, &rows))
        @if owns {
            form.card method="post" action=(path) {
                (Field::new("issuer", "Token issuer").kind("url").value(GITHUB).required())
                div.field {
                    label for="claims" { "Claims" }
                    textarea id="claims" name="claims" rows="3" required aria-describedby="claims-hint" { }
                    p.note id="claims-hint" {
                        "NAME=VALUE, one on each line, such as " code { "repository=acme/plugins" } " and "
                        code { "job_workflow_ref=acme/plugins/.github/workflows/publish.yml@refs/heads/main" } "."
                    }
                }
                button { "Trust this publisher" }
            }
        }
    })
}

fn row(path: &str, record: &PublisherRecord, owns: bool) -> Vec<Markup> {
    vec![
        html! { code { (record.publisher) } },
        html! { (record.added_by) },
        day(record.added_at),
        html! {
            @if owns {
                form method="post" action=(format!("{path}/{}/removal", record.id)) { button.quiet { "Remove" } }
            }
        },
    ]
}
