//! What a plugin keeps between calls: one store of its own, called `default`. What a call changes is kept if the call
//! ends well.

use chandlery_package::Permission;

use super::Capabilities;

const STORE: &str = "default";

/// The plugin's one store, opened.
pub struct Bucket;

pub(crate) enum KeyValueError {
    NotGranted,
    NoSuchStore,
}

impl Capabilities {
    pub(crate) fn open_bucket(&self, store: &str) -> Result<Bucket, KeyValueError> {
        if !self.may(&Permission::KeyValue, format!("open the store '{store}'")) {
            return Err(KeyValueError::NotGranted);
        }
        match store {
            STORE | "" => Ok(Bucket),
            _ => Err(KeyValueError::NoSuchStore),
        }
    }
}
