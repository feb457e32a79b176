//! What one event may say: of which time, and how much. Whatever is within these bounds can be added up for a whole month.

use chandlery_package::Unit;
use chandlery_package::meter::COUNT_MAX;
use chandlery_package::wire::{RefusedUsage, UsageEvent};
use chandlery_store::time;
use jiff::{SignedDuration, Timestamp};

/// How long the name of a deployment may be, in bytes.
pub(crate) const NAME_MAX: usize = 255;
/// How far the clocks of two machines may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How long a time one event may cover.
pub(crate) const SPAN_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);
/// How many replicas one event may sum up: as many as a plan may ask for.
pub(super) const REPLICAS_MAX: u128 = 1000;
/// How many GPUs one replica may hold, over all its nodes.
const GPUS_MAX: u128 = 1024;
/// How many units of its own a plugin may report.
const UNITS_MAX: usize = 20;
/// How much longer than its span a replica may have run by an event: hosts round.
const ROUNDING_MILLIS: u128 = 1000;

/// A sum of counts that was read in two parts, of millions and of what is below, so that neither is more than a column of 64 bits
/// holds, whatever was counted.
pub(crate) fn whole(millions: i64, rest: i64) -> u64 {
    millions.unsigned_abs().saturating_mul(1_000_000).saturating_add(rest.unsigned_abs())
}

/// From when to when use is taken.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The present moment.
    pub now: Timestamp,
    /// How many days ago use may have ended.
    pub days: u32,
}

/// Why an event is not taken.
pub(super) struct Refusal {
    reason: String,
    retry: bool,
}

impl Refusal {
    /// It is never taken.
    pub(super) fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: false }
    }

    /// It may be taken when it is sent later.
    pub(super) fn for_now(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: true }
    }

    /// As the receipt says it.
    pub(super) fn of(self, event: &UsageEvent) -> RefusedUsage {
        RefusedUsage { id: event.id, reason: self.reason, retry: self.retry }
    }
}

impl Bounds {
    /// Refuses what is of a wrong time, or more than can have been used in it.
    pub(super) fn check(&self, event: &UsageEvent) -> Result<(), Refusal> {
        self.check_time(event)?;
        let name = &event.deployment;
        if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(Refusal::for_good(format!(
                "a deployment's name has 1 to {NAME_MAX} bytes, none of them control characters"
            )));
        }
        check_counts(event).map_err(Refusal::for_good)
    }

    fn check_time(&self, event: &UsageEvent) -> Result<(), Refusal> {
        let Self { now, days } = *self;
        if event.to < event.from {
            return Err(Refusal::for_good("it ends before it begins"));
        }
        if event.to.duration_since(event.from) > SPAN_MAX {
            let most = SPAN_MAX.as_hours() / 24;
            return Err(Refusal::for_good(format!("it covers more than {most} days: send it in parts")));
        }
        if event.to.duration_since(now) > SKEW {
            return Err(Refusal::for_now(format!(
                "it ends in the future: here it is {}; set the host's clock right",
                time(now)
            )));
        }
        if now.duration_since(event.to) > SignedDuration::from_hours(24 * i64::from(days)) {
            return Err(Refusal::for_good(format!("it ended more than {days} days ago")));
        }
        Ok(())
    }

    /// Refuses use that ended before something of it was there, where it is known since when that is. What was made after now was
    /// made by another clock than the one that moves the money, which is the operator's to set in a simulation.
    pub(super) fn must_follow(
        &self,
        event: &UsageEvent,
        what: &str,
        made_at: Option<Timestamp>,
    ) -> Result<(), Refusal> {
        match made_at.filter(|made_at| *made_at <= self.now) {
            Some(made_at) if made_at.duration_since(event.to) > SKEW => {
                Err(Refusal::for_good(format!("it ended before {what} was there")))
            }
            _ => Ok(()),
        }
    }
}

