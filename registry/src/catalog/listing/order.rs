//! The order in which the screenshots of a listing are shown.

use chandlery_accounts::Actor;
use chandlery_package::{Digest, PluginId};
use chandlery_store::{Db, Write};
use serde_json::json;

use super::changes::tell;
use super::kept::{Depicted, Part, images, no_image};
use crate::catalog::error::Error;

/// Where a screenshot goes that changes places with its neighbour.
#[derive(Debug, Clone, Copy)]
pub(in crate::catalog) enum Towards {
    /// Before the one that it stands behind.
    First,
    /// Behind the one that it stands before.
    Last,
}

/// Shows the screenshots of a plugin in this order, which names each of them once.
pub(super) async fn arrange(
    db: &Db,
    actor: &Actor,
    plugin: &PluginId,
    order: &[Digest],
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let before = shots(&images(&mut write, plugin).await?);
    must_name_each(plugin, &before, order)?;
    place(write, actor, plugin, &before, order).await
}

/// Lets a screenshot change places with its neighbour, if it has one there.
pub(in crate::catalog) async fn move_screenshot(
    db: &Db,
    actor: &Actor,
    plugin: &PluginId,
    digest: Digest,
    towards: Towards,
) -> Result<(), Error> {
    let mut write = db.write().await?;
    let before = shots(&images(&mut write, plugin).await?);
    let after = moved(&before, digest, towards).ok_or_else(|| no_image(plugin, digest))?;
    place(write, actor, plugin, &before, &after).await
}

fn shots(images: &[Depicted]) -> Vec<Digest> {
    images.iter().filter(|(part, ..)| *part == Part::Screenshot).map(|(_, image, _)| image.digest).collect()
}

/// The order after one has changed places; none: it is not there.
fn moved(order: &[Digest], digest: Digest, towards: Towards) -> Option<Vec<Digest>> {
    let at = order.iter().position(|one| *one == digest)?;
    let other = match towards {
        Towards::First => at.saturating_sub(1),
        Towards::Last => (at + 1).min(order.len() - 1),
    };
    let mut order = order.to_vec();
    order.swap(at, other);
    Some(order)
}

/// Refuses an order that leaves a screenshot out, names one twice, or names one that is not there.
fn must_name_each(plugin: &PluginId, known: &[Digest], order: &[Digest]) -> Result<(), Error> {
    if let Some(stranger) = order.iter().find(|digest| !known.contains(digest)) {
        return Err(no_image(plugin, *stranger));
    }
    let named_once = known.iter().all(|digest| order.iter().filter(|one| *one == digest).count() == 1);
    match named_once {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "the order names each of the {} screenshots of '{plugin}' exactly once",
            known.len()
        ))),
    }
}

async fn place(
    mut write: Write,
    actor: &Actor,
    plugin: &PluginId,
    before: &[Digest],
    after: &[Digest],
) -> Result<(), Error> {
    if before == after {
        return Ok(());
    }
    for (place, digest) in (1_i64..).zip(after) {
        sqlx::query("update listing_images set place = $1 where plugin = $2 and part = $3 and digest = $4")
            .bind(place)
            .bind(plugin.to_string())
            .bind(Part::Screenshot.as_str())
            .bind(digest.to_string())
            .execute(&mut *write)
            .await?;
    }
    let (before, after) = (json!({ "screenshots": before }), json!({ "screenshots": after }));
    tell(write, actor, plugin, before, after).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screenshot_changes_places_with_its_neighbour_if_it_has_one() {
        let [a, b, c] = [b"a", b"b", b"c"].map(Digest::of);
        for (digest, towards, order) in [
            (b, Towards::First, Some(vec![b, a, c])),
            (b, Towards::Last, Some(vec![a, c, b])),
            (a, Towards::First, Some(vec![a, b, c])),
            (c, Towards::Last, Some(vec![a, b, c])),
            (Digest::of(b"d"), Towards::Last, None),
        ] {
            assert_eq!(moved(&[a, b, c], digest, towards), order, "{digest} {towards:?}");
        }
    }

    #[test]
    fn an_order_names_each_screenshot_once() {
        let [a, b, c] = [b"a", b"b", b"c"].map(Digest::of);
        let plugin: PluginId = "acme:ocr".parse().unwrap();
        for (order, stands) in
            [(&[b, a][..], true), (&[a], false), (&[a, b, a], false), (&[a, c], false), (&[a, b, c], false)]
        {
            assert_eq!(must_name_each(&plugin, &[a, b], order).is_ok(), stands, "{order:?}");
        }
    }
}
