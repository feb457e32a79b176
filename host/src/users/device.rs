//! Programs that sign in through a page (RFC 8628): each shows a code, which somebody who is signed in confirms on the page `/device`.

use chandlery_package::UserName;
use chandlery_package::column::Text;
use chandlery_package::random_bytes;
use chandlery_package::wire::host::{HostDeviceLogIn, SessionKind, SignInBy, SignedIn};
use jiff::{SignedDuration, Timestamp};

use super::credential::{Fresh, digest};
use super::{Actor, Error, Users, sessions, trail};

/// How long a program waits, in seconds.
const SECONDS: u32 = 600;
/// How many seconds pass between two of its questions.
const INTERVAL: u32 = 2;
/// How many programs may wait at a time: those that have waited longest make room, since anybody may begin, and nobody is to be kept out.
const WAITING_MAX: i64 = 20_000;
/// The letters of codes: none that can be taken for another, and no vowels, so that they are no words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

impl Users {
    /// Lets a program wait, which whoever opens the pages at this URL may confirm.
    pub(crate) async fn begin_device(&self, url: &str) -> Result<HostDeviceLogIn, Error> {
        let Fresh { text: device_code, hash, .. } = Fresh::new("");
        let user_code = new_code();
        let expires_at = sessions::after(SignedDuration::from_secs(i64::from(SECONDS)))?;
        let mut write = self.db.write().await?;
        sqlx::query("delete from device_log_ins where expires_at <= $1")
            .bind(Text(Timestamp::now()))
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "delete from device_log_ins
             where rowid <= (select max(rowid) from device_log_ins) - $1 and session is null",
        )
        .bind(WAITING_MAX)
        .execute(&mut *write)
        .await?;
        sqlx::query("insert into device_log_ins (hash, user_code, expires_at) values ($1, $2, $3)")
            .bind(&hash)
            .bind(&user_code)
            .bind(Text(expires_at))
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        let verification_uri = format!("{url}/device");
        Ok(HostDeviceLogIn {
            device_code,
            user_code,
            verification_uri,
            expires_in: SECONDS,
            interval: INTERVAL,
        })
    }

    /// Confirms the program that shows this code, in the session of whoever does; says whether there is one. It ends with that session
    /// until it has asked.
    pub(crate) async fn confirm_device(&self, by: &Actor, code: &str) -> Result<bool, Error> {
        let user: UserName =
            by.name().parse().map_err(|_| Error::NotFound(format!("user '{}'", by.name())))?;
        self.guesses.begin(&user)?;
        let code = written(code);
        let mut write = self.db.write().await?;
        let confirmed = sqlx::query(
            "update device_log_ins set session = $1 where user_code = $2 and session is null and expires_at > $3",
        )
        .bind(by.token())
        .bind(&code)
        .bind(Text(Timestamp::now()))
        .execute(&mut *write)
        .await?;
        if confirmed.rows_affected() == 0 {
            return Ok(false);
        }
        trail::note(&mut write, (by.name(), by.token()), "confirm-program", &code).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Opens the session of a program that was confirmed, once.
    pub(crate) async fn finish_device(&self, device_code: &str) -> Result<SignedIn, Error> {
        type Row = (Option<Text<UserName>>, Option<Text<SignInBy>>, Text<Timestamp>);
        let hash = digest(device_code);
        let mut write = self.db.write().await?;
        let found: Option<Row> = sqlx::query_as(
            "select s.owner, s.opened_by, d.expires_at
             from device_log_ins d left join sessions s on s.id = d.session where d.hash = $1",
        )
        .bind(&hash)
        .fetch_optional(&mut *write)
        .await?;
        let holds = found.filter(|(.., Text(expires_at))| *expires_at > Timestamp::now());
        let (user, by, _) = holds.ok_or_else(|| {
            Error::NotFound("program that waits with this code: begin another sign-in".into())
        })?;
        let (Some(Text(user)), Some(Text(by))) = (user, by) else { return Err(Error::Pending) };
        sqlx::query("delete from device_log_ins where hash = $1").bind(&hash).execute(&mut *write).await?;
        let opened = sessions::open(&mut write, &self.first, &user, SessionKind::Program, by).await?;
        write.commit().await?;
        Ok(opened)
    }
}

/// Eight letters, of which there are 25 thousand million.
fn new_code() -> String {
    let letters: String = random_bytes::<8>()
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect();
    written(&letters)
}

/// A code as it is shown, however somebody typed it: `wdjb mjht` is `WDJB-MJHT`.
fn written(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphabetic).take(9);
    let mut code: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
    if code.len() > 4 {
        code.insert(4, '-');
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = new_code();
        assert_eq!((code.len(), code.find('-'), written(&code)), (9, Some(4), code.clone()));
        for (typed, read) in [
            ("WDJB-MJHT", "WDJB-MJHT"),
            ("wdjbmjht", "WDJB-MJHT"),
            (" wdjb mjht ", "WDJB-MJHT"),
            ("WDJBMJHTX", "WDJB-MJHTX"),
            ("", ""),
            ("wdj1", "WDJ"),
            ("%ÄÖ_", ""),
        ] {
            assert_eq!(written(typed), read, "{typed}");
        }
    }
}
