//! Witnesses: others who follow a log and cosign its checkpoints, so that it cannot show different histories to
//! different people.
//!
//! <https://c2sp.org/tlog-witness>, <https://c2sp.org/tlog-cosignature>

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use signed_note::Note;
use tlog_tiles::{Hash, HashReader, check_tree, prove_tree};

use super::{Checkpoint, LogError, Signer, private_key_text};
use crate::name::text_form;
use crate::random_bytes;

/// The signature type of an Ed25519 cosignature.
const COSIGNATURE: u8 = 4;
const PROOF_LINES_MAX: usize = 63;

/// Who witnesses, as installers know it: `name+id+base64`, with signature type 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WitnessId {
    name: String,
    key: VerifyingKey,
}

/// A witness's signing key.
pub struct WitnessKey {
    name: String,
    key: SigningKey,
}

impl WitnessId {
    /// The log with this verifier key, which says itself when it has signed a checkpoint: by a cosignature of its own.
    pub fn of_log(verifier_key: &str) -> Result<Self, LogError> {
        let refuse = || LogError::Key(format!("'{verifier_key}' is not the key of a log"));
        let mut parts = verifier_key.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse());
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| refuse())?;
        let key = bytes.get(1..).and_then(|key| <[u8; 32]>::try_from(key).ok());
        let key = key.and_then(|key| VerifyingKey::from_bytes(&key).ok()).ok_or_else(refuse)?;
        Ok(Self { name: name.into(), key })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        signed_note::key_id(&self.name, &typed(self.key.as_bytes()))
    }

    /// When it cosigned this checkpoint, in seconds since 1970; none: it did not.
    pub fn cosigned(&self, checkpoint: &Checkpoint) -> Option<u64> {
        let note = Note::from_bytes(checkpoint.note().as_bytes()).ok()?;
        signatures(&note).into_iter().find_map(|(name, id, signature)| {
            if name != self.name || id != self.key_id() {
                return None;
            }
            let (seconds, signature) = signature.split_first_chunk::<8>()?;
            let seconds = u64::from_be_bytes(*seconds);
            let signature = Signature::from_slice(signature).ok()?;
            let message = message(checkpoint, seconds);
            self.key.verify_strict(message.as_bytes(), &signature).ok().map(|()| seconds)
        })
    }
}

/// The name, key and bytes of each signature of a note.
fn signatures(note: &Note) -> Vec<(String, u32, Vec<u8>)> {
    let text = note.to_bytes();
    let body = note.text().len();
    let lines = text.get(body..).unwrap_or_default().split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| signed_note::Signature::from_bytes(line).ok())
        .map(|signature| (signature.name().to_owned(), signature.id(), signature.signature().to_vec()))
        .collect()
}

fn typed(key: &[u8; 32]) -> Vec<u8> {
    [&[COSIGNATURE], key.as_slice()].concat()
}

fn message(checkpoint: &Checkpoint, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{}", checkpoint.body())
}

impl FromStr for WitnessId {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        let refuse =
            || LogError::Key(format!("'{text}' is not a witness: expected NAME+ID+BASE64, of type 4"));
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse());
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| refuse())?;
        let Some((&COSIGNATURE, key)) = bytes.split_first() else { return Err(refuse()) };
        let key =
            key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok()).ok_or_else(refuse)?;
        let witness = Self { name: name.into(), key };
        let good = signed_note::is_key_name_valid(name) && format!("{:08x}", witness.key_id()) == id;
        if good { Ok(witness) } else { Err(refuse()) }
    }
}

impl fmt::Display for WitnessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = BASE64_STANDARD.encode(typed(self.key.as_bytes()));
        write!(f, "{}+{:08x}+{key}", self.name, self.key_id())
    }
}

text_form!(WitnessId);

impl WitnessKey {
    /// A new key for a witness of this name: a URL without its scheme, by C2SP's advice.
    pub fn generate(name: &str) -> Result<Self, LogError> {
        match signed_note::is_key_name_valid(name) {
            true => Ok(Self { name: name.into(), key: SigningKey::from_bytes(&random_bytes()) }),
            false => Err(LogError::Key(format!("'{name}' cannot be a witness's name"))),
        }
    }

    /// The key by which a log says when it has signed a checkpoint.
    pub fn of_log(signer: &Signer) -> Self {
        Self { name: signer.origin().into(), key: signer.key.clone() }
    }

