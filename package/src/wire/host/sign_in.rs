//! Signing in to a host: users who are invited, sessions, and programs that sign in through a page (RFC 8628).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{UserName, words};

words! {
    /// By what somebody has shown who it is.
    pub enum SignInBy: "way to sign in" {
        /// The user's password on this host.
        Password = "password",
        /// The word of the provider of OpenID Connect.
        Provider = "provider",
        /// The token in the file `host.token`.
        HostToken = "host-token",
    }

    /// What shows a session to the host.
    pub enum SessionKind: "kind of session" {
        /// A browser, by its cookie, on the host's pages alone.
        Page = "page",
        /// A program, by a bearer's token, at the API alone.
        Program = "program",
    }
}

/// A user's invitation to set a password, the first or another one.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SetUp {
    /// Who sets a password by it.
    pub user: UserName,
    /// What is shown on the page `/set-up`, once; nobody sees it again.
    pub token: String,
    /// The page with the token, where the host knows at which address browsers reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Somebody who is signed in, on the pages or with a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostSession {
    /// What names it, and opens nothing.
    pub id: String,
    /// Whose it is.
    pub user: UserName,
    /// What shows it.
    pub kind: SessionKind,
    /// How the user signed in.
    pub opened_by: SignInBy,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was shown last, to within a minute; none: never yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session as it was opened: nobody sees its token again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// What shows it.
    pub token: String,
    /// What is kept of it.
    pub session: HostSession,
}

/// A program that waits until somebody confirms its code on a page.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct HostDeviceLogIn {
    /// By what the program asks whether it was confirmed; nobody else sees it.
    pub device_code: String,
    /// What the program shows, and whoever confirms compares: `WDJB-MJHT`.
    pub user_code: String,
    /// The page where it is confirmed.
    pub verification_uri: String,
    /// How many seconds it may take.
    pub expires_in: u32,
    /// How many seconds pass between two questions.
    pub interval: u32,
}

/// Which program asks whether it was confirmed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct HostDeviceCode {
    /// The `device_code` that it was given.
    pub device_code: String,
}

/// The wish for another token of the first admin.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct HostTokenRotation {
    /// The token that there is, as whoever has the file `host.token` knows it.
    pub current: String,
}

/// The first admin's token, which is in the file `host.token` too.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RotatedHostToken {
    /// What is shown to the host, as a bearer token.
    pub token: String,
}
