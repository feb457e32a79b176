//! What is done again and again while a registry serves: each chore is a task of its own, watched by its name.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

use chandlery_accounts::organisations;
use chandlery_money::{Finance, billing, books, partner_notices, rails, sharing};
use chandlery_store::Clock;
use chandlery_tasks::Supervisor;

use crate::audit::{self, Exports};
use crate::catalog::Catalog;
use crate::error::Error;
use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::oci::Oci;
use crate::{catalog, deletion, idempotency, oci};

/// Often enough that who watches hears of it in time.
const SECONDS: Duration = Duration::from_secs(10);
/// How often what is owed to the processor of payments, waits for its cause, or is to go to webhooks is looked at: each waits for its own
/// time.
const MOMENT: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// How old what belongs to nothing must be to be garbage: longer than any push takes.
const GARBAGE_AGE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

/// What the chores are done with.
#[derive(Clone)]
pub struct Chores {
    /// What remembers who asked how often.
    pub guard: Arc<Guard>,
    /// What counts pulls, and what garbage is collected of.
    pub oci: Oci,
    /// The money, and its clock.
    pub finance: Finance,
    /// Where the audit trail is told.
    pub exports: Arc<Exports>,
    /// What is searched, and what remembers who asked for how many plans.
    pub catalog: Catalog,
    /// What is told of this replica, and of when its chores were done.
    pub metrics: Metrics,
}

type Job = fn(Chores) -> BoxFuture<'static, Result<(), Error>>;

/// A chore that is due by the real time, whatever the clock of the money says.
const ALWAYS: [(&str, Duration, Job); 22] = [
    ("replica", MINUTE, |with| Box::pin(async move { with.metrics.report().await })),
    ("rate-limits", MINUTE, |with| {
        Box::pin(async move {
            with.guard.tidy();
            with.oci.accounts.tidy();
            with.catalog.planner.tidy();
            Ok(with.oci.accounts.write_uses().await?)
        })
    }),
    // So that no visitor waits for a large catalog to be read.
    ("search", MINUTE, |with| {
        Box::pin(async move { Ok(with.catalog.search.refresh(&with.catalog.db).await?) })
    }),
    ("deletions", HOUR, |with| Box::pin(async move { deletion::delete_due(&with.finance).await })),
    ("second-factors", HOUR, |with| Box::pin(async move { Ok(with.oci.accounts.demand_factors().await?) })),
    ("staged-releases", MINUTE, |with| {
        Box::pin(async move { Ok(catalog::forget_lapsed_staged(&with.oci.db).await?) })
    }),
    ("key-requests", HOUR, |with| {
        Box::pin(async move { Ok(catalog::forget_lapsed_key_requests(&with.oci.db).await?) })
    }),
    ("drafts", HOUR, |with| Box::pin(async move { Ok(catalog::forget_lapsed_drafts(&with.oci.db).await?) })),
    ("idempotency", HOUR, |with| Box::pin(async move { idempotency::forget(&with.oci.db).await })),
    ("ended", HOUR, |with| {
        Box::pin(async move {
            Ok(chandlery_accounts::forget_ended(&with.oci.accounts.db, Timestamp::now()).await?)
        })
    }),
    ("domains", HOUR, |with| {
        Box::pin(async move { Ok(organisations::domains::check_due(&with.oci.accounts).await?) })
    }),
    ("sign-on", SECONDS, |with| {
        Box::pin(async move { Ok(chandlery_accounts::end_lapsed_sign_ons(&with.oci.accounts.db).await?) })
    }),
    ("downloads", MINUTE, |with| {
        Box::pin(async move { Ok(catalog::write_downloads(&with.oci.db, &with.oci.downloads).await?) })
    }),
    // A whole day of use is read for it.
    ("running", HOUR, |with| {
        Box::pin(async move { Ok(catalog::count_running(&with.oci.db, Timestamp::now()).await?) })
    }),
    ("notices", MINUTE, |Chores { finance, .. }| {
        Box::pin(async move {
            Ok(billing::send_notices(&finance.db, finance.mail.as_deref(), finance.clock.now()).await?)
        })
    }),
    ("partner-mail", MINUTE, |Chores { finance, .. }| {
        Box::pin(async move { Ok(partner_notices::mail(&finance, finance.clock.now()).await?) })
    }),
    ("webhooks", MOMENT, |Chores { finance, .. }| {
        Box::pin(async move { Ok(partner_notices::deliver(&finance).await?) })
    }),
    ("partner-notices", HOUR, |Chores { finance, .. }| {
        Box::pin(async move { Ok(partner_notices::forget_told(&finance).await?) })
    }),
    ("audit-export", SECONDS, |with| {
        Box::pin(async move {
            let origin = with.finance.log.origin();
            Ok(audit::export(&with.oci.db, &with.exports, origin).await?)
        })
    }),
    ("audit-head", HOUR, |with| {
        Box::pin(async move { Ok(audit::log_head(&with.oci.db, Timestamp::now()).await?) })
    }),
    ("tax-numbers", MINUTE, |Chores { finance, .. }| {
        Box::pin(async move {
            let Some(vies) = finance.vies.as_deref() else { return Ok(()) };
            Ok(billing::ask_for_tax_numbers(&finance.db, vies, finance.clock.now()).await?)
        })
    }),
    ("garbage", HOUR, |with| {
        Box::pin(async move {
            oci::collect(&with.oci, GARBAGE_AGE).await?;
            Ok(())
        })
    }),
];
/// What is about money, and done when the clock is moved where that is a virtual one.
const OF_MONEY: [(&str, Duration, Job); 3] = [
    ("processor", MOMENT, |Chores { finance, .. }| {
        Box::pin(async move { Ok(rails::catch_up_with_processor(&finance, finance.clock.now()).await?) })
    }),
    ("holds", MINUTE, |Chores { finance, .. }| {
        Box::pin(async move { Ok(sharing::release_matured(&finance.db, finance.clock.now()).await?) })
    }),
    ("renewals", HOUR, |with| {
        Box::pin(async move { Ok(books::do_what_is_due(&with.finance.db, with.finance.clock.now()).await?) })
    }),
];

