//! Entries for a collector of logs, as RFC 5424 has them: by UDP, by TCP with the length of each before it (RFC 6587), or by a socket of
//! this machine.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use chandlery_package::wire::AuditEntry;
use chandlery_store::time;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, UnixDatagram};

/// How long some entries may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a collector has to say that it did not take what came by TCP.
const CLOSING: Duration = Duration::from_secs(2);
/// Facility 13, log audit; severity 5, notice.
const PRIORITY: u8 = 13 * 8 + 5;
/// The longest message that goes as one datagram, in bytes.
const DATAGRAM_MAX: usize = 60_000;
/// The longest name of a machine.
const HOSTNAME_MAX: usize = 255;

/// Where a collector is: `udp://HOST:PORT`, `tcp://HOST:PORT`, or `unix:PATH` such as `unix:/dev/log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syslog {
    /// Nobody tells whether it arrives.
    Udp(String),
    /// With the length of each message before it.
    Tcp(String),
    /// A socket of this machine that takes datagrams.
    Local(PathBuf),
}

impl FromStr for Syslog {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_address = |text: &str| {
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        match (text.strip_prefix("udp://"), text.strip_prefix("tcp://"), text.strip_prefix("unix:")) {
            (Some(address), ..) if is_address(address) => Ok(Self::Udp(address.into())),
            (_, Some(address), _) if is_address(address) => Ok(Self::Tcp(address.into())),
            (.., Some(path)) if path.starts_with('/') => Ok(Self::Local(path.into())),
            _ => Err("a collector is udp://HOST:PORT, tcp://HOST:PORT or unix:/PATH".into()),
        }
    }
}

impl Syslog {
    /// Sends all of these entries, or tells why not all of them were.
    pub(super) async fn tell(&self, entries: &[AuditEntry], origin: &str) -> Result<(), String> {
        match tokio::time::timeout(TIMEOUT, self.send(entries, origin)).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err(format!("it took longer than {} s", TIMEOUT.as_secs())),
        }
    }

    async fn send(&self, entries: &[AuditEntry], origin: &str) -> io::Result<()> {
        match self {
            Self::Udp(address) => {
                let found = tokio::net::lookup_host(address).await?.next();
                let to = found.ok_or_else(|| io::Error::other("its name has no address"))?;
                let own = match to {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                let socket = UdpSocket::bind(own).await?;
                for entry in entries {
                    socket.send_to(datagram(origin, entry).as_bytes(), to).await?;
                }
                Ok(())
            }
            Self::Local(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                for entry in entries {
                    socket.send(datagram(origin, entry).as_bytes()).await?;
                }
                Ok(())
            }
            Self::Tcp(address) => {
                let mut stream = TcpStream::connect(address).await?;
                for entry in entries {
                    let message = message(origin, entry);
                    stream.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
                }
                stream.shutdown().await?;
                // A collector that is gone resets the connection. One that took everything closes it, or leaves it open.
                match tokio::time::timeout(CLOSING, stream.read(&mut [0; 64])).await {
                    Ok(Err(error)) => Err(error),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// A message that one datagram holds. Where an entry is longer, what was true before and after is left out; its hash tells of it.
fn datagram(origin: &str, entry: &AuditEntry) -> String {
    let whole = message(origin, entry);
    match whole.len() <= DATAGRAM_MAX {
        true => whole,
        false => message(origin, &AuditEntry { before: None, after: None, ..entry.clone() }),
    }
}

fn message(origin: &str, entry: &AuditEntry) -> String {
    let host: String = origin.chars().take_while(|c| *c != '/').filter(char::is_ascii_graphic).collect();
    let host = if host.is_empty() || host.len() > HOSTNAME_MAX { "-" } else { host.as_str() };
    let (at, process) = (time(entry.at), std::process::id());
    format!("<{PRIORITY}>1 {at} {host} chandlery {process} {} - {}", entry.act, json!(entry))
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::Act;
    use serde_json::Value;
    use tokio::net::TcpListener;

    use super::*;

    fn entry(number: i64, after: Option<Value>) -> AuditEntry {
        AuditEntry {
            number,
            at: "2026-11-28T09:00:00.123456Z".parse().unwrap(),
            actor: "ann".parse().ok(),
            credential: "password".into(),
            address: None,
            act: Act::TokenMade,
            subject: "é\n\"<1>".into(),
            before: None,
            after,
            previous: String::new(),
            hash: "ab".into(),
        }
    }

    /// What a message says, after its head was looked at.
    fn read(message: &str) -> AuditEntry {
        let process = std::process::id();
        let head =
            format!("<109>1 2026-11-28T09:00:00.123456Z example.com chandlery {process} token-made - ");
        assert!(!message.contains('\n'), "{message}");
        serde_json::from_str(message.strip_prefix(&head).unwrap()).unwrap()
    }

    #[test]
    fn a_collector_has_an_address_or_a_path() {
        for (text, expected) in [
            ("udp://logs.example.com:514", Syslog::Udp("logs.example.com:514".into())),
            ("udp://[::1]:514", Syslog::Udp("[::1]:514".into())),
            ("tcp://127.0.0.1:601", Syslog::Tcp("127.0.0.1:601".into())),
            ("unix:/dev/log", Syslog::Local("/dev/log".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected));
        }
        for text in
            ["", "udp://", "udp://host", "udp://:514", "tcp://host:x", "unix:log", "/dev/log", "tls://a:1"]
        {
            assert!(text.parse::<Syslog>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn datagrams_arrive_whole_or_without_what_is_too_long() {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = Syslog::Udp(udp.local_addr().unwrap().to_string());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let local = UnixDatagram::bind(&path).unwrap();
        let small = entry(1, Some(json!({ "role": "owner" })));
        let large = entry(2, Some(Value::String("x".repeat(DATAGRAM_MAX))));
        let entries = [small.clone(), large.clone()];
        let mut bytes = vec![0; 2 * DATAGRAM_MAX];
        at.tell(&entries, "example.com/log").await.unwrap();
        Syslog::Local(path).tell(&entries, "example.com/log").await.unwrap();
        for expected in [&small, &AuditEntry { after: None, ..large.clone() }] {
            let length = udp.recv(&mut bytes).await.unwrap();
            assert_eq!(read(std::str::from_utf8(&bytes[..length]).unwrap()), *expected);
            let length = local.recv(&mut bytes).await.unwrap();
            assert_eq!(read(std::str::from_utf8(&bytes[..length]).unwrap()), *expected);
        }
    }

    #[tokio::test]
    async fn a_connection_has_the_length_of_each_message_before_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = Syslog::Tcp(listener.local_addr().unwrap().to_string());
        let entries = [entry(1, None), entry(2, Some(Value::String("x".repeat(DATAGRAM_MAX))))];
        let collect = async {
            let mut text = String::new();
            listener.accept().await.unwrap().0.read_to_string(&mut text).await.unwrap();
            text
        };
        let (text, told) = tokio::join!(collect, at.tell(&entries, "example.com/log"));
        told.unwrap();
        let mut rest = text.as_str();
        for expected in &entries {
            let (length, after) = rest.split_once(' ').unwrap();
            let (message, after) = after.split_at(length.parse().unwrap());
            assert_eq!(read(message), *expected);
            rest = after;
        }
        assert_eq!(rest, "");
    }

    #[tokio::test]
    async fn what_nobody_takes_was_not_told() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for nowhere in [Syslog::Tcp(closed.to_string()), Syslog::Local("/nonexistent/log".into())] {
            assert!(nowhere.tell(&[entry(1, None)], "example.com/log").await.is_err(), "{nowhere:?}");
        }
    }
}
