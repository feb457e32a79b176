//! Digests, tags and uploads, as clients of OCI name them, and the use that accounts report.

use uuid::Uuid;

use super::{Market, NO_DIGEST, UNKNOWN, text};
use crate::world::Person;

impl Market {
    pub(super) fn each_digest_tag_and_upload(&self) {
        let no_upload = Uuid::nil().to_string();
        let [artifact, layer, upload] = [&self.artifact, &self.layer, &self.upload].map(String::as_str);
        let finish = format!("ID?digest={NO_DIGEST}");
        let use_of = |what: &str| format!("/api/v1/usage-{what}?account=ID&month=2026-01");
        let mut table = vec![
            ("GET", use_of("records"), "globex", UNKNOWN),
            ("GET", use_of("segments"), "globex", UNKNOWN),
            ("GET", use_of("roots"), "globex", UNKNOWN),
            ("GET", use_of("charges"), "globex", UNKNOWN),
            ("GET", "/api/v1/usage-hosts?account=ID".into(), "globex", UNKNOWN),
            ("GET", "/v2/acme/ID/tags/list".to_owned(), "ocr-server", UNKNOWN),
            ("GET", "/v2/bob/own/blobs/ID".into(), layer, NO_DIGEST),
            ("GET", "/v2/bob/own/manifests/ID".into(), artifact, NO_DIGEST),
            ("GET", "/api/v1/audit?actor=ID".into(), "acme", UNKNOWN),
        ];
        for (method, part, theirs, nobodys) in [
            ("GET", "manifests", "1.0.0", "9.9.9"),
            ("GET", "manifests", artifact, NO_DIGEST),
            ("GET", "blobs", layer, NO_DIGEST),
            ("GET", "referrers", artifact, NO_DIGEST),
            ("PUT", "manifests", "1.0.0", "9.9.9"),
            ("DELETE", "manifests", artifact, NO_DIGEST),
            ("DELETE", "blobs", layer, NO_DIGEST),
        ] {
            table.push((method, format!("/v2/acme/ocr-server/{part}/ID"), theirs, nobodys));
        }
        for repository in ["acme/ocr-server", "bob/own"] {
            for (method, id) in [("GET", "ID"), ("PATCH", "ID"), ("PUT", finish.as_str()), ("DELETE", "ID")] {
                table.push((
                    method,
                    format!("/v2/{repository}/blobs/uploads/{id}"),
                    upload,
                    no_upload.as_str(),
                ));
            }
        }
        let wrong: Vec<_> = table
            .iter()
            .filter_map(|(method, path, theirs, nobodys)| {
                let at = |id: &str| path.replace("ID", id);
                self.compare(method, (&at(theirs), theirs), (&at(nobodys), nobodys), ["{}"; 2])
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");

        // What bob cannot read he cannot take over into a repository of his own.
        for from in ["", "&from=acme/ocr-server"] {
            let path = format!("/v2/bob/own/blobs/uploads/?mount={layer}{from}");
            assert_eq!(self.ask(&self.bob, "POST", &path, "").status, 202, "{from}");
        }
        let scope = "/token?scope=repository:acme/ocr-server:pull";
        let token = text(&self.ask(&self.bob, "GET", scope, "").json()["token"]);
        let path = "/v2/acme/ocr-server/tags/list";
        assert_eq!(self.world.send("GET", path, Some(&token), &[], "").status, 403);
    }

    /// A blob that somebody is about to name in a manifest is kept for that: where it is somebody who may.
    pub(super) fn strangers_keep_no_blob(&self) {
        const LONG_AGO: &str = "2020-01-01T00:00:00.000000Z";
        let stores = &self.world.stores;
        stores.sql(&format!("update repository_blobs set pushed_at = '{LONG_AGO}'"));
        let pushed_after = |person: &Person| {
            let path = format!("/v2/acme/ocr-server/blobs/{}", self.layer);
            assert_eq!(self.ask(person, "HEAD", &path, "").status, 200);
            stores.texts(&format!("select pushed_at from repository_blobs where digest = '{}'", self.layer))
        };
        assert_eq!(pushed_after(&self.bob), [LONG_AGO]);
        assert_ne!(pushed_after(&self.acme), [LONG_AGO]);
    }
}
