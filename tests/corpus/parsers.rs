//! Everything that reads what others write, as functions from bytes to nothing or to a refusal in words.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use chandlery_accounts::passkeys::RelyingParty;
use chandlery_accounts::scim;
use chandlery_host::installs::Lock;
use chandlery_money::{payouts, rails};
use chandlery_package::artifact::{Artifact, ImageManifest};
use chandlery_package::log::{
    AddCheckpoint, Checkpoint, Entry, History, Proof, Signer, Tiles, WitnessId, WitnessKey,
};
use chandlery_package::meter::{Meter, expose};
use chandlery_package::oidc::Unverified;
use chandlery_package::plan::Plan;
use chandlery_package::problem::Problem;
use chandlery_package::provenance::Built;
use chandlery_package::signature::{SignedPayload, bundle, signed_under};
use chandlery_package::wire::{Caption, ClientText, DomainName, Paging, Scope, Support, UserCode, WebLink};
use chandlery_package::{
    Advisory, AdvisoryId, Authority, Component, Digest, Identity, Issuer, KeyId, Licence, Manifest, Money,
    Month, Namespace, Offer, Permission, PluginId, PrivateKey, PublicKey, Rate, Release, Requirement,
    RevenueSharePolicy, TaxNumber, TrustedPublisher, Unit, UnitPrice,
};
use chandlery_registry::catalog::{Image, SCREENSHOT, read_archive};
use chandlery_registry::oci::{Described, Repository};
use chandlery_registry::{Network, Proxies};
use chandlery_store::ContentDigest;
use serde_json::{Value, json};

use crate::{documents, trust};

/// What became of an input: nothing, or a refusal in words.
pub type Outcome = Result<(), String>;

/// One way in for what others write.
pub struct Parser {
    pub name: &'static str,
    /// Inputs that it accepts, which mutants are made of.
    pub inputs: Vec<Vec<u8>>,
    pub parse: fn(&[u8]) -> Outcome,
}

/// All of them.
pub fn all() -> Vec<Parser> {
    [plugins(), names(), signatures(), log(), registry(), money(), requests()].into_iter().flatten().collect()
}

fn parser<T: AsRef<[u8]>>(name: &'static str, inputs: &[T], parse: fn(&[u8]) -> Outcome) -> Parser {
    Parser { name, inputs: inputs.iter().map(|input| input.as_ref().to_vec()).collect(), parse }
}

fn said<T>(outcome: Result<T, impl Display>) -> Outcome {
    outcome.map(drop).map_err(|error| error.to_string())
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

fn read<T>(bytes: &[u8]) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    utf8(bytes)?.parse::<T>().map_err(|error| error.to_string())
}

fn text<T>(bytes: &[u8]) -> Outcome
where
    T: FromStr,
    T::Err: Display,
{
    read::<T>(bytes).map(drop)
}

fn plugins() -> Vec<Parser> {
    vec![
        parser("component", &documents::components(), |bytes| {
            match Component::parse(bytes) {
                // What a template exports takes a compiler to make; the rest of it was read.
                Err(error) if error.to_string().contains("must export") => Ok(()),
                outcome => said(outcome),
            }
        }),
        parser("archive of a folder", &documents::archives(), read_archive),
        parser("manifest in TOML", &[documents::MANIFEST], |bytes| said(Manifest::from_toml(utf8(bytes)?))),
        parser("manifest in JSON", &[documents::manifest().to_string()], |bytes| {
            said(Manifest::from_json(bytes))
        }),
        parser("plan", &documents::plans(), |bytes| {
            let plan: Plan = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            said(plan.checked())
        }),
        parser("lock file", &[documents::lock()], |bytes| said(Lock::parse(utf8(bytes)?))),
        parser(
            "permission",
            &["http:a.example:8443", "http:127.0.0.1", "http:setting:url", "secret:x"],
            text::<Permission>,
        ),
    ]
}

