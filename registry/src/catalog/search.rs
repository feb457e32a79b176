//! Search: an index in memory, brought up to date with what has changed in the database before each answer.
//!
//! A word of the query finds the words that begin with it; where there are none, those that differ from it by a slip of
//! the fingers. A plugin must have all words of the query; it ranks higher for rare words, for words in its name and
//! title, for exact ones, and then by how often it was pulled.

mod closest;
mod query;

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chandlery_accounts::Visibility;
use chandlery_package::column::Json;
use chandlery_package::wire::{Page, Paging, ReleaseRecord};
use chandlery_package::{Manifest, Money, Namespace, PluginId};
use jiff::Timestamp;
use tokio::sync::RwLock;

use super::error::Error;
use super::releases::{Row, select_releases};
use chandlery_store::Db;
use query::Said;

pub(super) use closest::must_see_or_mean;
pub use query::{Harmless, Payment, Query, SearchOrder};

/// How many words of the index one word of a query may stand for.
const VARIANTS_MAX: usize = 200;
const QUERY_WORDS_MAX: usize = 8;
/// How many more gaps than plugins the index may have.
const GAPS_MAX: usize = 1000;
/// How many changed plugins are read at a time.
const BATCH: i64 = 5000;

/// A result's place among all: whether it is called as was searched for, the bits of its score, and its plugin.
pub type Key = (bool, u64, PluginId);

/// The index, and the moment of the database that it shows.
#[derive(Default)]
pub struct Search(RwLock<Index>);

#[derive(Default)]
struct Index {
    generation: i64,
    /// Plugins by number; one that is gone or has changed leaves a gap, until there are too many.
    documents: Vec<Option<Document>>,
    /// What each is ranked by, in the same order: an answer that looks at all plugins reads this alone of most.
    ranks: Vec<Option<Rank>>,
    /// How many gaps there are.
    gaps: usize,
    /// Plugins' numbers by their names, and there by their namespaces.
    numbers: HashMap<String, BTreeMap<Namespace, u32>>,
    /// For each word, the plugins that have it, in the order of their numbers, and how much it weighs there.
    words: BTreeMap<String, Vec<Score>>,
    /// For each pair of letters and length, the words that have it.
    pairs: HashMap<[u8; 2], BTreeSet<String>>,
    /// How many plugins that everybody may see have each licence.
    licences: BTreeMap<String, usize>,
}

/// What is known of a release beside its record.
struct Beside {
    manifest: Option<Json<Manifest>>,
    visibility: Visibility,
}

struct Document {
    record: ReleaseRecord,
    said: Said,
    /// Who may see it; none: anybody.
    private_to: Option<Namespace>,
    words: HashMap<String, f32>,
}

struct Rank {
    /// What adds to the score of its words: certified plugins rank higher, and those that were pulled more often.
    worth: f32,
    /// When its release was published, in milliseconds since 1970.
    published: i64,
    downloads: u64,
    running: u64,
    is_public: bool,
}

/// A plugin's number, and how well it fits.
type Score = (u32, f32);

/// Something that was found: whether it is called exactly as it was searched for, its score in the order that is asked for, and its number.
type Found = (bool, f64, u32);

impl Search {
    /// A page of what is found, best first. What ranks otherwise than it did when the page before was read may come twice, or not at
    /// all. `sees` says whether what is private to a namespace may be seen.
    pub async fn find(
        &self,
        db: &Db,
        query: &Query,
        paging: &Paging<Key>,
        sees: impl Fn(&Namespace) -> bool,
    ) -> Result<Page<ReleaseRecord>, Error> {
        let price_max = query.price_max.as_ref().map(|text| text.parse::<Money>()).transpose()?;
        self.refresh(db).await?;
        Ok(self.0.read().await.find(query, price_max, paging, sees))
    }

