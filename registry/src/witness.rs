//! A small witness that anyone can run: it follows some logs, and cosigns a checkpoint only if it continues what it has
//! seen of its log before.
//!
//! <https://c2sp.org/tlog-witness>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use chandlery_package::log::{AddCheckpoint, Checkpoint, LogError, Refusal, WitnessId, WitnessKey};
use chandlery_package::{Digest, browser};
use chandlery_store::files::{self, create_private_dir, write_atomic};
use chandlery_tasks::connections;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::error::Error;

/// The largest request: a proof of 63 hashes and a checkpoint.
const BODY_BYTES_MAX: usize = 64 << 10;
const TEXT: (HeaderName, &str) = (header::CONTENT_TYPE, "text/plain; charset=utf-8");

/// What cosigns the checkpoints of the logs that it follows, each only if it continues what was cosigned before.
pub struct Witness {
    key: WitnessKey,
    /// The keys of the logs that it follows, by their origin.
    logs: BTreeMap<String, String>,
    data: PathBuf,
    /// Held from looking up what was seen until the new checkpoint is written down.
    turn: Mutex<()>,
}

impl Witness {
    /// Opens a witness of the logs with these verifier keys in its data directory, making its key on the first start.
    pub fn open(data: &Path, name: &str, logs: &[String]) -> Result<Self, Error> {
        create_private_dir(data)?;
        let path = data.join("witness.key");
        if !path.exists() {
            write_atomic(&path, &WitnessKey::generate(name)?.to_text())?;
        }
        let key = WitnessKey::parse(&files::read(&path)?)?;
        if key.id().name() != name {
            let what =
                format!("this witness is called '{}', by its key in {}", key.id().name(), path.display());
            return Err(Error::invalid(what));
        }
        let origin = |log: &String| log.split('+').next().unwrap_or_default().to_owned();
        let logs = logs.iter().map(|log| (origin(log), log.clone())).collect();
        Ok(Self { key, logs, data: data.to_owned(), turn: Mutex::default() })
    }

    /// What installers and logs are told.
    pub fn id(&self) -> WitnessId {
        self.key.id()
    }

    /// Serves until `stop` completes.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()> + Send) {
        let router = Router::new()
            .route(
                "/",
                get(
                    |State(witness): State<Arc<Self>>| async move { ([TEXT], format!("{}\n", witness.id())) },
                ),
            )
            .route("/add-checkpoint", post(add_checkpoint))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(map_response(browser::protected))
            .with_state(Arc::new(self));
        connections::serve(listener, router, (), stop).await;
    }

    /// What was last cosigned of a log.
    fn seen(&self, origin: &str, key: &str) -> Result<Option<Checkpoint>, Error> {
        let path = self.seen_path(origin);
        match std::fs::read_to_string(&path) {
            Ok(note) => Ok(Some(Checkpoint::open(&note, key)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(files::failed(&path)(error).into()),
        }
    }

    fn seen_path(&self, origin: &str) -> PathBuf {
        self.data.join(format!("{}.checkpoint", Digest::of(origin).hex()))
    }

    async fn judge(&self, body: &str) -> Result<Verdict, Error> {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(refusal) => return Ok(Verdict::Refused(refusal)),
        };
        let origin = request.note.lines().next().unwrap_or_default().to_owned();
        let Some(log_key) = self.logs.get(&origin) else { return Ok(Verdict::UnknownLog(origin)) };
        let _turn = self.turn.lock().await;
        match request.check(log_key, self.seen(&origin, log_key)?.as_ref()) {
            Ok(checkpoint) => {
                write_atomic(&self.seen_path(&origin), checkpoint.note())?;
                let seconds = Timestamp::now().as_second().unsigned_abs();
                Ok(Verdict::Cosigned(self.key.cosign(&checkpoint, seconds)))
            }
            Err(refusal) => Ok(Verdict::Refused(refusal)),
        }
    }
}

enum Verdict {
    Cosigned(String),
    UnknownLog(String),
    Refused(Refusal),
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: String) -> Response {
    match witness.judge(&body).await {
        Ok(Verdict::Cosigned(lines)) => ([TEXT], lines).into_response(),
        Ok(Verdict::UnknownLog(origin)) => {
            (StatusCode::NOT_FOUND, [TEXT], format!("the log '{origin}' is not followed here\n"))
                .into_response()
        }
        Ok(Verdict::Refused(Refusal::Seen(size))) => {
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            (StatusCode::CONFLICT, kind, format!("{size}\n")).into_response()
        }
        Ok(Verdict::Refused(refusal)) => {
            let status = match refusal {
                Refusal::Unsigned => StatusCode::FORBIDDEN,
                Refusal::Inconsistent => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            tracing::warn!(%refusal, "not cosigned");
            (status, [TEXT], format!("{refusal}\n")).into_response()
        }
        Err(Error::Log(chandlery_log::Error::Log(LogError::Unsigned))) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [TEXT], "what was seen is damaged\n".to_owned())
                .into_response()
        }
        Err(error) => error.into_response(),
    }
}
