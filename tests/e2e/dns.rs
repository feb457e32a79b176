//! A DNS server that answers for TXT records from a table (RFC 1035), over UDP.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

const HEADER_BYTES: usize = 12;
const TXT: u16 = 16;
const CNAME: u16 = 5;
const NO_ERROR: u8 = 0;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;

/// What the server says of a name.
#[derive(Clone)]
pub enum Says {
    Texts(Vec<String>),
    /// It is another name for this one.
    Alias(String),
    Failure,
}

type Table = HashMap<String, Says>;

/// The server, for as long as the test runs. It knows no name that it was not told of.
pub struct DnsServer {
    pub address: String,
    table: Arc<Mutex<Table>>,
}

impl DnsServer {
    pub fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let table: Arc<Mutex<Table>> = Arc::default();
        let known = Arc::clone(&table);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut bytes) {
                if let Some(answer) = answer(&bytes[..length], &known.lock().unwrap()) {
                    socket.send_to(&answer, client).unwrap();
                }
            }
        });
        Self { address, table }
    }

    pub fn set(&self, name: &str, says: Says) {
        self.table.lock().unwrap().insert(name.into(), says);
    }
}

/// The name and the type that are asked for, and where the question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let (mut labels, mut at) = (Vec::new(), HEADER_BYTES);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = query.get(at..at + 2)?;
    query.get(at + 2..at + 4)?;
    Some((labels.join("."), u16::from_be_bytes([kind[0], kind[1]]), at + 4))
}

fn answer(query: &[u8], table: &Table) -> Option<Vec<u8>> {
    let (name, kind, end) = question(query)?;
    let (code, records) = match table.get(&name) {
        None => (NO_SUCH_NAME, Vec::new()),
        Some(Says::Failure) => (SERVER_FAILURE, Vec::new()),
        Some(Says::Alias(of)) => (NO_ERROR, vec![record(CNAME, &encoded(of))]),
        Some(Says::Texts(texts)) if kind == TXT => {
            (NO_ERROR, texts.iter().map(|text| record(TXT, &strings(text))).collect())
        }
        Some(Says::Texts(_)) => (NO_ERROR, Vec::new()),
    };
    // The same id; an answer of a server that recurses; one question, so many answers.
    let mut bytes =
        vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap()];
    bytes.extend([0; 4]);
    bytes.extend(&query[HEADER_BYTES..end]);
    bytes.extend(records.concat());
    Some(bytes)
}

/// A record of the name that was asked for, which nobody may remember.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let mut bytes = vec![0xc0, HEADER_BYTES as u8];
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 0]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(data);
    bytes
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.split('.').flat_map(pascal).collect();
    bytes.push(0);
    bytes
}

/// A text as strings of at most 255 bytes.
fn strings(text: &str) -> Vec<u8> {
    let parts = text.as_bytes().chunks(255).map(|part| String::from_utf8(part.to_vec()).unwrap());
    parts.flat_map(|part| pascal(&part)).collect()
}

fn pascal(text: &str) -> Vec<u8> {
    let length = [u8::try_from(text.len()).unwrap()];
    [length.as_slice(), text.as_bytes()].concat()
}
