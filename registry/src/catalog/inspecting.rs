//! Looking at components that strangers made. Each is in memory as a whole meanwhile, so there are only a few at once.

use std::sync::Arc;

use bytes::Bytes;
use chandlery_sandbox::Worker;
use tokio::sync::Semaphore;

use super::error::Error;

/// How many are looked at in one process at the same time.
const AT_ONCE: usize = 2;

/// Who looks at components.
#[derive(Clone)]
pub struct Inspector {
    worker: Worker,
    turns: Arc<Semaphore>,
}

impl Inspector {
    /// One that lets this worker look.
    pub fn new(worker: Worker) -> Self {
        Self { worker, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What a look at a component says, which may block. Its bytes are read when it is its turn.
    pub(super) async fn look<T: Send + 'static, E: Into<Error>>(
        &self,
        bytes: impl Future<Output = Result<Bytes, E>>,
        look: impl FnOnce(&Worker, Bytes) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Error::damaged(error.to_string()))?;
        let (bytes, worker) = (bytes.await.map_err(Into::into)?, self.worker.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            look(&worker, bytes)
        });
        looked.await.map_err(|error| Error::damaged(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

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
            inspector.look(read, move |_, _| now.fetch_sub(1, Ordering::SeqCst))
        });
        for looked in futures::future::join_all(looks).await {
            looked.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    }
}
