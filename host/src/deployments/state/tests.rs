//! Every two commands that can meet, both ways round and at the same time: what they leave is what one of the two orders
//! leaves, and what each of them answers is what it would have answered then.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use tempfile::TempDir;

use super::*;
use crate::db::{Db, Write};
use crate::targets;
use chandlery_package::plan::example::workload;

const NAME: &str = "web";
const TARGET: &str = "lab";

/// A copy of a database that stands made in a file.
async fn copy(of: &Path, folder: &TempDir) -> Db {
    let path = folder.path().join("copy.db");
    std::fs::copy(of, &path).unwrap();
    Db::open(&path).await.unwrap()
}

/// The file of a database with a target, and on it a deployment of two workloads that has arrived at revision 2.
async fn database(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("host.db");
    let db = Db::open(&path).await.unwrap();
    let mut write = db.write().await.unwrap();
    sqlx::query(
        "insert into targets (name, engine, settings, prices, updated_at) values ($1, 'slurm', '{}', '{}', '')",
    )
    .bind(TARGET)
    .execute(&mut *write)
    .await
    .unwrap();
    for memory_mib in [1, 2] {
        let revision = deploy(&mut write, &plan(memory_mib)).await.unwrap().unwrap();
        conclude(&mut write, NAME, revision, RolloutState::RolledOut, "").await.unwrap();
        sqlx::query("update deployments set stable = revision, rollout_until = null")
            .execute(&mut *write)
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    db.pool().close().await;
    path
}

/// The revision whose workloads have so much memory.
fn plan(memory_mib: u32) -> NewRevision {
    let workload = |name: &str| {
        let mut workload = workload();
        workload.name = name.into();
        workload.resources.memory_mib = memory_mib;
        workload
    };
    let plan = Plan { workloads: vec![workload("a"), workload("b")], notes: Vec::new() };
    NewRevision {
        deployment: NAME.into(),
        by: "ann".into(),
        target: TARGET.into(),
        team: None,
        owner: None,
        release: "acme:x@1.0.0".parse().unwrap(),
        component: Digest::of("component"),
        artifact: Digest::of("artifact"),
        log_index: 1,
        given: "{}".into(),
        parameters: "{}".into(),
        facts: "{}".into(),
        plan_digest: plan.digest(),
        plan,
        reviews: "[]".into(),
        meters: Vec::new(),
        changes: Vec::new(),
        timeout_seconds: None,
    }
}

type Work<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;
type Command = for<'a> fn(&'a mut Write) -> Work<'a>;

const COMMANDS: [(&str, Command); 13] = [
    ("pause", |write| Box::pin(pause(write, NAME, true))),
    ("resume", |write| Box::pin(pause(write, NAME, false))),
    ("remove", |write| Box::pin(remove(write, NAME))),
    ("scale a", |write| Box::pin(scale(write, NAME, "a", 3))),
    ("scale b", |write| Box::pin(scale(write, NAME, "b", 4))),
    ("restart", |write| Box::pin(restart(write, NAME, "ann"))),
    ("repair", |write| Box::pin(repair(write, NAME))),
    ("upgrade", |write| {
        Box::pin(async {
            targets::must_exist(write, TARGET).await?;
            deploy(write, &plan(3)).await.map(drop)
        })
    }),
    ("upgrade again", |write| Box::pin(async { deploy(write, &plan(4)).await.map(drop) })),
    ("roll back", |write| {
        Box::pin(async {
            // As it does after it has asked the engine about the plan of the first revision.
            rollback(write, NAME, None, (1, &plan(1).plan)).await
        })
    }),
    ("roll back to 1", |write| Box::pin(async { rollback(write, NAME, Some(1), (1, &plan(1).plan)).await })),
    ("forget", |write| Box::pin(async { forget(write, NAME).await.map(drop) })),
    ("remove target", |write| Box::pin(async { Ok(targets::delete(write, TARGET).await?) })),
];

/// All that may differ: the rows without their times, and what was answered.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    deployments: Vec<String>,
    revisions: Vec<String>,
    targets: Vec<String>,
    answers: BTreeMap<&'static str, String>,
}

async fn left(db: &Db, answers: [(&'static str, Result<(), Error>); 2]) -> Left {
    let texts = async |sql: &'static str| -> Vec<String> {
        let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(db.pool()).await.unwrap();
        rows.into_iter().map(|(text,)| text).collect()
    };
    Left {
        deployments: texts(
            "select json_object('revision', revision, 'desired', desired, 'scale', json(scale), 'stable', stable,
                                'rolls', rollout_until is not null, 'healing', healing) from deployments",
        )
        .await,
        revisions: texts(
            "select json_object('revision', revision, 'cause', cause, 'plan', plan_digest, 'state', state, 'detail', detail)
             from revisions order by revision",
        )
        .await,
        targets: texts("select name from targets").await,
        answers: answers
            .into_iter()
            .map(|(name, answer)| (name, answer.map_or_else(|error| error.to_string(), |()| "yes".into())))
            .collect(),
    }
}

