//! Where deployments can run: this machine, and the clusters that were added, each with its engine, its prices and its
//! credential.

mod pools;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chandlery_package::TargetName;
use chandlery_package::column::{Json, Text};
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::wire::host::{Drift, NewTarget, Prices, Target};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{SqliteConnection, SqliteExecutor};
use tokio::sync::RwLock;

use crate::db::Db;
use crate::engines::{self, Engine, EngineContext, INVALID_TARGET, TargetSpec, local, open};
use crate::secrets::{self, Secrets};
use crate::system::{self, Changed};
use chandlery_package::plan::{EngineKind, Facts};

/// A target that is not there.
pub const NO_TARGET: Kind = Kind {
    word: "no-target",
    status: 404,
    title: "Not found",
    when: "this host has no target of this name",
    remedy: Some("`chandlery target list` lists what there is"),
};

/// Why a target was not added, changed, removed or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No target has this name.
    #[error("there is no target '{0}'")]
    NoTarget(String),
    /// It cannot be added, changed or removed.
    #[error("the target '{target}': {reason}")]
    Invalid {
        /// The target's name.
        target: String,
        /// What is in the way.
        reason: String,
    },
    /// Somebody else changed it meanwhile.
    #[error(transparent)]
    Changed(#[from] Changed),
    /// Its engine refused, or does not answer.
    #[error(transparent)]
    Engine(#[from] engines::Error),
    /// Its credential cannot be sealed or unsealed.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// The host's own database.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::NoTarget(_) => (&NO_TARGET).into(),
            Self::Invalid { .. } => (&INVALID_TARGET).into(),
            Self::Changed(error) => error.explain(),
            Self::Engine(error) => error.explain(),
            Self::Secrets(error) => error.explain(),
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}

#[derive(PartialEq, Eq, sqlx::FromRow)]
struct TargetRow {
    name: String,
    engine: Text<EngineKind>,
    settings: Json<Value>,
    prices: Json<Prices>,
    credential: Option<Vec<u8>>,
}

/// The targets of a host.
#[derive(Clone)]
pub struct Targets {
    db: Db,
    secrets: Secrets,
    context: Arc<EngineContext>,
    engines: Arc<RwLock<BTreeMap<String, Arc<dyn Engine>>>>,
    found: Arc<Mutex<Found>>,
}

/// What the last looks have found; looking again finds it again.
#[derive(Default)]
struct Found {
    passes: BTreeMap<String, (Duration, Option<String>)>,
    drift: BTreeMap<String, Vec<Drift>>,
}

impl Targets {
    /// The targets in this database, and this machine. One that cannot be opened is there, and says why.
    pub(crate) async fn open(db: Db, secrets: Secrets, context: EngineContext) -> Result<Self, Error> {
        let here = local::open(db.pool().clone(), &context).await?;
        let targets = Self {
            db,
            secrets,
            context: Arc::new(context),
            engines: Arc::new(RwLock::new(BTreeMap::from([(local::TARGET.to_owned(), here)]))),
            found: Arc::default(),
        };
        for row in targets.rows().await? {
            if let Err(error) = targets.start(&row).await {
                tracing::error!(%error, target = row.name, "a target cannot be opened");
                targets.note(&row.name, Duration::ZERO, Some(error.to_string()));
            }
        }
        Ok(targets)
    }

    async fn rows(&self) -> Result<Vec<TargetRow>, Error> {
        let all =
            sqlx::query_as("select name, engine, settings, prices, credential from targets order by name");
        Ok(all.fetch_all(self.db.pool()).await?)
    }

    async fn start(&self, row: &TargetRow) -> Result<(), Error> {
        let engine = open(&self.spec(row)?, self.db.pool(), &self.context).await?;
        self.engines.write().await.insert(row.name.clone(), engine);
        Ok(())
    }

    fn spec(&self, row: &TargetRow) -> Result<TargetSpec, Error> {
        let label = label(&row.name);
        Ok(TargetSpec {
            name: row.name.clone(),
            engine: row.engine.0,
            settings: row.settings.0.clone(),
            prices: row.prices.0.clone(),
            credential: row
                .credential
                .as_ref()
                .map(|sealed| self.secrets.unseal(&label, sealed))
                .transpose()?,
        })
    }

    /// The engine of a target.
    pub(crate) async fn engine(&self, name: &str) -> Result<Arc<dyn Engine>, Error> {
        let found = self.engines.read().await.get(name).cloned();
        found.ok_or_else(|| Error::NoTarget(name.into()))
    }

    /// The engines of all targets, by name.
    pub(crate) async fn engines(&self) -> BTreeMap<String, Arc<dyn Engine>> {
        self.engines.read().await.clone()
    }

    /// Adds a target, or changes one, once it has answered.
    pub async fn put(&self, name: &TargetName, new: &NewTarget) -> Result<Facts, Error> {
        let name = name.as_str();
        let before = self.rows().await?.into_iter().find(|row| row.name == name);
        if name == local::TARGET || new.engine == EngineKind::Local {
            return self.put_local(name, new).await;
        }
        let spec_before = before.as_ref().map(|row| self.spec(row)).transpose()?;
        if let Some(before) = spec_before.as_ref().filter(|before| before.engine != new.engine) {
            let reason = format!("it is one of {} already; remove it first", before.engine);
            return Err(Error::Invalid { target: name.into(), reason });
        }
        let credential = new.credential.clone().or_else(|| spec_before.and_then(|before| before.credential));
        let spec = TargetSpec {
            name: name.into(),
            engine: new.engine,
            settings: new.settings.clone(),
            prices: new.prices.clone(),
            credential,
        };
        let engine = open(&spec, self.db.pool(), &self.context).await?;
        engine.must_be_allowed().await?;
        let facts = engine.inventory().await?;
        // The engines are those of the rows, whoever adds or removes one at the same time.
        let mut engines = self.engines.write().await;
        let mut write = self.db.write().await?;
        if row(&mut write, name).await? != before {
            return Err(Changed(name.into()).into());
        }
        self.put_row(&mut write, &spec).await?;
        write.commit().await?;
        engines.insert(name.into(), engine);
        Ok(facts)
    }

    /// This machine can be given prices.
    async fn put_local(&self, name: &str, new: &NewTarget) -> Result<Facts, Error> {
        let plain = new.settings.is_null() || new.settings.as_object().is_some_and(serde_json::Map::is_empty);
        if name != local::TARGET || new.engine != EngineKind::Local || new.credential.is_some() || !plain {
            let reason = "'local' is this machine, which is always there; only its prices can be set".into();
            return Err(Error::Invalid { target: name.into(), reason });
        }
        let (settings, prices) = (Value::Object(serde_json::Map::new()), new.prices.clone());
        let spec = TargetSpec { name: name.into(), engine: new.engine, settings, prices, credential: None };
        let mut write = self.db.write().await?;
        self.put_row(&mut write, &spec).await?;
        write.commit().await?;
        Ok(self.engine(name).await?.inventory().await?)
    }

    async fn put_row(&self, write: &mut SqliteConnection, spec: &TargetSpec) -> Result<(), Error> {
        let sealed =
            spec.credential.as_ref().map(|text| self.secrets.seal(&label(&spec.name), text)).transpose()?;
        sqlx::query(
            "insert into targets (name, engine, settings, prices, credential, updated_at) values ($1, $2, $3, $4, $5, $6)
             on conflict (name) do update set settings = excluded.settings, prices = excluded.prices,
                 credential = excluded.credential, updated_at = excluded.updated_at",
        )
        .bind(&spec.name)
        .bind(Text(spec.engine))
        .bind(Json(&spec.settings))
        .bind(Json(&spec.prices))
        .bind(sealed)
        .bind(Text(Timestamp::now()))
        .execute(write)
        .await?;
        Ok(())
    }

    /// Forgets a target on which nothing is deployed.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let mut engines = self.engines.write().await;
        let mut write = self.db.write().await?;
        delete(&mut write, name).await?;
        write.commit().await?;
        if name != local::TARGET {
            engines.remove(name);
        }
        Ok(())
    }

    /// All targets, this machine first.
    pub async fn list(&self) -> Result<Vec<Target>, Error> {
        let here = TargetSpec {
            name: local::TARGET.into(),
            engine: EngineKind::Local,
            settings: Value::Object(serde_json::Map::new()),
            prices: self.prices(local::TARGET).await?,
            credential: None,
        };
        let mut specs = vec![here];
        for row in self.rows().await?.iter().filter(|row| row.name != local::TARGET) {
            specs.push(self.spec(row)?);
        }
        let mut on_each = self.deployments().await?;
        let mut targets = Vec::new();
        for spec in specs {
            let warning = self.engines.read().await.get(&spec.name).and_then(|engine| engine.warning());
            let deployments = on_each.remove(&spec.name).unwrap_or_default();
            let pass = self.found().passes.get(&spec.name).cloned();
            targets.push(Target {
                deployments,
                pass_millis: pass
                    .as_ref()
                    .map(|(took, _)| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
                trouble: pass.and_then(|(_, trouble)| trouble),
                warning,
                has_credential: spec.credential.is_some(),
                name: spec.name,
                engine: spec.engine,
                settings: spec.settings,
                prices: spec.prices,
            });
        }
        Ok(targets)
    }

    /// The deployments on each target that has some, by name.
    async fn deployments(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("select target, name from deployments order by name")
                .fetch_all(self.db.pool())
                .await?;
        let mut on_each: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (target, name) in rows {
            on_each.entry(target).or_default().push(name);
        }
        Ok(on_each)
    }

    /// What a target costs.
    pub(crate) async fn prices(&self, name: &str) -> Result<Prices, Error> {
        let found: Option<(Json<Prices>,)> = sqlx::query_as("select prices from targets where name = $1")
            .bind(name)
            .fetch_optional(self.db.pool())
            .await?;
        Ok(found.map(|(Json(prices),)| prices).unwrap_or_default())
    }

    pub(crate) fn note(&self, target: &str, took: Duration, trouble: Option<String>) {
        let mut found = self.found();
        let before = found.passes.insert(target.into(), (took, trouble.clone()));
        let before = before.and_then(|(_, trouble)| trouble);
        match (&before, &trouble) {
            (None, Some(trouble)) => tracing::warn!(target, trouble, "a target does not answer"),
            (Some(_), None) => tracing::info!(target, "a target answers again"),
            _ => {}
        }
    }

    /// Why a target does not answer, if it does not.
    pub(crate) fn trouble(&self, target: &str) -> Option<String> {
        self.found().passes.get(target).and_then(|(_, trouble)| trouble.clone())
    }

    pub(crate) fn note_drift(&self, deployment: &str, drift: Vec<Drift>) {
        let mut found = self.found();
        match drift.is_empty() {
            true => found.drift.remove(deployment),
            false => found.drift.insert(deployment.into(), drift),
        };
    }

    pub(crate) fn drift(&self, deployment: &str) -> Vec<Drift> {
        self.found().drift.get(deployment).cloned().unwrap_or_default()
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn row(write: &mut SqliteConnection, name: &str) -> Result<Option<TargetRow>, Error> {
    let found =
        sqlx::query_as("select name, engine, settings, prices, credential from targets where name = $1");
    Ok(found.bind(name).fetch_optional(write).await?)
}

/// The deployments on a target, by name.
async fn deployments(db: impl SqliteExecutor<'_>, target: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sqlx::query_as("select name from deployments where target = $1 order by name")
        .bind(target)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Forgets a target on which nothing is deployed.
pub(crate) async fn delete(write: &mut SqliteConnection, name: &str) -> Result<(), Error> {
    let deployments = deployments(&mut *write, name).await?;
    if !deployments.is_empty() {
        let reason = format!("it runs {}", deployments.join(", "));
        return Err(Error::Invalid { target: name.into(), reason });
    }
    let removed = sqlx::query("delete from targets where name = $1").bind(name).execute(write).await?;
    match removed.rows_affected() {
        0 => Err(Error::NoTarget(name.into())),
        _ => Ok(()),
    }
}

/// Refuses a target that is not there, in the transaction of what is deployed to it.
pub(crate) async fn must_exist(write: &mut SqliteConnection, name: &str) -> Result<(), Error> {
    match name == local::TARGET || row(write, name).await?.is_some() {
        true => Ok(()),
        false => Err(Error::NoTarget(name.into())),
    }
}

/// What a credential is sealed for.
fn label(target: &str) -> String {
    format!("target {target}")
}
