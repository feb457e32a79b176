//! A release beside the one before it: what it asks for, what it imports, and what both plan for the publisher's cases, asked of the
//! components themselves as visitors of the shop do.

use std::collections::BTreeSet;

use chandlery_edge::Client;
use chandlery_package::Release;
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::plan::Facts;
use chandlery_package::wire::{CaseChange, ReleaseChanges, ReleaseRecord, ReviewCase};
use chandlery_sandbox::inspect;
use chandlery_store::Db;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use super::cases_of;
use crate::catalog::differences::{changed_parameters, changed_permissions, differing};
use crate::catalog::error::Error;
use crate::catalog::planning::Outcome;
use crate::catalog::releases::{find_release, release_before};
use crate::catalog::state::Catalog;
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
    let before = release_before(&catalog.db, release).await?;
    let imported = match &before {
        Some(before) => imports(catalog, before).await?,
        None => BTreeSet::new(),
    };
    let imports = differing(&imported, &imports(catalog, &after).await?);
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
        permissions: changed_permissions(was, after.manifest.as_ref()),
        imports,
        parameters: changed_parameters(was, after.manifest.as_ref()),
        cases,
    })
}

async fn found(db: &Db, release: &Release) -> Result<ReleaseRecord, Error> {
    find_release(db, release).await?.ok_or_else(|| Error::not_found(format!("release {release}")))
}

/// The interfaces that a component imports, which only its bytes tell.
async fn imports(catalog: &Catalog, record: &ReleaseRecord) -> Result<BTreeSet<String>, Error> {
    let plugin = &record.release.plugin;
    let bytes = oci::read_blob(&catalog.oci, plugin, record.component, COMPONENT_BYTES_MAX as u64);
    Ok(catalog.inspector.look(None, bytes, |worker, bytes| inspect(worker, &bytes)).await??.imports)
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
        None => Ok(String::new()),
    };
    let (lines, not_compared) = beside(was, answered(catalog, visitor, after, case).await?);
    Ok(CaseChange { name: case.name.clone(), target: in_words(&case.target), lines, not_compared })
}

/// An answer, line by line; or why there is none.
type Answer = Result<String, String>;

/// What differs between two answers; or why they cannot be compared.
fn beside(was: Answer, now: Answer) -> (Vec<String>, Option<String>) {
    match (was, now) {
        (Ok(was), Ok(now)) => (difference(&was, &now), None),
        (Err(why), _) | (_, Err(why)) => (Vec::new(), Some(why)),
    }
}

async fn answered(
    catalog: &Catalog,
    visitor: Client,
    record: &ReleaseRecord,
    case: &ReviewCase,
) -> Result<Answer, Error> {
    let (parameters, target) = (case.parameters.clone(), case.target.clone());
    let outcome = catalog.planner.plan(&catalog.oci, visitor, record, parameters, target).await?;
    Ok(as_text(&outcome).map_err(|why| format!("{} made no plan: {why}", record.release.version)))
}

fn as_text(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Plan(plan) => Ok(format!("{:#}\n", json!(plan))),
        Outcome::Problems(problems) => {
            let each = problems.iter().map(|problem| match &problem.parameter {
                Some(parameter) => format!("does not fit: {parameter}: {}\n", problem.message),
                None => format!("does not fit: {}\n", problem.message),
            });
            Ok(each.collect())
        }
        Outcome::Unfit { lacks, .. } => Ok(format!("does not fit: {lacks}\n")),
        Outcome::Without { why, remedy: None } => Err(why.clone()),
        Outcome::Without { why, remedy: Some(remedy) } => Err(format!("{why}: {remedy}")),
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
    use chandlery_package::plan::PlanProblem;

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
    fn without_a_plan_on_either_side_nothing_is_compared() {
        let answer = |outcome: &Outcome| as_text(outcome).map_err(|why| format!("1.0.0 made no plan: {why}"));
        let without = Outcome::Without { why: "it ran out of fuel".into(), remedy: None };
        let misfit = Outcome::Problems(vec![PlanProblem { parameter: None, message: "no GPU".into() }]);
        let (none, some) = (answer(&without), answer(&misfit));
        for (was, now) in [(&none, &none), (&none, &some), (&some, &none)] {
            let (lines, not_compared) = beside(was.clone(), now.clone());
            assert_eq!(lines, Vec::<String>::new());
            assert_eq!(not_compared.as_deref(), Some("1.0.0 made no plan: it ran out of fuel"));
        }
        let unfit = answer(&Outcome::Unfit { needs: "many GPUs".into(), lacks: "no GPU".into() });
        assert_eq!(beside(some, unfit), (Vec::new(), None), "both do not fit");
    }
}
