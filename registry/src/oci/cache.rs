//! What was looked up before. Contents are named by their digest, so they stay true; facts of the database are kept only
//! where no other process can change them, and every change in a namespace makes all that was known of it unreachable.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderValue;
use bytes::Bytes;
use chandlery_package::{Namespace, PluginId};
use quick_cache::Weighter;
use quick_cache::sync::Cache as QuickCache;

use chandlery_store::content::ContentDigest;

const FACTS_BYTES_MAX: u64 = 64 << 20;
const CONTENTS_BYTES_MAX: u64 = 128 << 20;
/// Larger contents are streamed each time.
pub const CONTENT_BYTES_MAX: u64 = 1 << 20;
/// What one entry takes beside its content, roughly.
const ENTRY_BYTES: u64 = 300;
const SLOTS: usize = 4096;

/// What is known of a name in a repository.
#[derive(Clone)]
pub enum Fact {
    /// Of a namespace.
    Visibility {
        /// Whether anybody may pull.
        public: bool,
    },
    /// Of a manifest.
    Manifest(Arc<StoredManifest>),
    /// Of a blob.
    Blob {
        /// Its size in bytes.
        bytes: u64,
    },
    /// Of a content, in whatever repository.
    Component {
        /// The plugin of the release that it is the component of.
        of: Option<PluginId>,
    },
}

/// A manifest as it is served.
pub struct StoredManifest {
    /// Its digest, as a header.
    pub digest: HeaderValue,
    /// The media type that it is served as, as a header.
    pub media_type: HeaderValue,
    /// Its bytes, exactly as they were pushed.
    pub content: Bytes,
}

/// The cache of one registry.
pub struct Cache {
    facts: Option<QuickCache<Key, Fact, ByFact>>,
    contents: QuickCache<ContentDigest, Bytes, ByContent>,
    /// For each namespace, by hash: how often something in it has changed.
    changes: Vec<AtomicU64>,
    /// How often a release was published, by anybody.
    releases: AtomicU64,
}

/// A name at a time: it is never looked up again once something has changed since.
#[derive(PartialEq, Eq, Hash)]
pub struct Key {
    change: u64,
    repository: String,
    name: String,
}

#[derive(Clone)]
struct ByFact;
#[derive(Clone)]
struct ByContent;

impl Weighter<Key, Fact> for ByFact {
    fn weight(&self, _: &Key, fact: &Fact) -> u64 {
        match fact {
            Fact::Manifest(manifest) => ENTRY_BYTES + manifest.content.len() as u64,
            _ => ENTRY_BYTES,
        }
    }
}

impl Weighter<ContentDigest, Bytes> for ByContent {
    fn weight(&self, _: &ContentDigest, content: &Bytes) -> u64 {
        ENTRY_BYTES + content.len() as u64
    }
}

impl Cache {
    /// An empty one; `facts` says whether facts of the database may be remembered.
    pub fn new(facts: bool) -> Self {
        let entries = |bytes: u64| (bytes / 4096) as usize;
        Self {
            facts: facts
                .then(|| QuickCache::with_weighter(entries(FACTS_BYTES_MAX), FACTS_BYTES_MAX, ByFact)),
            contents: QuickCache::with_weighter(entries(CONTENTS_BYTES_MAX), CONTENTS_BYTES_MAX, ByContent),
            changes: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            releases: AtomicU64::new(0),
        }
    }

    fn slot(&self, namespace: &Namespace) -> &AtomicU64 {
        let mut hasher = DefaultHasher::new();
        namespace.hash(&mut hasher);
        &self.changes[hasher.finish() as usize % SLOTS]
    }

    /// The key of a name, to be taken before the database is asked.
    pub fn key(&self, namespace: &Namespace, repository: &str, name: &str) -> Key {
        let repository = if repository.is_empty() { namespace.as_str() } else { repository };
        let change = self.slot(namespace).load(Ordering::Acquire);
        Key { change, repository: repository.into(), name: name.into() }
    }

    /// The key of what a content is the component of, to be taken before the database is asked. No repository's name is empty.
    pub fn component_key(&self, digest: &str) -> Key {
        Key { change: self.releases.load(Ordering::Acquire), repository: String::new(), name: digest.into() }
    }

    /// What is known of a name.
    pub fn get(&self, key: &Key) -> Option<Fact> {
        self.facts.as_ref()?.get(key)
    }

    /// Remembers what the database said after the key was taken.
    pub fn put(&self, key: Key, fact: Fact) {
        if let Some(facts) = &self.facts {
            facts.insert(key, fact);
        }
    }

    /// Forgets all that is known of a namespace: to be called after a commit, before it is reported.
    pub fn changed(&self, namespace: &Namespace) {
        self.slot(namespace).fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets which contents are no components: to be called after a release was published, before it is reported.
    pub fn released(&self) {
        self.releases.fetch_add(1, Ordering::AcqRel);
    }

    /// The content of this digest.
    pub fn content(&self, digest: &ContentDigest) -> Option<Bytes> {
        self.contents.get(digest)
    }

    /// Remembers a content.
    pub fn put_content(&self, digest: ContentDigest, content: Bytes) {
        self.contents.insert(digest, content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_what_was_known_before_unreachable() {
        let cache = Cache::new(true);
        let acme: Namespace = "acme".parse().unwrap();
        let before = cache.key(&acme, "acme/x", "v1");
        cache.put(before, Fact::Blob { bytes: 1 });
        assert!(cache.get(&cache.key(&acme, "acme/x", "v1")).is_some());
        // A slow reader took its key before the change and remembers what it read after it.
        let slow = cache.key(&acme, "acme/x", "v1");
        cache.changed(&acme);
        cache.put(slow, Fact::Blob { bytes: 1 });
        assert!(cache.get(&cache.key(&acme, "acme/x", "v1")).is_none());
        assert!(Cache::new(false).get(&cache.key(&acme, "acme/x", "v1")).is_none());
    }

    #[test]
    fn what_is_no_component_is_asked_again_after_a_release() {
        let cache = Cache::new(true);
        let before = cache.component_key("sha256:00");
        cache.put(before, Fact::Component { of: None });
        assert!(cache.get(&cache.component_key("sha256:00")).is_some());
        cache.released();
        assert!(cache.get(&cache.component_key("sha256:00")).is_none());
    }
}
