//! Asking witnesses to cosign a checkpoint, when there is a new one.

use std::str::FromStr;
use std::time::{Duration, Instant};

use chandlery_package::log::{AddCheckpoint, Checkpoint, LogError, WitnessId};
use futures::future::join_all;
use reqwest::StatusCode;
use tokio::sync::Mutex;

use chandlery_store::Db;

use crate::Error;
use crate::hashes::read_hashes;

/// How long a witness may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a checkpoint that a witness did not cosign is served before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long a cosignature is served before the witness is asked for a newer one: hosts refuse what is old.
const RENEW: Duration = Duration::from_secs(3600);

/// A witness, and where it is: `NAME+ID+KEY@URL`.
#[derive(Debug, Clone)]
pub struct WitnessAt {
    id: WitnessId,
    url: String,
}

impl FromStr for WitnessAt {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        let (id, url) = text.split_once('@').ok_or_else(|| {
            LogError::Key(format!("'{text}' does not say where the witness is: expected NAME+ID+KEY@URL"))
        })?;
        Ok(Self { id: id.parse()?, url: url.trim_end_matches('/').into() })
    }
}

/// The witnesses of a log, and what they last cosigned.
pub struct Witnesses {
    witnesses: Vec<WitnessAt>,
    http: reqwest::Client,
    last: Mutex<Option<Cosigned>>,
}

struct Cosigned {
    size: u64,
    /// What each witness has signed, in their order.
    lines: Vec<String>,
    complete: bool,
    asked_at: Instant,
}

impl Cosigned {
    fn is_new(&self) -> bool {
        self.asked_at.elapsed() < if self.complete { RENEW } else { ASK_AGAIN }
    }
}

impl Witnesses {
    /// None of them has cosigned anything yet.
    pub fn new(witnesses: Vec<WitnessAt>) -> Self {
        // A witness is somebody else: it makes the registry ask nobody.
        let stay = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(stay).build().unwrap_or_default();
        Self { witnesses, http, last: Mutex::default() }
    }

    /// When each witness has cosigned a checkpoint, in seconds since 1970, by its name; none: it has not.
    pub fn cosigned(&self, checkpoint: &Checkpoint) -> Vec<(String, Option<u64>)> {
        let each = self.witnesses.iter();
        each.map(|witness| (witness.id.name().to_owned(), witness.id.cosigned(checkpoint))).collect()
    }

    /// The keys of all of them, as installers name them.
    pub fn keys(&self) -> Vec<String> {
        self.witnesses.iter().map(|witness| witness.id.to_string()).collect()
    }

    /// The names of all of them.
    pub fn names(&self) -> Vec<String> {
        self.witnesses.iter().map(|witness| witness.id.name().to_owned()).collect()
    }

    /// The checkpoint with the cosignatures of all witnesses that answer. One that does not is no reason to hold back the
    /// log: who needs its cosignature will see that it is not there.
    pub async fn cosign(&self, db: &Db, checkpoint: Checkpoint) -> Result<String, Error> {
        if self.witnesses.is_empty() {
            return Ok(checkpoint.note().into());
        }
        let mut last = self.last.lock().await;
        let known = last.as_ref().filter(|last| last.size == checkpoint.size());
        if known.is_none_or(|known| !known.is_new()) {
            let lines = known.map(|known| known.lines.clone()).unwrap_or_default();
            *last = Some(self.ask_all(db, &checkpoint, lines).await);
        }
        let lines = last.as_ref().map(|last| last.lines.concat()).unwrap_or_default();
        Ok(format!("{}{lines}", checkpoint.note()))
    }

    /// What the witnesses say now; of one that does not answer, what it said of this checkpoint before.
    async fn ask_all(&self, db: &Db, checkpoint: &Checkpoint, mut lines: Vec<String>) -> Cosigned {
        lines.resize(self.witnesses.len(), String::new());
        let mut complete = true;
        let answers = join_all(self.witnesses.iter().map(|witness| self.ask(db, witness, checkpoint))).await;
        for ((witness, answer), known) in self.witnesses.iter().zip(answers).zip(&mut lines) {
            match answer {
                Ok(said) => *known = said,
                Err(error) => {
                    complete = false;
                    tracing::warn!(witness = witness.id.name(), %error, "not cosigned");
                }
            }
        }
        Cosigned { size: checkpoint.size(), lines, complete, asked_at: Instant::now() }
    }

    /// The witness's signature lines. It says itself from where on it wants the proof.
    async fn ask(&self, db: &Db, witness: &WitnessAt, checkpoint: &Checkpoint) -> Result<String, Error> {
        let mut old_size = checkpoint.size();
        for _ in 0..3 {
            let request = {
                let mut snapshot = db.snapshot().await?;
                read_hashes(&mut snapshot, |known| AddCheckpoint::prove(old_size, checkpoint, known)).await?
            };
            let url = format!("{}/add-checkpoint", witness.url);
            let sent = self.http.post(url).timeout(PATIENCE).body(request.to_text()).send().await;
            let response = sent.map_err(|error| Error::Witness(error.to_string()))?;
            let status = response.status();
            let text = response.text().await.map_err(|error| Error::Witness(error.to_string()))?;
            match status {
                StatusCode::OK => {
                    let with = Checkpoint::with_signatures(checkpoint, &text);
                    return match witness.id.cosigned(&with) {
                        Some(_) => Ok(text),
                        None => Err(Error::Witness("its cosignature does not hold".into())),
                    };
                }
                StatusCode::CONFLICT => {
                    let seen = text.trim().parse().ok().filter(|seen| *seen <= checkpoint.size());
                    old_size =
                        seen.ok_or_else(|| Error::Witness(format!("it has seen '{}' entries", text.trim())))?;
                }
                other => return Err(Error::Witness(format!("{other}: {}", text.trim()))),
            }
        }
        Err(Error::Witness("it changes its mind about what it has seen".into()))
    }
}
