//! The form that a key of the browser fills in: it signs what the page asks for, and is sent without ever leaving the browser itself.

use chandlery_package::wire::NewKey;
use chandlery_package::{Namespace, PublicKey};
use maud::{Markup, html};
use serde_json::json;

/// What is signed, and where it is sent.
pub(super) struct Place<'a> {
    pub(super) action: &'a str,
    pub(super) namespace: &'a Namespace,
    /// The keys that sign for the namespace.
    pub(super) keys: &'a [PublicKey],
    /// What becomes of a key that signs for it not yet.
    pub(super) unknown: UnknownKey,
    pub(super) button: &'a str,
    /// Fields of the form, each with the text whose signature it is sent.
    pub(super) texts: &'a [(&'a str, &'a str)],
}

/// What becomes of a key of the browser that does not sign for a namespace yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownKey {
    /// It is added with what is sent: an owner sends it.
    Added,
    /// The owners are asked to add it.
    AskedFor,
    /// It cannot be used.
    Refused,
}

impl UnknownKey {
    fn in_words(self) -> &'static str {
        match self {
            Self::Added => "It is added to the namespace, and the log records that for ever.",
            Self::AskedFor => {
                "It does not sign for the namespace yet. Its owners are told, and add it or refuse it."
            }
            Self::Refused => "It does not sign for the namespace yet: an owner of it adds keys.",
        }
    }
}

/// The form, which the script shows: nothing else can sign.
pub(super) fn key_form(place: &Place<'_>) -> Markup {
    let keys: Vec<String> = place.keys.iter().map(ToString::to_string).collect();
    html! {
        form.card.wide hidden method="post" action=(place.action) data-sign=(place.namespace) data-keys=(json!(keys).to_string())
            data-unknown=(place.unknown.in_words()) data-takes-unknown[place.unknown != UnknownKey::Refused]
            data-proof=(NewKey::proof_text(place.namespace)) {
            input type="hidden" name="key" value="";
            input type="hidden" name="proof" value="";
            @for (name, text) in place.texts { input type="hidden" name=(name) value="" data-text=(text); }
            p.fault role="alert" hidden { }
            div.either {
                div data-own hidden {
                    p { "This browser has the key " code { } ". " span { } }
                    button { (place.button) }
                }
                p data-none hidden {
                    "This browser has no key of '" (place.namespace) "' yet. A key that you make here cannot be exported, and is lost when you clear "
                    "this browser's data. If that happens, make another one."
                }
            }
            p { button.quiet type="button" data-make { "Make a key in this browser" } }
            details {
                summary { "Use a key that you have" }
                div.field {
                    label for="pem" { "Private key (PKCS#8 in PEM, as " code { "chandlery keys new" } " writes it)" }
                    textarea id="pem" data-pem rows="4" autocomplete="off" spellcheck="false" { }
                    p.note { "It stays in this browser, cannot be exported from it, and is not sent to the registry." }
                }
                button type="button" data-take { "Use this key" }
            }
        }
        noscript { p.note { "Signing in the browser needs JavaScript. Allow it for this page, or use the command line." } }
    }
}

/// What shows and fills in the form.
pub(super) fn script_tag() -> Markup {
    html! { script type="module" src="/publish.js" { } }
}
