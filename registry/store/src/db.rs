//! The database: SQLite or PostgreSQL through sqlx's `Any` driver, with one SQL text for both.

mod bytewise;
mod strict;

use std::any::Any;
use std::fmt::{Display, Write as _};
use std::ops::{Deref, DerefMut};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chandlery_tasks::Supervisor;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Executor as _, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use crate::Error;

/// How many connections one registry keeps. No request holds more than one at a time, so they cannot wait for each
/// other in a circle.
const CONNECTIONS_MAX: u32 = 16;
/// How long a request waits for a connection before it is refused.
const PATIENCE: Duration = Duration::from_secs(20);
/// The PostgreSQL advisory lock that stands for "the registry's tables": any number, always the same.
const LOCK: i64 = 0x6368_616e_646c_6572;
const EXCLUSIVE: &str = "select pg_advisory_xact_lock($1)";
/// How many values a statement has at most: SQLite takes 32,766, PostgreSQL 65,535.
const VALUES_MAX: usize = 13_000;
/// How many jobs may wait to be committed together.
const JOBS_MAX: usize = 256;
/// The task that commits them.
pub const WRITER: &str = "writer";

/// The registry's database.
#[derive(Clone)]
pub struct Db {
    pool: AnyPool,
    kind: Kind,
    /// Before the queue, so that the writer ends with its database, and not of itself for want of jobs.
    tasks: Supervisor,
    jobs: mpsc::Sender<Job>,
}

#[derive(Clone)]
enum Kind {
    /// One writer at a time, and only this process.
    Sqlite {
        /// Those who want to write queue here, in order, since SQLite's own waiting is by polling.
        queue: Arc<Mutex<()>>,
        /// A connection whose commits do not wait for the disk.
        unsynced: AnyPool,
    },
    /// Any number of registries on one database.
    Postgres,
}

/// A transaction that may write. Dropped before its commit, it leaves nothing behind.
pub struct Write {
    transaction: Transaction<'static, sqlx::Any>,
    author: Option<Arc<str>>,
    pending: Vec<Box<dyn BeforeCommit>>,
    _turn: Option<OwnedMutexGuard<()>>,
}

/// What a room collects during a transaction, to be written in one go right before the commit. A transaction holds at most one of
/// each type.
pub trait BeforeCommit: Any + Send {
    /// Remembers what was collected so far: a job's own part of a shared transaction begins.
    fn savepoint(&mut self);

    /// Forgets what was collected since the last savepoint or, where there was none, all of it. What was written since then is no
    /// longer in the database.
    fn rollback(&mut self);

    /// Writes what was collected and not written yet.
    fn flush<'a>(&'a mut self, db: &'a mut AnyConnection) -> BoxFuture<'a, Result<(), Error>>;
}

