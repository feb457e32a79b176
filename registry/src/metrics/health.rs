//! `/operator/health`: how replicas, stores, the log, queues and chores are, in words that a colour repeats.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{FromRef, State};
use axum::middleware::map_response;
use axum::routing::get;
use chandlery_accounts::Accounts;
use chandlery_log::Told;
use chandlery_money::billing::MailWaiting;
use chandlery_money::{Finance, billing, rails};
use chandlery_package::wire::EventState;
use chandlery_pages::{Column, Tone, badge, banner, minute, number, table};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::Metrics;
use super::replicas::{Replica, Task, all};
use crate::audit::{Exports, behind};
use crate::console::{self, HEALTH, Operator};
use crate::error::Error;
use crate::shell::kept_by_its_visitor;

/// How long a store may take before the page says that it does not answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How old what waits to be sent may be: mail that was refused for now is tried again for longer than that.
const WAITS_MAX: SignedDuration = SignedDuration::from_mins(15);
/// How many entries may wait to be told elsewhere: more than come within the seconds until the next turn.
const BEHIND_MAX: i64 = 500;
/// How old a cosignature may be: each is renewed after an hour.
const COSIGNED_MAX: SignedDuration = SignedDuration::from_hours(2);

/// What is asked how it is.
#[derive(Clone)]
pub struct Health {
    /// The replica, its stores and its tasks.
    pub metrics: Metrics,
    /// Mail, the processor of payments, and the log.
    pub finance: Finance,
    /// Where the audit trail is told.
    pub exports: Arc<Exports>,
}

impl FromRef<Health> for Accounts {
    fn from_ref(health: &Health) -> Self {
        health.finance.accounts.clone()
    }
}

/// The routes of this page.
pub fn pages<S>(health: Health) -> Router<S> {
    Router::new()
        .route("/operator/health", get(page))
        .layer(map_response(kept_by_its_visitor))
        .with_state(health)
}

/// How one thing is: what it is, a word with how it is meant, and more about it.
struct Line {
    what: String,
    tone: Tone,
    word: &'static str,
    more: Markup,
}

impl Line {
    fn new(what: impl Into<String>, tone: Tone, word: &'static str, more: Markup) -> Self {
        Self { what: what.into(), tone, word, more }
    }

    fn row(&self) -> Vec<Markup> {
        vec![html! { (self.what) }, badge(self.tone, self.word), self.more.clone()]
    }
}

async fn page(State(health): State<Health>, operator: Operator) -> Result<Markup, Error> {
    let now = Timestamp::now();
    let stores = health.stores().await;
    // Without a database there is nothing more to be read, and the page says so instead.
    let mut replicas = all(&health.metrics.db).await?;
    let own = health.metrics.own();
    replicas.retain(|replica| replica.id != own.id);
    replicas.insert(0, own);
    let groups = [
        ("Replicas", replicas.iter().map(|replica| of_replica(replica, &health, now)).collect()),
        ("Database and blob store", stores),
        ("Transparency log", of_log(&health.finance.log.told(&health.metrics.db).await?, now)),
        ("What waits to be sent", health.queues(now).await?),
        ("Chores", chores(&replicas, now)),
    ];
    let content = html! {
        h1 { "Health" }
        (summary(&groups))
        @for (title, lines) in &groups {
            h2 { (title) }
            (table(title, &["What", "State", "More"].map(Column::Text), &lines.iter().map(Line::row).collect::<Vec<_>>()))
        }
        p.note { "As of " (minute(now)) ", as this replica sees it. Programs ask " code { "/readyz" } " and " code { "/metrics" } "." }
    };
    Ok(console::page(&operator, "Health", HEALTH, &content))
}

/// What is not as it should be, in a sentence, or that all is.
fn summary(groups: &[(&str, Vec<Line>)]) -> Markup {
    let lines = groups.iter().flat_map(|(_, lines)| lines);
    let named = |tone: Tone| -> Vec<String> {
        let of_tone = lines.clone().filter(|line| line.tone == tone);
        of_tone.map(|line| format!("{} {}", line.what, line.word)).collect()
    };
    let (bad, doubtful) = (named(Tone::Bad), named(Tone::Warning));
    match (bad.is_empty(), doubtful.is_empty()) {
        (true, true) => banner(Tone::Good, &html! { "All is well." }),
        (true, false) => banner(Tone::Warning, &html! { "To be looked at: " (doubtful.join("; ")) "." }),
        (false, _) => {
            let all = [bad, doubtful].concat();
            banner(Tone::Bad, &html! { "Not as it should be: " (all.join("; ")) "." })
        }
    }
}

