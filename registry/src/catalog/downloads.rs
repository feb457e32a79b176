//! How often releases were pulled.

use chandlery_store::Db;

use super::error::Error;
use crate::oci::Downloads;

/// Adds what was counted to the releases whose component it was.
pub async fn write_downloads(db: &Db, downloads: &Downloads) -> Result<(), Error> {
    let counts = downloads.take();
    if counts.is_empty() {
        return Ok(());
    }
    let mut write = db.write().await?;
    for ((repository, component), count) in counts {
        sqlx::query("update releases set downloads = downloads + $1 where plugin = $2 and component = $3")
            .bind(count)
            .bind(repository.replacen('/', ":", 1))
            .bind(component)
            .execute(&mut *write)
            .await?;
    }
    write.commit().await?;
    Ok(())
}