/// Something to commit together with what others write, and how to say what became of it.
type Job = Box<dyn for<'a> FnOnce(&'a mut Write) -> BoxFuture<'a, Answer> + Send>;
/// Whether the job's own part may stand, and how to tell its owner whether it was committed.
struct Answer {
    stands: bool,
    tell: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

impl Db {
    /// Opens the database at this address (`sqlite://…` or `postgres://…`) and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, Error> {
        install_default_drivers();
        let options = || AnyPoolOptions::new().acquire_timeout(PATIENCE);
        let (pool, kind) = if url.starts_with("sqlite:") {
            // Readers do not wait for the writer, and what was committed survives a loss of power.
            let open = |connections, synchronous: &'static str| {
                let options = options().max_connections(connections).after_connect(move |connection, _| {
                    Box::pin(async move {
                        connection.execute("pragma journal_mode = wal").await?;
                        connection.execute(synchronous).await?;
                        Ok(())
                    })
                });
                options.connect(url)
            };
            let pool = open(CONNECTIONS_MAX, "pragma synchronous = full").await?;
            let unsynced = open(1, "pragma synchronous = normal").await?;
            (pool, Kind::Sqlite { queue: Arc::default(), unsynced })
        } else {
            (options().max_connections(CONNECTIONS_MAX).connect(url).await?, Kind::Postgres)
        };
        bring_up_to_date(&pool, &kind).await?;
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let tasks = Supervisor::default();
        // What waits survives a writer that dies: the next one goes on with it.
        let queue = Arc::new(Mutex::new(queue));
        let (own_pool, own_kind) = (pool.clone(), kind.clone());
        tasks.spawn(WRITER, move || commit_groups(own_pool.clone(), own_kind.clone(), Arc::clone(&queue)));
        Ok(Self { pool, kind, jobs, tasks })
    }

    /// The tasks that serve the database.
    pub fn tasks(&self) -> &Supervisor {
        &self.tasks
    }

    /// Does something in a transaction that excludes all others, and commits it together with what others want to write at the same
    /// time. A job that fails or panics leaves the others alone.
    pub async fn group_commit<T, E>(
        &self,
        job: impl for<'a> FnOnce(&'a mut Write) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |write| {
            Box::pin(async move {
                let run = AssertUnwindSafe(async { job(write).await }).catch_unwind();
                let outcome = run.await.unwrap_or_else(|_| {
                    tracing::error!("a job of the writer panicked: nothing of it is written");
                    Err(E::from(Error::Panicked))
                });
                let stands = outcome.is_ok();
                let tell = move |committed: Result<(), Error>| {
                    // Whoever asked may have gone away.
                    let _ = sender.send(outcome.and_then(|value| match committed {
                        Ok(()) => Ok(value),
                        Err(error) => Err(E::from(error)),
                    }));
                };
                Answer { stands, tell: Box::new(tell) }
            })
        });
        let given_up = || E::from(Error::NotReady("what was to be written was given up: try again".into()));
        self.jobs.send(job).await.map_err(|_| given_up())?;
        receiver.await.map_err(|_| given_up())?
    }

    /// For single statements outside a transaction.
    pub fn read(&self) -> &AnyPool {
        &self.pool
    }

    /// Whether nobody but this process can change the database, so that what it remembers of it stays true.
    pub fn is_ours_alone(&self) -> bool {
        matches!(self.kind, Kind::Sqlite { .. })
    }

    /// Begins a transaction that sees the database as it is at one moment.
    pub async fn snapshot(&self) -> Result<Transaction<'static, sqlx::Any>, sqlx::Error> {
        match self.kind {
            Kind::Sqlite { .. } => self.pool.begin().await,
            Kind::Postgres => self.pool.begin_with("begin isolation level repeatable read read only").await,
        }
    }

    /// Begins a transaction that excludes every other one that writes, so that what it reads stays true until it
    /// commits.
    pub async fn write(&self) -> Result<Write, sqlx::Error> {
        self.begin(EXCLUSIVE, true).await
    }

    /// Begins a transaction that writes beside others of its kind where the database can do so, while none that
    /// excludes the others is at work. For statements that are right in any order.
    pub async fn write_shared(&self) -> Result<Write, sqlx::Error> {
        self.begin("select pg_advisory_xact_lock_shared($1)", true).await
    }

    /// Begins a shared transaction whose commit does not wait for the disk: for what may be forgotten in a loss of power.
    pub async fn write_unsynced(&self) -> Result<Write, sqlx::Error> {
        self.begin("select pg_advisory_xact_lock_shared($1)", false).await
    }

    async fn begin(&self, lock: &'static str, lasting: bool) -> Result<Write, sqlx::Error> {
        begin(&self.pool, &self.kind, lock, lasting).await
    }
}

/// Runs the migrations, which are one text for both databases, and what each of the two needs beside them.
async fn bring_up_to_date(pool: &AnyPool, kind: &Kind) -> Result<(), Error> {
    let migrations = sqlx::migrate!("../../migrations/registry");
    match kind {
        Kind::Sqlite { .. } => strict::migrate(pool, migrations).await?,
        Kind::Postgres => {
            migrations.run(pool).await?;
            let mut write = begin(pool, kind, EXCLUSIVE, true).await?;
            bytewise::sort_by_bytes(&mut write).await?;
            write.commit().await?;
        }
    }
    Ok(())
}

/// Commits together whatever waits at the same time.
async fn commit_groups(pool: AnyPool, kind: Kind, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut queue = queue.lock().await;
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, JOBS_MAX).await > 0 {
        if let Err(error) = commit_group(&pool, &kind, &mut jobs).await {
            tracing::error!(%error, "what waited to be written was given up");
        }
        // Of those that were not begun, the owners learn by their silence.
        jobs.clear();
    }
}

async fn commit_group(pool: &AnyPool, kind: &Kind, jobs: &mut Vec<Job>) -> Result<(), Error> {
    let mut write = begin(pool, kind, EXCLUSIVE, true).await?;
    let alone = jobs.len() == 1;
    let (mut told, mut failed) = (Vec::new(), Vec::new());
    for job in jobs.drain(..) {
        write.savepoint().await?;
        // A job speaks for nobody but its own.
        write.author = None;
        let answer = job(&mut write).await;
        match answer.stands {
            true => {
                write.keep().await?;
                told.push(answer.tell);
            }
            false => {
                write.undo().await?;
                failed.push(answer.tell);
            }
        }
    }
    let committed = match alone && told.is_empty() {
        true => Ok(()),
        false => write.commit().await,
    };
    failed.into_iter().for_each(|tell| tell(Ok(())));
    let broken = committed.err().map(|error| error.to_string());
    for tell in told {
        tell(match &broken {
            None => Ok(()),
            Some(error) => Err(Error::NotReady(format!("the database could not be written: {error}"))),
        });
    }
    Ok(())
}

