//! Where a release comes from: an in-toto statement with SLSA's provenance, signed by the key that was bound to whoever published it.
//!
//! The job says it of itself; what it says of who it is must be what its issuer vouched for and the log tells.
//!
//! <https://slsa.dev/spec/v1.0/provenance>

use serde_json::{Value, json};

use crate::publisher::GITHUB;
use crate::signature::bundle::{self, STATEMENT_TYPE};
use crate::{Digest, Identity, PrivateKey, PublicKey, Release};

/// What the statement is about, as SLSA 1.0 has it.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// The largest bundle that is looked at, in bytes; those that are written have about 4,000.
pub const BUNDLE_BYTES_MAX: u64 = 64 << 10;
/// How many referrers of an artifact are looked through for one.
pub const BUNDLES_MAX: usize = 32;

const BUILD_TYPE: &str =
    "https://github.com/chandlery/chandlery/blob/main/docs/trusted-publishing.md#provenance";

/// What was built, by whom.
#[derive(Debug, Clone, Copy)]
pub struct Built<'a> {
    /// As which release it is published.
    pub release: &'a Release,
    /// The digest of the OCI manifest.
    pub artifact: Digest,
    /// The digest of the component.
    pub component: Digest,
    /// Who built and published it, as the log tells.
    pub identity: &'a Identity,
}

/// Why a bundle is no provenance of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// There is none.
    #[error("there is none")]
    Missing,
    /// It is no bundle, or the key has not signed it.
    #[error("it is not signed by the key of the release")]
    Signature,
    /// It says something else than it must.
    #[error("its {0} is another one than the log tells")]
    Differs(&'static str),
}

impl Built<'_> {
    /// The bundle, as JSON text, in which the key says where it comes from.
    pub fn attest(&self, key: &PrivateKey) -> String {
        bundle::attest(key, &self.statement().to_string())
    }

    fn statement(&self) -> Value {
        let Self { release, artifact, component, identity } = self;
        let commit = identity.claim("sha");
        let (source, at) = source(identity);
        let dependencies = match commit {
            "" => json!([]),
            commit => json!([{ "uri": format!("git+{source}@{at}"), "digest": { "gitCommit": commit } }]),
        };
        json!({
            "_type": STATEMENT_TYPE,
            "subject": [
                { "name": release.plugin.repository(), "digest": { "sha256": artifact.hex() } },
                { "name": release, "digest": { "sha256": component.hex() } },
            ],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": { "source": source, "ref": at, "workflow": workflow(identity) },
                    "internalParameters": { "claims": identity.claims },
                    "resolvedDependencies": dependencies,
                },
                "runDetails": {
                    "builder": { "id": identity.issuer },
                    "metadata": { "invocationId": invocation(identity, &source) },
                },
            },
        })
    }

    /// Whether the bundle is signed by the key, and says of this release what the log tells.
    pub fn check(&self, bundle: &[u8], key: &PublicKey) -> Result<(), ProvenanceError> {
        let said = bundle::open(bundle, key).ok_or(ProvenanceError::Signature)?;
        let ours = self.statement();
        for (what, part) in [
            ("type", "/_type"),
            ("predicate", "/predicateType"),
            ("subject", "/subject"),
            ("identity", "/predicate/buildDefinition/internalParameters/claims"),
            ("builder", "/predicate/runDetails/builder/id"),
            ("source", "/predicate/buildDefinition/externalParameters/source"),
        ] {
            if said.pointer(part).is_none() || said.pointer(part) != ours.pointer(part) {
                return Err(ProvenanceError::Differs(what));
            }
        }
        Ok(())
    }
}

/// Where the source is, and which branch or tag of it.
fn source(identity: &Identity) -> (String, &str) {
    let at = identity.claim("ref");
    let place = match identity.issuer.as_str() {
        GITHUB => "https://github.com",
        issuer => issuer,
    };
    match (identity.claim("repository"), identity.claim("project_path")) {
        ("", "") => (identity.claim("sub").to_owned(), at),
        ("", project) => (format!("{place}/{project}"), at),
        (repository, _) => (format!("{place}/{repository}"), at),
    }
}

fn workflow(identity: &Identity) -> &str {
    match identity.claim("workflow_ref") {
        "" => identity.claim("ci_config_ref_uri"),
        workflow => workflow,
    }
}

/// Where the run can be seen.
fn invocation(identity: &Identity, source: &str) -> String {
    match (identity.claim("run_id"), identity.claim("pipeline_id")) {
        ("", "") => String::new(),
        ("", pipeline) => format!("{source}/-/pipelines/{pipeline}"),
        (run, _) => format!("{source}/actions/runs/{run}/attempts/{}", identity.claim("run_attempt")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(repository: &str) -> Identity {
        let claims = [("repository", repository), ("ref", "refs/tags/v1"), ("sha", "abc"), ("run_id", "7")];
        let claims = claims.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Identity { issuer: GITHUB.parse().unwrap(), claims: claims.into() }
    }

    #[test]
    fn provenance_holds_for_one_release_of_one_workload_by_one_key() {
        let [key, other] = [PrivateKey::generate(), PrivateKey::generate()];
        let (release, later): (Release, Release) =
            ("acme:ocr@1.0.0".parse().unwrap(), "acme:ocr@1.0.1".parse().unwrap());
        let (ours, theirs) = (identity("acme/ocr"), identity("evil/ocr"));
        let (artifact, component) = (Digest::of("a"), Digest::of("c"));
        let built = Built { release: &release, artifact, component, identity: &ours };
        let bundle = built.attest(&key);
        assert_eq!(built.check(bundle.as_bytes(), &key.public()), Ok(()));
        assert_eq!(built.check(bundle.as_bytes(), &other.public()), Err(ProvenanceError::Signature));
        assert_eq!(built.check(b"{}", &key.public()), Err(ProvenanceError::Signature));
        for (built, what) in [
            (Built { release: &later, ..built }, "subject"),
            (Built { artifact: component, ..built }, "subject"),
            (Built { component: artifact, ..built }, "subject"),
            (Built { identity: &theirs, ..built }, "identity"),
        ] {
            let found = built.check(bundle.as_bytes(), &key.public());
            assert_eq!(found, Err(ProvenanceError::Differs(what)));
        }
        let plain = bundle::sign(&key, artifact);
        assert_eq!(built.check(plain.as_bytes(), &key.public()), Err(ProvenanceError::Differs("predicate")));
    }

    #[test]
    fn a_statement_says_where_the_source_and_the_run_are() {
        let (release, identity) = ("acme:ocr@1.0.0".parse().unwrap(), identity("acme/ocr"));
        let (artifact, component) = (Digest::of("a"), Digest::of("c"));
        let said = Built { release: &release, artifact, component, identity: &identity }.statement();
        let definition = &said["predicate"]["buildDefinition"];
        assert_eq!(definition["externalParameters"]["source"], "https://github.com/acme/ocr");
        assert_eq!(definition["resolvedDependencies"][0]["digest"]["gitCommit"], "abc");
        assert_eq!(
            said["predicate"]["runDetails"]["metadata"]["invocationId"],
            "https://github.com/acme/ocr/actions/runs/7/attempts/"
        );
    }
}
