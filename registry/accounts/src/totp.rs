//! Codes that a secret and the time make: six digits each 30 seconds, by RFC 6238 with SHA-1, as every authenticator makes them.

use chandlery_package::{Namespace, random_bytes};
use jiff::Timestamp;
use totp_rs::{Builder, Secret, Totp};

use crate::Error;

/// As many bytes as SHA-1 has, which RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// Whom an authenticator shows the code for.
const ISSUER: &str = "Chandlery";

/// A new secret, in Base32.
pub(crate) fn new_secret() -> String {
    Secret::from(random_bytes::<SECRET_BYTES>().to_vec()).to_base32()
}

/// A secret as authenticators read it from a picture.
pub(crate) fn uri(account: &Namespace, secret: &str) -> String {
    format!(
        "otpauth://totp/{ISSUER}:{account}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30"
    )
}

/// The step of 30 seconds that a code is of: this one, or the one before or after; none: it is no code of this time.
pub(crate) fn step_of(secret: &str, code: &str, now: Timestamp) -> Result<Option<i64>, Error> {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    Ok(made_from(secret)?.check(code, seconds).and_then(|step| i64::try_from(step).ok()))
}

fn made_from(secret: &str) -> Result<Totp, Error> {
    let secret = Secret::try_from_base32(secret)
        .map_err(|error| Error::damaged(format!("a second factor's secret cannot be read: {error}")))?;
    Builder::new()
        .with_secret(secret)
        .build()
        .map_err(|error| Error::damaged(format!("a second factor's secret cannot be used: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238's appendix B, `12345678901234567890`.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn step(code: &str, second: i64) -> Option<i64> {
        step_of(SECRET, code, Timestamp::from_second(second).unwrap()).unwrap()
    }

    #[test]
    fn the_codes_of_the_standard_are_known_at_their_time_and_a_step_beside_it() {
        // The last six of the eight digits that the standard's table has.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            for shift in [-30, 0, 30] {
                assert_eq!(step(code, second + shift), Some(second / 30), "{second} {shift}");
            }
            assert_eq!(step(code, second + 90), None, "{second}");
        }
        assert_eq!(step("081804", 1_111_111_109 - 90), None);
        for text in ["", "28708", "2870820", "+87082", " 287082", "28708a"] {
            assert_eq!(step(text, 59), None, "{text}");
        }
    }

    #[test]
    fn a_new_secret_is_one_that_codes_are_made_from() {
        let (one, other) = (new_secret(), new_secret());
        assert!(one != other && one.len() == 32, "{one}");
        assert!(made_from(&one).is_ok() && made_from("no secret").is_err());
        let uri = uri(&"acme".parse().unwrap(), "ABC");
        assert_eq!(
            uri,
            "otpauth://totp/Chandlery:acme?secret=ABC&issuer=Chandlery&algorithm=SHA1&digits=6&period=30"
        );
    }
}
