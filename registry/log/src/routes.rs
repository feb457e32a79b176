//! `/log`: the read interface of C2SP tlog-tiles, and `/api/v1/log` for the key to pin.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::routing::get;
use chandlery_package::log::TILE_WIDTH;
use chandlery_package::wire::LogInfo;
use tlog_tiles::Tile;

use chandlery_edge::{Json, Path};
use chandlery_store::Db;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::checkpoints::first_that_covers;
use crate::hashes::{read_hashes, size};
use crate::{Error, Log};

type Bytes<const N: usize> = ([(HeaderName, &'static str); N], Vec<u8>);

const NEVER_CHANGES: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
const BINARY: (HeaderName, &str) = (header::CONTENT_TYPE, "application/octet-stream");
/// How many levels of tiles there are: above, one hash would stand for more entries than 64 bits can count.
const LEVELS: u8 = 8;
/// The largest place of a tile in its level; above, the places of its hashes are no numbers of 64 bits.
const INDEX_MAX: u64 = 1 << 48;

/// The routes of this room.
pub fn routes<S>(db: Db, log: Arc<Log>) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(info))
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/checkpoint/{index}", get(first_checkpoint))
        .route("/log/tile/entries/{*index}", get(entries))
        .route("/log/tile/{level}/{*index}", get(tile))
        .with_state(Served { db, log })
}

#[derive(Clone)]
struct Served {
    db: Db,
    log: Arc<Log>,
}

/// Tells the log's verifier key, which clients pin, and which witnesses it asks to cosign.
#[utoipa::path(
    get,
    path = "/api/v1/log",
    responses((status = 200, description = "Done.", body = LogInfo)),
    security(())
)]
async fn info(State(served): State<Served>) -> Json<LogInfo> {
    let (verifier_key, witnesses) = (served.log.verifier_key().into(), served.log.witness_keys());
    Json(LogInfo { verifier_key, witnesses })
}

async fn checkpoint(State(served): State<Served>) -> Result<Bytes<2>, Error> {
    let note = served.log.checkpoint(&served.db).await?;
    let text = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    Ok(([text, (header::CACHE_CONTROL, "no-store")], note.into_bytes()))
}

/// The first checkpoint that covers an entry and that witnesses have cosigned.
async fn first_checkpoint(State(served): State<Served>, Path(index): Path<u64>) -> Result<Bytes<2>, Error> {
    let note = first_that_covers(&served.db, index).await?;
    let note = note.ok_or_else(|| Error::not_found("checkpoint that covers this entry and was cosigned"))?;
    let text = (header::CONTENT_TYPE, "text/plain; charset=utf-8");
    Ok(([text, (header::CACHE_CONTROL, "no-store")], note.into_bytes()))
}

async fn tile(
    State(served): State<Served>,
    Path((level, index)): Path<(String, String)>,
) -> Result<Bytes<2>, Error> {
    let tile = parse(&format!("tile/8/{level}/{index}"))?;
    let mut db = served.db.read().acquire().await?;
    let entries_per_hash = 1_u64.checked_shl(8 * u32::from(tile.level())).ok_or_else(no_tile)?;
    let last = (tile.level_index() * TILE_WIDTH + u64::from(tile.width()))
        .checked_mul(entries_per_hash)
        .ok_or_else(no_tile)?;
    if last > size(&mut db).await? {
        return Err(no_tile());
    }
    let bytes = read_hashes(&mut db, |known| tile.read_data(known)).await?;
    Ok(([BINARY, NEVER_CHANGES], bytes))
}

/// Entries, each after its length as two bytes, most significant first.
async fn entries(State(served): State<Served>, Path(index): Path<String>) -> Result<Bytes<2>, Error> {
    let tile = parse(&format!("tile/8/0/{index}"))?;
    let first = tile.level_index() * TILE_WIDTH;
    let rows: Vec<(String,)> =
        sqlx::query_as("select entry from log_entries where idx >= $1 and idx < $2 order by idx")
            .bind(first as i64)
            .bind((first + u64::from(tile.width())) as i64)
            .fetch_all(served.db.read())
            .await?;
    if rows.len() != tile.width() as usize {
        return Err(no_tile());
    }
    let bytes =
        rows.iter().flat_map(|(entry,)| (entry.len() as u16).to_be_bytes().into_iter().chain(entry.bytes()));
    Ok(([BINARY, NEVER_CHANGES], bytes.collect()))
}

fn parse(path: &str) -> Result<Tile, Error> {
    // The crate panics at a level, and at a width, that no tile has.
    let level = path.split('/').nth(2).and_then(|level| level.parse::<u8>().ok());
    let width = path.rsplit_once(".p/").and_then(|(_, width)| width.parse::<u32>().ok());
    if level.is_none_or(|level| level >= LEVELS) || width == Some(0) {
        return Err(no_tile());
    }
    // The form without leading zeros is not canonical.
    match Tile::from_path(path) {
        Ok(tile) if tile.level_index() <= INDEX_MAX && tile.path() == path => Ok(tile),
        _ => Err(no_tile()),
    }
}

fn no_tile() -> Error {
    Error::not_found("such tile in the log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_of_a_tile_is_one() {
        for path in ["tile/8/0/000", "tile/8/0/000.p/1", "tile/8/7/000.p/255", "tile/8/0/x001/x234/567"] {
            assert!(parse(path).is_ok(), "{path}");
        }
        for path in [
            "tile/8/0/",
            "tile/8/0/0",
            "tile/8/0/1000",
            "tile/8/0/x000/001",
            "tile/8/00/000",
            "tile/8/8/000",
            "tile/8/63/000",
            "tile/8/64/000",
            "tile/8/255/000",
            "tile/8/256/000",
            "tile/8/-1/000",
            "tile/8/data/000",
            "tile/8/0/000.p/0",
            "tile/8/0/000.p/00",
            "tile/8/0/000.p/+0",
            "tile/8/0/000.p/+1",
            "tile/8/0/000.p/256",
            "tile/8/0/000.p/4294967296",
            "tile/8/0/000.p/",
            "tile/8/0/000.p",
            "tile/8/0/000.p/1.p/0",
            "tile/8/0/x018/x446/x744/x073/x709/x551/615",
            "tile/8/0/x018/x446/x744/x073/x709/x551/616",
            "tile/8/0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(parse(path).is_err(), "{path}");
        }
    }
}
