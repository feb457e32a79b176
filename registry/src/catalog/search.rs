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

pub(super) use closest::must_see_or_mean;
pub use query::{Payment, Query, SearchOrder};

/// How many words of the index one word of a query may stand for.
const VARIANTS_MAX: usize = 200;
const QUERY_WORDS_MAX: usize = 8;
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
    /// Plugins by number; one that is gone leaves a gap.
    documents: Vec<Option<Document>>,
    numbers: HashMap<PluginId, u32>,
    /// For each word, the plugins that have it, and how much it weighs there.
    words: BTreeMap<String, BTreeMap<u32, f32>>,
    /// For each pair of letters and length, the words that have it.
    pairs: HashMap<[u8; 2], BTreeSet<String>>,
}

/// What is known of a release beside its record.
struct Beside {
    manifest: Option<Json<Manifest>>,
    visibility: Visibility,
}

struct Document {
    record: ReleaseRecord,
    gpus: Vec<String>,
    /// Who may see it; none: anybody.
    private_to: Option<Namespace>,
    words: HashMap<String, f32>,
}

/// Something that was found: whether it is called exactly as it was searched for, and its score in the order that is asked for.
type Found<'a> = (bool, f64, &'a ReleaseRecord);

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

    async fn refresh(&self, db: &Db) -> Result<(), Error> {
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

    fn remove(&mut self, plugin: &PluginId) {
        let Some(number) = self.numbers.remove(plugin) else { return };
        let Some(document) = self.documents.get_mut(number as usize).and_then(Option::take) else { return };
        for word in document.words.keys() {
            if let Some(plugins) = self.words.get_mut(word) {
                plugins.remove(&number);
            }
        }
    }

    fn insert(&mut self, record: ReleaseRecord, beside: Beside) {
        let manifest = beside.manifest.map(|Json(manifest)| manifest);
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
        let gpus: Vec<String> =
            manifest.iter().flat_map(|manifest| &manifest.gpus).map(|gpu| gpu.to_lowercase()).collect();
        for word in manifest.iter().flat_map(|manifest| &manifest.keywords).chain(&gpus) {
            add(word, 2.5);
        }
        for (word, weight) in &words {
            if !self.words.contains_key(word) {
                for pair in pairs(word) {
                    self.pairs.entry(pair).or_default().insert(word.clone());
                }
            }
            self.words.entry(word.clone()).or_default().insert(number, *weight);
        }
        let private_to = (beside.visibility != Visibility::Public).then(|| plugin.namespace.clone());
        self.numbers.insert(plugin, number);
        self.documents.push(Some(Document { record, gpus, private_to, words }));
    }

    fn find(
        &self,
        query: &Query,
        price_max: Option<Money>,
        paging: &Paging<Key>,
        sees: impl Fn(&Namespace) -> bool,
    ) -> Page<ReleaseRecord> {
        let mut scores: Option<HashMap<u32, f32>> = None;
        let words = split(&query.q);
        for word in words.iter().take(QUERY_WORDS_MAX) {
            let found = self.of_word(word, &sees);
            scores = Some(match scores {
                None => found,
                Some(before) => before
                    .into_iter()
                    .filter_map(|(number, score)| Some((number, score + found.get(&number)?)))
                    .collect(),
            });
        }
        let candidates: Vec<(u32, f32)> = match scores {
            Some(scores) => scores.into_iter().collect(),
            None => (0..self.documents.len() as u32).map(|number| (number, 0.0)).collect(),
        };
        let gpu = query.gpu.as_ref().map(|gpu| gpu.to_lowercase());
        let fits = |document: &&Document| {
            query.fits(&document.record, price_max)
                && gpu.as_ref().is_none_or(|gpu| document.gpus.contains(gpu))
                && document.private_to.as_ref().is_none_or(&sees)
        };
        let named = match query.q.contains(':') {
            true => query.q.trim().to_lowercase(),
            false => words.join("-"),
        };
        let mut found: Vec<Found<'_>> = candidates
            .into_iter()
            .filter_map(|(number, score)| {
                let document = self.documents.get(number as usize)?.as_ref().filter(fits)?;
                let record = &document.record;
                let (is_called, score) = match query.order.unwrap_or_default() {
                    SearchOrder::Best => (is_called(&record.release.plugin, &named), worth(record, score)),
                    SearchOrder::New => (false, record.published_at.as_millisecond() as f64),
                    SearchOrder::Pulls => (false, record.downloads as f64),
                    SearchOrder::Name => (false, 0.0),
                };
                Some((is_called, score, record))
            })
            .collect();
        if let Some((named, bits, plugin)) = paging.after() {
            // Where the last result of the page before is now: any change of the catalog moves all scores a little.
            let last = found.iter().find(|(_, _, record)| record.release.plugin == *plugin);
            let last = last.map_or((*named, f64::from_bits(*bits)), |(named, score, _)| (*named, *score));
            found.retain(|result| better((last.0, last.1, plugin), place(result)).is_lt());
        }
        let best_first = |a: &Found<'_>, b: &Found<'_>| better(place(a), place(b));
        let rows = paging.rows() as usize;
        if found.len() > rows {
            found.select_nth_unstable_by(rows, best_first);
            found.truncate(rows);
        }
        found.sort_unstable_by(best_first);
        let page = paging
            .cut(found, |(named, score, record)| (*named, score.to_bits(), record.release.plugin.clone()));
        page.map(|(_, _, record)| record.clone())
    }

    /// The plugins that a word of a query finds, and how well. A word that is of plugins alone which may not be seen is as one that nothing
    /// has: else what is found instead of it, and how rare it is, would tell that it is there.
    fn of_word(&self, word: &str, sees: &impl Fn(&Namespace) -> bool) -> HashMap<u32, f32> {
        let is_seen = |number: &u32| {
            let document = self.documents.get(*number as usize).and_then(Option::as_ref);
            document.is_some_and(|document| document.private_to.as_ref().is_none_or(sees))
        };
        let is_said = |known: &str| self.words.get(known).is_some_and(|of| of.keys().any(is_seen));
        let beginning: Vec<(&String, f32)> = self
            .words
            .range(word.to_owned()..)
            .take_while(|(known, _)| known.starts_with(word))
            .filter(|(_, of)| of.keys().any(is_seen))
            .take(VARIANTS_MAX)
            .map(|(known, _)| (known, if known == word { 1.0 } else { 0.6 }))
            .collect();
        let variants = if beginning.is_empty() { self.slips(word, is_said) } else { beginning };
        let mut found: HashMap<u32, f32> = HashMap::new();
        for (known, likeness) in variants {
            let Some(plugins) = self.words.get(known) else { continue };
            for (number, weight) in plugins.iter().filter(|&(number, _)| is_seen(number)) {
                let score = found.entry(*number).or_default();
                *score = score.max(likeness * weight);
            }
        }
        // As rare as all that it finds: a longer word is not better for being the only one of its kind.
        let rarity = (1.0 + self.documents.len() as f32 / (1 + found.len()) as f32).ln();
        found.values_mut().for_each(|score| *score *= rarity);
        found
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

/// How well a release fits that has this score by its words: certified ones better, and those that were pulled more often.
fn worth(record: &ReleaseRecord, score: f32) -> f64 {
    let certified = if record.certified { 0.3 } else { 0.0 };
    f64::from(score + certified + 0.2 * ((1 + record.downloads) as f32).ln())
}

/// Where a result stands in the order of all.
fn place<'a>((named, score, record): &Found<'a>) -> (bool, f64, &'a PluginId) {
    (*named, *score, &record.release.plugin)
}

/// The best first: what is called so, then what fits best, then by name.
fn better(a: (bool, f64, &PluginId), b: (bool, f64, &PluginId)) -> Ordering {
    b.0.cmp(&a.0).then_with(|| b.1.total_cmp(&a.1)).then_with(|| a.2.cmp(b.2))
}

/// Whether a plugin is called exactly so, with its namespace or without.
fn is_called(plugin: &PluginId, named: &str) -> bool {
    match named.split_once(':') {
        Some((namespace, name)) => plugin.namespace.as_str() == namespace && plugin.name.as_str() == name,
        None => plugin.name.as_str() == named,
    }
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
