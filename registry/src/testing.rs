//! A registry of its own for each unit test, with something to sell.

use chandlery_package::Namespace;
use jiff::Timestamp;

use crate::{Limits, Registry, Settings};

/// An empty registry, which lasts as long as its folder.
pub(crate) async fn registry() -> (tempfile::TempDir, Registry) {
    // Fails only where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        data: folder.path().into(),
        database: None,
        storage: None,
        origin: "example.com/log".into(),
        witnesses: Vec::new(),
        url: None,
        hold_days: 30,
        virtual_clock: true,
        processor: None,
        mail: None,
        limits: Limits::default(),
    };
    let registry = Registry::open(&settings).await.unwrap();
    (folder, registry)
}

/// The same, with these customers and a plugin of acme's at this offer.
pub(crate) async fn market(customers: &[&str], offer: &str) -> (tempfile::TempDir, Registry) {
    let (folder, registry) = registry().await;
    for sql in [
        "insert into namespaces (name, created_at) values ('acme', '')",
        "insert into plugins (id, namespace) values ('acme:serving', 'acme')",
        "insert into releases (plugin, version, kind, title, description, component, component_bytes, artifact, key_id,
                               log_index, published_at)
         values ('acme:serving', '1.0.0', 'template', '', '', '', 0, '', '', 0, '')",
    ] {
        sqlx::query(sql).execute(registry.db.read()).await.unwrap();
    }
    for customer in customers {
        sqlx::query("insert into accounts (name, password_hash, role, created_at) values ($1, '', '', '')")
            .bind(*customer)
            .execute(registry.db.read())
            .await
            .unwrap();
    }
    sqlx::query("insert into prices (plugin, version, since, offer) values ('acme:serving', 1, '2020', $1)")
        .bind(offer)
        .execute(registry.db.read())
        .await
        .unwrap();
    (folder, registry)
}

/// The first operator.
pub(crate) fn operator() -> Namespace {
    "operator".parse().unwrap()
}

/// A moment.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What is wrong with the books.
pub(crate) async fn faults(registry: &Registry) -> Vec<String> {
    crate::laws::check(&mut registry.db.snapshot().await.unwrap()).await.unwrap().faults
}
