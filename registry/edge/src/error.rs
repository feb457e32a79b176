//! Why a request was refused, in the words that all rooms share. A room's own error has its own words beside these.

use axum::response::{IntoResponse, Response};
use chandlery_package::problem::{CONFLICT, Explain, Explanation, INVALID, NOT_FOUND};
use chandlery_package::{DigestError, NameError, Namespace};

crate::kinds! {
    UNAUTHENTICATED: "unauthenticated", 401, "Not logged in",
        "the request carries no token or password, or one that is wrong or has expired",
        Some("run `chandlery login NAME`, or `chandlery register NAME` to open an account");
    FORBIDDEN: "forbidden", 403, "Not allowed",
        "the account has not the role that the request needs, or its token is for something else",
        Some("ask an owner of the namespace, an owner or admin of the organisation (of its money: an owner, or whoever is billing), or an operator of the registry");
    SUSPENDED: "suspended", 403, "The account is suspended",
        "whoever asks has the password or a token of an account that an operator has suspended, or that its organisation's directory has ended; the text says why",
        Some("write to an operator of the registry");
    SECOND_FACTOR_NEEDED: "second-factor-needed", 401, "A second factor is needed",
        "the account has a second factor, and the request shows its password alone, or a token from before; or it must have one, and has none",
        Some("log in again with a code of the second factor: `chandlery login NAME --code CODE`; a program uses a token that was made then");
    PASSKEY_REFUSED: "passkey-refused", 403, "The passkey was refused",
        "a passkey's answer is of no account here, of another site, or not signed by it",
        Some("log in by name and password, and look at /account/passkeys");
    PASSKEY_DOUBTED: "passkey-doubted", 403, "The passkey may be a copy",
        "a passkey has signed no more often than when it was shown last, as one does of which somebody else has a copy",
        Some("log in another way, remove the passkey, and add it anew");
    NO_PASSKEYS: "no-passkeys", 409, "No passkeys here",
        "passkeys are of a site's name, and the registry was not told where browsers reach it, or by no name and TLS",
        Some("its operator starts it with `--url https://HOST`");
    SSO_REQUIRED: "sso-required", 403, "Sign in with the organisation",
        "the account is a member of an organisation that lets people of its domains sign in by its own provider alone",
        Some("open the page that the text names, or run `chandlery login --web`; an owner with a second factor logs in with both");
    SIGN_ON_FAILED: "sign-on-failed", 422, "Not signed in",
        "the provider of an organisation cannot be asked, refuses, or says of somebody what does not hold or is not enough; the text says what",
        Some("try again; if it stays, show the text to an admin of the organisation, or to whoever runs its provider");
    AUTHORIZATION_PENDING: "authorization-pending", 400, "Nobody has confirmed it yet",
        "a program asks for its token before somebody has signed it in on the page",
        Some("open the page, compare the code, and confirm; the program asks again by itself");
    BUSY: "too-many-logins", 429, "Too many log-ins",
        "more passwords wait to be checked than the registry has time and memory for",
        Some("try again in a moment; a token needs no such check");
    TOO_MANY: "too-many", 429, "Too many requests",
        "an address, a token or an account has asked or tried more often than it may, or has too much at hand",
        None;
    TOO_LARGE: "too-large", 413, "Too large",
        "a request or what is pushed has more bytes than this registry accepts",
        None;
}

/// Why a request was refused, in the words that all rooms share.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for is not here, or may not be known of.
    #[error("there is no {0}")]
    NotFound(String),
    /// What was sent cannot be read or is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// What was sent contradicts what is here.
    #[error("{0}")]
    Conflict(String),
    /// A name that only whoever operates the registry takes.
    #[error(
        "the name '{0}' is reserved: it would seem to speak for the marketplace, for the ecosystem, or for nobody"
    )]
    Reserved(Namespace),
    /// The request carries nothing that says who asks, or something that is wrong.
    #[error("this needs an account, and the request carries no valid token or password")]
    Unauthenticated,
    /// A log-in with a name that no account has, or with another password than the account's: which of both is not told.
    #[error("there is no account of this name with this password")]
    WrongLogIn,
    /// Another password than the account's.
    #[error("the account's current password is another one")]
    WrongPassword,
    /// A code that is not the second factor's, or was used before.
    #[error("this code is wrong, was used before, or is of another time")]
    WrongCode,
    /// A password alone, where the account has a second factor.
    #[error("account '{0}' has a second factor, which was not shown")]
    SecondFactorNeeded(Namespace),
    /// No second factor, where the registry demands one for what is asked.
    #[error(
        "account '{0}' needs a second factor for this, as it was told: it has none, or has not shown its passkey"
    )]
    SecondFactorOwed(Namespace),
    /// What a passkey's answer lacks, in words.
    #[error("the passkey's answer does not count: {0}")]
    PasskeyRefused(String),
    /// A passkey of which there may be a copy; what its owner calls it.
    #[error(
        "the passkey '{0}' has signed less often than it should have: somebody else may have a copy of it"
    )]
    PasskeyDoubted(String),
    /// A site for which there can be no passkeys.
    #[error("passkeys need a name by which browsers reach the registry, and it was told none")]
    NoPasskeys,
    /// The account has no right to it.
    #[error("account '{account}' may not {action}")]
    Forbidden {
        /// The account that asked for it.
        account: Namespace,
        /// What it asked for, after "may not".
        action: String,
        /// What to do next; none: who has the right is asked.
        remedy: Option<String>,
    },
    /// An account that an operator has suspended.
    #[error("account '{account}' is suspended: {reason}")]
    Suspended {
        /// The account that asked.
        account: Namespace,
        /// Why, in the operator's words.
        reason: String,
    },
    /// An account that a directory has ended.
    #[error("account '{0}' was ended by the directory of the organisation that manages it")]
    Ended(Namespace),
    /// Another way to log in than the one that the account's organisation demands.
    #[error("account '{account}' signs in with '{organisation}': open {page}")]
    SsoRequired {
        /// The account that asked.
        account: Namespace,
        /// The organisation that demands it.
        organisation: Namespace,
        /// Where it signs in.
        page: String,
    },
    /// Nobody was signed in by a provider, in a whole sentence.
    #[error("{0}")]
    SignOnFailed(String),
    /// A program that nobody has signed in yet.
    #[error("nobody has confirmed the program's code yet")]
    AuthorizationPending,
    /// Too many passwords are being checked.
    #[error("too many people are logging in at this moment")]
    Busy,
    /// More often than somebody may ask, try or begin something.
    #[error("{what}: the next one may come in {seconds} s")]
    TooMany {
        /// Of what there were too many, and whose.
        what: String,
        /// How long to wait, in seconds.
        seconds: u64,
    },
    /// More was sent than is accepted.
    #[error("{what} has at most {bytes_max} bytes here")]
    TooLarge {
        /// What was sent, in words.
        what: String,
        /// How many bytes of it are accepted.
        bytes_max: u64,
    },
    /// A name outside its grammar.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What was to be kept or found was not.
    #[error(transparent)]
    Store(#[from] chandlery_store::Error),
}

