//! What the DNS says, asked of one resolver within a bound of time: of the machine's own, or of another one that the operator names.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData};

/// How long an answer may take, with all that is asked for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one question waits for its answer, before it is asked again.
const QUESTION: Duration = Duration::from_secs(2);

/// The resolver that is asked; none: the machine's own, as `/etc/resolv.conf` names it at that moment. Nothing is remembered of what it
/// answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dns(Option<SocketAddr>);

impl Dns {
    /// The resolver at this address, or the machine's own.
    pub fn at(address: Option<SocketAddr>) -> Self {
        Self(address)
    }

    /// The texts of the TXT records of a name, which may be an alias; none where it has no such record, or is not there. Fails, in words,
    /// where nobody says which of these is so.
    pub(crate) async fn texts(self, name: &str) -> Result<Vec<String>, String> {
        match tokio::time::timeout(PATIENCE, self.look_up(name)).await {
            Err(_) => Err(format!("there was no answer within {} s", PATIENCE.as_secs())),
            Ok(Ok(texts)) => Ok(texts),
            Ok(Err(error)) if error.is_no_records_found() => Ok(Vec::new()),
            Ok(Err(error)) => Err(error.to_string()),
        }
    }

    async fn look_up(self, name: &str) -> Result<Vec<String>, NetError> {
        // The dot at its end keeps the domains out that the machine searches.
        let name = Name::from_ascii(format!("{name}."))?;
        let resolver = self.resolver()?;
        let found = resolver.txt_lookup(name).await?;
        let text = |data: &RData| match data {
            RData::TXT(text) => Some(text.to_string()),
            _ => None,
        };
        Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect())
    }

    fn resolver(self) -> Result<TokioResolver, NetError> {
        let mut builder = match self.0 {
            None => TokioResolver::builder_tokio()?,
            Some(address) => {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                for connection in &mut server.connections {
                    connection.port = address.port();
                }
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = QUESTION;
        options.attempts = 1;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    #[tokio::test]
    async fn a_resolver_that_fails_says_nothing_of_what_there_is() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(async move {
            let mut bytes = [0; 512];
            while let Ok((length, client)) = server.recv_from(&mut bytes).await {
                let mut answer = bytes[..length].to_vec();
                // An answer, and the server failed (RFC 1035, 4.1.1).
                (answer[2], answer[3]) = (0x81, 0x82);
                server.send_to(&answer, client).await.unwrap();
            }
        });
        let dns = Dns::at(Some(address));
        assert!(dns.texts("example.org").await.is_err());
        let long = format!("{}org", "a.".repeat(130));
        assert!(dns.texts(&long).await.is_err());
    }
}