    /// Reads what [`Self::to_text`] writes.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let refuse = || LogError::Key("it is not of the form PRIVATE+KEY+NAME+ID+BASE64, of type 4".into());
        let parts: Vec<&str> = text.trim().splitn(5, '+').collect();
        let ["PRIVATE", "KEY", name, id, seed] = parts[..] else { return Err(refuse()) };
        let bytes = BASE64_STANDARD.decode(seed).map_err(|_| refuse())?;
        let Some((&COSIGNATURE, seed)) = bytes.split_first() else { return Err(refuse()) };
        let key = SigningKey::from_bytes(seed.try_into().map_err(|_| refuse())?);
        let witness = Self { name: name.into(), key };
        if format!("{:08x}", witness.id().key_id()) == id { Ok(witness) } else { Err(refuse()) }
    }

    /// The text to keep secret.
    pub fn to_text(&self) -> String {
        private_key_text(&self.name, COSIGNATURE, &self.key)
    }

    /// What installers are told.
    pub fn id(&self) -> WitnessId {
        WitnessId { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The line that says that this checkpoint, which was found to continue the history, was seen at this time, in
    /// seconds since 1970.
    pub fn cosign(&self, checkpoint: &Checkpoint, seconds: u64) -> String {
        let signature = self.key.sign(message(checkpoint, seconds).as_bytes());
        let id = self.id().key_id().to_be_bytes();
        let bytes = [&id[..], &seconds.to_be_bytes(), &signature.to_bytes()].concat();
        format!("— {} {}\n", self.name, BASE64_STANDARD.encode(bytes))
    }
}

/// How many of which witnesses must have cosigned what an installer believes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// The witnesses whose cosignatures count.
    pub witnesses: Vec<WitnessId>,
    /// How many of them it takes.
    pub threshold: usize,
}

impl Quorum {
    /// The names of those who cosigned, if they are enough.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<Vec<&str>, LogError> {
        let cosigned = self.witnesses.iter().filter(|witness| witness.cosigned(checkpoint).is_some());
        let names: Vec<_> = cosigned.map(WitnessId::name).collect();
        match names.len() >= self.threshold {
            true => Ok(names),
            false => Err(LogError::TooFewWitnesses { found: names.len(), needed: self.threshold }),
        }
    }

    /// When as many witnesses as are needed, or where none are the log with this verifier key, last said that nothing is newer than
    /// this checkpoint, in seconds since 1970; none: they never did.
    pub fn vouched(&self, checkpoint: &Checkpoint, verifier_key: &str) -> Result<Option<u64>, LogError> {
        let Some(last) = self.threshold.checked_sub(1) else {
            return Ok(WitnessId::of_log(verifier_key)?.cosigned(checkpoint));
        };
        let mut times: Vec<u64> =
            self.witnesses.iter().filter_map(|witness| witness.cosigned(checkpoint)).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        Ok(times.get(last).copied())
    }

    /// When as many witnesses as are needed had seen this checkpoint, in seconds since 1970; none: too few have, or nobody must. Fewer than
    /// are needed cannot make it older than it is.
    pub fn seen(&self, checkpoint: &Checkpoint) -> Option<u64> {
        let last = self.threshold.checked_sub(1)?;
        let mut times: Vec<u64> =
            self.witnesses.iter().filter_map(|witness| witness.cosigned(checkpoint)).collect();
        times.sort_unstable();
        times.get(last).copied()
    }
}

/// What a log asks of a witness: to cosign a checkpoint, with proof that it continues the one of the old size.
#[derive(Debug, Clone, PartialEq)]
pub struct AddCheckpoint {
    /// How many entries the witness has seen, as far as the log knows.
    pub old_size: u64,
    /// The consistency proof of RFC 6962, section 2.1.2.
    pub proof: Vec<Hash>,
    /// The signed note.
    pub note: String,
}

/// Why a witness does not cosign.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not of the protocol's form.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// Not signed by the log.
    #[error("the log did not sign this checkpoint")]
    Unsigned,
    /// The log is wrong about what was seen.
    #[error("{0} entries were seen, not as many as the request says")]
    Seen(u64),
    /// The history was changed.
    #[error("the checkpoint does not continue the history that was seen")]
    Inconsistent,
}