fn names() -> Vec<Parser> {
    let digest = Digest::of("x").to_string();
    vec![
        parser("namespace", &["acme", "a-1"], text::<Namespace>),
        parser("plugin", &["acme:ocr-server"], text::<PluginId>),
        parser("release", &["acme:ocr@1.0.0", "acme:ocr@1.0.0-rc.1"], text::<Release>),
        parser("requirement", &["acme:ocr", "acme:ocr@>=1.2, <2", "acme:ocr@1.2.3", "a:b@~0.1.*"], |bytes| {
            let wanted: Requirement = read(bytes)?;
            let again = wanted.to_string().parse::<Requirement>();
            assert_eq!(again.as_ref(), Ok(&wanted), "it does not read back");
            Ok(())
        }),
        parser("digest", &[&digest], text::<Digest>),
        parser("digest of content", &[&digest], |bytes| {
            let digest: ContentDigest = read(bytes)?;
            assert_eq!(
                ContentDigest::from_path(&digest.path()),
                Some(digest),
                "it is not found where it is kept"
            );
            Ok(())
        }),
        parser("scope", &["full", "publish acme:ocr"], text::<Scope>),
        parser("domain", &["example.org", "xn--bcher-kva.example"], text::<DomainName>),
        parser("tax number", &["DE136695976", "FR40303265045", "GB980780684", "NL004495445B01"], |bytes| {
            let text = utf8(bytes)?;
            let country = text.get(..2).unwrap_or("DE");
            let number = TaxNumber::read(country, text).map_err(|error| error.to_string())?;
            assert_eq!(TaxNumber::read(country, &number.to_string()), Ok(number), "it does not read back");
            Ok(())
        }),
        parser("month", &["2026-11", "9998-12"], |bytes| {
            let month: Month = read(bytes)?;
            assert!(month.first_moment() < month.last_moment(), "{month} has no time in it");
            Ok(())
        }),
    ]
}

fn signatures() -> Vec<Parser> {
    let (plugin, signed) = ("acme:ocr".parse().unwrap(), Digest::of("x"));
    let payload = SignedPayload::sign(&trust::key(), &plugin, signed);
    let artifact = Artifact::of_signature(&payload);
    let beside = Artifact::of_bundle(bundle::sign(&trust::key(), signed), &artifact);
    let manifests = [artifact.manifest, beside.manifest];
    vec![
        parser("public key", &[trust::PUBLIC_KEY], text::<PublicKey>),
        parser("private key", &[trust::PRIVATE_KEY], |bytes| said(PrivateKey::from_pem(utf8(bytes)?))),
        parser("name of a key", &[trust::key().public().id().to_string()], text::<KeyId>),
        // Even what the right key has signed.
        parser("signed payload", &[&payload.payload], |bytes| {
            let payload = utf8(bytes)?.to_owned();
            let signature = BASE64_STANDARD.encode(trust::key().sign(bytes));
            said(SignedPayload { payload, signature }.verify(&trust::key().public(), Digest::of("x")))
        }),
        parser("signature", &[&payload.signature], |bytes| {
            let payload =
                SignedPayload::sign(&trust::key(), &"acme:ocr".parse().unwrap(), Digest::of("x")).payload;
            let signature = utf8(bytes)?.to_owned();
            said(SignedPayload { payload, signature }.verify(&trust::key().public(), Digest::of("x")))
        }),
        parser("OCI manifest", &manifests, |bytes| {
            let manifest = ImageManifest::parse(bytes).map_err(|error| error.to_string())?;
            let _ = manifest.component();
            said(manifest.signatures())
        }),
        parser("licence", &[documents::licence()], |bytes| {
            // Even what the log's key has signed.
            let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"chandlery-licence+jwt"}"#);
            let claims = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
            let signature = BASE64_URL_SAFE_NO_PAD.encode(trust::signer().sign_raw(claims.as_bytes()));
            let licence = Licence::open(&format!("{claims}.{signature}"), trust::LOG_KEY);
            said(licence.map(|licence| licence.expires()))
        }),
        parser("token of an issuer", &[documents::ID_TOKEN], |bytes| said(Unverified::parse(utf8(bytes)?))),
        parser("issuer", &["https://ci.example/realm", "http://127.0.0.1:80"], text::<Issuer>),
        parser("host of an issuer", &["keys.example", "127.0.0.1:80"], text::<Authority>),
        parser("trusted publisher", &[documents::publisher().to_string()], |bytes| {
            said(serde_json::from_slice::<TrustedPublisher>(bytes))
        }),
        parser("provenance", &[built(|built| built.attest(&trust::key()))], |bytes| {
            said(built(|built| built.check(bytes, &trust::key().public())))
        }),
        parser("token of a licence", &[documents::licence_token()], |bytes| {
            said(Licence::open(utf8(bytes)?, trust::LOG_KEY))
        }),
    ]
}