fn of_replica(replica: &Replica, health: &Health, now: Timestamp) -> Line {
    let own = if replica.id == health.metrics.replica.0 { " (this one)" } else { "" };
    let what = format!("{}{own}", replica.id.get(..8).unwrap_or(&replica.id));
    let down: Vec<&str> =
        replica.tasks.iter().filter(|task| task.is_down).map(|task| task.name.as_str()).collect();
    let (tone, word) = match (replica.is_silent(now), down.is_empty()) {
        (true, _) => (Tone::Bad, "is silent"),
        (false, false) => (Tone::Bad, "has tasks that died"),
        (false, true) => (Tone::Good, "serves"),
    };
    let more = html! {
        "chandlery " (replica.version) ", since " (minute(replica.started_at)) ", heard of at " (minute(replica.seen_at))
        @if !down.is_empty() { "; down: " (down.join(", ")) }
    };
    Line::new(what, tone, word, more)
}

fn of_log(told: &Told, now: Timestamp) -> Vec<Line> {
    let entries = html! { (number(told.size)) " entries; a checkpoint is signed whenever somebody asks" };
    let mut lines = vec![Line::new("Log", Tone::Good, "is served", entries)];
    if told.witnesses.is_empty() {
        let more = html! { "nobody else vouches for the log: name witnesses with " code { "--witness" } };
        lines.push(Line::new("Witnesses", Tone::Plain, "are not named", more));
    }
    for (name, seconds) in &told.witnesses {
        let at = seconds.and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
        let (tone, word, more) = match at {
            None => (Tone::Bad, "has cosigned nothing", html! { "of the last checkpoint" }),
            Some(at) => {
                let late = now.duration_since(at) > COSIGNED_MAX;
                let (tone, word) =
                    if late { (Tone::Warning, "has not cosigned lately") } else { (Tone::Good, "cosigns") };
                let behind = told.size.saturating_sub(told.witnessed);
                (
                    tone,
                    word,
                    html! { "last at " (minute(at)) ", " (number(behind)) " entries before the last one" },
                )
            }
        };
        lines.push(Line::new(format!("Witness {name}"), tone, word, more));
    }
    lines
}

/// Each chore of all replicas: when it was done last, and by which of them.
fn chores(replicas: &[Replica], now: Timestamp) -> Vec<Line> {
    let heard = replicas.iter().filter(|replica| !replica.is_silent(now));
    let mut tasks: Vec<(&Replica, &Task)> =
        heard.flat_map(|replica| replica.tasks.iter().map(move |task| (replica, task))).collect();
    tasks.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    tasks.iter().map(|(replica, task)| of_task(replica, task, now)).collect()
}

fn of_task(replica: &Replica, task: &Task, now: Timestamp) -> Line {
    let fault = task.run.as_ref().and_then(|run| run.fault.as_deref());
    let late = task.run.as_ref().is_some_and(|run| run.is_late(now));
    let (tone, word) = match (task.is_down, fault, late) {
        (true, ..) => (Tone::Bad, "died"),
        (_, Some(_), _) => (Tone::Bad, "failed"),
        (.., true) => (Tone::Warning, "is late"),
        _ if task.run.is_some() => (Tone::Good, "done"),
        _ => (Tone::Good, "runs"),
    };
    let more = html! {
        @if let Some(run) = &task.run { "last at " (minute(run.at)) ", every " (every(run.every_seconds)) }
        @else { "all the time" }
        " (" (replica.id.get(..8).unwrap_or_default()) ")"
        @if task.restarts > 0 { "; started again " (number(task.restarts)) " times" }
        @if let Some(fault) = fault { "; " (fault) }
    };
    Line::new(task.name.clone(), tone, word, more)
}

fn every(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60) {
        (1, _) => "hour".into(),
        (0, 1) => "minute".into(),
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, _) => format!("{hours} h"),
    }
}

