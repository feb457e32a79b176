//! Organisations: accounts that nobody logs in to, and the people who act for them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DomainName, Scope};
use crate::name::text_form;
use crate::{Namespace, words};

/// The longest title, in characters.
const TITLE_CHARS_MAX: usize = 100;

words! {
    /// What a member of an organisation is to it. What each role may do is a table, in docs/accounts.md.
    pub enum OrganisationRole: "role in an organisation" {
        /// Sees what the organisation has.
        Viewer = "viewer",
        /// Runs hosts for it, too.
        Member = "member",
        /// Publishes for it, too.
        Publisher = "publisher",
        /// Sees what it has, and pays for it.
        Billing = "billing",
        /// Does all but paying, and chooses who else belongs to it.
        Admin = "admin",
        /// Does everything, and chooses other owners.
        Owner = "owner",
    }
}

words! {
    /// How somebody came to belong to an organisation.
    pub enum MemberOrigin: "origin of a member" {
        /// By an invitation that was accepted, or as whoever made the organisation.
        Invited = "invited",
        /// By signing in through its provider.
        Sso = "sso",
        /// By its directory.
        Scim = "scim",
    }
}

/// What people call an organisation: 1 to 100 characters without control characters, and no spaces around them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrganisationTitle(String);

/// A text that is no title of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "that is not a title: write 1 to {TITLE_CHARS_MAX} characters in one line, without spaces around them"
)]
pub struct OrganisationTitleError;

impl OrganisationTitle {
    /// The title itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrganisationTitle {
    type Err = OrganisationTitleError;

    fn from_str(text: &str) -> Result<Self, OrganisationTitleError> {
        let is_bounded = (1..=TITLE_CHARS_MAX).contains(&text.chars().count());
        match is_bounded && text.trim() == text && !text.chars().any(char::is_control) {
            true => Ok(Self(text.into())),
            false => Err(OrganisationTitleError),
        }
    }
}

impl fmt::Display for OrganisationTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(OrganisationTitle, bytes_max: TITLE_CHARS_MAX);

/// Makes an organisation, which whoever asks owns.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewOrganisation {
    /// Its name among those of accounts, which it keeps.
    pub name: Namespace,
    /// What people call it.
    pub title: OrganisationTitle,
}

/// Gives an organisation another title.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrganisationChange {
    /// What people call it from now on.
    pub title: OrganisationTitle,
}

/// An organisation as a member sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Organisation {
    /// Its name among those of accounts.
    pub name: Namespace,
    /// What people call it.
    pub title: OrganisationTitle,
    /// When it was made.
    pub created_at: Timestamp,
    /// What whoever asks is to it.
    pub role: OrganisationRole,
    /// The domains that it has proved to be its own, by name.
    pub domains: Vec<DomainName>,
}

/// Invites an account to an organisation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewOrganisationMember {
    /// What the account is to be.
    pub role: OrganisationRole,
}

/// A token that acts for an organisation, as whoever chooses its members sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrganisationToken {
    /// Tells it apart from the organisation's others.
    pub id: String,
    /// Whose it is: it may what the role of this member allows.
    pub account: Namespace,
    /// What it may do of that.
    pub scope: Scope,
    /// Whether it is a session of the registry's pages, which acts for the organisation at this moment.
    pub session: bool,
    /// What it is for.
    pub note: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was used last, to within a minute; none: never so far.
    pub used_at: Option<Timestamp>,
    /// When it ends by itself; none: when it is revoked.
    pub expires_at: Option<Timestamp>,
}

/// A member of an organisation, or one who is invited.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrganisationMember {
    /// The organisation of the membership.
    pub organisation: Namespace,
    /// The account that is a member, or invited.
    pub account: Namespace,
    /// What it is, or becomes once it has accepted.
    pub role: OrganisationRole,
    /// How it came; none: it has yet to accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<MemberOrigin>,
    /// Since when it is a member, or invited.
    pub since: Timestamp,
    /// Whether the account has yet to accept.
    pub invited: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_of_bounded_length() {
        let longest = "é".repeat(TITLE_CHARS_MAX);
        for title in ["Acme", "Acme & Söhne GmbH", "a", longest.as_str()] {
            assert_eq!(title.parse::<OrganisationTitle>().unwrap().as_str(), title);
        }
        let too_long = "a".repeat(TITLE_CHARS_MAX + 1);
        for title in ["", " ", " Acme", "Acme ", "Ac\nme", "Ac\u{7}me", "Ac\u{9b}me", too_long.as_str()] {
            assert!(title.parse::<OrganisationTitle>().is_err(), "{title:?}");
        }
    }
}
