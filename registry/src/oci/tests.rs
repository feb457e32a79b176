//! Lists of this room, a page at a time.

use serde_json::Value;

use crate::Registry;
use crate::testing::{get, next_link, registry, write};

const SUBJECT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Everything that a list has, page for page, and how many pages that were.
async fn pages(registry: &Registry, first: &str, items: &str) -> (Vec<Value>, usize) {
    let (mut all, mut count, mut next) = (Vec::new(), 0, Some(first.to_owned()));
    while let Some(path) = next {
        let (status, headers, body) = get(registry, &path, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        all.extend(body[items].as_array().unwrap().iter().cloned());
        (count, next) = (count + 1, next_link(&headers));
    }
    (all, count)
}

#[tokio::test]
async fn tags_come_in_pages_that_make_up_the_whole() {
    let (_folder, registry) = registry().await;
    let mut rows = vec!["insert into namespaces (name, created_at) values ('acme', '')".to_owned()];
    let tag = |number: u32| {
        format!("insert into tags (repository, tag, digest) values ('acme/x', 'v{number}', 'd')")
    };
    rows.extend((0..7).map(tag));
    rows.push("insert into tags (repository, tag, digest) values ('acme/y', 'v0', 'd')".into());
    write(&registry, &rows).await;
    let (whole, one) = pages(&registry, "/v2/acme/x/tags/list", "tags").await;
    assert_eq!((whole.len(), one), (7, 1));
    let (parts, four) = pages(&registry, "/v2/acme/x/tags/list?n=2", "tags").await;
    assert_eq!((parts, four), (whole, 4));
}

#[tokio::test]
async fn a_page_of_tags_is_found_by_the_index() {
    let (_folder, registry) = registry().await;
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "explain query plan select tag from tags where repository = 'a' and tag > 'b' order by tag limit 3",
    )
    .fetch_all(registry.db.read())
    .await
    .unwrap();
    let plan: Vec<_> = plan.into_iter().map(|(_, _, _, step)| step).collect();
    assert_eq!(plan.len(), 1, "{plan:?}");
    assert!(plan[0].starts_with("SEARCH tags USING COVERING INDEX"), "{plan:?}");
}

#[tokio::test]
async fn referrers_come_in_pages_that_make_up_the_whole() {
    let (_folder, registry) = registry().await;
    let mut rows = vec!["insert into namespaces (name, created_at) values ('acme', '')".to_owned()];
    rows.extend((0..9).map(|number| {
        let (kind, note) = (number % 2, "x".repeat(1 << 20));
        format!(
            "insert into manifests (repository, digest, media_type, content, bytes, subject, artifact_type, annotations, pushed_at)
             values ('acme/x', 'sha256:{number}', 'm', '', 0, '{SUBJECT}', 'kind/{kind}+a', '{{\"note\": \"{note}\"}}',
                     '2026-01-0{}')",
            number / 3 + 1
        )
    }));
    write(&registry, &rows).await;
    let path = format!("/v2/acme/x/referrers/{SUBJECT}");
    // Too much for one answer.
    let (whole, count) = pages(&registry, &path, "manifests").await;
    assert_eq!(whole.len(), 9);
    assert!(count > 1);
    let (parts, count) = pages(&registry, &format!("{path}?n=2"), "manifests").await;
    assert_eq!((parts, count), (whole.clone(), 5));
    let (some, _) = pages(&registry, &format!("{path}?n=2&artifactType=kind/1%2Ba"), "manifests").await;
    let wanted = |item: &&Value| item["artifactType"] == "kind/1+a";
    assert_eq!(some, whole.iter().filter(wanted).cloned().collect::<Vec<_>>());
}
