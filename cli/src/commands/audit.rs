//! `chandlery audit`: who did what at the registry.

use std::path::PathBuf;
use std::str::FromStr;

use chandlery_package::Namespace;
use chandlery_package::log::AuditHead;
use chandlery_package::wire::{Act, AuditChain, AuditEntry, Page};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::json;

use super::host::Trust;
use super::log::audit_heads;
use crate::api::{Context, address};
use crate::arguments::{moment, one_of};
use crate::failure::{Failure, Result};
use crate::{show, words};

const EXPORT: &str = "/api/v1/audit.jsonl";

/// Who did what at the registry (for operators).
#[derive(Subcommand)]
pub enum Audit {
    /// Show what was done, the newest first
    List(Sought),
    /// Print the whole trail as lines of JSON, the oldest entry first
    Export,
    /// Check that no entry is missing or changed and that the heads in the registry's log are those of the trail, and print its head
    Check {
        /// A trail that was exported; the registry's, unless given
        file: Option<PathBuf>,
        /// A head that was printed before, which must be part of the trail
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<Head>,
        /// Do not ask for the heads in the registry's log
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        trust: Trust,
    },
}

/// Which entries are shown.
#[derive(Args)]
pub struct Sought {
    /// By one account
    #[arg(long, value_name = "ACCOUNT")]
    actor: Option<Namespace>,
    /// One kind of act, such as member-removed
    #[arg(long, value_parser = one_of::<Act>())]
    act: Option<Act>,
    /// What was done to one thing: a plugin, an account, `policy 2`, a country, `EUR/USD`
    #[arg(long)]
    subject: Option<String>,
    /// From this moment on: a day by UTC, such as 2026-11-01, or a time, such as 2026-11-01T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Before this moment, which is written in the same way
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Option<Timestamp>,
    /// How many entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    last: u32,
}

/// The number and the hash of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    number: i64,
    hash: String,
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text.split_once(':').and_then(|(number, hash)| Some((number.parse().ok()?, hash)));
        let (number, hash) = parts.ok_or("a head is the number and the hash of an entry, NUMBER:HASH")?;
        Ok(Self { number, hash: hash.to_owned() })
    }
}

impl From<&AuditHead> for Head {
    fn from(logged: &AuditHead) -> Self {
        Self { number: logged.number, hash: logged.head.hex() }
    }
}

impl Audit {
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(sought) => list(context, sought).await,
            Self::Export => {
                show::document(&context.registry_text(EXPORT).await?);
                Ok(())
            }
            Self::Check { file, head, offline, trust } => {
                let mut heads: Vec<Head> = head.into_iter().collect();
                let logged = match offline {
                    true => Vec::new(),
                    false => audit_heads(context, &trust).await?,
                };
                heads.extend(logged.iter().map(Head::from));
                let text = match file {
                    Some(file) => std::fs::read_to_string(&file)
                        .map_err(|error| Failure::of(format!("{}: {error}", file.display())))?,
                    None => context.registry_text(EXPORT).await?,
                };
                let found = check(&text, &heads)?;
                let printed = found.as_ref().map(|head| format!("{}:{}", head.number, head.hash));
                match (context.settings.json, &found) {
                    (true, _) => show::json(json!({ "head": printed })),
                    (false, None) => show::done("the trail has no entry yet"),
                    (false, Some(head)) => {
                        show::done(format!("{} entries, and each follows the one before", head.number));
                        if let Some(last) = logged.last() {
                            show::done(format!(
                                "the log has the heads of {} months, the last of {}",
                                logged.len(),
                                last.month
                            ));
                        }
                        show::note(format!("head {}:{}", head.number, head.hash));
                    }
                }
                Ok(())
            }
        }
    }
}

async fn list(context: &Context, sought: Sought) -> Result {
    let Sought { actor, act, subject, from, before, last } = sought;
    let path = address(
        "/api/v1/audit",
        &[
            ("actor", actor.map(|actor| actor.to_string())),
            ("act", act.map(|act| act.to_string())),
            ("subject", subject),
            ("from", from.map(|at| at.to_string())),
            ("before", before.map(|at| at.to_string())),
            ("limit", Some(last.to_string())),
        ],
    );
    let page: Page<AuditEntry> = context.registry(Method::GET, &path, ()).await?;
    match context.settings.json {
        true => show::json(page.items),
        false => show::table(
            &["number", "when (UTC)", "who", "by", "from", "act", "subject"],
            page.items.into_iter().map(row),
        ),
    }
    Ok(())
}

