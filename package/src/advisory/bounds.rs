//! What an advisory may be: each field has an end, and it is about one plugin.

use super::{Advisory, AdvisoryError, Affected, Bound, ECOSYSTEM, Range, RangeEvent};
use crate::PluginId;

const SUMMARY_CHARS_MAX: usize = 200;
const DETAILS_BYTES_MAX: usize = 20_000;
const ALIASES_MAX: usize = 20;
const SCORES_MAX: usize = 10;
const AFFECTED_MAX: usize = 20;
const RANGES_MAX: usize = 100;
const EVENTS_MAX: usize = 100;
const VERSIONS_MAX: usize = 1000;
const REFERENCES_MAX: usize = 50;
/// The longest address, score or other name, in bytes.
const TEXT_BYTES_MAX: usize = 500;

impl Advisory {
    /// Refuses what is about another plugin, or beyond a bound; says which.
    pub fn check(&self, plugin: &PluginId) -> Result<(), AdvisoryError> {
        let summary = self.summary.trim();
        let is_line = !summary.is_empty()
            && self.summary.chars().count() <= SUMMARY_CHARS_MAX
            && !self.summary.chars().any(char::is_control);
        must(is_line, || format!("the summary is a line of 1 to {SUMMARY_CHARS_MAX} characters"))?;
        must(self.details.len() <= DETAILS_BYTES_MAX, || {
            format!("the details have at most {DETAILS_BYTES_MAX} bytes")
        })?;
        must(self.aliases.len() <= ALIASES_MAX && self.aliases.iter().all(|alias| is_word(alias)), || {
            format!("there are at most {ALIASES_MAX} aliases, without blanks")
        })?;
        let scored = self.severity.iter().all(|score| is_word(&score.score) && score.score.contains('/'));
        must(self.severity.len() <= SCORES_MAX && scored, || {
            format!("there are at most {SCORES_MAX} scores, each a vector such as CVSS:3.1/AV:N/…")
        })?;
        must((1..=AFFECTED_MAX).contains(&self.affected.len()), || {
            format!("it has from 1 to {AFFECTED_MAX} affected")
        })?;
        self.affected.iter().try_for_each(|affected| affected.check(plugin))?;
        let reachable = self.references.iter().all(|reference| is_address(&reference.url));
        must(self.references.len() <= REFERENCES_MAX && reachable, || {
            format!("there are at most {REFERENCES_MAX} references, each to an address of the web")
        })
    }
}

impl Affected {
    fn check(&self, plugin: &PluginId) -> Result<(), AdvisoryError> {
        must(self.package.ecosystem == ECOSYSTEM && self.package.name == *plugin, || {
            format!(
                "an advisory about {plugin} affects the package {plugin} of the ecosystem {ECOSYSTEM} alone"
            )
        })?;
        let some = !self.ranges.is_empty() || !self.versions.is_empty();
        must(some && self.ranges.len() <= RANGES_MAX && self.versions.len() <= VERSIONS_MAX, || {
            format!(
                "what is affected is named by at most {RANGES_MAX} ranges and {VERSIONS_MAX} versions, and by one at least"
            )
        })?;
        self.ranges.iter().try_for_each(Range::check)
    }
}

impl Range {
    fn check(&self) -> Result<(), AdvisoryError> {
        let begins = self.events.iter().any(|event| matches!(event, RangeEvent::Introduced(_)));
        let ends =
            |event: &RangeEvent| matches!(event, RangeEvent::Introduced(_)) || *event.at() != Bound::Zero;
        must(begins && self.events.len() <= EVENTS_MAX && self.events.iter().all(ends), || {
            format!(
                "a range has at most {EVENTS_MAX} events, one that introduces the fault, and none but such a one at 0"
            )
        })
    }
}

fn must(holds: bool, why: impl FnOnce() -> String) -> Result<(), AdvisoryError> {
    if holds { Ok(()) } else { Err(AdvisoryError(why())) }
}

fn is_word(text: &str) -> bool {
    (1..=TEXT_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn is_address(url: &str) -> bool {
    is_word(url) && (url.starts_with("https://") || url.starts_with("http://"))
}