    /// The licences that most plugins have which everybody may see, and how many have each: so many, the commonest first.
    pub async fn licences(&self, db: &Db, count: usize) -> Result<Vec<(String, usize)>, Error> {
        self.refresh(db).await?;
        let index = self.0.read().await;
        let mut found: Vec<(&String, usize)> =
            index.licences.iter().map(|(licence, plugins)| (licence, *plugins)).collect();
        found.sort_by_key(|(_, plugins)| Reverse(*plugins));
        found.truncate(count);
        Ok(found.into_iter().map(|(licence, plugins)| (licence.clone(), plugins)).collect())
    }

    /// Plugins that everybody may see and install, with when the release was published that stands for each: so many, the newest first.
    pub async fn newest(&self, db: &Db, count: usize) -> Result<Vec<(PluginId, Timestamp)>, Error> {
        self.refresh(db).await?;
        let index = self.0.read().await;
        let public = index.documents.iter().flatten().filter(|document| document.private_to.is_none());
        let mut found: Vec<&ReleaseRecord> = public.map(|document| &document.record).collect();
        found.sort_by_key(|record| Reverse(record.published_at));
        found.truncate(count);
        Ok(found.into_iter().map(|record| (record.release.plugin.clone(), record.published_at)).collect())
    }

    /// Brings the index up to date with the database.
    pub async fn refresh(&self, db: &Db) -> Result<(), Error> {
        let (now,): (i64,) =
            sqlx::query_as("select value from counters where name = 'catalog'").fetch_one(db.read()).await?;
        if self.0.read().await.generation >= now {
            return Ok(());
        }
        let mut index = self.0.write().await;
        while index.generation < now {
            let before = index.generation;
            // Whole generations at a time, so that none is left half read.
            let last: Option<(i64,)> = sqlx::query_as(
                "select max(generation) from (select generation from plugins where generation > $1
                 order by generation limit $2) as batch having max(generation) is not null",
            )
            .bind(before)
            .bind(BATCH)
            .fetch_optional(db.read())
            .await?;
            let Some((last,)) = last else { break };
            let rows: Vec<Row> = sqlx::query_as(select_releases!(
                "where plugins.generation > $1 and plugins.generation <= $2"
            ))
            .bind(before)
            .bind(last)
            .fetch_all(db.read())
            .await?;
            index.update(rows);
            index.generation = last;
        }
        index.generation = index.generation.max(now);
        Ok(())
    }
}

impl Index {
    /// Takes in all releases of some plugins, of which the newest that may be chosen stands for each.
    fn update(&mut self, rows: Vec<Row>) {
        let mut newest: HashMap<PluginId, (ReleaseRecord, Beside)> = HashMap::new();
        let mut downloads: HashMap<PluginId, u64> = HashMap::new();
        for mut row in rows {
            let beside = Beside { manifest: row.manifest.take(), visibility: row.visibility.0 };
            let record = ReleaseRecord::from(row);
            let plugin = record.release.plugin.clone();
            *downloads.entry(plugin.clone()).or_default() += record.downloads;
            let better = newest.get(&plugin).is_none_or(|(best, _)| rank(&record) > rank(best));
            if better {
                newest.insert(plugin, (record, beside));
            }
        }
        for (plugin, (mut record, beside)) in newest {
            self.remove(&plugin);
            if record.withdrawn.is_some() || record.quarantined.is_some() || record.yanked {
                continue;
            }
            record.downloads = downloads.get(&plugin).copied().unwrap_or_default();
            self.insert(record, beside);
        }
    }

    /// Numbers the plugins anew, in the order that they have, and forgets the words that none of them says.
    fn close_gaps(&mut self) {
        let mut next = 0;
        let places = self.documents.iter().map(|document| {
            let place = next;
            next += u32::from(document.is_some());
            place
        });
        let places: Vec<u32> = places.collect();
        let renumber = |number: &mut u32| {
            if let Some(place) = places.get(*number as usize) {
                *number = *place;
            }
        };
        self.numbers.retain(|_, of| !of.is_empty());
        self.numbers.values_mut().flat_map(|of| of.values_mut()).for_each(renumber);
        self.words.retain(|_, of| !of.is_empty());
        self.words.values_mut().flatten().for_each(|(number, _)| renumber(number));
        self.pairs.retain(|_, of| {
            of.retain(|word| self.words.contains_key(word));
            !of.is_empty()
        });
        self.documents.retain(Option::is_some);
        self.ranks.retain(Option::is_some);
        self.gaps = 0;
    }