fn check_counts(event: &UsageEvent) -> Result<(), String> {
    let UsageEvent { replica_millis, gpu_millis, units, .. } = event;
    if let Some(count) =
        [replica_millis, gpu_millis].into_iter().chain(units.values()).find(|count| **count > COUNT_MAX)
    {
        return Err(format!("{count} is more use than one event can count: the most is {COUNT_MAX}"));
    }
    if units.len() > UNITS_MAX || units.keys().any(|unit| unit.parse::<Unit>().is_err()) {
        return Err(format!("a plugin reports at most {UNITS_MAX} units, each of them such as 'pages'"));
    }
    let span = u128::try_from(event.to.duration_since(event.from).as_millis()).unwrap_or(0);
    if u128::from(*replica_millis) > REPLICAS_MAX * (span + ROUNDING_MILLIS) {
        return Err(format!(
            "{replica_millis} ms of replicas in {span} ms are more than {REPLICAS_MAX} replicas"
        ));
    }
    if u128::from(*gpu_millis) > GPUS_MAX * u128::from(*replica_millis) {
        return Err(format!(
            "{gpu_millis} ms of GPUs in {replica_millis} ms of replicas are more than {GPUS_MAX} GPUs for each"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn event(from: &str, to: &str, replica_millis: u64, gpu_millis: u64) -> UsageEvent {
        UsageEvent {
            id: uuid::Uuid::nil(),
            deployment: "web".into(),
            release: "acme:serving@1.0.0".parse().unwrap(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            replica_millis,
            gpu_millis,
            units: BTreeMap::new(),
            corrects: None,
        }
    }

    /// What an event is refused for on 2026-02-02, and whether it may come again.
    fn refused(event: &UsageEvent) -> Option<(String, bool)> {
        let bounds = Bounds { now: "2026-02-02T00:00:00Z".parse().unwrap(), days: 35 };
        bounds.check(event).err().map(|refusal| (refusal.reason, refusal.retry))
    }

    #[test]
    fn only_what_can_have_been_used_lately_is_taken() {
        let hour = |day: &str| (format!("{day}T00:00:00Z"), format!("{day}T01:00:00Z"));
        for day in ["2026-02-01", "2026-01-01", "2025-12-29"] {
            let (from, to) = hour(day);
            assert_eq!(refused(&event(&from, &to, 3_600_000, 28_800_000)), None, "{day}");
        }
        for (day, why, retry) in [
            ("0001-01-01", "it ended more than 35 days ago", false),
            ("2020-06-01", "it ended more than 35 days ago", false),
            ("2025-12-28", "it ended more than 35 days ago", false),
            ("2030-01-01", "it ends in the future", true),
            ("9998-12-31", "it ends in the future", true),
        ] {
            let (from, to) = hour(day);
            let (reason, again) = refused(&event(&from, &to, 0, 0)).unwrap();
            assert!(reason.starts_with(why), "{day}: {reason}");
            assert_eq!(again, retry, "{day}");
        }
        let (begin, end) = ("2026-02-01T00:00:00Z", "2026-02-01T00:00:01Z");
        for (from, to, replicas, gpus, why) in [
            (end, begin, 0, 0, "it ends before it begins"),
            ("0001-01-01T00:00:00Z", end, 0, 0, "it covers more than 31 days"),
            // 1,000 GPU-hours in a second, by one replica, by as many as there may be, and by none.
            (begin, end, 1000, 3_600_000_000, "3600000000 ms of GPUs in 1000 ms of replicas"),
            (begin, end, 2_000_000, 3_600_000_000, "3600000000 ms of GPUs in 2000000 ms of replicas"),
            (begin, end, 0, 3_600_000_000, "3600000000 ms of GPUs in 0 ms of replicas"),
            (begin, end, 3_600_000_000, 3_600_000_000, "3600000000 ms of replicas in 1000 ms"),
            (begin, end, u64::MAX, 0, "18446744073709551615 is more use"),
            (begin, end, 1000, u64::MAX, "18446744073709551615 is more use"),
            (begin, end, i64::MAX as u64, i64::MAX as u64, "9223372036854775807 is more use"),
        ] {
            let (reason, again) = refused(&event(from, to, replicas, gpus)).unwrap();
            assert!(reason.starts_with(why) && !again, "{reason}");
        }
        let many = (0..=UNITS_MAX).map(|number| ("x".repeat(number + 1), 1)).collect();
        let reported = |unit: &str, count| BTreeMap::from([(unit.to_owned(), count)]);
        for units in [reported("pages", COUNT_MAX + 1), reported("p\0", 1), reported("", 1), many] {
            let pages = UsageEvent { units, ..event(begin, end, 1000, 0) };
            assert!(refused(&pages).is_some(), "{pages:?}");
        }
        let pages = UsageEvent { units: reported("pages", COUNT_MAX), ..event(begin, end, 1000, 0) };
        assert_eq!(refused(&pages), None);
        for name in ["", "a\0", "x".repeat(NAME_MAX + 1).as_str()] {
            let named = UsageEvent { deployment: name.into(), ..event(begin, end, 1000, 0) };
            assert!(refused(&named).is_some(), "{name:?}");
        }
    }

    #[test]
    fn what_was_not_there_was_not_used() {
        let bounds = Bounds { now: "2026-02-02T00:00:00Z".parse().unwrap(), days: 35 };
        let used = event("2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z", 1000, 0);
        for (made_at, taken) in [
            ("2026-01-31T00:00:00.000000Z", true),
            ("2026-02-01T01:04:00.000000Z", true),
            ("2026-02-01T01:06:00.000000Z", false),
            ("2026-03-01T00:00:00.000000Z", true),
            ("", true),
        ] {
            let made_at = made_at.parse().ok();
            assert_eq!(bounds.must_follow(&used, "the account", made_at).is_ok(), taken, "{made_at:?}");
        }
    }
}
