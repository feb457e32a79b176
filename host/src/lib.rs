//! The host: installs plugins with proof of what they are, runs them in a sandbox, deploys their plans and meters the
//! use. It knows the registry only over HTTP.

mod api;
pub mod audit;
mod db;
pub mod deployments;
mod error;
mod events;
mod extract;
mod host;
pub mod installs;
pub mod integrations;
pub mod licence;
pub mod metering;
mod models;
pub mod owner;
mod pages;
pub mod policies;
pub mod rules;
pub mod secrets;
pub mod settings;
mod site;
pub mod system;
pub mod targets;
mod tasks;
pub mod users;

use chandlery_tasks::connections;
use tokio::net::TcpListener;

pub use chandlery_engines as engines;
pub use error::{Error, kinds as error_kinds};
pub use host::{Host, Settings};
pub use installs::Trust;

/// Serves a host on a listener until `stop` completes. What is deployed goes on without it.
pub async fn serve(
    host: Host,
    settings: &Settings,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    host.start(settings);
    let tasks = host.tasks.clone();
    connections::serve(listener, api::router(host), (), stop).await;
    tasks.stop();
    Ok(())
}