async fn begin(pool: &AnyPool, kind: &Kind, lock: &'static str, lasting: bool) -> Result<Write, sqlx::Error> {
    match kind {
        Kind::Sqlite { queue, unsynced } => {
            let turn = Arc::clone(queue).lock_owned().await;
            let pool = if lasting { pool } else { unsynced };
            let transaction = pool.begin_with("begin immediate").await?;
            Ok(Write { transaction, author: None, pending: Vec::new(), _turn: Some(turn) })
        }
        Kind::Postgres => {
            let mut transaction = pool.begin().await?;
            if !lasting {
                transaction.execute("set local synchronous_commit to off").await?;
            }
            sqlx::query(lock).bind(LOCK).execute(&mut *transaction).await?;
            Ok(Write { transaction, author: None, pending: Vec::new(), _turn: None })
        }
    }
}

impl Write {
    /// What a room has collected in this transaction; nothing yet, the first time.
    pub fn pending<T: BeforeCommit + Default>(&mut self) -> &mut T {
        self.pending_and_connection().0
    }

    /// The same, with the connection beside it.
    #[allow(clippy::expect_used)]
    pub fn pending_and_connection<T: BeforeCommit + Default>(&mut self) -> (&mut T, &mut AnyConnection) {
        let is_it = |pending: &dyn BeforeCommit| (pending as &dyn Any).is::<T>();
        let index = self.pending.iter().position(|pending| is_it(&**pending)).unwrap_or_else(|| {
            self.pending.push(Box::new(T::default()));
            self.pending.len() - 1
        });
        let pending = (&mut *self.pending[index] as &mut dyn Any).downcast_mut();
        (pending.expect("it was looked for by its type"), &mut self.transaction)
    }

    /// Says who makes what is written from here on: until the commit or, in a job of [`Db::group_commit`], its end.
    pub fn set_author(&mut self, author: &dyn Display) {
        self.author = Some(author.to_string().into());
    }

    /// Who makes what is written now; none: nobody has said so.
    pub fn author(&self) -> Option<Arc<str>> {
        self.author.clone()
    }

    /// Begins a part that can be undone by itself. There is one at a time: a job of [`Db::group_commit`] is one already.
    pub async fn savepoint(&mut self) -> Result<(), Error> {
        self.transaction.execute("savepoint part").await?;
        self.pending.iter_mut().for_each(|pending| pending.savepoint());
        Ok(())
    }

    /// Lets the part that was begun last stand.
    pub async fn keep(&mut self) -> Result<(), Error> {
        self.transaction.execute("release savepoint part").await?;
        Ok(())
    }

    /// Undoes the part that was begun last, also where a statement of it has failed.
    pub async fn undo(&mut self) -> Result<(), Error> {
        self.transaction.execute("rollback to savepoint part").await?;
        self.transaction.execute("release savepoint part").await?;
        self.pending.iter_mut().for_each(|pending| pending.rollback());
        Ok(())
    }

    /// Writes what was collected. A commit does so by itself; whoever reads the tables before that must ask for it.
    pub async fn flush(&mut self) -> Result<(), Error> {
        for pending in &mut self.pending {
            pending.flush(&mut self.transaction).await?;
        }
        Ok(())
    }

    /// Makes it all true at once.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.flush().await?;
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Write {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }
}

/// A value of a row: all columns are texts or whole numbers.
#[derive(Debug, Clone)]
pub enum Cell {
    /// What stands in a column of text.
    Text(String),
    /// What stands in a column of whole numbers.
    Whole(i64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

/// Inserts rows into `table (columns)`, as many in a statement as both databases take, and gives how many there are new. `after`
/// is what follows the values, such as `on conflict do nothing`.
pub async fn insert_rows<const N: usize>(
    db: &mut AnyConnection,
    table: &str,
    rows: Vec<[Cell; N]>,
    after: &str,
) -> Result<u64, sqlx::Error> {
    let mut inserted = 0;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<_> = rows.by_ref().take(VALUES_MAX / N).collect();
        let mut sql = format!("insert into {table} values ");
        for row in 0..some.len() {
            sql.push_str(if row == 0 { "(" } else { "), (" });
            sql.push_str(&places(db, row * N, N));
        }
        sql.push_str(") ");
        sql.push_str(after);
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for cell in some.into_iter().flatten() {
            query = match cell {
                Cell::Text(text) => query.bind(text),
                Cell::Whole(number) => query.bind(number),
            };
        }
        inserted += query.execute(&mut *db).await?.rows_affected();
    }
    Ok(inserted)
}

/// `$3, $4`: so many places for values after so many. SQLite takes those for names, and looks for each of them among all: it gets
/// `?, ?`.
pub fn places(db: &AnyConnection, after: usize, count: usize) -> String {
    let named = db.backend_name() != "SQLite";
    let mut text = String::with_capacity(count * 7);
    for place in after + 1..=after + count {
        text.push_str(if place > after + 1 { ", " } else { "" });
        match named {
            true => drop(write!(text, "${place}")),
            false => text.push('?'),
        }
    }
    text
}

/// A time as it is stored: always as wide, so that times sort as text.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests;
