//! Who belongs to a namespace or to an organisation, on its page: a table with what changes each, the form that invites somebody, and the
//! invitations that somebody finds waiting. What may be done there is decided by whoever shows it.

use std::str::FromStr;

use axum::http::StatusCode;
use chandlery_edge::Error;
use chandlery_package::Namespace;
use chandlery_package::problem::Problem;
use chandlery_package::words::UnknownWord;
use chandlery_pages::{Field, Tone, badge, select};
use maud::{Markup, html};
use serde::Deserialize;

/// A member, or somebody who is invited, as whoever looks at the page sees them.
pub struct Seen<'a> {
    /// The path below which the forms of the team are sent.
    pub path: &'a str,
    /// Who it is.
    pub account: &'a Namespace,
    /// What they are, or would be.
    pub role: &'static str,
    /// Whether their invitation waits.
    pub invited: bool,
    /// Whether it is whoever looks.
    pub own: bool,
    /// The roles that whoever looks may give them instead; none: they may not change it.
    pub offered: &'a [&'static str],
}

impl Seen<'_> {
    /// What they are, with what changes it.
    pub fn role(&self) -> Markup {
        if self.offered.is_empty() {
            return html! { (self.role) };
        }
        // What somebody is stays chosen, also where whoever looks may not give it.
        let unoffered = (!self.offered.contains(&self.role)).then_some(self.role);
        html! {
            form.row method="post" action=(format!("{}/members", self.path)) {
                input type="hidden" name="account" value=(self.account);
                select name="role" aria-label=(format!("Role of {}", self.account)) {
                    @for role in unoffered.iter().chain(self.offered) {
                        option value=(role) selected[*role == self.role] { (role) }
                    }
                }
                button.quiet aria-label=(format!("Change the role of {}", self.account)) { "Change" }
            }
        }
    }

    /// That their invitation waits or, of a member, this.
    pub fn state(&self, belongs: Markup) -> Markup {
        if self.invited { badge(Tone::Warning, "invited") } else { belongs }
    }

    /// What ends it, where whoever looks may do that: for themselves, or for whom they may change.
    pub fn end(&self) -> Markup {
        let end = match (self.own, self.invited) {
            (true, _) => "Leave",
            (false, true) => "Take back",
            (false, false) => "Remove",
        };
        html! {
            @if self.own || !self.offered.is_empty() {
                form method="post" action=(format!("{}/members/{}/removal", self.path, self.account)) {
                    button.quiet aria-label=(format!("{end}: {}", self.account)) { (end) }
                }
            }
        }
    }
}

/// What the form that invites sends beside, and the one that changes a role does not.
const INVITE: &str = "invite";

/// Who is to be what.
#[derive(Default, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    act: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    role: String,
}

impl Chosen {
    /// The account and the role, or what is wrong with how they are written.
    pub fn read<Role: FromStr<Err = UnknownWord>>(&self) -> Result<(Namespace, Role), Error> {
        let account = self.account.trim().parse()?;
        let role = self.role.parse().map_err(|error: UnknownWord| Error::Invalid(error.to_string()))?;
        Ok((account, role))
    }

    /// Whether somebody new is invited, whose role this form does not change.
    pub fn invites(&self) -> bool {
        self.act == INVITE
    }

    /// Refuses to invite whoever belongs to it already, as `had`: a role that is there is changed by who sees it.
    pub fn must_be_new(&self, of: &Namespace, had: Option<&'static str>) -> Result<(), Error> {
        match had.filter(|_| self.invites()) {
            None => Ok(()),
            Some(had) => Err(Error::Conflict(format!(
                "'{}' already belongs to '{of}' as {had}: change the role in the table above",
                self.account.trim()
            ))),
        }
    }
}

/// What was typed, and why it was refused: because of the account that was typed, or of what the whole team is.
#[derive(Default)]
pub struct Typed {
    chosen: Chosen,
    of_account: Option<String>,
    /// What is said above the page.
    pub of_team: Option<String>,
}

impl Typed {
    /// What was chosen and refused so.
    pub fn refused(chosen: Chosen, problem: &Problem) -> Self {
        let said = Some(problem.in_words());
        let status = StatusCode::from_u16(problem.status).unwrap_or_default();
        let of_account = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND].contains(&status)
            || (status == StatusCode::CONFLICT && chosen.invites());
        match of_account && !chosen.account.is_empty() {
            true => Self { chosen, of_account: said, of_team: None },
            false => Self { chosen, of_account: None, of_team: said },
        }
    }
}

