//! Records of models. A template is told what a model is made of by a parameter of its own: where nobody sets it, and the host keeps a
//! record of the model that another parameter names, the host fills it in. The record is then a parameter like any other: it is kept
//! with the deployment, shown, and planned by again, whatever becomes of the record here.

use chandlery_package::column::{Json, Text};
use chandlery_package::model::ModelName;
use chandlery_package::problem::{Explain, Explanation, INVALID, Kind};
use chandlery_package::wire::host::{ModelInfo, ModelRecord};
use chandlery_package::wire::{Page, Paging};
use chandlery_package::{Digest, Manifest};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::db::Db;
use crate::system;

/// The largest record, in bytes of JSON: quantised models name thousands of modules.
const BYTES_MAX: usize = 1 << 20;
/// By which a parameter's schema says that it is the record of the model that another parameter names.
const RECORD_OF: &str = "record-of";

/// A record that is not there.
pub const NO_MODEL: Kind = Kind {
    word: "no-model",
    status: 404,
    title: "No such record",
    when: "a record of a model is asked for that this host does not keep",
    remedy: Some("`chandlery models list` shows all; `chandlery models add NAME config.json` keeps one"),
};

/// Why a record could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this name.
    #[error("this host keeps no record of the model '{0}'")]
    NoModel(ModelName),
    /// It is larger than any `config.json`.
    #[error("the config.json has {0} bytes; at most {BYTES_MAX} are kept")]
    TooLong(usize),
    /// The host's own database.
    #[error(transparent)]
    System(#[from] system::Error),
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        match self {
            Self::NoModel(_) => (&NO_MODEL).into(),
            Self::TooLong(_) => (&INVALID).into(),
            Self::System(error) => error.explain(),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::System(error.into())
    }
}

/// The records of a host.
#[derive(Clone)]
pub(crate) struct Models {
    db: Db,
}

impl Models {
    /// The records in this database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Keeps a record in the place of the one before.
    pub async fn set(&self, name: &ModelName, config: &Map<String, Value>) -> Result<ModelInfo, Error> {
        let text = Value::from(config.clone()).to_string();
        if text.len() > BYTES_MAX {
            return Err(Error::TooLong(text.len()));
        }
        let digest = Digest::of(text.as_bytes());
        let added_at = Timestamp::now();
        sqlx::query(
            "insert into models (name, config, digest, added_at) values ($1, $2, $3, $4)
             on conflict (name) do update
             set config = excluded.config, digest = excluded.digest, added_at = excluded.added_at",
        )
        .bind(name.as_str())
        .bind(text)
        .bind(Text(digest))
        .bind(Text(added_at))
        .execute(self.db.pool())
        .await?;
        Ok(ModelInfo { name: name.clone(), digest, added_at })
    }

    /// The record of this name.
    pub async fn get(&self, name: &ModelName) -> Result<ModelRecord, Error> {
        self.find(name).await?.ok_or_else(|| Error::NoModel(name.clone()))
    }

    /// Forgets a record. What is deployed by it stays as it is.
    pub async fn remove(&self, name: &ModelName) -> Result<(), Error> {
        let removed = sqlx::query("delete from models where name = $1")
            .bind(name.as_str())
            .execute(self.db.pool())
            .await?;
        match removed.rows_affected() {
            0 => Err(Error::NoModel(name.clone())),
            _ => Ok(()),
        }
    }

    /// The records by name, without what they say, a page at a time.
    pub async fn list(&self, paging: &Paging<ModelName>) -> Result<Page<ModelInfo>, Error> {
        let rows: Vec<(Text<ModelName>, Text<Digest>, Text<Timestamp>)> = sqlx::query_as(
            "select name, digest, added_at from models where name > $1 order by name limit $2",
        )
        .bind(paging.after().map_or("", ModelName::as_str))
        .bind(paging.rows())
        .fetch_all(self.db.pool())
        .await?;
        let info = |(Text(name), Text(digest), Text(added_at))| ModelInfo { name, digest, added_at };
        Ok(paging.cut(rows, |(Text(name), ..)| name.clone()).map(info))
    }

    /// The parameters that are given, with the records that the host keeps of the models that they name.
    pub async fn fill(&self, manifest: &Manifest, given: &Value) -> Result<Value, Error> {
        let Value::Object(given) = given else { return Ok(given.clone()) };
        let mut filled = given.clone();
        for (parameter, name) in wanted(manifest, given) {
            if let Some(record) = self.find(&name).await? {
                filled.insert(parameter, record.config.into());
            }
        }
        Ok(filled.into())
    }

    async fn find(&self, name: &ModelName) -> Result<Option<ModelRecord>, Error> {
        let row: Option<(Json<Map<String, Value>>, Text<Digest>, Text<Timestamp>)> =
            sqlx::query_as("select config, digest, added_at from models where name = $1")
                .bind(name.as_str())
                .fetch_optional(self.db.pool())
                .await?;
        Ok(row.map(|(Json(config), Text(digest), Text(added_at))| ModelRecord {
            info: ModelInfo { name: name.clone(), digest, added_at },
            config,
        }))
    }
}

/// The parameters that nobody has set and a record could fill, each with the model that it is of.
fn wanted(manifest: &Manifest, given: &Map<String, Value>) -> Vec<(String, ModelName)> {
    let unset =
        manifest.parameters.iter().filter(|(parameter, _)| given.get(*parameter).is_none_or(Value::is_null));
    let named = unset.filter_map(|(parameter, schema)| {
        let of = schema.get(RECORD_OF)?.as_str()?;
        let usual = || manifest.parameters.get(of)?.get("default");
        let name = given.get(of).or_else(usual)?.as_str()?.parse().ok()?;
        Some((parameter.clone(), name))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        Manifest::from_toml(
            r#"
            name = "acme:x"
            version = "1.0.0"
            kind = "template"
            contract = "0.1.0"
            title = "X"
            description = "X."
            license = "MIT"
            [parameters]
            model = { type = "string", default = "acme/usual" }
            model_config = { type = ["object", "null"], record-of = "model" }
            "#,
        )
        .unwrap()
    }

    #[test]
    fn a_record_is_wanted_of_the_model_that_is_named_unless_one_is_given() {
        let table = [
            (json!({}), Some("acme/usual")),
            (json!({ "model": "acme/own" }), Some("acme/own")),
            (json!({ "model": "acme/own", "model_config": null }), Some("acme/own")),
            (json!({ "model": "acme/own", "model_config": {} }), None),
            (json!({ "model": "no name at all" }), None),
            (json!({ "model": 7 }), None),
        ];
        for (given, expected) in table {
            let found = wanted(&manifest(), given.as_object().unwrap());
            let names: Vec<_> = found.iter().map(|(_, name)| name.as_str()).collect();
            assert_eq!(names, Vec::from_iter(expected), "{given}");
        }
    }
}