    fn remove(&mut self, plugin: &PluginId) {
        let of_name = self.numbers.get_mut(plugin.name.as_str());
        let Some(number) = of_name.and_then(|of| of.remove(&plugin.namespace)) else { return };
        if let Some(rank) = self.ranks.get_mut(number as usize) {
            *rank = None;
        }
        let Some(document) = self.documents.get_mut(number as usize).and_then(Option::take) else { return };
        self.gaps += 1;
        if let (None, Some(licence)) = (document.private_to, document.said.licence) {
            self.licences.entry(licence).and_modify(|count| *count -= 1);
            self.licences.retain(|_, count| *count > 0);
        }
        for word in document.words.keys() {
            if let Some(plugins) = self.words.get_mut(word)
                && let Ok(at) = plugins.binary_search_by_key(&number, |(number, _)| *number)
            {
                plugins.remove(at);
            }
        }
    }

    fn insert(&mut self, record: ReleaseRecord, beside: Beside) {
        let manifest = beside.manifest.map(|Json(manifest)| manifest);
        if self.gaps > self.documents.len() - self.gaps + GAPS_MAX {
            self.close_gaps();
        }
        let number = self.documents.len() as u32;
        let plugin = record.release.plugin.clone();
        let mut words: HashMap<String, f32> = HashMap::new();
        let mut add = |text: &str, weight: f32| {
            for word in split(text) {
                let known = words.entry(word).or_default();
                *known = known.max(weight);
            }
        };
        add(plugin.name.as_str(), 4.0);
        add(plugin.namespace.as_str(), 2.0);
        add(&record.title, 3.0);
        add(&record.description, 1.0);
        let said = Said::from(manifest.as_ref());
        for word in manifest.iter().flat_map(|manifest| &manifest.keywords).chain(&said.gpus) {
            add(word, 2.5);
        }
        for (word, weight) in &words {
            if !self.words.contains_key(word) {
                for pair in pairs(word) {
                    self.pairs.entry(pair).or_default().insert(word.clone());
                }
            }
            // It is the largest number so far: they stay in order.
            self.words.entry(word.clone()).or_default().push((number, *weight));
        }
        let private_to = (beside.visibility != Visibility::Public).then(|| plugin.namespace.clone());
        if let (None, Some(licence)) = (&private_to, &said.licence) {
            *self.licences.entry(licence.clone()).or_default() += 1;
        }
        self.ranks.push(Some(Rank {
            worth: worth(&record),
            published: record.published_at.as_millisecond(),
            downloads: record.downloads,
            running: record.running,
            is_public: private_to.is_none(),
        }));
        self.numbers.entry(plugin.name.to_string()).or_default().insert(plugin.namespace, number);
        self.documents.push(Some(Document { record, said, private_to, words }));
    }

