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

use crate::hashes::{read_hashes, size};
use crate::{Error, Log};

type Bytes<const N: usize> = ([(HeaderName, &'static str); N], Vec<u8>);

const NEVER_CHANGES: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
const BINARY: (HeaderName, &str) = (header::CONTENT_TYPE, "application/octet-stream");

/// The routes of this room.
pub fn routes<S>(db: Db, log: Arc<Log>) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(info))
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/tile/entries/{*index}", get(entries))
        .route("/log/tile/{level}/{*index}", get(tile))
        .with_state(Served { db, log })
}

#[derive(Clone)]
struct Served {
    db: Db,
    log: Arc<Log>,
}

/// Tells the log's verifier key, which clients pin.
#[utoipa::path(
    get,
    path = "/api/v1/log",
    responses((status = 200, description = "Done.", body = LogInfo)),
    security(())
)]
async fn info(State(served): State<Served>) -> Json<LogInfo> {
    Json(LogInfo { verifier_key: served.log.verifier_key().into() })
}

async fn checkpoint(State(served): State<Served>) -> Result<Bytes<2>, Error> {
    let note = served.log.checkpoint(&served.db).await?;
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
    // Beyond nine levels there are no 64-bit indexes; the form without leading zeros is not canonical.
    match Tile::from_path(path) {
        Ok(tile) if tile.level() < 8 && tile.path() == path => Ok(tile),
        _ => Err(no_tile()),
    }
}

fn no_tile() -> Error {
    Error::not_found("such tile in the log")
}