impl Health {
    /// Whether the database and the blob store answer, and how soon.
    async fn stores(&self) -> Vec<Line> {
        let database = async {
            let asked = sqlx::query("select 1").execute(self.metrics.db.read()).await;
            asked.map(drop).map_err(|error| error.to_string())
        };
        let blobs = async { self.metrics.storage.check().await.map_err(|error| error.to_string()) };
        vec![answers("Database", database).await, answers("Blob store", blobs).await]
    }

    async fn queues(&self, now: Timestamp) -> Result<Vec<Line>, Error> {
        let mut db = self.metrics.db.read().acquire().await?;
        let mail = billing::mail_waiting(&mut db).await?;
        let mut lines = vec![of_mail(self.finance.mail.is_some(), mail, self.finance.clock.now())];
        let (requests, events) =
            (rails::requests_waiting(&mut db).await?, rails::count_events(&mut db).await?);
        drop(db);
        let in_state = |wanted: EventState| -> i64 {
            events.iter().filter(|(state, _)| *state == wanted).map(|(_, count)| count).sum()
        };
        let (parked, unhandled) = (in_state(EventState::Parked), in_state(EventState::Unhandled));
        lines.extend(of_processor(self.finance.processor.is_some(), requests, parked, unhandled));
        let sinks = behind(&self.metrics.db, &self.exports).await?;
        if sinks.is_empty() {
            let more = html! { "to nobody: name a webhook or a collector of logs to keep it elsewhere, too" };
            lines.push(Line::new("Audit trail", Tone::Plain, "is told", more));
        }
        for (sink, count) in sinks {
            let (tone, word) =
                if count > BEHIND_MAX { (Tone::Warning, "is behind") } else { (Tone::Good, "is told") };
            let more = html! { (number(count.unsigned_abs())) " entries wait, as of " (minute(now)) };
            lines.push(Line::new(format!("Audit trail to {sink}"), tone, word, more));
        }
        Ok(lines)
    }
}

async fn answers(what: &str, asked: impl Future<Output = Result<(), String>>) -> Line {
    let began = Instant::now();
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => {
            let took = format!("in {:.1} ms", began.elapsed().as_secs_f64() * 1000.0);
            Line::new(what, Tone::Good, "answers", html! { (took) })
        }
        Ok(Err(why)) => Line::new(what, Tone::Bad, "does not answer", html! { (why) }),
        Err(_) => {
            Line::new(what, Tone::Bad, "does not answer", html! { "within " (PATIENCE.as_secs()) " s" })
        }
    }
}

/// Mail by the time of the money, which its notices have.
fn of_mail(has_server: bool, waiting: MailWaiting, now: Timestamp) -> Line {
    let MailWaiting { count, since, refused } = waiting;
    let late = since.is_some_and(|since| now.duration_since(since) > WAITS_MAX);
    let (tone, word) = match (has_server, late) {
        (false, _) => (Tone::Plain, "is not sent"),
        (true, true) => (Tone::Warning, "waits"),
        (true, false) => (Tone::Good, "is sent"),
    };
    let more = html! {
        (number(count.unsigned_abs())) " wait"
        @if let Some(since) = since { ", the first since " (minute(since)) }
        ", " (number(refused.unsigned_abs())) " were refused for good"
        @if !has_server { "; no mail server is named, and notices are shown on pages alone" }
    };
    Line::new("Mail", tone, word, more)
}