/// Starts the chores, each as a task of its own.
pub fn start(tasks: &Supervisor, chores: &Chores) {
    let of_money = match chores.finance.clock {
        Clock::Real => OF_MONEY.as_slice(),
        Clock::Virtual(_) => &[],
    };
    for (name, interval, job) in ALWAYS.iter().chain(of_money).copied() {
        let own = chores.clone();
        tasks.spawn_every(name, interval, move || {
            let (done, runs) = (job(own.clone()), own.metrics.runs.clone());
            async move {
                let done = done.await;
                if let Err(error) = &done {
                    tracing::error!(%error, chore = name, "a chore was not done: it is tried again");
                }
                runs.note(name, interval, done.err().map(|error| error.to_string()));
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
    use crate::Registry;
    use crate::testing::registry;

    async fn ready(registry: &Registry) -> StatusCode {
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        registry.clone().router().oneshot(request).await.unwrap().status()
    }

    /// Lets a task die, and says whether the registry was seen not to be ready before that was started again.
    async fn is_seen_down(registry: &Registry, name: &str) -> bool {
        let supervisors = [&registry.tasks, registry.db.tasks()];
        let restarts = || -> u64 {
            let states = supervisors.iter().flat_map(|supervisor| supervisor.states());
            states.filter(|(task, _)| *task == name).map(|(_, state)| state.restarts).sum()
        };
        let before = restarts();
        for supervisor in supervisors {
            supervisor.trip(name);
        }
        while restarts() == before {
            if ready(registry).await != StatusCode::OK {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }

    #[tokio::test]
    async fn readiness_knows_of_a_task_that_died_and_of_its_return() {
        let (_folder, mut registry) = registry().await;
        registry.finance.clock = Clock::Real;
        start(&registry.tasks, &registry.chores());
        let chores: Vec<_> = registry.tasks.states().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            chores,
            [
                "audit-export",
                "audit-head",
                "deletions",
                "domains",
                "downloads",
                "drafts",
                "ended",
                "garbage",
                "holds",
                "idempotency",
                "key-requests",
                "notices",
                "partner-mail",
                "partner-notices",
                "processor",
                "rate-limits",
                "renewals",
                "replica",
                "running",
                "search",
                "second-factors",
                "sign-on",
                "staged-releases",
                "tax-numbers",
                "webhooks"
            ]
        );
        assert_eq!(ready(&registry).await, StatusCode::OK);
        for name in chores.into_iter().chain([chandlery_store::db::WRITER]) {
            // A busy machine may look only when it is back: then it dies again, and is down for longer.
            while !is_seen_down(&registry, name).await {}
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
        for name in [
            "writer",
            "audit-export",
            "audit-head",
            "deletions",
            "domains",
            "downloads",
            "drafts",
            "ended",
            "garbage",
            "holds",
            "idempotency",
            "key-requests",
            "notices",
            "partner-mail",
            "partner-notices",
            "processor",
            "rate-limits",
            "renewals",
            "replica",
            "running",
            "search",
            "second-factors",
            "sign-on",
            "staged-releases",
            "tax-numbers",
            "webhooks",
        ] {
            let line = format!("chandlery_task_restarts_total{{task=\"{name}\"}} ");
            let restarts = text.split(&line).nth(1).and_then(|rest| rest.lines().next());
            assert!(restarts.is_some_and(|count| count != "0"), "{line}\n{text}");
        }
        registry.tasks.stop();
    }
}