/// Something done with what a workload has built.
fn built<T>(with: impl FnOnce(Built<'_>) -> T) -> T {
    let identity: Identity = serde_json::from_value(documents::publisher()).unwrap();
    let (release, digest) = ("acme:ocr@1.0.0".parse().unwrap(), Digest::of("x"));
    with(Built { release: &release, artifact: digest, component: digest, identity: &identity })
}

fn log() -> Vec<Parser> {
    let request = format!("old 1\n{}\n{}", trust::PROOF, trust::THREE);
    vec![
        parser("checkpoint", &[trust::ONE, trust::THREE], |bytes| {
            said(Checkpoint::open(utf8(bytes)?, trust::LOG_KEY))
        }),
        parser("key of a log", &[trust::LOG_KEY], |bytes| said(Checkpoint::open(trust::THREE, utf8(bytes)?))),
        parser("signing key of a log", &[trust::LOG], |bytes| said(Signer::new(utf8(bytes)?))),
        parser("cosignature", &[trust::cosignature()], |bytes| {
            let checkpoint = trust::checkpoint(trust::THREE).with_signatures(utf8(bytes)?);
            let _ = trust::quorum().vouched(&checkpoint, trust::LOG_KEY);
            said(trust::quorum().check(&checkpoint))
        }),
        parser("code of a program", &["WDJB-MJHT", "wdjbmjht"], text::<UserCode>),
        parser("client of a provider", &["chandlery", "0oa1-b~c"], text::<ClientText>),
        parser("witness", &[trust::WITNESS_ID], text::<WitnessId>),
        parser("signing key of a witness", &[trust::WITNESS], |bytes| said(WitnessKey::parse(utf8(bytes)?))),
        parser("request to a witness", &[request], |bytes| {
            let asked = AddCheckpoint::parse(utf8(bytes)?).map_err(|error| error.to_string())?;
            said(asked.check(trust::LOG_KEY, Some(&trust::checkpoint(trust::ONE))))
        }),
        parser("entry of a log", &documents::entries(), |bytes| {
            let entry = Entry::parse(0, bytes).map_err(|error| error.to_string())?;
            let _ = (entry.describe(), History::default().apply(&entry));
            assert_eq!(Entry::parse(0, &entry.to_bytes()), Ok(entry), "it does not read back");
            Ok(())
        }),
        parser("advisory", &[documents::advisory()], |bytes| {
            let advisory = Advisory::parse(bytes).map_err(|error| error.to_string())?;
            let release: Release = read(b"acme:ocr@1.0.0")?;
            let _ = advisory.affects(&release.version);
            said(advisory.check(&release.plugin))
        }),
        parser("id of an advisory", &["ACME-2026-1"], text::<AdvisoryId>),
        parser("tile of a log", &[trust::tile()], |bytes| {
            let (mut tiles, now) = (Tiles::default(), trust::checkpoint(trust::THREE));
            while let Proof::Needs(paths) =
                tiles.prove_included(&now, 1, trust::ENTRY).map_err(|error| error.to_string())?
            {
                paths.into_iter().for_each(|path| tiles.add(path, bytes.to_vec()));
            }
            said(tiles.prove_consistent(&trust::checkpoint(trust::ONE), &now))
        }),
    ]
}

fn registry() -> Vec<Parser> {
    vec![
        parser("manifest that is pushed", &documents::images(), |bytes| {
            let described = Described::parse(bytes).map_err(|error| error.to_string())?;
            let _ = described.keeps().filter(|kept| kept.must_say(1, "it").is_ok()).count();
            Ok(())
        }),
        parser("repository", &["acme/ocr", "acme/a.b/c__d"], text::<Repository>),
        parser("image", &documents::PICTURES, |bytes| said(Image::read(SCREENSHOT, bytes.to_vec().into()))),
        parser("link", &["https://acme.example", "https://acme.example:8443/a?b=c#d"], text::<WebLink>),
        parser("support", &["help@acme.example", "https://acme.example/help"], text::<Support>),
        parser("caption", &["A page of text"], text::<Caption>),
        parser("tag of signatures", &[format!("sha256-{}.sig", Digest::of("x").hex())], |bytes| {
            signed_under(utf8(bytes)?).map(drop).ok_or_else(|| "it is for something else".into())
        }),
        parser("problem", &[documents::problem()], |bytes| said(serde_json::from_slice::<Problem>(bytes))),
        parser("place in a list", &[documents::cursor()], |bytes| {
            said(serde_json::from_value::<Paging<(String, i64)>>(
                json!({ "after": utf8(bytes)?, "limit": "10" }),
            ))
        }),
    ]
}

fn money() -> Vec<Parser> {
    vec![
        parser("amount", &["100.00 USD", "-7 JPY"], text::<Money>),
        parser("rate", &["15%", "2.5 %"], text::<Rate>),
        parser("price of a unit", &["0.000001 USD"], text::<UnitPrice>),
        parser("unit", &["gpu-hour", "pages"], text::<Unit>),
        parser(
            "what a server shows to Prometheus",
            &["# TYPE a counter\na{b=\"c\",d=\"\\\"\"} 1.5e3 1700000000000\na 7\nb NaN\n"],
            |bytes| {
                let meter =
                    json!({ "unit": "tokens", "port": "http", "series": "a", "labels": { "b": "c" } });
                let meter: Meter = serde_json::from_value(meter).map_err(|error| error.to_string())?;
                said(expose(utf8(bytes)?, &[&meter]))
            },
        ),
        parser("offer", &documents::offers(), |bytes| {
            let offer: Offer = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            let _ = (offer.to_string(), offer.price.charge(u64::MAX));
            said(offer.price.check())
        }),
        parser("policy", &documents::policies(), |bytes| {
            let policy: RevenueSharePolicy =
                serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            said(policy.check())
        }),
        parser("statement of a bank", &documents::statements(), |bytes| {
            for text in rails::statement_texts(utf8(bytes)?).map_err(|error| error.to_string())? {
                let _ =
                    (rails::Subject::find(&text), rails::Subject::near(&text), payouts::numbers_in(&text));
            }
            Ok(())
        }),
    ]
}

fn requests() -> Vec<Parser> {
    vec![
        parser(
            "answer of an authenticator",
            &[documents::passkey("https://plugins.example.com", documents::PASSKEY_CHALLENGE, true)],
            |bytes| {
                let answer: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
                let site = RelyingParty::at("https://plugins.example.com").unwrap();
                let asked = serde_json::from_str(documents::PASSKEY_ASKED).unwrap();
                said(site.register(&answer, &asked))
            },
        ),
        parser(
            "filter of a directory",
            &["userName eq \"ann@corp.example\"", "emails[type eq \"work\"].value eq \"a\""],
            |bytes| scim::read_filter(utf8(bytes)?),
        ),
        parser("body of a directory", &documents::directory(), scim::read_body),
        parser("network", &["10.0.0.0/8", "::ffff:10.0.0.0/104", "fd00::/8"], text::<Network>),
        parser(
            "X-Forwarded-For",
            &["203.0.113.9, 10.0.0.3\n10.0.0.2,10.0.0.4:80", "[2001:db8::1]:4711"],
            |bytes| {
                let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
                let mut headers = HeaderMap::new();
                // No server takes more.
                for line in bytes.split(|byte| *byte == b'\n').take(100) {
                    headers.append(
                        "x-forwarded-for",
                        HeaderValue::from_bytes(line).map_err(|error| error.to_string())?,
                    );
                }
                let peer = IpAddr::from(Ipv4Addr::new(10, 0, 0, 1));
                assert!(!proxies.trust(Ipv4Addr::LOCALHOST.into()));
                let _ = proxies.origin(peer, &headers);
                Ok(())
            },
        ),
    ]
}
