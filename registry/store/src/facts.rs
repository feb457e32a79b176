//! What a registry knows of itself, kept in the database so that all its replicas agree.

use crate::{Db, Error, Write};

/// What a registry knows of itself, by name.
pub struct Facts<'a>(pub &'a Db);

impl Facts<'_> {
    /// The fact of this name or, where there is none yet, what `make` makes: whoever is first decides for all.
    pub async fn get_or(&self, name: &str, make: impl FnOnce() -> String) -> Result<String, Error> {
        if let Some(value) = self.get(name).await? {
            return Ok(value);
        }
        let mut write = self.0.write().await?;
        sqlx::query("insert into facts (name, value) values ($1, $2) on conflict do nothing")
            .bind(name)
            .bind(make())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        self.get(name).await?.ok_or_else(|| Error::Damaged(format!("the fact '{name}' vanished")))
    }

    /// Sets a fact that an operator may change.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        let mut write = self.0.write().await?;
        Self::set_within(&mut write, name, value).await?;
        write.commit().await?;
        Ok(())
    }

    /// The same, in the transaction of what goes with it.
    pub async fn set_within(write: &mut Write, name: &str, value: &str) -> Result<(), Error> {
        sqlx::query(
            "insert into facts (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&mut **write)
        .await?;
        Ok(())
    }

    /// The fact of this name, if there is one.
    pub async fn get(&self, name: &str) -> Result<Option<String>, Error> {
        let found: Option<(String,)> = sqlx::query_as("select value from facts where name = $1")
            .bind(name)
            .fetch_optional(self.0.read())
            .await?;
        Ok(found.map(|(value,)| value))
    }
}
