//! How often one may be wrong about a secret.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chandlery_edge::{Allowance, Client};
use chandlery_package::Namespace;

use crate::Error;

/// How many wrong secrets one client may show in a minute.
const OF_CLIENT_MAX: u32 = 30;
/// How many wrong passwords of one account all clients that it does not know may show in a minute.
const OF_ACCOUNT_MAX: u32 = 30;
/// How many wrong codes of one account's second factor all clients may show in an hour: six digits are soon found otherwise.
const CODES_MAX: u32 = 10;
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);
/// How long an account knows a client that was right.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many clients an account knows; the one that was right longest ago makes room.
const KNOWN_MAX: usize = 16;

/// Counts wrong secrets, however they are shown: in a header, a form, a cookie or a body.
///
/// In a minute, a client may be wrong 30 times, and all clients together 30 times about the password of one account. For the rest
/// of that minute the client, or whoever asks for that account, is refused before a password is looked at. So that many at once are no
/// more than many in turn, a password counts as wrong until it has been found right.
///
/// Nobody locks an owner out by being wrong about an account: its count does not hold for a client that was right about it
/// in the last 30 days, by password or token, and a right token is taken from everywhere at any time, since nobody finds 256 random
/// bits by trying. What is counted is in memory: each replica counts for itself, and begins anew when it starts.
pub(crate) struct Attempts {
    clients: Allowance<Client>,
    accounts: Allowance<Namespace>,
    codes: Allowance<Namespace>,
    known: Mutex<HashMap<Namespace, Vec<Known>>>,
}

struct Known {
    client: Client,
    since: Instant,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            clients: Allowance::new(OF_CLIENT_MAX, MINUTE),
            accounts: Allowance::new(OF_ACCOUNT_MAX, MINUTE),
            codes: Allowance::new(CODES_MAX, HOUR),
            known: Mutex::default(),
        }
    }
}

impl Attempts {
    /// Counts a password, for this account if its name can be one, before it is looked at.
    pub(crate) fn begin(&self, client: Client, account: Option<&Namespace>) -> Result<(), Error> {
        self.clients.take(client).map_err(refused)?;
        match account {
            Some(account) if !self.knows(account, client) => {
                self.accounts.take(account.clone()).map_err(refused)
            }
            _ => Ok(()),
        }
    }

    /// Gives back what was begun: the password was right, or was not looked at.
    pub(crate) fn take_back(&self, client: Client, account: Option<&Namespace>) {
        self.clients.give_back(&client);
        if let Some(account) = account
            && !self.knows(account, client)
        {
            self.accounts.give_back(account);
        }
    }

    /// Counts a code of an account's second factor before it is looked at. It is shown after the password or in a session, so nobody else
    /// locks an owner out.
    pub(crate) fn begin_code(&self, client: Client, account: &Namespace) -> Result<(), Error> {
        self.clients.take(client).map_err(refused)?;
        self.codes.take(account.clone()).map_err(|seconds| {
            self.clients.give_back(&client);
            Error::too_many(format!("too many wrong codes of '{account}'"), seconds)
        })
    }

    /// Gives back a code that was begun: it was right, or was not looked at.
    pub(crate) fn take_code_back(&self, client: Client, account: &Namespace) {
        self.clients.give_back(&client);
        self.codes.give_back(account);
    }

    /// A client was right about an account, which knows it from now on.
    pub(crate) fn was_right(&self, client: Client, account: &Namespace) {
        let mut all = self.lock();
        let since = Instant::now();
        let Some(known) = all.get_mut(account) else {
            all.insert(account.clone(), vec![Known { client, since }]);
            return;
        };
        match known.iter_mut().find(|known| known.client == client) {
            Some(again) => again.since = since,
            None => {
                if known.len() >= KNOWN_MAX
                    && let Some(oldest) = (0..known.len()).min_by_key(|place| known[*place].since)
                {
                    known.swap_remove(oldest);
                }
                known.push(Known { client, since });
            }
        }
    }

