//! What an error is to whoever meets it: a stable word with its HTTP status, a title and a remedy, declared beside the error that it
//! is for; and the RFC 9457 problem that travels.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of a [`Problem`] (RFC 9457).
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// A kind of error that has a stable word. Each crate lists its own in `KINDS`, from which `docs/errors.md` is made.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What programs compare, such as `digest-mismatch`. It never changes its meaning.
    pub word: &'static str,
    /// The HTTP status that it is answered with; 0: it never travels over HTTP.
    pub status: u16,
    /// What happened in a few words, for people.
    pub title: &'static str,
    /// When it happens, in a sentence of the documentation.
    pub when: &'static str,
    /// What to do next, where that is the same each time.
    pub remedy: Option<&'static str>,
}

/// What a request asks for is not there.
pub const NOT_FOUND: Kind = Kind {
    word: "not-found",
    status: 404,
    title: "Not found",
    when: "what the request names does not exist, or is not shown to whoever asks",
    remedy: None,
};
/// A request that cannot be read, or says what is not allowed.
pub const INVALID: Kind = Kind {
    word: "invalid",
    status: 400,
    title: "Not valid",
    when: "the request cannot be read, or a value in it is outside what is allowed",
    remedy: None,
};
/// A request that contradicts what is there.
pub const CONFLICT: Kind = Kind {
    word: "conflict",
    status: 409,
    title: "Contradicts what is here",
    when: "the request is well formed, but the state of what it names does not allow it",
    remedy: None,
};
/// A name outside its grammar.
pub const INVALID_NAME: Kind = Kind {
    word: "invalid-name",
    status: 400,
    title: "Not a valid name",
    when: "a name of a namespace, plugin, release, deployment or repository is outside its grammar",
    remedy: None,
};
/// A digest outside its grammar.
pub const INVALID_DIGEST: Kind = Kind {
    word: "invalid-digest",
    status: 400,
    title: "Not a digest",
    when: "a digest is not written as `sha256:` or `sha512:` with lower-case hexadecimal digits",
    remedy: None,
};
/// A key or a proof of one that cannot be read.
pub const INVALID_KEY: Kind = Kind {
    word: "invalid-key",
    status: 400,
    title: "Not a valid key or proof",
    when: "a public key is not Ed25519 in PEM, or the proof that its owner has it does not hold",
    remedy: None,
};
/// An amount of money that cannot be read or computed with.
pub const INVALID_AMOUNT: Kind = Kind {
    word: "invalid-amount",
    status: 400,
    title: "Not a valid amount",
    when: "an amount cannot be read, mixes currencies, or is too large to be computed with",
    remedy: None,
};
/// An OCI artifact that is no release.
pub const INVALID_ARTIFACT: Kind = Kind {
    word: "invalid-artifact",
    status: 422,
    title: "Not a Wasm artifact",
    when: "the OCI artifact has not the form of a Wasm component's",
    remedy: None,
};
/// A component made for a contract that is not known.
pub const UNKNOWN_CONTRACT: Kind = Kind {
    word: "unknown-contract",
    status: 422,
    title: "Made for another chandlery",
    when: "the component imports or exports interfaces of a contract that is not served here",
    remedy: Some("build it against a contract that this registry knows"),
};
/// A component that breaks a rule of publishing.
pub const INVALID_COMPONENT: Kind = Kind {
    word: "invalid-component",
    status: 422,
    title: "The component was refused",
    when: "the component or the manifest inside it breaks a rule that every release keeps",
    remedy: Some("build it with `chandlery build`, which refuses the same before publishing"),
};
/// A price that cannot be charged.
pub const INVALID_PRICE: Kind = Kind {
    word: "invalid-price",
    status: 400,
    title: "Not a price",
    when: "an offer's price cannot be charged, such as steps that overlap",
    remedy: None,
};
/// A revenue-share policy that cannot be applied.
pub const INVALID_POLICY: Kind = Kind {
    word: "invalid-policy",
    status: 400,
    title: "Not a policy",
    when: "a revenue-share policy cannot be applied, such as rates that sum to more than the whole",
    remedy: None,
};

