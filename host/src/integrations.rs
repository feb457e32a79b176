//! Integrations: told of every event, at least once. An event is written down together with what it tells of, delivered
//! by a call in the sandbox, and tried again, later and later, where that ends badly.

mod control;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chandlery_package::column::Text;
use chandlery_package::problem::{Explain, Explanation};
use chandlery_package::wire::host::{self, Locked, Standing, Tried, TriedProblem};
use chandlery_package::{Kind, PluginId};
use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;

use crate::db::Db;
use crate::deployments::Deployments;
use crate::events::{self, new_event};
use crate::installs::{self, Installs};
use crate::secrets::{self, Secrets, granted};
use crate::system::{self, blocking};
use crate::users::Actor;
use crate::{audit, settings};
use chandlery_sandbox::{Capabilities, Event, EventKind, Plugin, Reaction, Sandbox, SandboxError, Use};
use control::Controlled;

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How many events are delivered to an integration before others are looked for.
const BATCH_EVENTS: i64 = 100;

/// Why an integration was not told of an event.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not installed, or cannot be loaded.
    #[error(transparent)]
    Installs(#[from] installs::Error),
    /// Its settings do not fit it.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// A secret that it was granted cannot be unsealed.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// The host's own database.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Installs(error) => error.explain(),
            Self::Settings(error) => error.explain(),
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

/// The integrations of a host.
#[derive(Clone)]
pub struct Integrations {
    db: Db,
    sandbox: Sandbox,
    installs: Installs,
    secrets: Secrets,
    deployments: Deployments,
    /// Whose turn it is to call each integration: calls of one come one after the other, since each reads what it has kept and
    /// keeps it anew.
    turns: Arc<Mutex<HashMap<PluginId, Arc<tokio::sync::Mutex<()>>>>>,
}

/// What is being delivered to an integration; it ends with the loop that began it, which begins anew when it is started again.
struct Delivering(tokio::task::JoinHandle<()>);

impl Drop for Delivering {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Integrations {
    /// The integrations of this host.
    pub fn new(
        db: Db,
        sandbox: Sandbox,
        installs: Installs,
        secrets: Secrets,
        deployments: Deployments,
    ) -> Self {
        Self { db, sandbox, installs, secrets, deployments, turns: Arc::default() }
    }

    /// Delivers what waits, for ever; each integration at its own pace.
    pub(crate) async fn run(self) {
        let mut busy: BTreeMap<PluginId, Delivering> = BTreeMap::new();
        let mut interval = tokio::time::interval(LOOK_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            busy.retain(|_, delivering| !delivering.0.is_finished());
            let installed = match self.installs.of_kind(Kind::Integration).await {
                Ok(installed) => installed,
                Err(error) => {
                    tracing::error!(%error, "integrations cannot be told of anything");
                    continue;
                }
            };
            for locked in installed {
                let plugin = locked.release.plugin.clone();
                busy.entry(plugin).or_insert_with(|| {
                    let integrations = self.clone();
                    Delivering(tokio::spawn(async move {
                        if let Err(error) = integrations.deliver(&locked).await {
                            tracing::error!(%error, release = %locked.release, "its events wait");
                        }
                    }))
                });
            }
        }
    }

    async fn deliver(&self, locked: &Locked) -> Result<(), Error> {
        let plugin = &locked.release.plugin;
        let due = events::due(self.db.pool(), plugin, BATCH_EVENTS).await?;
        if due.is_empty() {
            return Ok(());
        }
        for delivery in due {
            let problem = match self.notify(locked, delivery.event()).await {
                Ok(reaction) => reaction.result.err().map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            events::note(self.db.pool(), plugin, &delivery, problem).await?;
        }
        Ok(events::forget_old(self.db.pool()).await?)
    }

    /// Tells an integration of an event that never was, and says what came of it.
    pub async fn attempt(&self, name: &str) -> Result<Tried, Error> {
        let locked = self.installs.find_of(Kind::Integration, name).await?;
        let event = Event {
            deployment: "example".into(),
            target: "local".into(),
            release: Some(locked.release.clone()),
            detail: "somebody tries this integration out; nothing has happened".into(),
            attempt: 1,
            ..new_event(EventKind::Test)
        };
        let reaction = self.notify(&locked, event).await?;
        let problem = reaction.result.err().map(|error| TriedProblem {
            r#type: match error {
                SandboxError::Problems { .. } => "problem".into(),
                ref other => other.word().into(),
            },
            detail: error.to_string(),
        });
        let shown = |Use { permission, what, granted }| host::Use { permission, what, granted };
        Ok(Tried { problem, uses: reaction.uses.into_iter().map(shown).collect() })
    }

    /// Keeps an integration from being called until this is dropped; one that is under way ends first.
    pub(crate) async fn turn(&self, plugin: &PluginId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(plugin.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// One call, with what the integration was granted by now.
    async fn notify(&self, locked: &Locked, mut event: Event) -> Result<Reaction, Error> {
        let plugin = &locked.release.plugin;
        let _turn = self.turn(plugin).await;
        // It may have been uninstalled or changed while others had their turn.
        let locked = &self.installs.find(&plugin.to_string()).await?;
        event.attempted_at = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
        let code = self.installs.plugin(locked).await?;
        let settings = settings::complete(self.db.pool(), &code.manifest).await?;
        let capabilities = Capabilities::new(
            locked.permissions.clone(),
            as_texts(&settings),
            self.kept(plugin).await?,
            self.secrets.values(granted(&locked.permissions)).await?,
            Arc::new(Controlled {
                deployments: self.deployments.clone(),
                by: Actor::integration(&locked.release),
            }),
        );
        let reaction = self.call(code, event, capabilities).await?;
        audit::write(&self.db, &locked.release, &reaction.uses).await?;
        if let Some(kept) = &reaction.kept {
            self.keep(plugin, kept).await?;
        }
        Ok(reaction)
    }

    async fn call(&self, code: Plugin, event: Event, capabilities: Capabilities) -> Result<Reaction, Error> {
        let sandbox = self.sandbox.clone();
        blocking(move || Ok::<_, Error>(sandbox.notify(&code, &event, capabilities))).await
    }

    async fn kept(&self, plugin: &PluginId) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as("select key, value from kept where plugin = $1")
            .bind(Text(plugin))
            .fetch_all(self.db.pool())
            .await?;
        Ok(rows.into_iter().collect())
    }

    async fn keep(&self, plugin: &PluginId, kept: &BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
        let mut write = self.db.write().await?;
        sqlx::query("delete from kept where plugin = $1").bind(Text(plugin)).execute(&mut *write).await?;
        for (key, value) in kept {
            sqlx::query("insert into kept (plugin, key, value) values ($1, $2, $3)")
                .bind(Text(plugin))
                .bind(key)
                .bind(value)
                .execute(&mut *write)
                .await?;
        }
        Ok(write.commit().await?)
    }

    /// Every integration, and how its deliveries fare.
    pub async fn list(&self) -> Result<Vec<Standing>, Error> {
        let mut standings = Vec::new();
        for locked in self.installs.of_kind(Kind::Integration).await? {
            let events::Counts { delivered, waiting, given_up, problem } =
                events::counts(self.db.pool(), &locked.release.plugin).await?;
            standings.push(Standing { locked, delivered, waiting, given_up, problem });
        }
        Ok(standings)
    }

    /// Forgets what an integration kept, what it was to be told of, and a plugin's settings.
    pub async fn forget(&self, plugin: &PluginId) -> Result<(), Error> {
        let mut write = self.db.write().await?;
        sqlx::query("delete from kept where plugin = $1").bind(Text(plugin)).execute(&mut *write).await?;
        events::forget(&mut write, plugin).await?;
        settings::forget(&mut *write, plugin).await?;
        Ok(write.commit().await?)
    }
}

/// Settings as `wasi:config` has them: texts as they are, everything else as JSON, and nothing for `null`.
fn as_texts(settings: &serde_json::Value) -> BTreeMap<String, String> {
    let fields = settings.as_object().into_iter().flatten();
    let texts = fields.filter_map(|(name, value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some((name.clone(), text.clone())),
        other => Some((name.clone(), other.to_string())),
    });
    texts.collect()
}
