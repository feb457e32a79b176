//! What is done again and again while a registry serves: each chore is a task of its own, watched by its name.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::{Clock, Error, Registry, oci};
use chandlery_money::{billing, books, sharing};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// How old what belongs to nothing must be to be garbage: longer than any push takes.
const GARBAGE_AGE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// Something to be done in a registry.
type Job = fn(Registry) -> BoxFuture<'static, Result<(), Error>>;

/// A chore that is due by the real time, whatever the clock of the money says.
const ALWAYS: [(&str, Duration, Job); 4] = [
    ("rate-limits", MINUTE, |registry| {
        Box::pin(async move {
            registry.guard.tidy();
            Ok(())
        })
    }),
    ("downloads", MINUTE, |registry| {
        Box::pin(async move { Ok(registry.downloads.flush(&registry.db).await?) })
    }),
    ("notices", MINUTE, |registry| {
        Box::pin(async move {
            Ok(billing::send_notices(&registry.db, registry.finance.mail.as_deref(), registry.clock.now())
                .await?)
        })
    }),
    ("garbage", HOUR, |registry| {
        Box::pin(async move {
            oci::collect(&registry, GARBAGE_AGE).await?;
            Ok(())
        })
    }),
];
/// What is about money, and done when the clock is moved where that is a virtual one.
const OF_MONEY: [(&str, Duration, Job); 2] = [
    ("holds", MINUTE, |registry| {
        Box::pin(async move { Ok(sharing::release_matured(&registry.db, registry.clock.now()).await?) })
    }),
    ("renewals", HOUR, |registry| {
        Box::pin(async move { Ok(books::do_what_is_due(&registry.db, registry.clock.now()).await?) })
    }),
];

/// Starts the chores of a registry.
pub(crate) fn start(registry: &Registry) {
    let of_money = match registry.clock {
        Clock::Real => OF_MONEY.as_slice(),
        Clock::Virtual(_) => &[],
    };
    for (name, interval, job) in ALWAYS.iter().chain(of_money).copied() {
        let own = registry.clone();
        registry.tasks.spawn_every(name, interval, move || {
            let done = job(own.clone());
            async move {
                if let Err(error) = done.await {
                    tracing::error!(%error, chore = name, "a chore was not done: it is tried again");
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt as _;

    use super::*;
    use crate::testing::registry;

    async fn ready(registry: &Registry) -> StatusCode {
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        registry.clone().router().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn readiness_knows_of_a_task_that_died_and_of_its_return() {
        let (_folder, mut registry) = registry().await;
        registry.clock = Clock::Real;
        start(&registry);
        let chores: Vec<_> = registry.tasks.states().into_iter().map(|(name, _)| name).collect();
        assert_eq!(chores, ["downloads", "garbage", "holds", "notices", "rate-limits", "renewals"]);
        assert_eq!(ready(&registry).await, StatusCode::OK);
        for name in chores.into_iter().chain([chandlery_store::db::WRITER]) {
            registry.tasks.trip(name);
            registry.db.tasks().trip(name);
            while ready(&registry).await == StatusCode::OK {
                tokio::task::yield_now().await;
            }
            // Nothing but readiness suffers: whoever wants to write waits for the writer that comes.
            let written = registry.db.group_commit(|_| Box::pin(async { Ok::<_, Error>(()) })).await;
            assert!(written.is_ok(), "{name}: {written:?}");
            while ready(&registry).await != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let answer = registry.clone().router().oneshot(request).await.unwrap();
        let text = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        for name in ["writer", "downloads", "garbage", "holds", "notices", "rate-limits", "renewals"] {
            let line = format!("chandlery_task_restarts_total{{task=\"{name}\"}} 1");
            assert!(text.contains(&line), "{line}\n{text}");
        }
        registry.tasks.stop();
    }
}
