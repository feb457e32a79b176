//! The settings of policies and integrations: what their manifests call parameters, said once for the host.

use chandlery_package::column::{Json, Text};
use chandlery_package::parameters::{self, Misfit};
use chandlery_package::plan::say;
use chandlery_package::problem::{Explain, Explanation, Kind};
use chandlery_package::wire::host::Locked;
use chandlery_package::{Manifest, PluginId};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::SqliteExecutor;

use crate::db::Db;
use crate::installs::{self, Installs};
use crate::system::{self, Changed};

/// Settings outside the schema of their plugin.
pub const INVALID_SETTINGS: Kind = Kind {
    word: "invalid-settings",
    status: 422,
    title: "The settings do not fit",
    when: "a setting of a policy or an integration is missing, unknown, or outside what its manifest allows",
    remedy: Some("`chandlery configure PLUGIN --set NAME=VALUE`; without --set it shows the settings"),
};

/// Why settings were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They do not fit the plugin's manifest.
    #[error("the settings of {} do not fit: {}", .0.release, say(&.0.problems))]
    Misfit(Misfit),
    /// The plugin was uninstalled, or another release of it installed.
    #[error(transparent)]
    Changed(#[from] Changed),
    /// What is installed cannot be read.
    #[error(transparent)]
    Installs(#[from] installs::Error),
    /// The host's own database.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::Misfit(_) => (&INVALID_SETTINGS).into(),
            Self::Changed(error) => error.explain(),
            Self::Installs(error) => error.explain(),
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}

/// What was set for a plugin.
pub async fn given(db: impl SqliteExecutor<'_>, plugin: &PluginId) -> Result<Map<String, Value>, Error> {
    let found: Option<(Json<Map<String, Value>>,)> =
        sqlx::query_as("select settings from plugin_settings where plugin = $1")
            .bind(Text(plugin))
            .fetch_optional(db)
            .await?;
    Ok(found.map(|(Json(settings),)| settings).unwrap_or_default())
}

/// The settings as the plugin sees them: with defaults, validated.
pub async fn complete(db: impl SqliteExecutor<'_>, manifest: &Manifest) -> Result<Value, Error> {
    check(manifest, &given(db, &manifest.name).await?)
}

/// Changes settings of an installed plugin; `null` takes one back. All of them must fit then. What others set meanwhile
/// stays.
pub async fn set(
    db: &Db,
    installs: &Installs,
    (locked, manifest): (&Locked, &Manifest),
    changes: &Map<String, Value>,
) -> Result<Value, Error> {
    // Settings of what is not installed any more would be found by whoever installs it again.
    let held = installs.hold().await;
    let mut write = db.write().await?;
    if !held.list()?.iter().any(|now| now.release == locked.release) {
        return Err(Changed(locked.release.plugin.to_string()).into());
    }
    let mut settings = given(&mut *write, &manifest.name).await?;
    for (name, value) in changes {
        match value {
            Value::Null => drop(settings.remove(name)),
            value => drop(settings.insert(name.clone(), value.clone())),
        }
    }
    let complete = check(manifest, &settings)?;
    sqlx::query(
        "insert into plugin_settings (plugin, settings, updated_at) values ($1, $2, $3)
         on conflict (plugin) do update set settings = excluded.settings, updated_at = excluded.updated_at",
    )
    .bind(Text(&manifest.name))
    .bind(Json(settings))
    .bind(Text(Timestamp::now()))
    .execute(&mut *write)
    .await?;
    write.commit().await?;
    Ok(complete)
}

/// Forgets what was set for a plugin.
pub(crate) async fn forget(db: impl SqliteExecutor<'_>, plugin: &PluginId) -> Result<(), Error> {
    sqlx::query("delete from plugin_settings where plugin = $1").bind(Text(plugin)).execute(db).await?;
    Ok(())
}

/// These settings with defaults, validated.
pub(crate) fn check(manifest: &Manifest, settings: &Map<String, Value>) -> Result<Value, Error> {
    parameters::complete(manifest, &Value::from(settings.clone())).map_err(Error::Misfit)
}
