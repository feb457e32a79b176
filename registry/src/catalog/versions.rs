//! Versions as texts that sort as Semantic Versioning 2.0.0 has it, so that an index gives releases in their order.

use std::fmt::Write as _;

use chandlery_store::Db;
use semver::Version;

use super::error::Error;

/// How many releases are filled in at a time.
const BATCH: i64 = 1000;

/// What sorts among others of its kind, byte for byte, as the version among other versions; none has build metadata.
pub(super) fn order(version: &Version) -> String {
    let mut text = String::new();
    for part in [version.major, version.minor, version.patch] {
        number(&mut text, &part.to_string());
    }
    if version.pre.is_empty() {
        // After all pre-releases.
        text.push('~');
    } else {
        for identifier in version.pre.split('.') {
            // A number is lower than a word, and fewer identifiers are lower than more.
            match identifier.bytes().all(|byte| byte.is_ascii_digit()) {
                true => number(&mut text, identifier),
                false => text.extend(["w", identifier]),
            }
            text.push(' ');
        }
    }
    text
}

/// A number after the count of its digits: it has no zeros in front.
fn number(text: &mut String, digits: &str) {
    let _ = write!(text, "{:03}{digits}", digits.len());
}

/// Fills in the order of releases that were published before it was kept.
pub async fn fill_in_order(db: &Db) -> Result<(), Error> {
    loop {
        let mut write = db.write().await?;
        let rows: Vec<(String, String)> =
            sqlx::query_as("select plugin, version from releases where version_order = '' limit $1")
                .bind(BATCH)
                .fetch_all(&mut *write)
                .await?;
        if rows.is_empty() {
            return Ok(());
        }
        for (plugin, version) in rows {
            let parsed = version.parse().map_err(|_| Error::damaged(format!("'{version}' is no version")))?;
            sqlx::query("update releases set version_order = $1 where plugin = $2 and version = $3")
                .bind(order(&parsed))
                .bind(plugin)
                .bind(version)
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_sort_as_the_versions_do() {
        let mut texts = Vec::new();
        let identifiers = ["0", "1", "2", "10", "11", "a", "a-b", "A", "alpha", "beta", "rc", "-", "x1"];
        let mut pres = vec![String::new()];
        for one in identifiers {
            pres.push(format!("-{one}"));
            pres.extend(identifiers.map(|two| format!("-{one}.{two}")));
        }
        for core in ["0.0.1", "0.0.2", "0.0.10", "0.1.0", "1.0.0", "1.0.9", "1.0.10", "9.0.0", "10.0.0"] {
            texts.extend(pres.iter().map(|pre| format!("{core}{pre}")));
        }
        texts.push("18446744073709551615.0.0-99999999999999999999999".into());
        let mut versions: Vec<Version> = texts.iter().map(|text| text.parse().unwrap()).collect();
        versions.sort();
        let keys: Vec<String> = versions.iter().map(order).collect();
        assert!(keys.is_sorted_by(|one, other| one < other));
    }
}
