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
    /// Whether whoever signs may add another.
    pub(super) adds: bool,
    pub(super) button: &'a str,
    /// Fields of the form, each with the text whose signature it is sent.
    pub(super) texts: &'a [(&'a str, &'a str)],
}

/// The form, which the script shows: nothing else can sign.
pub(super) fn key_form(place: &Place<'_>) -> Markup {
    let keys: Vec<String> = place.keys.iter().map(ToString::to_string).collect();
    html! {
        form.card.wide hidden method="post" action=(place.action) data-sign=(place.namespace) data-keys=(json!(keys).to_string())
            data-adds[place.adds] data-proof=(NewKey::proof_text(place.namespace)) {
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
                    "This browser has no key of '" (place.namespace) "' yet. One that is made here cannot be read out again, and is gone "
                    "with this browser's data: then add another one."
                }
            }
            p { button.quiet type="button" data-make { "Make a key in this browser" } }
            details {
                summary { "Take in a key that you have" }
                div.field {
                    label for="pem" { "Private key (PKCS#8 in PEM, as " code { "chandlery keys new" } " writes it)" }
                    textarea id="pem" data-pem rows="4" autocomplete="off" spellcheck="false" { }
                    p.note { "It stays in this browser, from which it cannot be read out again. It is not sent." }
                }
                button type="button" data-take { "Take it in" }
            }
        }
        noscript { p.note { "Keys of a browser sign by a script: let this page run it, or finish by the command." } }
    }
}

/// What shows and fills in the form.
pub(super) fn script_tag() -> Markup {
    html! { script type="module" src="/publish.js" { } }
}
