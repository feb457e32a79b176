//! What a path below `/v2/` names: its grammar decides, since a repository's name has slashes in it.

use uuid::Uuid;

use super::error::Error;
use chandlery_store::content::ContentDigest;

const TAG_BYTES_MAX: usize = 128;

/// What a path below `/v2/` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Uploads,
    Upload(Uuid),
    Blob(ContentDigest),
    Manifest(Reference),
    Tags,
    Referrers(ContentDigest),
}

/// How a manifest is named.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference {
    Digest(ContentDigest),
    Tag(String),
}

impl Reference {
    fn parse(text: &str) -> Result<Self, Error> {
        match text.contains(':') {
            true => Ok(Self::Digest(text.parse()?)),
            false => Ok(Self::Tag(parse_tag(text)?)),
        }
    }
}

impl Target {
    /// Splits a path into the repository's name and what is meant in it.
    pub(super) fn parse(path: &str) -> Result<(&str, Self), Error> {
        let unknown = || Error::not_found(format!("such path: /v2/{path}"));
        if let Some(name) = path.strip_suffix("/tags/list") {
            return Ok((name, Self::Tags));
        }
        if let Some(name) = path.strip_suffix("/blobs/uploads/").or(path.strip_suffix("/blobs/uploads")) {
            return Ok((name, Self::Uploads));
        }
        let (rest, last) = path.rsplit_once('/').ok_or_else(unknown)?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            let upload = last.parse().map_err(|_| Error::not_found(format!("upload {last}")))?;
            return Ok((name, Self::Upload(upload)));
        }
        let (name, kind) = rest.rsplit_once('/').ok_or_else(unknown)?;
        match kind {
            "blobs" => Ok((name, Self::Blob(last.parse()?))),
            "manifests" => Ok((name, Self::Manifest(Reference::parse(last)?))),
            "referrers" => Ok((name, Self::Referrers(last.parse()?))),
            _ => Err(unknown()),
        }
    }
}

/// Reads a tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn parse_tag(text: &str) -> Result<String, Error> {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    match first && rest && text.len() <= TAG_BYTES_MAX {
        true => Ok(text.into()),
        false => Err(Error::BadManifest(format!("'{text}' is not a tag"))),
    }
}

/// A path as it was meant.
pub(super) fn percent_decoded(path: &str) -> Result<String, Error> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    decoded.map(Into::into).map_err(|_| Error::invalid("the path is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_thing() {
        let digest = ContentDigest::of(chandlery_store::content::Algorithm::Sha256, b"x");
        let upload = Uuid::nil();
        for (path, name, target) in [
            ("acme/ocr/tags/list", "acme/ocr", Target::Tags),
            ("acme/ocr/blobs/uploads/", "acme/ocr", Target::Uploads),
            (&format!("a/b/c/blobs/uploads/{upload}"), "a/b/c", Target::Upload(upload)),
            (&format!("a/blobs/blobs/{digest}"), "a/blobs", Target::Blob(digest.clone())),
            (&format!("a/b/referrers/{digest}"), "a/b", Target::Referrers(digest.clone())),
            (&format!("a/b/manifests/{digest}"), "a/b", Target::Manifest(Reference::Digest(digest.clone()))),
            ("a/b/manifests/v1", "a/b", Target::Manifest(Reference::Tag("v1".into()))),
        ] {
            assert_eq!(Target::parse(path).unwrap(), (name, target), "{path}");
        }
        for wrong in
            ["", "a", "a/b", "a/b/manifests/sha256:bad", "a/blobs/x", "a/b/else/c", "a/b/manifests/.x"]
        {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