    /// Counts a secret that was looked at and is wrong, and says what becomes of the request.
    pub(crate) fn was_wrong(&self, client: Client) -> Error {
        self.clients.take(client).map_or_else(refused, |()| Error::Unauthenticated)
    }

    /// Forgets what does not count any more.
    pub(crate) fn tidy(&self) {
        self.clients.tidy();
        self.accounts.tidy();
        self.codes.tidy();
        self.lock().retain(|_, known| {
            known.retain(|known| known.since.elapsed() < KNOWN_FOR);
            !known.is_empty()
        });
    }

    fn knows(&self, account: &Namespace, client: Client) -> bool {
        let all = self.lock();
        let known = all.get(account).map(Vec::as_slice).unwrap_or_default();
        known.iter().any(|known| known.client == client && known.since.elapsed() < KNOWN_FOR)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Namespace, Vec<Known>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(seconds: u64) -> Error {
    Error::too_many("too many wrong passwords and tokens", seconds)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn client(last: u8) -> Client {
        Client::at(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn a_client_that_is_wrong_too_often_is_refused_whatever_it_shows() {
        let attempts = Attempts::default();
        for time in 0..OF_CLIENT_MAX {
            match time % 2 {
                0 => assert!(matches!(attempts.was_wrong(client(1)), Error::Unauthenticated)),
                _ => assert!(attempts.begin(client(1), None).is_ok()),
            }
        }
        assert!(matches!(attempts.was_wrong(client(1)), Error::TooMany { .. }));
        assert!(matches!(attempts.begin(client(1), None), Err(Error::TooMany { .. })));
        assert!(attempts.begin(client(2), None).is_ok());
    }

    #[test]
    fn what_is_right_or_was_not_looked_at_does_not_count() {
        let attempts = Attempts::default();
        let account: Namespace = "acme".parse().unwrap();
        for _ in 0..OF_CLIENT_MAX * 3 {
            assert!(attempts.begin(client(1), Some(&account)).is_ok());
            attempts.take_back(client(1), Some(&account));
        }
    }

    #[test]
    fn few_codes_are_tried_from_however_many_addresses() {
        let attempts = Attempts::default();
        let account: Namespace = "acme".parse().unwrap();
        for _ in 0..CODES_MAX * 3 {
            assert!(attempts.begin_code(client(1), &account).is_ok());
            attempts.take_code_back(client(1), &account);
        }
        let tried = (0..250).filter(|last| attempts.begin_code(client(*last), &account).is_ok()).count();
        assert_eq!(tried, CODES_MAX as usize);
        assert!(attempts.begin_code(client(1), &"other".parse().unwrap()).is_ok());
        assert!(attempts.begin(client(1), Some(&account)).is_ok(), "passwords are counted by themselves");
    }

    #[test]
    fn strangers_do_not_lock_an_owner_out() {
        let attempts = Attempts::default();
        let account: Namespace = "acme".parse().unwrap();
        let wrong = |last: u8| attempts.begin(client(last), Some(&account)).is_err();
        attempts.was_right(client(1), &account);
        let refused = (2..250).filter(|last| wrong(*last)).count();
        assert_eq!(refused, 248 - OF_ACCOUNT_MAX as usize);
        assert!(attempts.begin(client(1), Some(&account)).is_ok(), "the owner, from where it was before");
        assert!(attempts.begin(client(250), Some(&"other".parse().unwrap())).is_ok());
        // Who is known may not guess for ever either.
        assert_eq!((0..100).filter(|_| wrong(1)).count(), 100 - (OF_CLIENT_MAX as usize - 1));
    }

    #[test]
    fn an_account_knows_so_many_clients() {
        let attempts = Attempts::default();
        let account: Namespace = "acme".parse().unwrap();
        for last in 0..=KNOWN_MAX as u8 {
            attempts.was_right(client(last), &account);
            attempts.was_right(client(last), &account);
        }
        assert!(!attempts.knows(&account, client(0)));
        assert!((1..=KNOWN_MAX as u8).all(|last| attempts.knows(&account, client(last))));
        attempts.tidy();
        assert!(attempts.knows(&account, client(1)));
    }
}