async fn run(db: &Db, command: Command) -> Result<(), Error> {
    let mut write = db.write().await?;
    command(&mut write).await?;
    Ok(write.commit().await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commands_leave_what_one_order_of_them_leaves() {
    let made = tempfile::tempdir().unwrap();
    let made = (database(&made).await, made);
    for (index, (a, first)) in COMMANDS.into_iter().enumerate() {
        for (b, second) in COMMANDS.into_iter().skip(index + 1) {
            let mut orders = Vec::new();
            for swapped in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let db = copy(&made.0, &folder).await;
                let (one, other) =
                    if swapped { ((b, second), (a, first)) } else { ((a, first), (b, second)) };
                let answers = [(one.0, run(&db, one.1).await), (other.0, run(&db, other.1).await)];
                let left = left(&db, answers).await;
                is_sound(&left, a, b);
                orders.push(left);
            }
            let folder = tempfile::tempdir().unwrap();
            let db = copy(&made.0, &folder).await;
            let (one, other) = tokio::join!(
                tokio::spawn({
                    let db = db.clone();
                    async move { run(&db, first).await }
                }),
                tokio::spawn({
                    let db = db.clone();
                    async move { run(&db, second).await }
                })
            );
            let left = left(&db, [(a, one.unwrap()), (b, other.unwrap())]).await;
            assert!(orders.contains(&left), "{a} beside {b} leaves {left:#?}, and not one of {orders:#?}");
        }
    }
}

/// What holds whichever commands were given.
fn is_sound(left: &Left, a: &str, b: &str) {
    let yes = |command: &str| left.answers.get(command).is_some_and(|answer| answer == "yes");
    let deployed = left.deployments.first();
    if yes("remove") {
        assert!(
            deployed.is_none_or(|row| row.contains(r#""desired":"removed""#)),
            "{a}, {b}: removed, and back again: {left:#?}"
        );
    }
    if yes("scale a") && yes("scale b") {
        let row = deployed.unwrap();
        assert!(row.contains(r#""a":3,"b":4"#), "one of two numbers is lost: {left:#?}");
    }
    if deployed.is_some() {
        assert_eq!(left.targets, [TARGET], "{a}, {b}: its target is gone: {left:#?}");
    }
    let rolling = left.revisions.iter().filter(|row| row.contains(r#""state":"rolling-out""#)).count();
    assert!(rolling <= 1, "{a}, {b}: two revisions are on their way: {left:#?}");
}

/// What a pass of the loop has concluded holds only of what it has looked at.
#[tokio::test]
async fn what_was_judged_of_what_is_not_wanted_any_more_is_not_written() {
    for (name, command) in COMMANDS {
        let (made, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let db = copy(&database(&made).await, &folder).await;
        let seen = record::find(db.pool(), NAME).await.unwrap().unwrap();
        let answer = run(&db, command).await;
        let mut write = db.write().await.unwrap();
        let is_still = record::is_still(&mut write, &seen).await.unwrap();
        let changes_nothing = ["resume", "repair", "forget", "remove target"].contains(&name);
        assert_eq!(is_still, changes_nothing, "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_removed_stays_removed() {
    let (made, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = copy(&database(&made).await, &folder).await;
    run(&db, |write| Box::pin(remove(write, NAME))).await.unwrap();
    for (name, command) in COMMANDS.into_iter().filter(|(name, _)| *name != "forget") {
        let refused = run(&db, command).await.err().map(|error| error.to_string());
        let expected = match name {
            "remove" => None,
            "remove target" => Some("the target 'lab': it runs web".to_owned()),
            _ => Some("'web' is being removed".to_owned()),
        };
        assert_eq!(refused, expected, "{name}");
    }
    run(&db, |write| Box::pin(async { forget(write, NAME).await.map(drop) })).await.unwrap();
    run(&db, |write| Box::pin(async { Ok(targets::delete(write, TARGET).await?) })).await.unwrap();
    let gone = run(&db, |write| Box::pin(async { Ok(targets::must_exist(write, TARGET).await?) })).await;
    assert!(matches!(gone, Err(Error::Targets(targets::Error::NoTarget(_)))), "{gone:?}");
}

#[tokio::test]
async fn only_the_deployment_that_somebody_has_looked_at_is_removed() {
    let (made, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let db = copy(&database(&made).await, &folder).await;
    sqlx::query("update deployments set owner = 'team-a'").execute(db.pool()).await.unwrap();
    let why = async |owner: Option<&str>, revision: Option<i64>| {
        let asked = Removal { owner: owner.map(|owner| owner.parse().unwrap()), revision };
        let mut write = db.write().await.unwrap();
        let refused = must_be_asked_for(&mut write, NAME, &asked).await.err();
        refused.map(|error| error.to_string())
    };
    for (owner, revision) in
        [(None, None), (Some("team-a"), None), (None, Some(2)), (Some("team-a"), Some(2))]
    {
        assert_eq!(why(owner, revision).await, None, "{owner:?} {revision:?}");
    }
    let other = why(Some("team-b"), Some(2)).await.unwrap();
    assert!(other.contains("'web' is not in the files of 'team-b'"), "{other}");
    let stale = "'web' was not changed: it was compared with revision 1, and revision 2 should run now";
    assert_eq!(why(Some("team-a"), Some(1)).await.as_deref(), Some(stale));
    // What goes already is not told to stay.
    run(&db, |write| Box::pin(remove(write, NAME))).await.unwrap();
    assert_eq!(why(Some("team-a"), Some(1)).await, None);
}
