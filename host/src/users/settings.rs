//! How users sign in to a host, as whoever runs it says.

use std::collections::BTreeSet;

use chandlery_package::TeamName;
use chandlery_package::wire::host::HostRole;

use super::error::Error;

/// The claim in which a provider lists the groups of a person, where nothing else is said.
pub const GROUPS_CLAIM: &str = "groups";

/// How users sign in, beside tokens.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// Where browsers reach the host, `https://HOST`; none: wherever they say that they do.
    pub url: Option<String>,
    /// The provider of OpenID Connect that says who somebody is.
    pub provider: Option<Provider>,
    /// Whether users have no passwords on this host, and sign in at the provider alone.
    pub provider_only: bool,
}

/// A provider of OpenID Connect, and what its groups may do on this host.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The URL of its issuer.
    pub issuer: String,
    /// What the host is called there.
    pub client_id: String,
    /// The secret of the host there; none: it is a public client.
    pub client_secret: Option<String>,
    /// The claim that lists the groups of a person.
    pub groups_claim: String,
    /// Groups, each with the role that its members have on the whole host.
    pub roles: Vec<(String, HostRole)>,
    /// Groups, each with a team whose deployers its members are.
    pub teams: Vec<(String, TeamName)>,
}

impl SignIn {
    /// Refuses what does not go together.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |why: &str| Err(Error::Invalid(why.into()));
        match &self.provider {
            None if self.provider_only => refuse("--oidc-only takes a provider: name it with --oidc-issuer"),
            None => Ok(()),
            Some(_) if self.url.is_none() => {
                refuse("a provider sends browsers back to --url: say where they reach this host")
            }
            Some(provider) if provider.roles.is_empty() && provider.teams.is_empty() => {
                refuse("nobody could sign in: give a group a role or a team, with --oidc-role or --oidc-team")
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether users may have passwords on this host.
    pub(super) fn takes_passwords(&self) -> bool {
        !self.provider_only
    }
}

impl Provider {
    /// What somebody in these groups may do: the greatest of their roles, and the teams. None: nothing, since none of the groups is
    /// known here.
    pub(super) fn grants(&self, groups: &[String]) -> Option<(HostRole, BTreeSet<TeamName>)> {
        let roles = self.roles.iter().filter(|(group, _)| groups.contains(group)).map(|(_, role)| *role);
        let teams = self.teams.iter().filter(|(group, _)| groups.contains(group)).map(|(_, team)| team);
        let (role, teams): (Option<HostRole>, BTreeSet<TeamName>) = (roles.max(), teams.cloned().collect());
        match role {
            Some(role) => Some((role, teams)),
            None if teams.is_empty() => None,
            None => Some((HostRole::Viewer, teams)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(roles: &[(&str, HostRole)], teams: &[(&str, &str)]) -> Provider {
        Provider {
            issuer: "https://id.example.com".into(),
            client_id: "host".into(),
            client_secret: None,
            groups_claim: GROUPS_CLAIM.into(),
            roles: roles.iter().map(|(group, role)| ((*group).to_owned(), *role)).collect(),
            teams: teams.iter().map(|(group, team)| ((*group).to_owned(), team.parse().unwrap())).collect(),
        }
    }

    #[test]
    fn groups_give_the_greatest_role_and_all_teams_or_nothing() {
        use HostRole::{Admin, Deployer, Viewer};
        let provider = provider(
            &[("staff", Viewer), ("platform", Deployer), ("leads", Admin)],
            &[("ml", "ml"), ("leads", "ops")],
        );
        let table: [(&[&str], Option<(HostRole, &[&str])>); 7] = [
            (&[], None),
            (&["Staff", "staff ", "sta"], None),
            (&["staff"], Some((Viewer, &[]))),
            (&["platform", "staff", "unheard-of"], Some((Deployer, &[]))),
            (&["ml"], Some((Viewer, &["ml"]))),
            (&["ml", "platform"], Some((Deployer, &["ml"]))),
            (&["leads", "ml"], Some((Admin, &["ml", "ops"]))),
        ];
        for (groups, granted) in table {
            let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
            let found = provider.grants(&groups);
            let found =
                found.map(|(role, teams)| (role, teams.iter().map(ToString::to_string).collect::<Vec<_>>()));
            let expected = granted
                .map(|(role, teams)| (role, teams.iter().map(ToString::to_string).collect::<Vec<_>>()));
            assert_eq!(found, expected, "{groups:?}");
        }
    }

    #[test]
    fn settings_that_do_not_go_together_are_refused_with_the_reason() {
        let url = Some("https://host.example.com".to_owned());
        let some = |roles: &[(&str, HostRole)]| Some(provider(roles, &[]));
        let roles = [("staff", HostRole::Viewer)];
        for (url, provider, provider_only, said) in [
            (None, None, false, None),
            (url.clone(), None, false, None),
            (url.clone(), some(&roles), false, None),
            (url.clone(), some(&roles), true, None),
            (url.clone(), None, true, Some("--oidc-issuer")),
            (None, some(&roles), false, Some("--url")),
            (url.clone(), some(&[]), false, Some("--oidc-role")),
        ] {
            let settings = SignIn { url, provider, provider_only };
            let refused = settings.check().err().map(|error| error.to_string());
            assert_eq!(refused.is_some(), said.is_some(), "{settings:?}: {refused:?}");
            assert!(refused.unwrap_or_default().contains(said.unwrap_or_default()), "{settings:?}");
        }
    }
}
