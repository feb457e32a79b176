//! The registry, seen from a host: bounded reads, and nothing believed.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chandlery_package::advisory::ADVISORY_BYTES_MAX;
use chandlery_package::artifact::{ImageManifest, MANIFEST_MEDIA_TYPE, PAYLOAD_BYTES_MAX};
use chandlery_package::component::COMPONENT_BYTES_MAX;
use chandlery_package::log::{LogError, TILE_WIDTH};
use chandlery_package::provenance::BUNDLE_BYTES_MAX;
use chandlery_package::signature::bundle::BUNDLE_MEDIA_TYPE;
use chandlery_package::signature::signature_tag;
use chandlery_package::wire::{
    HostChain, HostKey, LogInfo, NewOrder, Order, PAGE_ITEMS, Page, Quote, ReleaseRecord, SignedLicence,
    UsageEvent, UsageReceipt, UsageReport,
};
use chandlery_package::{AdvisoryId, Digest, PluginId, PublicKey, Release};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tlog_tiles::{Tile, stored_hash_index};

use super::refusal::refusal;
use super::{Distrust, Error, Refusal, RegistryError};

/// The most that is read of an answer which is no component.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// How many releases of a plugin are looked at, the newest ones: a registry that never ends is not followed.
const RELEASES_MAX: usize = 10_000;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How many redirects are followed for one request.
const REDIRECTS_MAX: usize = 5;

/// A client of one registry.
#[derive(Clone)]
pub struct RegistryClient {
    url: String,
    /// Another one where the host belongs to another account by now.
    token: Arc<RwLock<Option<String>>>,
    http: Client,
}

impl RegistryClient {
    /// A client of the registry at this address; the token is the account that usage is counted for.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, Error> {
        let url = url.trim_end_matches('/').to_owned();
        let http = Client::builder().timeout(REQUEST_TIMEOUT).connect_timeout(Duration::from_secs(5));
        let http = http.redirect(stay()).build();
        let http = http.map_err(|error| RegistryError::Away { url: url.clone(), reason: say(&error) })?;
        Ok(Self { url, token: Arc::new(RwLock::new(token)), http })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether usage can be sent.
    pub fn has_account(&self) -> bool {
        self.token().is_some()
    }

    fn token(&self) -> Option<String> {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows another token from now on; gives the one before.
    pub(crate) fn show(&self, token: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.token.write().unwrap_or_else(PoisonError::into_inner), token)
    }

    pub(super) async fn releases(&self, plugin: &PluginId) -> Result<Vec<ReleaseRecord>, Error> {
        let PluginId { namespace, name } = plugin;
        let first = format!("/api/v1/plugins/{namespace}/{name}/releases?limit={PAGE_ITEMS}");
        let (mut releases, mut path) = (Vec::new(), Some(first.clone()));
        while let Some(asked) = path {
            let page: Page<ReleaseRecord> = self.json(&asked).await?;
            releases.extend(page.items);
            path = page
                .next
                .filter(|_| releases.len() < RELEASES_MAX)
                .map(|next| format!("{first}&after={next}"));
        }
        Ok(releases)
    }

