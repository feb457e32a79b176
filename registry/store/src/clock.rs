//! What time it is for the money: the real time or, in a simulation, what an operator says.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::{Db, Error, Facts};

const FACT: &str = "virtual-clock";

/// What says which time it is for the money.
#[derive(Clone)]
pub enum Clock {
    /// The real time.
    Real,
    /// Seconds since 1970, moved on by an operator and kept in the database.
    Virtual(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of a registry; a virtual one goes on where it stood.
    pub async fn open(is_virtual: bool, facts: &Facts<'_>) -> Result<Self, Error> {
        if !is_virtual {
            return Ok(Self::Real);
        }
        let stored = facts.get_or(FACT, || "0".into()).await?;
        let second = stored.parse().map_err(|_| Error::Damaged("the virtual clock cannot be read".into()))?;
        Ok(Self::Virtual(Arc::new(AtomicI64::new(second))))
    }

    /// The present moment; of a virtual clock, in whole seconds.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Real => Timestamp::now(),
            Self::Virtual(second) => {
                Timestamp::from_second(second.load(Ordering::Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }

    /// Takes over what another replica of the registry was told.
    pub async fn follow(&self, db: &Db) -> Result<(), Error> {
        let Self::Virtual(second) = self else { return Ok(()) };
        if let Some(to) = Facts(db).get(FACT).await?.and_then(|text| text.parse().ok()) {
            second.fetch_max(to, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Moves a virtual clock on. It never goes back, and a real one cannot be moved.
    pub async fn set(&self, db: &Db, to: Timestamp) -> Result<(), Error> {
        let Self::Virtual(second) = self else {
            return Err(Error::RealClock);
        };
        if to.as_second() < second.load(Ordering::Relaxed) {
            return Err(Error::TimeGoesBack { now: self.now() });
        }
        let mut write = db.write().await?;
        sqlx::query("update facts set value = $1 where name = $2")
            .bind(to.as_second().to_string())
            .bind(FACT)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        second.store(to.as_second(), Ordering::Relaxed);
        Ok(())
    }
}
