//! Checkpoints and what can be proved against one. Proofs are computed here from tiles, so nothing that the registry
//! says of itself is taken on trust; tiles that are lacking are named, and the caller fetches them and asks again.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use signed_note::{Note, Signer as _, StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{
    Error, Hash, HashReader, Tile, TileHashReader, TileReader, record_hash, stored_hash_index, stored_hashes,
    tree_hash,
};

use super::{LogError, private_key_text};
use crate::webhook::authenticated;
use crate::{Digest, random_bytes};

const TILE_HEIGHT: u8 = 8;
/// The signature type of a note's own Ed25519 signature.
const ED25519: u8 = 1;
/// The most entries that a log is believed to have: far above, the places of its hashes are no longer numbers of 64 bits.
const SIZE_MAX: u64 = 1 << 48;

/// A signed statement of the log: so many entries, with this root.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    size: u64,
    root: Hash,
    note: String,
}

impl Checkpoint {
    /// Opens a signed note with the log's verifier key (`name+id+base64`, as in C2SP signed-note).
    pub fn open(note: &str, verifier_key: &str) -> Result<Self, LogError> {
        let verifier =
            StandardVerifier::new(verifier_key).map_err(|error| LogError::Key(error.to_string()))?;
        let origin = verifier_key.split('+').next().unwrap_or_default().to_owned();
        let malformed = |error: signed_note::NoteError| LogError::Checkpoint(error.to_string());
        let opened = Note::from_bytes(note.as_bytes()).map_err(malformed)?;
        opened.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|_| LogError::Unsigned)?;
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(opened.text())
            .map_err(|error| LogError::Checkpoint(error.to_string()))?;
        if checkpoint.origin() != origin {
            return Err(LogError::Checkpoint(format!(
                "it is of log '{}', not '{origin}'",
                checkpoint.origin()
            )));
        }
        let size = checkpoint.size();
        if size > SIZE_MAX {
            return Err(LogError::Checkpoint(format!("it is of {size} entries, more than any log has")));
        }
        Ok(Self { size, root: *checkpoint.hash(), note: note.into() })
    }

    /// The same checkpoint with more signature lines.
    pub fn with_signatures(&self, lines: &str) -> Self {
        Self { note: format!("{}{lines}", self.note), ..self.clone() }
    }

    /// How many entries the log has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of its tree.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// What the log signed: the note without its signatures.
    pub fn body(&self) -> &str {
        self.note.split_once("\n\n").and_then(|(body, _)| self.note.get(..=body.len())).unwrap_or(&self.note)
    }

    /// The signed note, as it was read.
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// Signs checkpoints for a log.
pub struct Signer {
    signer: StandardSigner,
    pub(super) key: ed25519_dalek::SigningKey,
    verifier_key: String,
}

impl Signer {
    /// A new key for the log of this name, in signed-note's text form (`PRIVATE+KEY+…`).
    pub fn generate(origin: &str) -> String {
        private_key_text(origin, ED25519, &ed25519_dalek::SigningKey::from_bytes(&random_bytes()))
    }

    /// Reads the text form.
    pub fn new(text: &str) -> Result<Self, LogError> {
        let malformed = || LogError::Key("it is not of the form PRIVATE+KEY+name+id+base64".into());
        let signer = StandardSigner::new(text).map_err(|error| LogError::Key(error.to_string()))?;
        let seed = text.splitn(5, '+').nth(4).and_then(decode_seed).ok_or_else(malformed)?;
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let verifier_key = signed_note::new_ed25519_verifier_key(signer.name(), &key.verifying_key());
        Ok(Self { signer, key, verifier_key })
    }

    /// What installers pin.
    pub fn verifier_key(&self) -> &str {
        &self.verifier_key
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        self.signer.name()
    }

