//! Opening an account on a page: what is wrong stands beside its field, and what was typed stays, but for the password.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Account, Address, Error as AccountError, PAGES, open_account};
use chandlery_edge::{Client, Form};
use chandlery_money::Finance;
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;
use chandlery_package::wire::{EmailAddress, NewAccount};
use chandlery_pages::Field;
use maud::{Markup, html};
use serde::Deserialize;

use super::{layout, session};
use crate::error::Error;
use crate::shell::shown_again;

const WELCOME: &str = "/welcome";

/// What the form sends.
#[derive(Default, Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// What is wrong with each field, and with the whole.
#[derive(Default)]
struct Faults {
    whole: Option<String>,
    name: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

/// The page `/register`; whoever is logged in has an account.
pub(super) async fn form(State(finance): State<Finance>, caller: Option<Account>) -> Response {
    match caller {
        Some(_) => Redirect::to(WELCOME).into_response(),
        None => page(&Given::default(), &Faults::default(), finance.mail.is_some()).into_response(),
    }
}

pub(super) async fn open(
    State(finance): State<Finance>,
    client: Client,
    address: Address,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let sends_letters = finance.mail.is_some();
    let new = match read(&given) {
        Ok(new) => new,
        Err(faults) => {
            return Ok((StatusCode::BAD_REQUEST, page(&given, &faults, sends_letters)).into_response());
        }
    };
    let kept = (PAGES, session::LIFETIME);
    let error = match open_account(&finance.accounts, client, address, &new, kept).await {
        Ok(token) => return Ok(session::enter(finance.accounts.cookie, token, WELCOME)),
        Err(error) => error,
    };
    let faults = Faults::of(&error);
    shown_again(error, |_| page(&given, &faults, sends_letters))
}

/// The account that is asked for, or all that is wrong with how it is written.
fn read(given: &Given) -> Result<NewAccount, Faults> {
    let name = given.name.trim().parse::<Namespace>();
    let email = given.email.trim().parse::<EmailAddress>();
    match (name, email) {
        (Ok(name), Ok(email)) => {
            Ok(NewAccount { name, password: given.password.clone(), email: Some(email) })
        }
        (name, email) => Err(Faults {
            name: name.err().map(|error| error.to_string()),
            email: email.err().map(|error| error.to_string()),
            ..Faults::default()
        }),
    }
}

impl Faults {
    /// Beside the field that an account was refused for: only names are taken, and only passwords are judged.
    fn of(error: &AccountError) -> Self {
        let why = Some(error.problem().in_words());
        match error {
            AccountError::Conflict(_) => Self { name: why, ..Self::default() },
            AccountError::Invalid(_) => Self { password: why, ..Self::default() },
            _ => Self { whole: why, ..Self::default() },
        }
    }
}

fn page(given: &Given, faults: &Faults, sends_letters: bool) -> Markup {
    let letter = match sends_letters {
        true => "You are sent a letter there, to verify it.",
        false => "This registry sends no e-mail yet: the address is kept.",
    };
    let name = Field::new("name", "Account name").value(&given.name).complete("username").required();
    let email =
        Field::new("email", "E-mail address").kind("email").value(&given.email).complete("email").required();
    let password = Field::new("password", "Password").kind("password").complete("new-password").required();
    let content = html! {
        h1 { "Sign up" }
        (chandlery_pages::fault(faults.whole.as_deref()))
        form.card method="post" action="/register" {
            (name
                .hint("Lower-case letters, digits and hyphens. It cannot be changed.")
                .fault(faults.name.as_deref()))
            (email.hint(letter).fault(faults.email.as_deref()))
            (password
                .hint("A few words are better than one with digits and signs.")
                .fault(faults.password.as_deref()))
            button { "Open the account" }
        }
        p { "You have an account? " a href="/login" { "Log in" } "." }
    };
    layout::page("Sign up", None, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_stays_but_for_the_password() {
        let given = Given {
            name: "\"><script>".into(),
            email: "nobody".into(),
            password: "correct horse battery".into(),
        };
        let Err(faults) = read(&given) else { panic!("it was read") };
        let page = page(&given, &faults, true).into_string();
        assert_eq!(page.matches("role=\"alert\"").count(), 2, "{page}");
        for part in
            ["value=\"&quot;&gt;&lt;script&gt;\"", "value=\"nobody\"", "that is not an e-mail address"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("correct horse"), "{page}");
    }

    #[test]
    fn a_refusal_stands_beside_its_field() {
        let faults = Faults::of(&AccountError::Conflict("the account name 'a' is taken".into()));
        assert_eq!((faults.name.as_deref(), faults.password), (Some("the account name 'a' is taken"), None));
        let faults = Faults::of(&AccountError::Invalid("this password is easy to guess".into()));
        assert_eq!((faults.password.as_deref(), faults.name), (Some("this password is easy to guess"), None));
        let faults = Faults::of(&AccountError::NotFound("account".into()));
        assert_eq!((faults.whole.is_some(), faults.name), (true, None));
    }
}
