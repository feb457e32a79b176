//! `chandlery logs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{LogTail, LogsOf};
use clap::Args;
use serde_json::json;

use crate::api::{Context, address};
use crate::failure::Result;
use crate::show;

/// How often the host is asked for what is new.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How many lines of each replica are read at a time: as many may be written meanwhile without one being missed.
const FOLLOWED_LINES: usize = 1000;

/// Show what replicas wrote.
#[derive(Args)]
pub struct Logs {
    /// The deployment's name
    name: String,
    /// How many lines of each replica
    #[arg(long, short = 'n', default_value_t = 100)]
    lines: usize,
    /// Of which revision, by its number, or "all"; without this, of the one that should run
    #[arg(long, value_name = "NUMBER")]
    revision: Option<LogsOf>,
    /// Go on with what they write, until Ctrl-C; without --revision, what replicas of any revision write from now on
    #[arg(long, short)]
    follow: bool,
}

impl Logs {
    pub async fn run(self, context: &Context) -> Result {
        if self.follow {
            return self.follow(context).await;
        }
        let page = self.tails(context, self.lines, self.revision).await?;
        if context.settings.json {
            show::json(page);
            return Ok(());
        }
        if page.items.iter().all(|tail| tail.lines.is_empty()) {
            show::note(self.nothing(page.items.is_empty()));
        }
        page.items.iter().for_each(|tail| print(context, &tail.replica, &tail.lines));
        Ok(())
    }

    /// What to look at where nothing was written, or where there are no logs at all.
    fn nothing(&self, is_unknown: bool) -> String {
        let name = &self.name;
        match self.revision {
            Some(LogsOf::All) => {
                format!("its replicas have written nothing: `chandlery status {name}` shows how they fare")
            }
            Some(LogsOf::Revision(number)) if is_unknown => format!(
                "there is no log of its revision {number}: `chandlery history {name}` lists its revisions"
            ),
            Some(LogsOf::Revision(number)) => format!(
                "revision {number} has written nothing: `chandlery history {name}` shows what became of it"
            ),
            None => format!(
                "the revision that should run has written nothing: `chandlery status {name}` shows how its replicas fare, \
                 `chandlery logs {name} --revision all` what those of others wrote"
            ),
        }
    }

    async fn tails(&self, context: &Context, lines: usize, of: Option<LogsOf>) -> Result<Page<LogTail>> {
        let values = [("lines", Some(lines.to_string())), ("revision", of.map(|of| of.to_string()))];
        context.host_list(&address(&format!("/api/v1/deployments/{}/logs", self.name), &values)).await
    }

    async fn follow(&self, context: &Context) -> Result {
        // What earlier revisions wrote is not shown; what they write from now on is, as long as they run beside the next one.
        let first = self.tails(context, 1, self.revision).await?.items;
        let first: BTreeSet<String> = first.into_iter().map(|tail| tail.replica).collect();
        let followed = self.revision.or(Some(LogsOf::All));
        let mut seen: Option<BTreeMap<String, Vec<String>>> = None;
        loop {
            let tails = self.tails(context, self.lines.max(FOLLOWED_LINES), followed).await?.items;
            for LogTail { replica, lines } in &tails {
                let new: &[String] = match &seen {
                    None if !first.contains(replica) => &[],
                    None => &lines[lines.len().saturating_sub(self.lines)..],
                    Some(seen) => fresh(seen.get(replica).map_or(&[][..], Vec::as_slice), lines),
                };
                print(context, replica, new);
            }
            seen = Some(tails.into_iter().map(|tail| (tail.replica, tail.lines)).collect());
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }
}

/// What a log's end holds that was not in an earlier one: what comes after the longest end of that one with which it begins.
fn fresh<'a>(before: &[String], now: &'a [String]) -> &'a [String] {
    let from = (0..before.len()).find(|from| now.starts_with(&before[*from..]));
    &now[from.map_or(0, |from| before.len() - from)..]
}

fn print(context: &Context, replica: &str, lines: &[String]) {
    for line in lines {
        match context.settings.json {
            true => show::json(json!({ "replica": replica, "line": line })),
            false => show::logged(replica, line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_shown_once() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        for (before, now, new) in [
            ("", "ab", "ab"),
            ("ab", "ab", ""),
            ("ab", "abc", "c"),
            ("abc", "bcd", "d"),
            ("abc", "xyz", "xyz"),
            ("aab", "aba", "a"),
            ("abc", "", ""),
            ("abc", "a", "a"),
        ] {
            assert_eq!(fresh(&lines(before), &lines(now)), lines(new), "{before} {now}");
        }
    }
}