impl AddCheckpoint {
    /// Asks with a proof computed from the log's hashes.
    pub fn prove<R: HashReader>(
        old_size: u64,
        checkpoint: &Checkpoint,
        hashes: &R,
    ) -> Result<Self, tlog_tiles::Error> {
        let proof = match old_size {
            0 => Vec::new(),
            old => prove_tree(checkpoint.size(), old, hashes)?,
        };
        Ok(Self { old_size, proof, note: checkpoint.note().into() })
    }

    /// The request's body.
    pub fn to_text(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("old {}\n{proof}\n{}", self.old_size, self.note)
    }

    /// Reads a request's body.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refuse = |reason: &str| Refusal::Malformed(reason.into());
        let (head, note) = text.split_once("\n\n").ok_or_else(|| refuse("it has no empty line"))?;
        let mut lines = head.lines();
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.filter(|digits| *digits == "0" || !digits.starts_with(['0', '+']));
        let old_size = old.and_then(|digits| digits.parse().ok()).ok_or_else(|| refuse("no old size"))?;
        let proof: Vec<Hash> = lines
            .map(|line| Hash::parse_hash(line).map_err(|_| refuse("a line of the proof is no hash")))
            .collect::<Result<_, _>>()?;
        match proof.len() <= PROOF_LINES_MAX {
            true => Ok(Self { old_size, proof, note: note.into() }),
            false => Err(refuse("the proof has too many lines")),
        }
    }

    /// The checkpoint, if the log signed it and it continues what was seen of the log.
    pub fn check(&self, log_key: &str, seen: Option<&Checkpoint>) -> Result<Checkpoint, Refusal> {
        let checkpoint = Checkpoint::open(&self.note, log_key).map_err(|error| match error {
            LogError::Unsigned => Refusal::Unsigned,
            other => Refusal::Malformed(other.to_string()),
        })?;
        if self.old_size > checkpoint.size() {
            return Err(Refusal::Malformed("the old size is above the checkpoint's".into()));
        }
        let seen_size = seen.map_or(0, Checkpoint::size);
        if self.old_size != seen_size {
            return Err(Refusal::Seen(seen_size));
        }
        let (old, new) = (self.old_size, checkpoint.size());
        let consistent = match seen {
            Some(seen) if old == new => seen.root() == checkpoint.root() && self.proof.is_empty(),
            Some(seen) if old > 0 => {
                check_tree(&self.proof, new, checkpoint.root(), old, seen.root()).is_ok()
            }
            _ => self.proof.is_empty(),
        };
        if consistent { Ok(checkpoint) } else { Err(Refusal::Inconsistent) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::proof::tests::{Memory, entries};
    use super::*;

    #[test]
    fn keys_read_back_and_cosignatures_hold_for_one_checkpoint() {
        let key = WitnessKey::generate("witness.example/w1").unwrap();
        let read = WitnessKey::parse(&key.to_text()).unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(key.id().to_string().parse::<WitnessId>().unwrap(), key.id());
        assert!(WitnessKey::generate("a b").is_err() && WitnessKey::parse("PRIVATE+KEY+x").is_err());

        let signer = Signer::new(&Signer::generate("log.example")).unwrap();
        let log = Memory::of(&entries(3));
        let open = |note: &str| Checkpoint::open(note, signer.verifier_key()).unwrap();
        let (two, three) = (log.checkpoint(&signer, 2), log.checkpoint(&signer, 3));
        assert_eq!(key.id().cosigned(&three), None);
        let cosigned = open(&format!("{}{}", three.note(), key.cosign(&three, 1_700_000_000)));
        assert_eq!(key.id().cosigned(&cosigned), Some(1_700_000_000));
        let stolen = open(&format!("{}{}", two.note(), key.cosign(&three, 1_700_000_000)));
        assert_eq!(key.id().cosigned(&stolen), None);

        let other = WitnessKey::generate("witness.example/w2").unwrap();
        let quorum = |threshold| Quorum { witnesses: vec![key.id(), other.id()], threshold };
        assert_eq!(quorum(1).check(&cosigned).unwrap(), ["witness.example/w1"]);
        assert_eq!(quorum(2).check(&cosigned), Err(LogError::TooFewWitnesses { found: 1, needed: 2 }));
    }

    #[test]
    fn a_checkpoint_is_as_new_as_whoever_must_vouch_for_it_says() {
        let signer = Signer::new(&Signer::generate("log.example")).unwrap();
        let other = Signer::new(&Signer::generate("log.example")).unwrap();
        let witnesses = ["w1.example", "w2.example"].map(|name| WitnessKey::generate(name).unwrap());
        let bare = Memory::of(&entries(3)).checkpoint(&signer, 3);
        let quorum =
            |threshold| Quorum { witnesses: witnesses.each_ref().map(WitnessKey::id).into(), threshold };
        let vouched = |lines: &[String], threshold| {
            let checkpoint = bare.with_signatures(&lines.concat());
            quorum(threshold).vouched(&checkpoint, signer.verifier_key()).unwrap()
        };
        let own = WitnessKey::of_log(&signer).cosign(&bare, 30);
        let (one, two) = (witnesses[0].cosign(&bare, 10), witnesses[1].cosign(&bare, 20));
        assert_eq!(vouched(&[], 0), None);
        assert_eq!(vouched(std::slice::from_ref(&own), 0), Some(30));
        assert_eq!(vouched(&[WitnessKey::of_log(&other).cosign(&bare, 30)], 0), None);
        // The log's own word is not enough where witnesses are asked for.
        assert_eq!(vouched(std::slice::from_ref(&own), 1), None);
        assert_eq!(vouched(&[own.clone(), one.clone(), two.clone()], 1), Some(20));
        // How old it is at least is said by the last of those who are needed.
        let seen =
            |lines: &[String], threshold| quorum(threshold).seen(&bare.with_signatures(&lines.concat()));
        assert_eq!(seen(std::slice::from_ref(&own), 0), None);
        assert_eq!(seen(&[own.clone(), one.clone(), two.clone()], 1), Some(10));
        assert_eq!(seen(&[own.clone(), one.clone(), two.clone()], 2), Some(20));
        assert_eq!(seen(&[own.clone(), one.clone()], 2), None);
        assert_eq!(vouched(&[own, one.clone(), two], 2), Some(10));
        assert_eq!(vouched(&[one], 2), None);
        let open = Checkpoint::open(
            bare.with_signatures(&WitnessKey::of_log(&signer).cosign(&bare, 1)).note(),
            signer.verifier_key(),
        );
        assert_eq!(open.unwrap().size(), 3, "other clients read it as before");
    }

    #[test]
    fn what_does_not_continue_is_refused() {
        let signer = Signer::new(&Signer::generate("log.example")).unwrap();
        let log = Memory::of(&entries(9));
        let forked = Memory::of(&[entries(2), vec![b"other".to_vec()], entries(6)].concat());
        let five = log.checkpoint(&signer, 5);
        let ask = |log: &Memory, old, size| {
            let asked = AddCheckpoint::prove(old, &log.checkpoint(&signer, size), log).unwrap();
            let read = AddCheckpoint::parse(&asked.to_text()).unwrap();
            assert_eq!(read, asked);
            read
        };
        let key = signer.verifier_key();
        assert_eq!(ask(&log, 0, 5).check(key, None).unwrap().size(), 5);
        assert_eq!(ask(&log, 5, 9).check(key, Some(&five)).unwrap().size(), 9);
        assert_eq!(ask(&log, 5, 5).check(key, Some(&five)).unwrap().size(), 5);
        assert_eq!(ask(&log, 4, 9).check(key, Some(&five)), Err(Refusal::Seen(5)));
        assert_eq!(ask(&forked, 5, 9).check(key, Some(&five)), Err(Refusal::Inconsistent));
        assert_eq!(ask(&forked, 5, 5).check(key, Some(&five)), Err(Refusal::Inconsistent));
        let other = Signer::new(&Signer::generate("log.example")).unwrap();
        assert_eq!(ask(&log, 5, 9).check(other.verifier_key(), Some(&five)), Err(Refusal::Unsigned));
    }

    proptest! {
        #[test]
        fn any_growth_is_proved_and_no_text_panics(old in 0u64..40, more in 0u64..40, text in ".{0,200}") {
            let signer = Signer::new(&Signer::generate("log.example")).unwrap();
            let log = Memory::of(&entries((old + more) as usize));
            let seen = (old > 0).then(|| log.checkpoint(&signer, old));
            let asked = AddCheckpoint::prove(old, &log.checkpoint(&signer, old + more), &log).unwrap();
            prop_assert!(asked.check(signer.verifier_key(), seen.as_ref()).is_ok());
            let _ = AddCheckpoint::parse(&text);
            prop_assert!(text.parse::<WitnessId>().is_err());
        }
    }
}