fn of_processor(is_named: bool, requests: i64, parked: i64, unhandled: i64) -> Vec<Line> {
    let count = |count: i64| number(count.unsigned_abs());
    if !is_named && requests == 0 && parked == 0 && unhandled == 0 {
        let more = html! { "payments come by bank transfer alone" };
        return vec![Line::new("Processor of payments", Tone::Plain, "is not named", more)];
    }
    let (tone, word) = if requests > 0 { (Tone::Warning, "wait") } else { (Tone::Good, "were answered") };
    let all =
        html! { (count(requests)) " wait for an answer: " code { "chandlery books requests" } " shows them" };
    let (event_tone, event_word) = match (parked, unhandled) {
        (1.., _) => (Tone::Warning, "wait for their cause"),
        (_, 1..) => (Tone::Warning, "are not all known here"),
        _ => (Tone::Good, "were taken in"),
    };
    let webhooks = html! {
        (count(parked)) " wait until what they are about is known: " code { "chandlery books events --state parked" } "; "
        (count(unhandled)) " are of kinds that the books do not follow: " code { "chandlery books events --state unhandled" }
    };
    vec![
        Line::new("Requests to the processor of payments", tone, word, all),
        Line::new("Webhooks of the processor of payments", event_tone, event_word, webhooks),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::runs::Run;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn replica(seen: i64, tasks: Vec<Task>) -> Replica {
        let (id, version) = ("0123456789abcdef".into(), "0.1.0".into());
        Replica { id, version, started_at: at(0), seen_at: at(seen), tasks }
    }

    fn task(is_down: bool, ran: i64, fault: Option<&str>) -> Task {
        let run = Run { at: at(ran), every_seconds: 60, fault: fault.map(str::to_owned) };
        Task { name: "notices".into(), is_down, restarts: 1, run: Some(run) }
    }

    #[test]
    fn a_chore_is_told_in_a_word_of_its_own() {
        for (told, word) in [
            (task(false, 1000, None), "done"),
            (task(false, 800, None), "is late"),
            (task(false, 1000, Some("no <b> server")), "failed"),
            (task(true, 1000, None), "died"),
            (Task { run: None, ..task(false, 0, None) }, "runs"),
        ] {
            let line = of_task(&replica(1000, Vec::new()), &told, at(1000));
            assert_eq!(line.word, word);
            let page = line.row().into_iter().map(|cell| cell.into_string()).collect::<String>();
            assert!(page.contains(word) && page.contains("01234567") && !page.contains("<b>"), "{page}");
        }
        let silent = replica(0, vec![task(false, 0, None)]);
        assert!(chores(&[silent], at(1000)).is_empty(), "nobody knows how a silent one's are");
    }

    #[test]
    fn what_is_wrong_is_named_at_the_top() {
        let groups = |tones: &[Tone]| {
            let line = |tone: &Tone| Line::new("Mail", *tone, "waits", html! {});
            [("Queues", tones.iter().map(line).collect::<Vec<_>>())]
        };
        let said = |tones: &[Tone]| summary(&groups(tones)).into_string();
        assert!(said(&[Tone::Good, Tone::Plain]).contains("All is well."));
        assert!(said(&[Tone::Good, Tone::Warning]).contains("To be looked at: Mail waits."));
        assert!(said(&[Tone::Warning, Tone::Bad]).contains("Not as it should be: Mail waits; Mail waits."));
    }

    #[test]
    fn mail_that_waits_is_late_after_a_while() {
        let waiting = |since| MailWaiting { count: 1, since, refused: 0 };
        let word = |has_server, since| of_mail(has_server, waiting(since), at(1000)).word;
        assert_eq!(word(true, Some(at(0))), "waits");
        assert_eq!(word(true, Some(at(500))), "is sent");
        assert_eq!(word(false, Some(at(0))), "is not sent");
    }

    #[test]
    fn events_that_the_books_do_not_follow_are_to_be_looked_at() {
        let word = |parked, unhandled| {
            let line = &of_processor(true, 0, parked, unhandled)[1];
            (line.word, line.tone == Tone::Warning)
        };
        assert_eq!(word(0, 0), ("were taken in", false));
        assert_eq!(word(2, 1), ("wait for their cause", true));
        assert_eq!(word(0, 1), ("are not all known here", true));
        let told = of_processor(false, 0, 0, 3)[1].more.clone().into_string();
        assert!(told.contains("3 are of kinds") && told.contains("books events --state unhandled"), "{told}");
    }

    #[test]
    fn a_witness_is_known_by_when_it_cosigned() {
        let told = |seconds| Told { size: 9, witnessed: 7, witnesses: vec![("w".into(), seconds)] };
        let word = |seconds| of_log(&told(seconds), at(10_000))[1].word;
        assert_eq!(word(None), "has cosigned nothing");
        assert_eq!(word(Some(1_700_009_000)), "cosigns");
        assert_eq!(word(Some(1_700_000_000)), "has not cosigned lately");
    }
}
