//! Who may allow what somebody may not do.

use chandlery_package::wire::host::HostRole;
use chandlery_package::wire::{PAGE_ITEMS_MAX, Paging};
use maud::{Markup, html};

use crate::error::Error;
use crate::host::Host;
use crate::users::FIRST_ADMIN;

/// How many are named.
const NAMES_MAX: usize = 10;

/// Who has this role on the whole host, or one that may more: the first admin, and users by name.
pub(super) async fn with_role(host: &Host, role: HostRole) -> Result<Vec<String>, Error> {
    let users = host.users.page(&Paging::first(PAGE_ITEMS_MAX)).await?;
    let may = users.items.into_iter().filter(|user| user.role >= role).map(|user| user.name.to_string());
    // The first admin is one of the users, though perhaps not of those that were read.
    Ok(may.filter(|name| name != FIRST_ADMIN).chain([FIRST_ADMIN.to_owned()]).collect())
}

/// Their names in a sentence; none of those that are too many.
pub(super) fn in_words(names: &[String]) -> Markup {
    let more = names.len().saturating_sub(NAMES_MAX);
    html! {
        @for (index, name) in names.iter().take(NAMES_MAX).enumerate() {
            @if index > 0 { ", " }
            strong { (name) }
        }
        @if more > 0 { ", and " (more) " more" }
    }
}
