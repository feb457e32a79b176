//! As what stored content is served. Whatever people call what they push, no browser shows it as a page or runs it.

use axum::http::{HeaderMap, HeaderValue, header};
use chandlery_package::artifact::MANIFEST_MEDIA_TYPE;
use chandlery_package::browser::CONTENT_POLICY;

use super::descriptors::INDEX;

/// What content is whose media type clients need not be told.
pub(super) const BYTES: &str = "application/octet-stream";
/// What clients need to be told: which kind of manifest or index it is.
const MANIFESTS: [&str; 6] = [
    MANIFEST_MEDIA_TYPE,
    INDEX,
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.cncf.oras.artifact.manifest.v1+json",
];

/// The media type of a manifest that was pushed as this one.
pub(super) fn served_as(pushed_as: &str) -> &'static str {
    let essence = pushed_as.split(';').next().unwrap_or_default().trim();
    MANIFESTS.into_iter().find(|known| known.eq_ignore_ascii_case(essence)).unwrap_or(BYTES)
}

/// The headers of an answer that is content.
pub(super) fn headers(media_type: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_manifests_are_served_as_what_they_were_pushed_as() {
        for known in MANIFESTS {
            assert_eq!(served_as(known), known);
            assert_eq!(served_as(&known.to_uppercase()), known);
            assert_eq!(served_as(&format!(" {known} ; charset=utf-8")), known);
        }
        for other in [
            "",
            ";",
            "text/html",
            "Text/HTML; charset=utf-8",
            "application/xhtml+xml",
            "image/svg+xml",
            "text/xml",
            "text/css",
            "text/javascript",
            "application/json",
            "application/pdf",
            "multipart/x-mixed-replace",
            "text/html;application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.index.v1+json, text/html",
        ] {
            assert_eq!(served_as(other), BYTES, "{other}");
        }
    }
}
