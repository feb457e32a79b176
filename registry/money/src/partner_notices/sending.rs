//! One message to one webhook: to an address that was looked at, within bounds of time. Redirects are not followed, no proxy is asked, and
//! of an answer nothing is read but its status.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use chandlery_package::reach::{Reach, literal, reach};
use chandlery_package::webhook::WebhookSecret;
use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use crate::Error;

/// How long a message may take, from the look-up of its host to its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a URL may be, in bytes.
const URL_BYTES_MAX: usize = 2000;

/// Where webhooks may lead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Whether they may lead into private networks and to this machine, and go unencrypted: for intranets and tests.
    pub private: bool,
}

impl Way {
    fn is_open(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Private | Reach::ThisMachine => self.private,
            Reach::Never => false,
        }
    }
}

/// The URL of a webhook, which leads where webhooks may lead as far as a URL says.
#[derive(Debug, Clone)]
pub(super) struct Target {
    url: Url,
    host: String,
    port: u16,
}

impl Target {
    pub(super) fn parse(text: &str, way: Way) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Invalid(format!("this is no URL of a webhook: {why}"));
        if text.len() > URL_BYTES_MAX {
            return Err(wrong(&format!("it has more than {URL_BYTES_MAX} bytes")));
        }
        let url: Url = text.trim().parse().map_err(|_| wrong("write https://HOST/PATH"))?;
        match url.scheme() {
            "https" => {}
            "http" if way.private => {}
            _ => return Err(wrong("it begins with https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it has a name or a password, which proxies write into their logs"));
        }
        let host = url.host_str().ok_or_else(|| wrong("it names no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| wrong("it names no port"))?;
        if literal(&host).is_some_and(|address| !way.is_open(address)) {
            return Err(Error::PrivateAddress(host));
        }
        Ok(Self { url, host, port })
    }

    pub(super) fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The host of a URL that was parsed before.
    pub(super) fn host_of(url: &str) -> Option<String> {
        url.parse::<Url>().ok()?.host_str().map(ToOwned::to_owned)
    }

    /// The addresses that its host has at this moment and that messages may go to: at least one.
    pub(super) async fn addresses(&self, way: Way) -> Result<Vec<SocketAddr>, Error> {
        let found: Vec<SocketAddr> = match literal(&self.host) {
            Some(address) => vec![SocketAddr::new(address, self.port)],
            None => {
                let looked_up = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
                let unknown =
                    |error| Error::Invalid(format!("the host '{}' cannot be found: {error}", self.host));
                looked_up.map_err(unknown)?.collect()
            }
        };
        let open: Vec<SocketAddr> = found.into_iter().filter(|found| way.is_open(found.ip())).collect();
        match open.is_empty() {
            true => Err(Error::PrivateAddress(self.host.clone())),
            false => Ok(open),
        }
    }
}

/// A message, as it is sent.
pub(super) struct Message<'a> {
    /// The same each time that it is sent.
    pub id: &'a str,
    pub body: &'a str,
    pub secret: &'a WebhookSecret,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was taken, with this status.
    Taken(String),
    /// It was not, for this reason: it is tried again.
    Failed(String),
    /// The receiver wants no more of them.
    Gone(String),
}

/// Sends a message once.
pub(super) async fn send(url: &str, way: Way, message: &Message<'_>) -> Outcome {
    match tokio::time::timeout(TIMEOUT, exchange(url, way, message)).await {
        Err(_) => Outcome::Failed(format!("there was no answer within {} s", TIMEOUT.as_secs())),
        Ok(Err(why)) => Outcome::Failed(why),
        Ok(Ok(status)) if status.is_success() => Outcome::Taken(status.to_string()),
        Ok(Ok(StatusCode::GONE)) => Outcome::Gone(StatusCode::GONE.to_string()),
        Ok(Ok(status)) => Outcome::Failed(format!("it answers {status}")),
    }
}

async fn exchange(url: &str, way: Way, message: &Message<'_>) -> Result<StatusCode, String> {
    let target = Target::parse(url, way).map_err(|error| error.to_string())?;
    let addresses = target.addresses(way).await.map_err(|error| error.to_string())?;
    // Connected to is what was looked at: the name is not looked up again.
    let mut client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(Policy::none())
        .no_proxy()
        .resolve_to_addrs(&target.host, &addresses);
    if target.url.scheme() == "http" {
        // Nothing to read certificates for, which takes longer than most answers.
        client = client.tls_certs_only([]);
    }
    let client = client.build().map_err(|error| error.to_string())?;
    let now = Timestamp::now();
    let sent = client
        .post(target.url)
        .header("content-type", "application/json")
        .header("webhook-id", message.id)
        .header("webhook-timestamp", now.as_second().to_string())
        .header("webhook-signature", message.secret.sign(message.id, now, message.body))
        .body(message.body.to_owned())
        .send()
        .await;
    // The URL may be a secret itself.
    let answer = sent.map_err(|error| match error {
        error if error.is_timeout() => format!("there was no answer within {} s", TIMEOUT.as_secs()),
        error if error.is_connect() => "no connection could be made".into(),
        error => error.without_url().to_string(),
    })?;
    match answer.remote_addr() {
        Some(peer) if way.is_open(peer.ip()) => Ok(answer.status()),
        _ => Err(Error::PrivateAddress(target.host).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Way = Way { private: false };
    const PRIVATE: Way = Way { private: true };

    #[test]
    fn a_url_leads_by_tls_to_the_public_internet() {
        for (url, by_public, by_private) in [
            ("https://hooks.example.com/a?b=c", true, true),
            ("https://93.184.216.34:8443/", true, true),
            ("http://hooks.example.com/", false, true),
            ("https://127.0.0.1/", false, true),
            ("https://10.0.0.1/", false, true),
            ("https://[::1]/", false, true),
            ("https://[::ffff:10.0.0.1]/", false, true),
            // As a browser reads it, an address.
            ("https://2130706433/", false, true),
            ("https://0x7f.1/", false, true),
            ("https://169.254.169.254/latest/meta-data", false, false),
            ("https://[fd00:ec2::254]/", false, false),
            ("https://0.0.0.0/", false, false),
            ("https://user:secret@hooks.example.com/", false, false),
            ("ftp://hooks.example.com/", false, false),
            ("file:///etc/passwd", false, false),
            ("hooks.example.com", false, false),
            ("", false, false),
        ] {
            assert_eq!(Target::parse(url, PUBLIC).is_ok(), by_public, "{url}");
            assert_eq!(Target::parse(url, PRIVATE).is_ok(), by_private, "{url}");
        }
        assert!(Target::parse(&format!("https://a.example/{}", "x".repeat(URL_BYTES_MAX)), PRIVATE).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_whoever_answers_for_it() {
        let target = Target::parse("https://localhost:1/", PUBLIC).unwrap();
        assert!(
            matches!(target.addresses(PUBLIC).await, Err(Error::PrivateAddress(host)) if host == "localhost")
        );
        assert!(target.addresses(PRIVATE).await.is_ok());
        // As it was let in before: at each message it is looked at again.
        let secret = WebhookSecret::new([0; 32]);
        let message = Message { id: "msg_1", body: "{}", secret: &secret };
        let Outcome::Failed(why) = send("https://localhost:1/", PUBLIC, &message).await else {
            panic!("it was sent")
        };
        assert_eq!(why, Error::PrivateAddress("localhost".into()).to_string());
    }
}