impl Error {
    /// A request that this account may not make. `action` follows "may not".
    pub fn forbidden(account: &Namespace, action: impl Into<String>) -> Self {
        Self::Forbidden { account: account.clone(), action: action.into(), remedy: None }
    }

    /// A request that this account may not make, where it is not enough to ask whoever has the right. `action` follows "may not".
    pub fn forbidden_until(
        account: &Namespace,
        action: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Forbidden { account: account.clone(), action: action.into(), remedy: Some(remedy.into()) }
    }

    /// More of something than there may be, for so many seconds. `what` is followed by when the next one may come.
    pub fn too_many(what: impl Into<String>, seconds: u64) -> Self {
        Self::TooMany { what: what.into(), seconds }
    }

    /// Stored data that no version of the registry writes.
    pub fn damaged(what: impl Into<String>) -> Self {
        Self::Store(chandlery_store::Error::Damaged(what.into()))
    }
}

/// That nothing, or nothing right, says who asks.
fn who_is_it(remedy: Option<&str>) -> Explanation {
    let explained = UNAUTHENTICATED.with_header("www-authenticate", "Basic realm=\"chandlery\"");
    Explanation { remedy: remedy.map(str::to_owned), ..explained }
}

impl Explain for Error {
    fn explain(&self) -> Explanation {
        let kind = match self {
            Self::SecondFactorOwed(_) => {
                return SECOND_FACTOR_NEEDED.remedied(
                    "set one up with `chandlery account second-factor set-up` or on the registry's page /account/second-factor; with a passkey, sign in by it",
                );
            }
            Self::Ended(_) => {
                return SUSPENDED.remedied("ask whoever keeps the directory of your organisation");
            }
            Self::Unauthenticated => return who_is_it(UNAUTHENTICATED.remedy),
            Self::WrongLogIn => {
                return who_is_it(Some(
                    "check the name and the password; `chandlery account forgot NAME` sends a token for another password to the account's \
                     verified address, and an operator issues one with `chandlery operator reset-password NAME`",
                ));
            }
            Self::WrongPassword => {
                return who_is_it(Some(
                    "give the account's current password; `chandlery account forgot NAME` sends a token for another one",
                ));
            }
            Self::WrongCode => {
                return who_is_it(Some(
                    "give the code that the authenticator shows now, or a recovery code that was not used yet",
                ));
            }
            Self::Reserved(name) => {
                return CONFLICT.remedied(format!(
                    "take another name; whoever operates the registry takes it as an operator, with `chandlery namespace take {name}`"
                ));
            }
            Self::Busy => return BUSY.with_header("retry-after", "2"),
            Self::TooMany { seconds, .. } => return TOO_MANY.with_header("retry-after", seconds.to_string()),
            Self::Name(error) => return error.explain(),
            Self::Store(error) => return error.explain(),
            Self::NotFound(_) => &NOT_FOUND,
            Self::Invalid(_) => &INVALID,
            Self::Conflict(_) => &CONFLICT,
            Self::SecondFactorNeeded(_) => &SECOND_FACTOR_NEEDED,
            Self::PasskeyRefused(_) => &PASSKEY_REFUSED,
            Self::PasskeyDoubted(_) => &PASSKEY_DOUBTED,
            Self::NoPasskeys => &NO_PASSKEYS,
            Self::Forbidden { remedy: Some(remedy), .. } => return FORBIDDEN.remedied(remedy.as_str()),
            Self::Forbidden { remedy: None, .. } => &FORBIDDEN,
            Self::Suspended { .. } => &SUSPENDED,
            Self::SsoRequired { .. } => &SSO_REQUIRED,
            Self::SignOnFailed(_) => &SIGN_ON_FAILED,
            Self::AuthorizationPending => &AUTHORIZATION_PENDING,
            Self::TooLarge { .. } => &TOO_LARGE,
        };
        kind.into()
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<DigestError> for Error {
    fn from(error: DigestError) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        crate::answer(&self)
    }
}
