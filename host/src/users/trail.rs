//! What users have done: each act is written down before it is done, so that none is missing, and how it was answered afterwards.

use chandlery_package::column::Text;
use chandlery_package::wire::host::HostAct;
use chandlery_package::wire::{Page, Paging};
use jiff::Timestamp;
use serde::Deserialize;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use utoipa::IntoParams;

use super::{Actor, Error, Users};

/// Which acts are looked for; what is not named may be anything.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SoughtActs {
    /// Who has done it.
    pub user: Option<String>,
    /// What was asked for, by its word, such as `deploy`.
    pub act: Option<String>,
    /// What it is about, by its whole name.
    pub about: Option<String>,
    /// Only what was not done.
    #[serde(default)]
    pub refused: bool,
    /// What was begun from this moment on.
    pub from: Option<Timestamp>,
    /// What was begun before this moment.
    pub before: Option<Timestamp>,
}

/// What an act is about, where its path does not say so: set on the answer.
#[derive(Debug, Clone)]
pub(crate) struct About(pub(crate) String);

/// The entry of an act that was begun, by its number: set on the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun(pub(crate) i64);

/// Set on an answer that begins before the act has ended: whoever gives it concludes the entry, once it is known how that was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoesOn;

/// Writes down what somebody does in the transaction that does it: the name, and the token or the session.
pub(super) async fn note(
    write: &mut SqliteConnection,
    (actor, token): (&str, Option<&str>),
    act: &str,
    about: &str,
) -> Result<(), Error> {
    sqlx::query("insert into acts (at, actor, token, act, about, status) values ($1, $2, $3, $4, $5, 200)")
        .bind(Text(Timestamp::now()))
        .bind(actor)
        .bind(token)
        .bind(act)
        .bind(about)
        .execute(write)
        .await?;
    Ok(())
}

impl Users {
    /// Writes down that somebody is about to do something; gives the number of the entry.
    pub(crate) async fn begin(&self, by: &Actor, act: &str, about: &str) -> Result<i64, Error> {
        let begun =
            sqlx::query("insert into acts (at, actor, token, act, about) values ($1, $2, $3, $4, $5)")
                .bind(Text(Timestamp::now()))
                .bind(by.name())
                .bind(by.token())
                .bind(act)
                .bind(about)
                .execute(self.db.pool())
                .await?;
        Ok(begun.last_insert_rowid())
    }

    /// Writes down how it was answered, and what it is about, each where that is known only now.
    pub(crate) async fn conclude(
        &self,
        id: i64,
        status: Option<u16>,
        about: Option<String>,
    ) -> Result<(), Error> {
        sqlx::query(
            "update acts set status = coalesce($1, status), about = coalesce($2, about) where id = $3",
        )
        .bind(status.map(i64::from))
        .bind(about)
        .bind(id)
        .execute(self.db.pool())
        .await?;
        Ok(())
    }

    /// What users have done of what is looked for, the last first, a page at a time.
    pub(crate) async fn acts(
        &self,
        sought: &SoughtActs,
        paging: &Paging<i64>,
    ) -> Result<Page<HostAct>, Error> {
        type Row = (i64, Text<Timestamp>, String, Option<String>, String, String, Option<i64>);
        let mut query = QueryBuilder::<Sqlite>::new(
            "select id, at, actor, token, act, about, status from acts where id < ",
        );
        query.push_bind(*paging.after().unwrap_or(&i64::MAX));
        let SoughtActs { user, act, about, refused, from, before } = sought;
        for (column, named) in [("actor", user), ("act", act), ("about", about)] {
            if let Some(named) = named {
                query.push(" and ").push(column).push(" = ").push_bind(named.as_str());
            }
        }
        if *refused {
            query.push(" and status >= 400");
        }
        // Times have as many decimals as they need: without the letter at their end, they sort as they follow each other.
        for (compared, moment) in [(" >= ", from), (" < ", before)] {
            if let Some(moment) = moment {
                let text = moment.to_string();
                query
                    .push(" and rtrim(at, 'Z')")
                    .push(compared)
                    .push_bind(text.trim_end_matches('Z').to_owned());
            }
        }
        query.push(" order by id desc limit ").push_bind(paging.rows());
        let rows: Vec<Row> = query.build_query_as().fetch_all(self.db.pool()).await?;
        let entry = |(_, Text(at), user, token, act, about, status): Row| HostAct {
            at,
            user,
            token,
            act,
            about,
            status: status.and_then(|status| u16::try_from(status).ok()),
        };
        Ok(paging.cut(rows, |(id, ..)| *id).map(entry))
    }
}
