//! Group commits: what stands, what is rolled back, and what a panic takes with it.

use std::time::Duration;

use super::*;

async fn open() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db =
        Db::open(&format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display())).await.unwrap();
    (folder, db)
}

/// Facts that are written at the commit.
#[derive(Default)]
struct Notes {
    names: Vec<String>,
    written: usize,
    mark: (usize, usize),
    dies: bool,
}

impl BeforeCommit for Notes {
    fn savepoint(&mut self) {
        self.mark = (self.names.len(), self.written);
    }

    fn rollback(&mut self) {
        self.names.truncate(self.mark.0);
        self.written = self.mark.1;
    }

    fn flush<'a>(&'a mut self, db: &'a mut AnyConnection) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            assert!(!self.dies, "it was told to");
            for name in &self.names[self.written..] {
                let sql = "insert into facts (name, value) values ($1, '')";
                sqlx::query(sql).bind(name.clone()).execute(&mut *db).await?;
            }
            self.written = self.names.len();
            Ok(())
        })
    }
}

async fn note(write: &mut Write, name: &str) {
    write.pending::<Notes>().names.push(name.into());
}

async fn names(db: &Db) -> Vec<String> {
    let rows: Vec<(String,)> =
        sqlx::query_as("select name from facts order by name").fetch_all(db.read()).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

/// Runs jobs so that they are committed in one group: they wait while another transaction has the turn.
async fn in_one_group<T>(db: &Db, jobs: impl Future<Output = T>) -> T {
    let turn = db.write().await.unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(turn);
    };
    let (answers, ()) = tokio::join!(jobs, release);
    answers
}

#[test]
fn times_sort_as_text_and_read_back() {
    let at = |text: &str| time(text.parse().unwrap());
    assert_eq!(at("2026-11-23T10:00:00Z"), "2026-11-23T10:00:00.000000Z");
    assert!(at("2026-11-23T10:00:00Z") < at("2026-11-23T10:00:00.5Z"));
    assert!(at("2026-11-23T10:00:00.5Z").parse::<Timestamp>().is_ok());
}

#[tokio::test]
async fn a_job_that_panics_is_lost_alone() {
    let (_folder, db) = open().await;
    let good = |name: &'static str| {
        db.group_commit(move |write| {
            Box::pin(async move {
                note(write, name).await;
                Ok::<_, Error>(())
            })
        })
    };
    let bad = db.group_commit(|write| {
        Box::pin(async move {
            note(write, "lost").await;
            write.flush().await?;
            if write.pending::<Notes>().names.len() > 1 {
                panic!("it was told to");
            }
            Ok::<_, Error>(())
        })
    });
    // The first job occupies the writer, so that the other three are one group.
    let first = good("first");
    let (first, one, lost, two) =
        in_one_group(&db, async { tokio::join!(first, good("one"), bad, good("two")) }).await;
    assert!(first.is_ok() && one.is_ok() && two.is_ok());
    assert!(matches!(lost, Err(Error::Panicked)), "{lost:?}");
    assert_eq!(names(&db).await, ["first", "one", "two"]);
    assert_eq!(db.tasks().states(), [(WRITER, chandlery_tasks::TaskState::default())], "the writer lives");
}

#[tokio::test]
async fn a_writer_that_dies_is_started_again() {
    let (_folder, db) = open().await;
    let dies = db.group_commit(|write| {
        Box::pin(async move {
            write.pending::<Notes>().dies = true;
            Ok::<_, Error>(())
        })
    });
    assert!(matches!(dies.await, Err(Error::NotReady(_))));
    while db.tasks().down().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(db.tasks().down(), [WRITER]);
    // Asked for while it is down, and written once it is up again.
    let next = db.group_commit(|write| {
        Box::pin(async move {
            note(write, "next").await;
            Ok::<_, Error>(())
        })
    });
    next.await.unwrap();
    assert_eq!(names(&db).await, ["next"]);
    let state = chandlery_tasks::TaskState { restarts: 1, ..Default::default() };
    assert_eq!(db.tasks().states(), [(WRITER, state)]);
}