/// The form that invites somebody, with one of these roles: the one that was typed or, before, this one.
pub fn invite_form(
    path: &str,
    roles: &[&'static str],
    usual: &'static str,
    typed: &Typed,
    hint: &str,
) -> Markup {
    let role = if typed.chosen.role.is_empty() { usual } else { typed.chosen.role.as_str() };
    let options: Vec<(&str, &str)> = roles.iter().map(|role| (*role, *role)).collect();
    html! {
        form.card method="post" action=(format!("{path}/members")) {
            (Field::new("account", "Account").value(&typed.chosen.account).required().hint(hint)
                .fault(typed.of_account.as_deref()))
            (select("role", "Role", role, &options))
            button name="act" value=(INVITE) { "Invite" }
        }
    }
}

/// An invitation that waits for whoever looks, and says what it is to.
pub fn invitation(path: &str, said: &Markup) -> Markup {
    html! {
        form.card method="post" action=(format!("{path}/invitation")) {
            p { (said) }
            p {
                button name="answer" value="accept" { "Accept" } " "
                button.quiet name="answer" value="decline" { "Decline" }
            }
        }
    }
}

/// What is answered to an invitation.
#[derive(Deserialize)]
pub struct Answer {
    #[serde(default)]
    answer: String,
}

impl Answer {
    /// Whether it is accepted.
    pub fn yes(&self) -> Result<bool, Error> {
        match self.answer.as_str() {
            "accept" => Ok(true),
            "decline" => Ok(false),
            other => Err(Error::Invalid(format!(
                "an invitation is answered with accept or decline, not '{other}'"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::problem::Explain as _;

    use super::*;

    fn seen<'a>(account: &'a Namespace, offered: &'a [&'static str]) -> Seen<'a> {
        Seen { path: "/teams/acme", account, role: "owner", invited: false, own: false, offered }
    }

    #[test]
    fn whoever_may_change_nobody_may_leave_alone() {
        let ann: Namespace = "ann".parse().unwrap();
        let other = seen(&ann, &[]);
        assert_eq!((other.role().into_string().as_str(), other.end().into_string().as_str()), ("owner", ""));
        let own = Seen { own: true, ..seen(&ann, &[]) };
        assert!(own.end().into_string().contains("Leave"));
        let invited = Seen { invited: true, ..seen(&ann, &["viewer"]) };
        assert!(invited.end().into_string().contains("Take back"));
        let role = invited.role().into_string();
        assert!(role.contains(r#"<option value="owner" selected>"#), "what somebody is stays chosen: {role}");
        assert!(role.contains(r#"<option value="viewer">"#), "{role}");
    }

    #[test]
    fn an_invitation_changes_no_role_and_says_so_beside_the_account() {
        let acme: Namespace = "acme".parse().unwrap();
        let sent = |act: &str| Chosen { act: act.into(), account: "bob".into(), role: "owner".into() };
        assert!(sent(INVITE).must_be_new(&acme, None).is_ok());
        assert!(sent("").must_be_new(&acme, Some("viewer")).is_ok(), "a role is changed where it is seen");
        let refused = sent(INVITE).must_be_new(&acme, Some("viewer")).unwrap_err();
        assert!(refused.to_string().contains("'bob' already belongs to 'acme' as viewer"), "{refused}");
        let typed = Typed::refused(sent(INVITE), &refused.problem());
        assert!(typed.of_account.is_some() && typed.of_team.is_none());
    }

    #[test]
    fn what_is_wrong_with_an_account_is_said_beside_it() {
        let chosen =
            |account: &str| Chosen { account: account.into(), role: "viewer".into(), ..Chosen::default() };
        for (account, error, beside) in [
            ("nobody", Error::NotFound("account 'nobody'".into()), true),
            ("No Body", Error::Invalid("'No Body' is no name".into()), true),
            ("acme", Error::Conflict("'acme' would be left without an owner".into()), false),
            ("", Error::NotFound("member 'x' of 'acme'".into()), false),
        ] {
            let typed = Typed::refused(chosen(account), &error.problem());
            assert_eq!((typed.of_account.is_some(), typed.of_team.is_some()), (beside, !beside), "{error}");
            let form = invite_form("/teams/acme", &["viewer", "owner"], "owner", &typed, "").into_string();
            assert!(form.contains(&format!(r#"value="{account}""#)), "{form}");
            assert!(form.contains(r#"<option value="viewer" selected>"#), "{form}");
            assert_eq!(form.contains(r#"role="alert""#), beside, "{form}");
        }
    }
}
