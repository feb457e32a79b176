//! What it takes to know who asks.

use std::sync::Arc;

use chandlery_store::{Db, Facts};

use crate::Error;
use crate::passwords::random_text;
use crate::session::SessionCookie;

/// What it takes to know who asks.
#[derive(Clone)]
pub struct Accounts {
    /// Where accounts, tokens and members are kept.
    pub db: Db,
    /// What brings the session of a page.
    pub cookie: SessionCookie,
    /// What authenticates short-lived tokens, the same for all replicas.
    pub(crate) bearer_key: Arc<[u8]>,
}

impl Accounts {
    /// Opens the accounts of a registry, whose pages have this cookie.
    pub async fn open(db: Db, cookie: SessionCookie) -> Result<Self, Error> {
        let bearer_key = Facts(&db).get_or("bearer-key", random_text).await?.into_bytes().into();
        Ok(Self { db, cookie, bearer_key })
    }
}