    fn find(
        &self,
        query: &Query,
        price_max: Option<Money>,
        paging: &Paging<Key>,
        sees: impl Fn(&Namespace) -> bool,
    ) -> Page<ReleaseRecord> {
        let words = split(&query.q);
        let of_words = words.iter().take(QUERY_WORDS_MAX).map(|word| self.of_word(word, &sees));
        let candidates = of_words.reduce(in_both);
        let candidates =
            candidates.unwrap_or_else(|| (0..self.ranks.len() as u32).map(|number| (number, 0.0)).collect());
        let fits = |document: &&Document| {
            query.fits(&document.record, &document.said, price_max)
                && document.private_to.as_ref().is_none_or(&sees)
        };
        // Most ask for words alone.
        let has_facets = Query { q: String::new(), order: None, ..query.clone() } != Query::default();
        let is_found = |number: u32, rank: &Rank| {
            (rank.is_public && !has_facets) || self.document(number).filter(fits).is_some()
        };
        let called = self.called(&query.q, &words);
        let mut found: Vec<Found> = candidates
            .into_iter()
            .filter_map(|(number, score)| {
                let rank = self.ranks.get(number as usize)?.as_ref()?;
                let (is_called, score) = match query.order.unwrap_or_default() {
                    SearchOrder::Best => (called.contains(&number), f64::from(score + rank.worth)),
                    SearchOrder::New => (false, rank.published as f64),
                    SearchOrder::Pulls => (false, rank.downloads as f64),
                    SearchOrder::Deployed => (false, rank.running as f64),
                    SearchOrder::Name => (false, 0.0),
                };
                is_found(number, rank).then_some((is_called, score, number))
            })
            .collect();
        if let Some((named, bits, plugin)) = paging.after() {
            // Where the last result of the page before is now: any change of the catalog moves all scores a little.
            let number = self.number(plugin);
            let last = found.iter().find(|(_, _, found)| Some(*found) == number);
            let last = last.map_or((*named, f64::from_bits(*bits)), |(named, score, _)| (*named, *score));
            found.retain(|result| {
                let by_name = || Some(plugin).cmp(&self.plugin(result.2));
                better(last, (result.0, result.1)).then_with(by_name).is_lt()
            });
        }
        let best_first = |a: &Found, b: &Found| {
            let by_name = || self.plugin(a.2).cmp(&self.plugin(b.2));
            better((a.0, a.1), (b.0, b.1)).then_with(by_name)
        };
        let rows = paging.rows() as usize;
        if found.len() > rows {
            found.select_nth_unstable_by(rows, best_first);
            found.truncate(rows);
        }
        found.sort_unstable_by(best_first);
        let records: Vec<(bool, f64, &ReleaseRecord)> = found
            .into_iter()
            .filter_map(|(named, score, number)| Some((named, score, &self.document(number)?.record)))
            .collect();
        let page = paging
            .cut(records, |(named, score, record)| (*named, score.to_bits(), record.release.plugin.clone()));
        page.map(|(_, _, record)| record.clone())
    }