    /// The releases of a plugin; none: it may not be seen, or is not there.
    pub(super) async fn releases_if_seen(
        &self,
        plugin: &PluginId,
    ) -> Result<Option<Vec<ReleaseRecord>>, Error> {
        match self.releases(plugin).await {
            Ok(records) => Ok(Some(records)),
            Err(Error::Registry(RegistryError::Refused(Refusal(problem)))) if problem.status == 404 => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Every plugin that a search shows.
    pub(super) async fn plugins(&self) -> Result<Vec<PluginId>, Error> {
        let first = format!("/api/v1/plugins?limit={PAGE_ITEMS}");
        let (mut plugins, mut path) = (Vec::new(), Some(first.clone()));
        while let Some(asked) = path {
            let page: Page<ReleaseRecord> = self.json(&asked).await?;
            plugins.extend(page.items.into_iter().map(|record| record.release.plugin));
            path = page.next.map(|next| format!("{first}&after={next}"));
        }
        Ok(plugins)
    }

    pub(super) async fn release(&self, release: &Release) -> Result<ReleaseRecord, Error> {
        let Release { plugin, version } = release;
        let path = format!("/api/v1/plugins/{}/{}/releases/{version}", plugin.namespace, plugin.name);
        let record: ReleaseRecord = self.json(&path).await?;
        match record.release == *release {
            true => Ok(record),
            false => {
                let (asked, found) = (release.clone(), record.release);
                Err(Distrust::OtherRelease { asked, found }.into())
            }
        }
    }

    pub(super) async fn log_info(&self) -> Result<LogInfo, Error> {
        self.json("/api/v1/log").await
    }

    pub(super) async fn checkpoint(&self) -> Result<String, Error> {
        let bytes = self.bytes("/log/checkpoint", ANSWER_BYTES_MAX).await?;
        String::from_utf8(bytes).map_err(|_| self.answer("a checkpoint that is not UTF-8".into()))
    }

    /// The first cosigned checkpoint that was kept and covers an entry; none: there is none, or the registry keeps none.
    pub(super) async fn first_checkpoint(&self, index: u64) -> Result<Option<String>, Error> {
        let response = self.send(self.get(&format!("/log/checkpoint/{index}"))).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let bytes = self.read(response, ANSWER_BYTES_MAX).await?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(super) async fn tile(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.bytes(&format!("/log/{path}"), ANSWER_BYTES_MAX).await
    }

    /// The entries from this one on to the end of the bundle that holds it, of the log of this size.
    pub(super) async fn entries(&self, index: u64, size: u64) -> Result<Vec<Vec<u8>>, Error> {
        if index >= size {
            return Err(LogError::NotThere { index, size }.into());
        }
        let first = index / TILE_WIDTH * TILE_WIDTH;
        let tile = Tile::from_index(8, stored_hash_index(0, index));
        let width = (size - first).min(TILE_WIDTH) as u32;
        let tile = Tile::new(8, 0, tile.level_index(), width, false);
        let path = tile.path().replacen("tile/8/0/", "/log/tile/entries/", 1);
        let bundle = self.bytes(&path, (usize::from(u16::MAX) + 2) * TILE_WIDTH as usize).await?;
        let entries = split_bundle(&bundle).filter(|entries| entries.len() == width as usize);
        let malformed = || LogError::Entry { index, reason: "its bundle cannot be read".into() };
        Ok(entries.ok_or_else(malformed)?.split_off((index - first) as usize))
    }

    /// What an advisory says, as the registry shows it.
    pub(super) async fn advisory(&self, id: &AdvisoryId) -> Result<Vec<u8>, Error> {
        self.bytes(&format!("/api/v1/advisories/{id}"), ADVISORY_BYTES_MAX).await
    }

    pub(super) async fn manifest(&self, plugin: &PluginId, digest: Digest) -> Result<Vec<u8>, Error> {
        let path = format!("/v2/{}/manifests/{digest}", plugin.repository());
        expect(digest, self.bytes(&path, ANSWER_BYTES_MAX).await?)
    }

    pub(super) async fn component(&self, plugin: &PluginId, digest: Digest) -> Result<Vec<u8>, Error> {
        self.blob(plugin, digest, COMPONENT_BYTES_MAX).await
    }

    async fn blob(&self, plugin: &PluginId, digest: Digest, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let path = format!("/v2/{}/blobs/{digest}", plugin.repository());
        expect(digest, self.bytes(&path, bytes_max).await?)
    }

    /// The signatures that are kept beside an artifact; none: there are none.
    pub(super) async fn signatures(
        &self,
        plugin: &PluginId,
        artifact: Digest,
    ) -> Result<Option<ImageManifest>, Error> {
        let path = format!("/v2/{}/manifests/{}", plugin.repository(), signature_tag(artifact));
        let request = self.get(&path).header("Accept", MANIFEST_MEDIA_TYPE);
        let response = self.send(request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(ImageManifest::parse(&self.read(response, ANSWER_BYTES_MAX).await?)?))
    }

    /// The manifests with sigstore bundles about an artifact, so many at most.
    pub(super) async fn bundles(
        &self,
        plugin: &PluginId,
        artifact: Digest,
        count_max: usize,
    ) -> Result<Vec<ImageManifest>, Error> {
        let repository = plugin.repository();
        let path =
            format!("/v2/{repository}/referrers/{artifact}?artifactType={}", quoted(BUNDLE_MEDIA_TYPE));
        let index: Index = self.json(&path).await?;
        let mut found = Vec::new();
        for referrer in index.manifests.into_iter().take(count_max) {
            found.push(ImageManifest::parse(&self.manifest(plugin, referrer.digest).await?)?);
        }
        Ok(found)
    }

    /// A bundle, by its digest.
    pub(super) async fn bundle(&self, plugin: &PluginId, digest: Digest) -> Result<Vec<u8>, Error> {
        self.blob(plugin, digest, BUNDLE_BYTES_MAX as usize).await
    }

    /// What was signed. Nobody signs what is not UTF-8, and so nothing of it need be kept.
    pub(super) async fn payload(&self, plugin: &PluginId, digest: Digest) -> Result<String, Error> {
        let bytes = self.blob(plugin, digest, PAYLOAD_BYTES_MAX as usize).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Hands over usage events that nobody has signed; each counts once however often it is sent.
    pub async fn send_usage(&self, events: &[UsageEvent]) -> Result<UsageReceipt, Error> {
        let request = self.http.post(format!("{}/api/v1/usage", self.url)).json(events);
        let response = self.send(self.authenticate(request)).await?;
        let bytes = self.read(response, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.answer(error.to_string()))
    }

    /// Tells the key of this host, and asks how far the registry has heard of it; none: it takes no usage that is signed.
    pub async fn register_host(&self, host: &str, key: PublicKey) -> Result<Option<HostChain>, Error> {
        let request = self.http.put(format!("{}/api/v1/hosts/{host}/key", self.url)).json(&HostKey { key });
        let response = self.send(self.authenticate(request)).await?;
        if [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&response.status()) {
            return Ok(None);
        }
        let bytes = self.read(response, ANSWER_BYTES_MAX).await?;
        Ok(Some(serde_json::from_slice(&bytes).map_err(|error| self.answer(error.to_string()))?))
    }

    /// Hands over what this host has signed of its usage.
    pub async fn report_usage(&self, host: &str, report: &UsageReport) -> Result<UsageReceipt, Error> {
        let request = self.http.post(format!("{}/api/v1/hosts/{host}/usage", self.url)).json(report);
        let response = self.send(self.authenticate(request)).await?;
        let bytes = self.read(response, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.answer(error.to_string()))
    }

    /// The licence of the account, as it was signed. The registry is told how many deployments this host has: those of all hosts
    /// of an account count together, and it learns in time when they are almost all that it may have.
    pub async fn licence(&self, host: &str, deployments: u32) -> Result<String, Error> {
        let path = format!("/api/v1/licence?host={host}&deployments={deployments}");
        let signed: SignedLicence = self.json(&path).await?;
        Ok(signed.licence)
    }

    /// What a plugin costs the host's account; none: the registry does not guard what costs.
    pub(super) async fn quote(&self, plugin: &PluginId) -> Result<Option<Quote>, Error> {
        let path = format!("/api/v1/plugins/{}/{}/quote", plugin.namespace, plugin.name);
        let response = self.send(self.get(&path)).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let bytes = self.read(response, ANSWER_BYTES_MAX).await?;
        Ok(Some(serde_json::from_slice(&bytes).map_err(|error| self.answer(error.to_string()))?))
    }

    /// Orders a plugin for the host's account.
    pub(super) async fn order(&self, new: &NewOrder) -> Result<Order, Error> {
        let request = self.http.post(format!("{}/api/v1/orders", self.url)).json(new);
        let response = self.send(self.authenticate(request)).await?;
        let bytes = self.read(response, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.answer(error.to_string()))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.authenticate(self.http.get(format!("{}{path}", self.url)))
    }

    fn authenticate(&self, request: RequestBuilder) -> RequestBuilder {
        match self.token() {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let bytes = self.bytes(path, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.answer(error.to_string()))
    }

    async fn bytes(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let response = self.send(self.get(path)).await?;
        self.read(response, bytes_max).await
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.send().await.map_err(|error| self.away(&error))
    }

    /// The body of a good answer, read no further than the bound.
    async fn read(&self, mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.away(&error))? {
            if bytes.len() + chunk.len() > bytes_max {
                return Err(RegistryError::Endless { url: self.url.clone(), bytes_max }.into());
            }
            bytes.extend_from_slice(&chunk);
        }
        match status.is_success() {
            true => Ok(bytes),
            false => Err(match refusal(&bytes) {
                Some(problem) => RegistryError::Refused(Refusal(problem)).into(),
                None => self.answer(format!("status {status}: {}", String::from_utf8_lossy(&bytes))),
            }),
        }
    }

    fn away(&self, error: &reqwest::Error) -> Error {
        RegistryError::Away { url: self.url.clone(), reason: say(error) }.into()
    }

    /// Something that no registry says.
    pub(super) fn answer(&self, what: String) -> Error {
        RegistryError::Answer { url: self.url.clone(), what }.into()
    }
}

/// What refers to an artifact.
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Referrer>,
}

#[derive(Deserialize)]
struct Referrer {
    digest: Digest,
}

/// A media type in a query, where a plus sign would stand for a space.
fn quoted(media_type: &str) -> String {
    media_type.replace('+', "%2B")
}

/// Bytes, if they are what they are called.
fn expect(expected: Digest, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    match Digest::of(&bytes) {
        found if found == expected => Ok(bytes),
        found => Err(Distrust::DigestMismatch { expected, found }.into()),
    }
}

/// Redirects are followed on the registry's own host alone, where it may turn to HTTPS: no registry makes a host ask what it cannot
/// ask itself.
fn stay() -> Policy {
    Policy::custom(|attempt| {
        let stays = attempt.previous().first().is_some_and(|first| {
            let (from, to) = (first, attempt.url());
            let same =
                from.scheme() == to.scheme() && from.port_or_known_default() == to.port_or_known_default();
            from.host_str() == to.host_str() && (same || (from.scheme(), to.scheme()) == ("http", "https"))
        });
        match stays && attempt.previous().len() <= REDIRECTS_MAX {
            true => attempt.follow(),
            false => attempt.error("it sends to another place, where no registry is followed"),
        }
    })
}

/// An error with what caused it.
fn say(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().unwrap_or(error).to_string()
}

/// Entries are stored one after another, each after its length as two bytes, most significant first.
fn split_bundle(mut bundle: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        bundle = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers everything with this: its port, and how often it was asked.
    async fn answering(answer: String) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut request = [0_u8; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, asked)
    }

    #[tokio::test]
    async fn a_registry_sends_a_host_to_no_other_place() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
        let (elsewhere, asked) = answering(ok.into()).await;
        for place in [
            format!("http://127.0.0.1:{elsewhere}/"),
            format!("http://localhost:{elsewhere}/"),
            format!("http://[::ffff:127.0.0.1]:{elsewhere}/"),
        ] {
            let (registry, _) = answering(format!(
                "HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            ))
            .await;
            let client = RegistryClient::new(&format!("http://127.0.0.1:{registry}"), None).unwrap();
            let error = client.log_info().await.unwrap_err().to_string();
            assert!(error.contains("another place"), "{error}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn entries_are_found_in_their_bundle() {
        let entries = split_bundle(b"\0\x01a\0\0\0\x02bc").unwrap();
        assert_eq!(entries, [b"a".to_vec(), b"".to_vec(), b"bc".to_vec()]);
        assert_eq!(split_bundle(b""), Some(Vec::new()));
        assert_eq!(split_bundle(b"\0\x05a"), None);
        assert_eq!(split_bundle(b"\0"), None);
    }
}
