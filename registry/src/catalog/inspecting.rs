//! Looking at components that strangers made, and into archives of them. Each is in memory as a whole meanwhile, so there are only a few at
//! once, and one of each account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use chandlery_package::Namespace;
use chandlery_sandbox::Worker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;

/// How many components are looked at in one process at the same time.
const AT_ONCE: usize = 2;
/// How many archives are opened meanwhile.
const ARCHIVES_AT_ONCE: usize = 1;

/// Who looks at components.
#[derive(Clone)]
pub struct Inspector {
    worker: Worker,
    components: Arc<Semaphore>,
    archives: Arc<Semaphore>,
    /// Those of accounts for whom something is looked at, or waits for it.
    accounts: Arc<Mutex<HashMap<Namespace, Weak<Semaphore>>>>,
}

impl Inspector {
    /// One that lets this worker look.
    pub fn new(worker: Worker) -> Self {
        Self {
            worker,
            components: Arc::new(Semaphore::new(AT_ONCE)),
            archives: Arc::new(Semaphore::new(ARCHIVES_AT_ONCE)),
            accounts: Arc::default(),
        }
    }

    /// What a look at a component says, which may block. Its bytes are read when it is its turn, and that of the account that asks.
    pub(super) async fn look<T: Send + 'static, E: Into<Error>>(
        &self,
        by: Option<&Namespace>,
        bytes: impl Future<Output = Result<Bytes, E>>,
        look: impl FnOnce(&Worker, Bytes) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let own = match by {
            Some(by) => Some(turn(self.turns_of(by)).await?),
            None => None,
        };
        let turns = (own, turn(Arc::clone(&self.components)).await?);
        let worker = self.worker.clone();
        blocking(turns, bytes, move |bytes| look(&worker, bytes)).await
    }

    /// What is found in an archive, which may block. It waits for other archives, and no component waits for it but the account's own.
    pub(super) async fn open<T: Send + 'static, E: Into<Error>>(
        &self,
        by: &Namespace,
        bytes: impl Future<Output = Result<Bytes, E>>,
        open: impl FnOnce(Bytes) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let own = turn(self.turns_of(by)).await?;
        let turns = (own, turn(Arc::clone(&self.archives)).await?);
        blocking(turns, bytes, open).await
    }

    /// The one turn of an account.
    fn turns_of(&self, account: &Namespace) -> Arc<Semaphore> {
        let mut all = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, turns| turns.strong_count() > 0);
        all.get(account).and_then(Weak::upgrade).unwrap_or_else(|| {
            let turns = Arc::new(Semaphore::new(1));
            all.insert(account.clone(), Arc::downgrade(&turns));
            turns
        })
    }
}

async fn turn(turns: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    turns.acquire_owned().await.map_err(|error| Error::damaged(error.to_string()))
}

/// Reads bytes and does with them what may block. The turns are held until that is done, even where nobody waits for it any more.
async fn blocking<T: Send + 'static, E: Into<Error>>(
    turns: impl Send + 'static,
    bytes: impl Future<Output = Result<Bytes, E>>,
    work: impl FnOnce(Bytes) -> T + Send + 'static,
) -> Result<T, Error> {
    let bytes = bytes.await.map_err(Into::into)?;
    let done = tokio::task::spawn_blocking(move || {
        let _turns = turns;
        work(bytes)
    });
    done.await.map_err(|error| Error::damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::FutureExt as _;

    use super::*;

    fn nothing() -> std::future::Ready<Result<Bytes, Error>> {
        ready(Ok(Bytes::new()))
    }

    async fn soon(looked: impl Future<Output = Result<(), Error>>) {
        tokio::time::timeout(Duration::from_secs(60), looked).await.expect("it has its turn").unwrap();
    }

    #[tokio::test]
    async fn only_a_few_are_in_memory_at_once() {
        let inspector = Inspector::new(Worker::Here);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let looks = (0..10).map(|_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            let read = {
                let (now, most) = (Arc::clone(&now), Arc::clone(&most));
                async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok::<_, Error>(Bytes::new())
                }
            };
            inspector.look(None, read, move |_, _| now.fetch_sub(1, Ordering::SeqCst))
        });
        for looked in futures::future::join_all(looks).await {
            looked.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    }

    #[tokio::test]
    async fn each_account_has_one_turn_and_no_component_waits_for_archives_of_others() {
        let inspector = Inspector::new(Worker::Here);
        let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| name.parse::<Namespace>().unwrap());
        let never = || pending::<Result<Bytes, Error>>();
        let mut opened = Box::pin(inspector.open(&eve, never(), |_| ()));
        assert!((&mut opened).now_or_never().is_none());
        let mut waits = Box::pin(inspector.open(&bob, nothing(), |_| ()));
        assert!((&mut waits).now_or_never().is_none(), "archives wait for each other");
        let mut own = Box::pin(inspector.look(Some(&eve), nothing(), |_, _| ()));
        assert!((&mut own).now_or_never().is_none(), "an account waits for itself");
        soon(inspector.look(Some(&ann), nothing(), |_, _| ())).await;
        // Of two components of one account the second leaves the turn to others.
        let looks: Vec<_> = (0..2).map(|_| inspector.look(Some(&ann), never(), |_, _| ())).collect();
        let mut looks: Vec<_> = looks.into_iter().map(Box::pin).collect();
        for look in &mut looks {
            assert!(look.now_or_never().is_none());
        }
        soon(inspector.look(None, nothing(), |_, _| ())).await;

        drop((opened, looks));
        soon(waits).await;
        soon(own).await;
        inspector.turns_of(&ann);
        assert_eq!(inspector.accounts.lock().unwrap().len(), 1, "who is gone is forgotten");
    }
}