    /// The plugins that a word of a query finds, and how well. A word that is of plugins alone which may not be seen is as one that nothing
    /// has: else what is found instead of it, and how rare it is, would tell that it is there.
    fn of_word(&self, word: &str, sees: &impl Fn(&Namespace) -> bool) -> Vec<Score> {
        let is_seen = |(number, _): &&Score| {
            let rank = self.ranks.get(*number as usize).and_then(Option::as_ref);
            let sees_it =
                || self.document(*number).is_some_and(|of| of.private_to.as_ref().is_some_and(sees));
            rank.is_some_and(|rank| rank.is_public || sees_it())
        };
        let is_said =
            |known: &str| self.words.get(known).is_some_and(|of| of.iter().any(|score| is_seen(&score)));
        let beginning: Vec<(&String, f32)> = self
            .words
            .range(word.to_owned()..)
            .take_while(|(known, _)| known.starts_with(word))
            .filter(|(_, of)| of.iter().any(|score| is_seen(&score)))
            .take(VARIANTS_MAX)
            .map(|(known, _)| (known, if known == word { 1.0 } else { 0.6 }))
            .collect();
        let variants = if beginning.is_empty() { self.slips(word, is_said) } else { beginning };
        let mut found: Vec<Score> = Vec::new();
        for (known, likeness) in variants {
            let plugins = self.words.get(known).into_iter().flatten().filter(is_seen);
            found.extend(plugins.map(|(number, weight)| (*number, likeness * weight)));
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.total_cmp(&a.1)));
        found.dedup_by_key(|(number, _)| *number);
        // As rare as all that it finds: a longer word is not better for being the only one of its kind.
        let rarity = (1.0 + self.documents.len() as f32 / (1 + found.len()) as f32).ln();
        found.iter_mut().for_each(|(_, score)| *score *= rarity);
        found
    }

    fn document(&self, number: u32) -> Option<&Document> {
        self.documents.get(number as usize)?.as_ref()
    }

    fn plugin(&self, number: u32) -> Option<&PluginId> {
        self.document(number).map(|document| &document.record.release.plugin)
    }

    fn number(&self, plugin: &PluginId) -> Option<u32> {
        self.numbers.get(plugin.name.as_str())?.get(&plugin.namespace).copied()
    }

    /// The plugins that are called exactly as is searched for, with their namespace or without.
    fn called(&self, text: &str, words: &[String]) -> BTreeSet<u32> {
        match text.contains(':') {
            true => text
                .trim()
                .to_lowercase()
                .parse()
                .ok()
                .and_then(|plugin| self.number(&plugin))
                .into_iter()
                .collect(),
            false => {
                self.numbers.get(&words.join("-")).into_iter().flat_map(|of| of.values().copied()).collect()
            }
        }
    }

    /// The words that are said and differ from this one by one slip, or by two where it is long: a letter too many, too few,
    /// another, or two swapped.
    fn slips(&self, word: &str, is_said: impl Fn(&str) -> bool) -> Vec<(&String, f32)> {
        let slips_max = match word.len() {
            0..3 => return Vec::new(),
            3..6 => 1,
            _ => 2,
        };
        let of_word = pairs(word);
        let mut shared: HashMap<&String, usize> = HashMap::new();
        for known in of_word.iter().filter_map(|pair| self.pairs.get(pair)).flatten() {
            if known.len().abs_diff(word.len()) <= slips_max {
                *shared.entry(known).or_default() += 1;
            }
        }
        // A slip changes at most three pairs of letters, counting those with the word's ends.
        let needed = of_word.len().saturating_sub(3 * slips_max).max(1);
        let mut variants: Vec<(&String, f32)> = shared
            .into_iter()
            .filter(|(_, count)| *count >= needed)
            .filter_map(|(known, _)| {
                let slips = strsim::osa_distance(word, known);
                (slips <= slips_max && is_said(known)).then(|| (known, 0.5 / slips as f32))
            })
            .collect();
        variants.sort_by(|a, b| b.1.total_cmp(&a.1));
        variants.truncate(VARIANTS_MAX);
        variants
    }
}

/// What both words find, in the order of its numbers.
fn in_both(one: Vec<Score>, other: Vec<Score>) -> Vec<Score> {
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let of_both = |(number, score): Score| {
        let at = many.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some((number, score + many.get(at)?.1))
    };
    few.into_iter().filter_map(of_both).collect()
}

/// What adds to the score of a release's words.
fn worth(record: &ReleaseRecord) -> f32 {
    let certified = if record.certified { 0.3 } else { 0.0 };
    certified + 0.2 * ((1 + record.downloads) as f32).ln()
}

/// The best first: what is called so, then what fits best.
fn better(a: (bool, f64), b: (bool, f64)) -> Ordering {
    b.0.cmp(&a.0).then_with(|| b.1.total_cmp(&a.1))
}

/// Which release stands for its plugin: one that may be chosen, that is no pre-release, and the newest.
pub(super) fn rank(record: &ReleaseRecord) -> (bool, bool, bool, &semver::Version) {
    let version = &record.release.version;
    let may_be_run = record.withdrawn.is_none() && record.quarantined.is_none();
    (may_be_run, !record.yanked, version.pre.is_empty(), version)
}

fn split(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Each two neighbouring bytes of a word, its ends among them.
fn pairs(word: &str) -> BTreeSet<[u8; 2]> {
    let padded: Vec<u8> = [b"^", word.as_bytes(), b"$"].concat();
    padded.windows(2).map(|pair| [pair[0], pair[1]]).collect()
}

#[cfg(test)]
mod tests;
