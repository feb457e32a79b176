//! A release beside the one before it: what it asks for, what it imports, and what both plan for the publisher's cases, asked of the
//! components themselves as visitors of the shop do.

use std::collections::BTreeSet;

use chandlery_edge::Client;
use chandlery_package::Release;
use chandlery_package::column::Text;
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::plan::Facts;
use chandlery_package::wire::{CaseChange, ReleaseChanges, ReleaseRecord, ReviewCase, SetChanges};
use chandlery_sandbox::inspect;
use chandlery_store::Db;
use semver::Version;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use super::cases_of;
use crate::catalog::differences::changed_parameters;
use crate::catalog::error::Error;
use crate::catalog::planning::Outcome;
use crate::catalog::releases::find_release;
use crate::catalog::state::Catalog;
use crate::catalog::versions;
use crate::oci;

/// How many lines around a difference are shown.
const CONTEXT: usize = 3;

/// What a release changes. `visitor` is who asks for the plans.
pub(in crate::catalog) async fn changes(
    catalog: &Catalog,
    visitor: Client,
    release: &Release,
) -> Result<ReleaseChanges, Error> {
    let after = found(&catalog.db, release).await?;
    let before = match version_before(&catalog.db, release).await? {
        Some(version) => {
            Some(found(&catalog.db, &Release { plugin: release.plugin.clone(), version }).await?)
        }
        None => None,
    };
    let imported = match &before {
        Some(before) => imports(catalog, before).await?,
        None => BTreeSet::new(),
    };
    let imports = differing(&imported, &imports(catalog, &after).await?);
    let asked = before.as_ref().map(permissions).unwrap_or_default();
    let mut cases = Vec::new();
    for case in &cases_of(&catalog.db, release).await? {
        cases.push(compared(catalog, visitor, before.as_ref(), &after, case).await?);
    }
    let was = before.as_ref().and_then(|before| before.manifest.as_ref());
    Ok(ReleaseChanges {
        release: release.clone(),
        before: before.as_ref().map(|before| before.release.version.clone()),
        bytes: after.component_bytes,
        bytes_before: before.as_ref().map(|before| before.component_bytes),
        permissions: differing(&asked, &permissions(&after)),
        imports,
        parameters: changed_parameters(was, after.manifest.as_ref()),
        cases,
    })
}

async fn found(db: &Db, release: &Release) -> Result<ReleaseRecord, Error> {
    find_release(db, release).await?.ok_or_else(|| Error::not_found(format!("release {release}")))
}

/// The highest version below a release's that was not withdrawn.
async fn version_before(db: &Db, release: &Release) -> Result<Option<Version>, Error> {
    let row: Option<(Text<Version>,)> = sqlx::query_as(
        "select version from releases where plugin = $1 and version_order < $2 and withdrawn_at is null
         order by version_order desc limit 1",
    )
    .bind(release.plugin.to_string())
    .bind(versions::order(&release.version))
    .fetch_optional(db.read())
    .await?;
    Ok(row.map(|(Text(version),)| version))
}

fn permissions(record: &ReleaseRecord) -> BTreeSet<String> {
    let asked = record.manifest.iter().flat_map(|manifest| &manifest.permissions);
    asked.map(|permission| permission.in_words(record.kind)).collect()
}

/// The interfaces that a component imports, which only its bytes tell.
async fn imports(catalog: &Catalog, record: &ReleaseRecord) -> Result<BTreeSet<String>, Error> {
    let (plugin, worker) = (&record.release.plugin, catalog.worker.clone());
    let bytes = oci::read_blob(&catalog.oci, plugin, record.component, COMPONENT_BYTES_MAX as u64).await?;
    let parsed = tokio::task::spawn_blocking(move || inspect(&worker, &bytes)).await;
    Ok(parsed.map_err(|error| Error::damaged(error.to_string()))??.imports)
}

fn differing(before: &BTreeSet<String>, after: &BTreeSet<String>) -> SetChanges {
    let beyond = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.difference(other).cloned().collect()
    };
    SetChanges { added: beyond(after, before), removed: beyond(before, after) }
}

async fn compared(
    catalog: &Catalog,
    visitor: Client,
    before: Option<&ReleaseRecord>,
    after: &ReleaseRecord,
    case: &ReviewCase,
) -> Result<CaseChange, Error> {
    let was = match before {
        Some(before) => answered(catalog, visitor, before, case).await?,
        None => String::new(),
    };
    let lines = difference(&was, &answered(catalog, visitor, after, case).await?);
    Ok(CaseChange { name: case.name.clone(), target: in_words(&case.target), lines })
}

async fn answered(
    catalog: &Catalog,
    visitor: Client,
    record: &ReleaseRecord,
    case: &ReviewCase,
) -> Result<String, Error> {
    let (parameters, target) = (case.parameters.clone(), case.target.clone());
    let outcome = catalog.planner.plan(&catalog.oci, visitor, record, parameters, target).await?;
    Ok(as_text(&outcome))
}

/// What a release answers, line by line.
fn as_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Plan(plan) => format!("{:#}\n", json!(plan)),
        Outcome::Problems(problems) => {
            let each = problems.iter().map(|problem| match &problem.parameter {
                Some(parameter) => format!("does not fit: {parameter}: {}\n", problem.message),
                None => format!("does not fit: {}\n", problem.message),
            });
            each.collect()
        }
        Outcome::Without { why, .. } => format!("no plan: {why}\n"),
    }
}

/// The lines that differ and those around them; none: there is no difference.
fn difference(before: &str, after: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let groups = diff.grouped_ops(CONTEXT);
    let changes = groups.iter().flatten().flat_map(|op| diff.iter_changes(op));
    let line = |change: similar::Change<&str>| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("{sign}{}", change.value().trim_end())
    };
    changes.map(line).collect()
}

fn in_words(target: &Facts) -> String {
    let pools = target.gpu_pools.iter().map(|pool| format!("{} × {}", pool.total, pool.kind));
    match pools.collect::<Vec<_>>().join(", ") {
        pools if pools.is_empty() => format!("{}, without GPUs", target.engine),
        pools => format!("{}, {pools}", target.engine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_what_came_and_what_went_with_the_lines_around() {
        let numbers = |last: &str| (1..=9).map(|n| format!("{n}\n")).collect::<String>() + last + "\n";
        let lines = difference(&numbers("ten"), &numbers("11"));
        assert_eq!(lines, [" 7", " 8", " 9", "-ten", "+11"]);
        assert!(difference(&numbers("ten"), &numbers("ten")).is_empty());
        assert_eq!(difference("", "a\nb\n"), ["+a", "+b"], "of the first release all is new");
    }

    #[test]
    fn sets_tell_what_came_and_what_went() {
        let set = |words: &str| words.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
        let changes = differing(&set("a b c"), &set("b c d"));
        assert_eq!((changes.added, changes.removed), (vec!["d".to_owned()], vec!["a".to_owned()]));
    }
}