    /// The Ed25519 signature over bytes that are no note.
    pub fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.key.sign(message).to_bytes()
    }

    /// A secret that is known to whoever has the log's key, and to nobody who knows `salt` alone. Of another purpose it is another one.
    pub fn secret(&self, purpose: &str, salt: &[u8]) -> [u8; 32] {
        let of_purpose = authenticated(self.key.as_bytes(), &[b"chandlery secret: ", purpose.as_bytes()]);
        authenticated(&of_purpose, &[salt])
    }

    /// The signed note for a tree of this size and root.
    pub fn checkpoint(&self, size: u64, root: Hash) -> Result<String, LogError> {
        let malformed = |reason: String| LogError::Checkpoint(reason);
        let text = tlog_tiles::Checkpoint::new(self.signer.name(), size, root, "")
            .map_err(|error| malformed(error.to_string()))?
            .to_bytes();
        let mut note = Note::new(&text, &[]).map_err(|error| malformed(error.to_string()))?;
        note.add_sigs(&[&self.signer]).map_err(|error| malformed(error.to_string()))?;
        String::from_utf8(note.to_bytes()).map_err(|error| malformed(error.to_string()))
    }
}

/// Whether the key that installers pin has signed bytes that are no note.
pub fn verify_raw(verifier_key: &str, message: &[u8], signature: &[u8]) -> bool {
    let public = verifier_key.splitn(3, '+').nth(2).and_then(decode_seed);
    let public = public.and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok());
    let signature = ed25519_dalek::Signature::from_slice(signature).ok();
    public.zip(signature).is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok())
}

/// The 32 bytes after the algorithm's byte.
fn decode_seed(text: &str) -> Option<[u8; 32]> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    BASE64_STANDARD.decode(text).ok()?.get(1..)?.try_into().ok()
}

/// What came of trying to prove something.
#[derive(Debug, PartialEq, Eq)]
pub enum Proof {
    /// The log contains what was to be proved.
    Holds,
    /// It cannot be decided before the tiles at these paths (below the log's address) are added.
    Needs(Vec<String>),
}

/// The tiles that were fetched, and those found lacking. Bytes are suspect until a proof has used them.
#[derive(Default)]
pub struct Tiles {
    known: HashMap<String, Vec<u8>>,
    lacking: RefCell<BTreeSet<String>>,
}

impl Tiles {
    /// Adds the bytes found at a path.
    pub fn add(&mut self, path: String, bytes: Vec<u8>) {
        self.known.insert(path, bytes);
    }

    /// Whether `entry` is the entry at `index` of the tree of `checkpoint`.
    pub fn prove_included(
        &self,
        checkpoint: &Checkpoint,
        index: u64,
        entry: &[u8],
    ) -> Result<Proof, LogError> {
        if index >= checkpoint.size {
            return Err(LogError::NotThere { index, size: checkpoint.size });
        }
        let reader = TileHashReader::new(checkpoint.size, checkpoint.root, self);
        let hashes = reader.read_hashes(&[stored_hash_index(0, index)]);
        self.decide(checkpoint, hashes, |hashes| {
            if hashes == [record_hash(entry)] { Ok(()) } else { Err(LogError::NotIncluded { index }) }
        })
    }

    /// Whether the tree of `now` begins with the whole tree of `seen`.
    pub fn prove_consistent(&self, seen: &Checkpoint, now: &Checkpoint) -> Result<Proof, LogError> {
        let forked = LogError::Forked { seen: seen.size };
        match (seen.size, now.size) {
            (0, _) => return Ok(Proof::Holds),
            (old, new) if old > new => return Err(LogError::Shrunk { seen: old, now: new }),
            (old, new) if old == new && seen.root == now.root => return Ok(Proof::Holds),
            (old, new) if old == new => return Err(forked),
            _ => {}
        }
        let reader = TileHashReader::new(now.size, now.root, self);
        self.decide(
            now,
            tree_hash(seen.size, &reader),
            |root| if root == seen.root { Ok(()) } else { Err(forked) },
        )
    }

    fn decide<T>(
        &self,
        checkpoint: &Checkpoint,
        found: Result<T, Error>,
        check: impl FnOnce(T) -> Result<(), LogError>,
    ) -> Result<Proof, LogError> {
        let lacking = std::mem::take(&mut *self.lacking.borrow_mut());
        match found {
            Err(_) if !lacking.is_empty() => Ok(Proof::Needs(lacking.into_iter().collect())),
            Err(error) => Err(LogError::Tiles { size: checkpoint.size, reason: error.to_string() }),
            Ok(value) => check(value).map(|()| Proof::Holds),
        }
    }
}

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        TILE_HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = tiles.iter().filter_map(|tile| {
            let path = path(tile);
            let found = self.known.get(&path).cloned();
            if found.is_none() {
                self.lacking.borrow_mut().insert(path);
            }
            found
        });
        let read: Vec<_> = read.collect();
        if read.len() == tiles.len() { Ok(read) } else { Err(Error::IndexesNotInTree) }
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

