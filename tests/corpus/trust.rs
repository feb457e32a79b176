//! A key, a log of three entries and a witness of it, the same in every run, so that what is refused once is refused again. The key is
//! the example of RFC 8410, section 10.3: it keeps nothing safe.

use chandlery_package::PrivateKey;
use chandlery_package::log::{Checkpoint, Quorum, Signer, WitnessKey};

pub const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
pub const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
pub const LOG: &str = "PRIVATE+KEY+log.example+95ca7c61+AdTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
pub const LOG_KEY: &str = "log.example+95ca7c61+ARm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbh";
pub const WITNESS: &str = "PRIVATE+KEY+witness.example+8260a0b6+BNTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
pub const WITNESS_ID: &str = "witness.example+8260a0b6+BBm/RAlphM3+hUG6wWfcO5bIUIaqMLa2ywxcOK1wMWbh";

/// The log's checkpoint of its first entry.
pub const ONE: &str = "log.example\n1\ndziFphNIniTOLPdhmdakI/BC5LvxLX7s7pEu8nbGVwE=\n\n\
    — log.example lcp8YfzB8Ks0grNTC8B9MHYZ+sOyivhZNO/DHCtdlZ4mx7GZ9aIQZNvFQP/kfAlR/FigVE9mgmjGYLDWFqwckQ7SwA4=\n";
/// The log's checkpoint of all three.
pub const THREE: &str = "log.example\n3\nlPvQ3YNvUDAWkubQ6t5yjuGexSv/8WBu2AfIV11aqhk=\n\n\
    — log.example lcp8YSYhUWtoTCcVl0V0at08PQ6aUIs+tM6E7r/v++ptywWL4nxsOvEsKqN0L9BHqAa//HCaO1aVLhpXHJY8dLkydgo=\n";
/// Why the second continues the first: the hashes of the two entries that came.
pub const PROOF: &str =
    "Lfs2xvZsrDYUKc9G34aKuCQtOmRB8Qmcj7P5jsXRCKQ=\nV8efTzGuApxdS9MLBzwnyU35NDiytGl+Hh7vW8A5SkE=\n";
/// The entry with index 1.
pub const ENTRY: &[u8] = b"entry 1";

/// The log's one tile: the hashes of its entries.
pub fn tile() -> Vec<u8> {
    let hashes = [
        "773885a613489e24ce2cf76199d6a423f042e4bbf12d7eecee912ef276c65701",
        "2dfb36c6f66cac361429cf46df868ab8242d3a6441f1099c8fb3f98ec5d108a4",
        "57c79f4f31ae029c5d4bd30b073c27c94df93438b2b4697e1e1eef5bc0394a41",
    ];
    hex::decode(hashes.concat()).unwrap()
}

pub fn key() -> PrivateKey {
    PrivateKey::from_pem(PRIVATE_KEY).unwrap()
}

pub fn signer() -> Signer {
    Signer::new(LOG).unwrap()
}

pub fn checkpoint(note: &str) -> Checkpoint {
    Checkpoint::open(note, LOG_KEY).unwrap()
}

/// The line by which the witness vouches for the log's newest checkpoint.
pub fn cosignature() -> String {
    WitnessKey::parse(WITNESS).unwrap().cosign(&checkpoint(THREE), 1_700_000_000)
}

pub fn quorum() -> Quorum {
    Quorum { witnesses: vec![WITNESS_ID.parse().unwrap()], threshold: 1 }
}
