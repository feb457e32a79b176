//! Where what runs comes from: plan, release, signature, and entry of the log.

use chandlery_package::Release;
use chandlery_pages::{Column, command, minute, table};
use maud::{Markup, html};

use crate::deployments::Detail;

/// Where the registry has a release's proof, which the browser of whoever goes there checks.
fn proof(registry: &str, Release { plugin, version }: &Release) -> String {
    format!("{registry}/plugins/{}/{}/releases/{version}#proof", plugin.namespace, plugin.name)
}

/// Each step from the plan down to the log, and how to prove them again.
pub(super) fn section(Detail { deployment, origin, .. }: &Detail) -> Markup {
    let columns = [Column::Text("Step"), Column::Text("What"), Column::Text("How it is held")];
    let digest = |digest: String| html! { code { (digest) } };
    let mut rows = vec![
        vec![
            html! { "Plan" },
            digest(deployment.plan_digest.to_string()),
            html! { "revision " (deployment.revision) ", as the policies let it pass" },
        ],
        vec![
            html! { "Component" },
            digest(deployment.component.to_string()),
            html! { (deployment.release) " has made the plan" },
        ],
        vec![
            html! { "Artifact" },
            digest(deployment.artifact.to_string()),
            html! { "what was signed, with the component in it" },
        ],
    ];
    if let Some(origin) = origin {
        rows.push(vec![
            html! { "Signature" },
            html! { code { (origin.key) } },
            html! {
                "by a key of " (deployment.release.plugin.namespace)
                @if let Some(issuer) = &origin.issuer { ", bound to a workload that " (issuer) " vouched for" }
            },
        ]);
    }
    rows.push(vec![
        html! { "Log" },
        html! { "entry " (deployment.log_index) },
        html! {
            @match origin {
                Some(origin) => {
                    "of " (origin.registry) ", accepted " (minute(origin.at)) "; "
                    a href=(proof(&origin.registry, &deployment.release)) rel="noopener noreferrer" { "your browser can check it there" }
                }
                None => { "of a registry whose log is not followed any more" }
            }
        },
    ]);
    html! {
        h2 id="provenance" { "Provenance" }
        (table("Provenance", &columns, &rows))
        p.note { "These commands prove it again: the plan from what was recorded, and all that is installed against the log." }
        (command(&format!("chandlery replay {}", deployment.name)))
        (command("chandlery verify"))
    }
}