/// The path of a tile as tlog-tiles has it; the crate's own form also names the height, as Go's checksum database does.
fn path(tile: &Tile) -> String {
    tile.path().replacen(&format!("tile/{TILE_HEIGHT}/"), "tile/", 1)
}

/// A tree that is built again from all its entries.
#[derive(Default)]
pub struct Tree {
    hashes: Vec<Hash>,
    size: u64,
}

impl HashReader for Tree {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let read = indexes.iter().map(|&index| self.hashes.get(index as usize).copied());
        read.collect::<Option<_>>().ok_or(Error::IndexesNotInTree)
    }
}

impl Tree {
    /// Adds the next entry.
    pub fn push(&mut self, entry: &[u8]) -> Result<(), LogError> {
        let hashes = stored_hashes(self.size, entry, self).map_err(|error| self.damaged(&error))?;
        self.hashes.extend(hashes);
        self.size += 1;
        Ok(())
    }

    /// The root of its entries.
    pub fn root(&self) -> Result<Digest, LogError> {
        let root = tree_hash(self.size, self).map_err(|error| self.damaged(&error))?;
        Ok(Digest::from_bytes(root.0))
    }

    /// Whether its root is the checkpoint's.
    pub fn is_of(&self, checkpoint: &Checkpoint) -> Result<bool, LogError> {
        let root = tree_hash(self.size, self).map_err(|error| self.damaged(&error))?;
        Ok(self.size == checkpoint.size && root == checkpoint.root)
    }

    fn damaged(&self, error: &Error) -> LogError {
        LogError::Tiles { size: self.size, reason: error.to_string() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A log in memory.
    pub(in super::super) struct Memory(Vec<Hash>, u64);

    impl HashReader for Memory {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
            Ok(indexes.iter().map(|&index| self.0[index as usize]).collect())
        }
    }

    impl Memory {
        pub(in super::super) fn of(entries: &[Vec<u8>]) -> Self {
            let mut log = Memory(Vec::new(), 0);
            for entry in entries {
                let hashes = stored_hashes(log.1, entry, &log).unwrap();
                log.0.extend(hashes);
                log.1 += 1;
            }
            log
        }

        pub(in super::super) fn checkpoint(&self, signer: &Signer, size: u64) -> Checkpoint {
            let note = signer.checkpoint(size, tree_hash(size, self).unwrap()).unwrap();
            Checkpoint::open(&note, signer.verifier_key()).unwrap()
        }

        fn serve(&self, path: &str) -> Vec<u8> {
            let tile = Tile::from_path(&path.replacen("tile/", "tile/8/", 1)).unwrap();
            tile.read_data(self).unwrap()
        }

        fn until_decided(&self, ask: impl Fn(&Tiles) -> Result<Proof, LogError>) -> Result<(), LogError> {
            let mut tiles = Tiles::default();
            while let Proof::Needs(paths) = ask(&tiles)? {
                for path in paths {
                    let bytes = self.serve(&path);
                    tiles.add(path, bytes);
                }
            }
            Ok(())
        }
    }

    pub(in super::super) fn entries(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|n| format!("entry {n}").into_bytes()).collect()
    }

    #[test]
    fn a_checkpoint_needs_its_own_key_and_name() {
        let (signer, other) = (
            Signer::new(&Signer::generate("a.example")).unwrap(),
            Signer::new(&Signer::generate("a.example")).unwrap(),
        );
        let note = signer.checkpoint(1, record_hash(b"x")).unwrap();
        assert!(Checkpoint::open(&note, signer.verifier_key()).is_ok());
        assert_eq!(Checkpoint::open(&note, other.verifier_key()), Err(LogError::Unsigned));
        let changed = note.replacen("\n1\n", "\n2\n", 1);
        assert_eq!(Checkpoint::open(&changed, signer.verifier_key()), Err(LogError::Unsigned));
        assert!(matches!(Checkpoint::open("nonsense", signer.verifier_key()), Err(LogError::Checkpoint(_))));
        assert!(matches!(Checkpoint::open(&note, "nonsense"), Err(LogError::Key(_))));
    }

