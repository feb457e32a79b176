//! What runs plans. An engine is told what should be, again and again, and makes it so: every step may be repeated.

mod children;
mod endpoints;
mod engine;
mod error;
mod fleet;
mod gpus;
mod isolation;
mod kubernetes;
pub mod local;
mod meters;
pub mod placement;
pub mod replicas;
mod slurm;
mod target;
pub mod usage;

use std::sync::Arc;

use chandlery_package::plan::EngineKind;
use sqlx::SqlitePool;

pub use engine::{Desired, Engine, EngineContext, Outcome, Revealed};
pub use error::{CANNOT_RUN, DRIFTED, Error, INTERNAL, INVALID_TARGET, KINDS, NOT_ALLOWED, TARGET_AWAY};
pub use isolation::{Isolate, Isolation};
pub use target::TargetSpec;

/// Opens the engine of a target; a kind of engine is a line here.
pub async fn open(
    spec: &TargetSpec,
    db: &SqlitePool,
    context: &EngineContext,
) -> Result<Arc<dyn Engine>, Error> {
    match spec.engine {
        EngineKind::Local => local::open(db.clone(), context).await,
        EngineKind::Slurm => slurm::open(spec, db.clone(), context).await,
        EngineKind::Kubernetes => kubernetes::open(spec, db.clone(), context).await,
    }
}