fn row(entry: AuditEntry) -> Vec<String> {
    vec![
        entry.number.to_string(),
        entry.at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        entry.actor.map(|actor| actor.to_string()).unwrap_or_default(),
        entry.credential,
        entry.address.unwrap_or_default(),
        entry.act.to_string(),
        entry.subject,
    ]
}

/// The head of a trail that holds together and has the other heads in it; none: it has no entry.
fn check(text: &str, expected: &[Head]) -> Result<Option<Head>> {
    let broken = |detail: String| Failure::new(&words::AUDIT_BROKEN, detail);
    let mut chain = AuditChain::default();
    let mut missing: Vec<&Head> = expected.iter().collect();
    for (index, line) in text.lines().enumerate() {
        let entry: AuditEntry = serde_json::from_str(line)
            .map_err(|error| broken(format!("line {} cannot be read: {error}", index + 1)))?;
        chain.follow(&entry).map_err(|error| broken(error.to_string()))?;
        missing.retain(|head| (head.number, &head.hash) != (entry.number, &entry.hash));
    }
    match missing.first() {
        Some(head) => Err(broken(format!("entry {} with the hash {} is not in it", head.number, head.hash))),
        None => Ok(chain.head().map(|(number, hash)| Head { number, hash: hash.to_owned() })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail() -> Vec<String> {
        let (mut lines, mut previous) = (Vec::new(), String::new());
        for number in 1..=3 {
            let mut entry = AuditEntry {
                number,
                at: "2026-11-28T09:00:00Z".parse().unwrap(),
                actor: None,
                credential: "machine".into(),
                address: None,
                act: Act::TokenMade,
                subject: "ann".into(),
                before: None,
                after: None,
                previous,
                hash: String::new(),
            };
            entry.hash = entry.expected_hash();
            previous = entry.hash.clone();
            lines.push(serde_json::to_string(&entry).unwrap());
        }
        lines
    }

    #[test]
    fn a_head_that_was_kept_shows_that_the_end_was_cut_off() {
        let lines = trail();
        let head = check(&lines.join("\n"), &[]).unwrap().unwrap();
        assert_eq!(head.number, 3);
        let heads = std::slice::from_ref(&head);
        assert_eq!(check(&lines.join("\n"), heads).unwrap(), Some(head.clone()));
        // By itself, a trail that is shorter is whole.
        let shorter = lines[..2].join("\n");
        let earlier = check(&shorter, &[]).unwrap().unwrap();
        assert_eq!(earlier.number, 2);
        assert!(check(&shorter, heads).is_err());
        assert!(check(&lines[1..].join("\n"), &[]).is_err());
        assert!(check("{}", &[]).is_err());
        assert!(check("", &[]).unwrap().is_none());
        // Of several, as the log has them, each must be there.
        let both = [earlier.clone(), head.clone()];
        assert_eq!(check(&lines.join("\n"), &both).unwrap(), Some(head.clone()));
        assert!(check(&shorter, &both).is_err() && check("", &both).is_err());
        let another = Head { number: 2, hash: head.hash.clone() };
        assert!(check(&lines.join("\n"), &[another, head]).is_err());
    }

    #[test]
    fn a_head_in_the_log_is_the_hash_of_an_entry() {
        let head = check(&trail().join("\n"), &[]).unwrap().unwrap();
        let entry: AuditEntry = serde_json::from_str(&trail()[2]).unwrap();
        let logged = AuditHead {
            month: "2026-11".parse().unwrap(),
            number: entry.number,
            head: format!("sha256:{}", entry.hash).parse().unwrap(),
        };
        assert_eq!(Head::from(&logged), head);
    }

    #[test]
    fn a_head_is_a_number_and_a_hash() {
        assert_eq!("3:ab".parse(), Ok(Head { number: 3, hash: "ab".into() }));
        for text in ["", "3", "x:ab"] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