    /// What a log says of its own size is signed, and may be a lie all the same.
    #[test]
    fn no_size_is_too_large_for_a_proof() {
        let signer = Signer::new(&Signer::generate("a.example")).unwrap();
        let open = |size| {
            let note = signer.checkpoint(size, record_hash(b"x")).unwrap();
            Checkpoint::open(&note, signer.verifier_key())
        };
        for size in [SIZE_MAX + 1, 1 << 62, u64::MAX / 2, u64::MAX] {
            assert!(matches!(open(size), Err(LogError::Checkpoint(_))), "{size}");
        }
        let (one, largest, tiles) = (open(1).unwrap(), open(SIZE_MAX).unwrap(), Tiles::default());
        for index in [0, 1, 255, SIZE_MAX / 2, SIZE_MAX - 1] {
            let asked = tiles.prove_included(&largest, index, b"x");
            assert!(matches!(asked, Ok(Proof::Needs(_))), "{index}: {asked:?}");
        }
        assert!(matches!(tiles.prove_consistent(&one, &largest), Ok(Proof::Needs(_))));
        let shrunk = LogError::Shrunk { seen: SIZE_MAX, now: 1 };
        assert_eq!(tiles.prove_consistent(&largest, &one), Err(shrunk));
    }

    proptest! {
        #[test]
        fn no_note_panics(text in ".{0,200}", lines in "([a-z./]{1,9}\n){0,5}\n— [a-z./]{1,9} [A-Za-z0-9+/]{0,90}={0,2}\n") {
            let key = "log.example+1b4d2a35+Ac0HS2U1kUuYJ+z8CWXOUKEbVgbdRLbaX4sYlvpDCgVK";
            prop_assert!(Checkpoint::open(&text, key).is_err() && Checkpoint::open(&lines, key).is_err());
            prop_assert!(Signer::new(&text).is_err() && Checkpoint::open(&lines, &text).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_entry_is_proved_and_no_other(count in 1usize..700, at in 0usize..700) {
            let at = at % count;
            let entries = entries(count);
            let signer = Signer::new(&Signer::generate("log.example")).unwrap();
            let log = Memory::of(&entries);
            let checkpoint = log.checkpoint(&signer, count as u64);
            let ask = |entry: &[u8]| log.until_decided(|tiles| tiles.prove_included(&checkpoint, at as u64, entry));
            prop_assert_eq!(ask(&entries[at]), Ok(()));
            prop_assert_eq!(ask(b"another"), Err(LogError::NotIncluded { index: at as u64 }));
        }

        #[test]
        fn growth_is_consistent_and_a_rewrite_is_seen(old in 1usize..600, more in 0usize..300, change in 0usize..600) {
            let signer = Signer::new(&Signer::generate("log.example")).unwrap();
            let entries = entries(old + more);
            let log = Memory::of(&entries);
            let seen = log.checkpoint(&signer, old as u64);
            let now = log.checkpoint(&signer, (old + more) as u64);
            prop_assert_eq!(log.until_decided(|tiles| tiles.prove_consistent(&seen, &now)), Ok(()));

            let mut rewritten = entries;
            rewritten[change % old].push(b'!');
            let fork = Memory::of(&rewritten);
            let now = fork.checkpoint(&signer, (old + more) as u64);
            prop_assert_eq!(fork.until_decided(|tiles| tiles.prove_consistent(&seen, &now)), Err(LogError::Forked { seen: old as u64 }));
        }

        #[test]
        fn tiles_of_another_tree_prove_nothing(count in 2usize..300, at in 0usize..300) {
            let signer = Signer::new(&Signer::generate("log.example")).unwrap();
            let honest = Memory::of(&entries(count));
            let checkpoint = honest.checkpoint(&signer, count as u64);
            let mut lies = entries(count);
            lies[at % count] = b"lie".to_vec();
            let liar = Memory::of(&lies);
            let answer = liar.until_decided(|tiles| tiles.prove_included(&checkpoint, (at % count) as u64, b"lie"));
            let refused = matches!(answer, Err(LogError::Tiles { .. }));
            prop_assert!(refused);
        }
    }
}
