//! Every list of the catalog and of the accounts, page by page, makes up the whole.

use serde_json::Value;

use crate::Registry;
use crate::testing::{get, registry, write};

const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

/// Everything that a list has, and how many pages that were.
async fn pages(registry: &Registry, list: &str, limit: usize, token: &str) -> (Vec<Value>, usize) {
    let (mut all, mut count, mut after) = (Vec::new(), 0, String::new());
    loop {
        let (status, _, body) = get(registry, &format!("{list}?limit={limit}{after}"), token).await;
        assert_eq!(status, 200, "{list}: {body}");
        let items = body["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        all.extend(items.iter().cloned());
        count += 1;
        match body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (all, count),
        }
    }
}

/// A registry with nine of everything: versions whose order as texts is another, tokens of one moment, an invitation to each
/// namespace.
async fn filled() -> (tempfile::TempDir, Registry, String) {
    let (folder, registry) = registry().await;
    let token = std::fs::read_to_string(folder.path().join("operator.token")).unwrap();
    let mut rows = Vec::new();
    for number in 0..9 {
        rows.push(format!("insert into namespaces (name, created_at) values ('space-{number}', '')"));
        rows.push(format!("insert into accounts (name, password_hash, role, created_at) values ('person-{number}', '', 'member', '')"));
        rows.push(format!(
            "insert into invitations (namespace, account, role, invited_by, invited_at)
             values ('space-{number}', 'operator', 'viewer', 'person-{number}', '')"
        ));
        rows.push(format!(
            "insert into operator_proposals (account, proposed_by, proposed_at)
             values ('person-{number}', 'operator', '2999-01-01T00:00:00.000000Z')"
        ));
        let hash = format!("{number}a").repeat(32);
        rows.push(format!(
            "insert into tokens (hash, account, created_at, scope, note)
             values ('{hash}', 'operator', '2026-01-01T00:00:00.000000Z', 'read', '')"
        ));
        let table = if number < 5 {
            "namespace_members (namespace, account, role)"
        } else {
            "invitations (namespace, account, role, invited_by, invited_at)"
        };
        let more = if number < 5 { "" } else { ", 'operator', ''" };
        rows.push(format!("insert into {table} values ('space-0', 'person-{number}', 'viewer'{more})"));
    }
    rows.push("insert into plugins (id, namespace) values ('space-0:ocr', 'space-0')".into());
    for (index, version) in
        ["1.9.0", "1.10.0", "1.10.0-rc.2", "1.10.0-rc.10", "0.1.0", "10.0.0", "2.0.0", "1.0.0", "1.0.1"]
            .iter()
            .enumerate()
    {
        rows.push(format!(
            "insert into namespace_keys (namespace, key_id, pem, log_index) values ('space-0', 'key {index}', '{KEY}', {index})"
        ));
        let digest = format!("sha256:{}", format!("{index}b").repeat(32));
        rows.push(format!(
            "insert into releases (plugin, version, kind, title, description, component, component_bytes, artifact, key_id,
                                   log_index, published_at)
             values ('space-0:ocr', '{version}', 'template', '', '', '{digest}', 1, '{digest}', 'key {index}', {index},
                     '2026-01-01T00:00:00.000000Z')"
        ));
    }
    write(&registry, &rows).await;
    crate::catalog::fill_in_order(&registry.db).await.unwrap();
    (folder, registry, token)
}

#[tokio::test]
async fn pages_make_up_the_whole() {
    let (_folder, registry, token) = filled().await;
    for list in [
        "/api/v1/namespaces/space-0/keys",
        "/api/v1/namespaces/space-0/members",
        "/api/v1/plugins/space-0/ocr/releases",
        "/api/v1/account/tokens",
        "/api/v1/account/invitations",
        "/api/v1/operator-proposals",
    ] {
        let (whole, one) = pages(&registry, list, 1000, &token).await;
        assert!(whole.len() >= 9, "{list}: {whole:?}");
        assert_eq!(one, 1, "{list}");
        let (parts, count) = pages(&registry, list, 2, &token).await;
        assert_eq!(parts, whole, "{list}");
        assert_eq!(count, whole.len().div_ceil(2), "{list}");
    }
}

#[tokio::test]
async fn what_is_no_page_is_refused() {
    let (_folder, registry, token) = filled().await;
    for list in [
        "/api/v1/plugins",
        "/api/v1/namespaces/space-0/keys",
        "/api/v1/namespaces/space-0/members",
        "/api/v1/plugins/space-0/ocr/releases",
        "/api/v1/account/tokens",
        "/api/v1/account/invitations",
    ] {
        for query in ["limit=0", "limit=1001", "limit=-1", "limit=many", "limit=", "after=0", "after=!"] {
            let (status, _, body) = get(&registry, &format!("{list}?{query}"), &token).await;
            assert_eq!(status, 400, "{list}?{query}: {body}");
        }
    }
}

#[tokio::test]
async fn releases_come_highest_version_first() {
    let (_folder, registry, token) = filled().await;
    let (all, _) = pages(&registry, "/api/v1/plugins/space-0/ocr/releases", 4, &token).await;
    let versions: Vec<_> =
        all.iter().map(|record| record["release"].as_str().unwrap().split_once('@').unwrap().1).collect();
    let highest_first =
        ["10.0.0", "2.0.0", "1.10.0", "1.10.0-rc.10", "1.10.0-rc.2", "1.9.0", "1.0.1", "1.0.0", "0.1.0"];
    assert_eq!(versions, highest_first);
}
