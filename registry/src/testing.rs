//! A registry of its own for each unit test.

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