/// The kinds that every part of Chandlery shares.
pub const KINDS: &[&Kind] = &[
    &NOT_FOUND,
    &INVALID,
    &CONFLICT,
    &INVALID_NAME,
    &INVALID_DIGEST,
    &INVALID_KEY,
    &INVALID_AMOUNT,
    &INVALID_ARTIFACT,
    &UNKNOWN_CONTRACT,
    &INVALID_COMPONENT,
    &INVALID_PRICE,
    &INVALID_POLICY,
];

/// An error's kind, with what can be said of this one alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The kind, with its word, status and title.
    pub kind: &'static Kind,
    /// What to do next: the kind's remedy, or one that names what this error is about.
    pub remedy: Option<String>,
    /// A header that HTTP wants beside the error, by its lower-case name.
    pub header: Option<(&'static str, String)>,
}

impl From<&'static Kind> for Explanation {
    fn from(kind: &'static Kind) -> Self {
        Self { kind, remedy: kind.remedy.map(str::to_owned), header: None }
    }
}

impl Kind {
    /// This kind with a remedy that names what the error is about.
    pub fn remedied(&'static self, remedy: impl Into<String>) -> Explanation {
        Explanation { remedy: Some(remedy.into()), ..self.into() }
    }

    /// This kind with a header of the answer, by its lower-case name.
    pub fn with_header(&'static self, name: &'static str, value: impl Into<String>) -> Explanation {
        Explanation { header: Some((name, value.into())), ..self.into() }
    }
}

/// An error that users may meet. An error that wraps another one explains what it wraps.
pub trait Explain: std::error::Error {
    /// What it is, and what to do about it.
    fn explain(&self) -> Explanation;

    /// Its kind alone.
    fn kind(&self) -> &'static Kind {
        self.explain().kind
    }

    /// The error as it travels, with all that it says.
    fn problem(&self) -> Problem {
        let Explanation { kind, remedy, .. } = self.explain();
        Problem {
            r#type: kind.word.into(),
            title: kind.title.into(),
            status: kind.status,
            detail: self.to_string(),
            remedy,
        }
    }
}

/// Lets errors of this crate that are of one kind whatever they say explain themselves.
macro_rules! explained_by {
    ($($error:ty => $kind:ident),* $(,)?) => {
        $(impl Explain for $error {
            fn explain(&self) -> Explanation {
                (&$kind).into()
            }
        })*
    };
}
explained_by! {
    crate::NameError => INVALID_NAME,
    crate::DigestError => INVALID_DIGEST,
    crate::KeyError => INVALID_KEY,
    crate::MoneyError => INVALID_AMOUNT,
    crate::artifact::ArtifactError => INVALID_ARTIFACT,
    crate::PriceError => INVALID_PRICE,
    crate::PolicyError => INVALID_POLICY,
}

impl Explain for crate::ComponentError {
    fn explain(&self) -> Explanation {
        match self {
            Self::Contract { .. } => (&UNKNOWN_CONTRACT).into(),
            _ => (&INVALID_COMPONENT).into(),
        }
    }
}

/// An error, as in RFC 9457, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable word for programs, such as `digest-mismatch`.
    pub r#type: String,
    /// The same in a few words, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, and to what.
    pub detail: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Problem {
    /// What happened and, where that is known, what to do next, in one sentence without an end.
    pub fn in_words(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}: {remedy}", self.detail),
            None => self.detail.clone(),
        }
    }
}

#[cfg(feature = "http")]
mod http {
    use axum_core::response::{IntoResponse, Response};
    use http::{HeaderName, HeaderValue, StatusCode, header};

    use super::{Explanation, PROBLEM_MEDIA_TYPE, Problem};

    impl IntoResponse for Problem {
        fn into_response(self) -> Response {
            let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = serde_json::json!(self).to_string();
            (status, [(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE)], body).into_response()
        }
    }

    impl Explanation {
        /// The header of the answer, if there is one.
        pub fn http_header(&self) -> Option<(HeaderName, HeaderValue)> {
            let (name, value) = self.header.as_ref()?;
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_travels_with_its_word_and_remedy() {
        let problem = "not a name".parse::<crate::Namespace>().unwrap_err().problem();
        assert_eq!((problem.r#type.as_str(), problem.status, problem.remedy), ("invalid-name", 400, None));
        let told = CONFLICT.remedied("try again");
        assert_eq!((told.kind, told.remedy.as_deref()), (&CONFLICT, Some("try again")));
    }
}
