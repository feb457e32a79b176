//! What names look like at a glance: those that look alike are mistaken for each other.

use chandlery_store::{Db, Write};

use crate::Error;

/// How many accounts are filled in at a time.
const BATCH: i64 = 1000;

/// What a name looks like: letters and digits that are told apart with difficulty are one, and dashes are overlooked. A colon stays,
/// so that a namespace and a plugin's name are looked at apart.
pub fn looks(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|c| *c != '-')
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' => 'l',
            '3' => 'e',
            '5' => 's',
            other => other,
        })
        .collect();
    plain.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

/// The account that another name would be mistaken for; none: there is no such one.
pub(crate) async fn account_like(write: &mut Write, name: &str) -> Result<Option<String>, Error> {
    let found: Option<(String,)> =
        sqlx::query_as("select name from accounts where looks = $1 and name <> $2 order by name limit 1")
            .bind(looks(name))
            .bind(name)
            .fetch_optional(&mut **write)
            .await?;
    Ok(found.map(|(other,)| other))
}

/// Fills in what the names of accounts look like that were opened before it was kept.
pub(crate) async fn fill_in(db: &Db) -> Result<(), Error> {
    loop {
        let mut write = db.write().await?;
        let names: Vec<(String,)> = sqlx::query_as("select name from accounts where looks = '' limit $1")
            .bind(BATCH)
            .fetch_all(&mut *write)
            .await?;
        if names.is_empty() {
            return Ok(());
        }
        for (name,) in names {
            sqlx::query("update accounts set looks = $1 where name = $2")
                .bind(looks(&name))
                .bind(name)
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
    fn names_that_look_alike_are_one() {
        for (one, other) in [
            ("acme", "ac-me"),
            ("google", "g00gle"),
            ("paypal", "paypa1"),
            ("lill", "1i1l"),
            ("modern", "modem"),
            ("vvorld", "world"),
            ("acme:clock", "acme:dock"),
        ] {
            assert_eq!(looks(one), looks(other), "{one} {other}");
        }
        for (one, other) in [
            ("acme", "acmes"),
            ("acme", "acne"),
            ("a:bc", "ab:c"),
            ("customer-1", "customer-15"),
            ("n-5", "n"),
        ] {
            assert_ne!(looks(one), looks(other), "{one} {other}");
        }
    }
}
