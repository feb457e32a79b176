//! The outbox: events for integrations, each written down in the transaction of what it tells of, so that none is lost and
//! none tells of what was rolled back. [`crate::integrations`] delivers them.

use chandlery_package::PluginId;
use jiff::Timestamp;
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::Error;
use chandlery_sandbox::{Event, EventKind};

/// How far the delivery of an event to an integration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "kebab-case")]
pub(crate) enum DeliveryState {
    /// It waits to be told, or to be told again.
    Waiting,
    /// It was told.
    Delivered,
    /// It was tried too often.
    GivenUp,
}

/// An event of this moment, to be filled in.
pub(crate) fn new_event(kind: EventKind) -> Event {
    Event {
        id: Uuid::now_v7().to_string(),
        kind,
        at: Timestamp::now(),
        deployment: String::new(),
        target: String::new(),
        team: None,
        release: String::new(),
        revision: 0,
        detail: String::new(),
        attempt: 0,
        attempted_at: 0,
    }
}

/// Writes an event down for each of these integrations, in the transaction of what it tells of. They are read in that
/// transaction, too: what is uninstalled after it began forgets its events after it has ended.
pub(crate) async fn tell(
    write: &mut SqliteConnection,
    integrations: &[PluginId],
    event: &Event,
) -> Result<(), Error> {
    for plugin in integrations {
        sqlx::query(
            "insert into deliveries (id, plugin, event, state, not_before) values ($1, $2, $3, $4, $5)",
        )
        .bind(&event.id)
        .bind(plugin.to_string())
        .bind(serde_json::json!(event).to_string())
        .bind(DeliveryState::Waiting)
        .bind(event.at.to_string())
        .execute(&mut *write)
        .await?;
    }
    Ok(())
}
