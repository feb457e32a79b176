//! What is not as it should be yet. These lists only become shorter.

/// References that close a circle of files.
pub const FILES: &[(&str, &str)] = &[
    ("registry/src/lib.rs", "registry/src/chores.rs"),
    ("registry/src/lib.rs", "registry/src/guard.rs"),
    ("registry/src/lib.rs", "registry/src/metrics.rs"),
    ("registry/src/lib.rs", "registry/src/oci.rs"),
    ("registry/src/lib.rs", "registry/src/oci/blobs.rs"),
    ("registry/src/lib.rs", "registry/src/web.rs"),
    ("registry/src/oci.rs", "registry/src/oci/referrers.rs"),
    ("registry/src/oci.rs", "registry/src/oci/tags.rs"),
    ("registry/src/oci/answer.rs", "registry/src/oci.rs"),
    ("registry/src/oci/blobs.rs", "registry/src/oci.rs"),
    ("registry/src/oci/manifests.rs", "registry/src/oci.rs"),
    ("registry/src/oci/manifests.rs", "registry/src/oci/tags.rs"),
    ("registry/src/oci/token.rs", "registry/src/oci.rs"),
    ("registry/src/oci/uploads.rs", "registry/src/oci.rs"),
];
/// References that close a circle of rooms.
pub const ROOMS: &[(&str, &str)] = &[
    ("chandlery-registry::the root", "chandlery-registry::catalog"),
    ("chandlery-registry::the root", "chandlery-registry::chores"),
    ("chandlery-registry::the root", "chandlery-registry::error"),
    ("chandlery-registry::the root", "chandlery-registry::guard"),
    ("chandlery-registry::the root", "chandlery-registry::metrics"),
    ("chandlery-registry::the root", "chandlery-registry::oci"),
    ("chandlery-registry::the root", "chandlery-registry::web"),
];
/// Crates that are built on one that is not below them.
pub const ARROWS: &[&str] = &[];
/// Tables that several rooms write, and files with statements that do not name what they write.
pub const TABLES: &[&str] = &["registry.namespaces", "registry.releases"];
/// Calls that block a thread of a server.
pub const BLOCKING: &[&str] = &[
    "registry/src/backup.rs std::fs::File::create",
    "registry/src/backup.rs std::fs::File::open",
    "registry/src/backup.rs std::fs::remove_file",
];
/// Files of too many lines.
pub const LONG: &[&str] = &[];
/// How many docs of one or two words a folder has at most.
pub const SHORT_DOCS: &[(&str, usize)] = &[("host", 105), ("registry", 33), ("tests", 3)];
