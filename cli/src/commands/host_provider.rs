//! How users sign in to a host that is run: the options of `chandlery host run` that say so.

use std::path::{Path, PathBuf};

use chandlery_host::users::{GROUPS_CLAIM, Provider, SignIn};
use chandlery_package::TeamName;
use chandlery_package::wire::host::HostRole;
use clap::Args;

use crate::failure::Result;
use crate::home::read_token;

/// How users sign in. Groups of a directory have commas in their names, so there is another sign between several.
#[derive(Args)]
pub struct SignInOptions {
    /// Where browsers reach the host, such as https://host.example.com
    #[arg(long, value_name = "URL", env = "CHANDLERY_HOST_URL")]
    url: Option<String>,
    /// The issuer of the provider of OpenID Connect that says who a user is
    #[arg(long, value_name = "URL", requires = "oidc_client_id", env = "CHANDLERY_HOST_OIDC_ISSUER")]
    oidc_issuer: Option<String>,
    /// What the host is called there
    #[arg(long, value_name = "ID", requires = "oidc_issuer", env = "CHANDLERY_HOST_OIDC_CLIENT_ID")]
    oidc_client_id: Option<String>,
    /// The file that holds the secret of the host there
    #[arg(
        long,
        value_name = "FILE",
        requires = "oidc_issuer",
        env = "CHANDLERY_HOST_OIDC_CLIENT_SECRET_FILE"
    )]
    oidc_client_secret_file: Option<PathBuf>,
    /// The claim that lists the groups of a person
    #[arg(long, value_name = "CLAIM", default_value = GROUPS_CLAIM, env = "CHANDLERY_HOST_OIDC_GROUPS_CLAIM")]
    oidc_groups_claim: String,
    /// A group, and the role of its members on the whole host, such as `platform=deployer`; may be given several times
    #[arg(
        long = "oidc-role",
        value_name = "GROUP=ROLE",
        value_parser = parse_role,
        requires = "oidc_issuer",
        env = "CHANDLERY_HOST_OIDC_ROLE",
        value_delimiter = ';'
    )]
    oidc_roles: Vec<(String, HostRole)>,
    /// A group, and the team whose deployers its members are, such as `ml=ml`; may be given several times
    #[arg(
        long = "oidc-team",
        value_name = "GROUP=TEAM",
        value_parser = parse_team,
        requires = "oidc_issuer",
        env = "CHANDLERY_HOST_OIDC_TEAM",
        value_delimiter = ';'
    )]
    oidc_teams: Vec<(String, TeamName)>,
    /// Let users have no passwords on the host
    #[arg(long, requires = "oidc_issuer", env = "CHANDLERY_HOST_OIDC_ONLY")]
    oidc_only: bool,
}

/// A group may have the sign in its name, as those of a directory do.
fn parse_role(text: &str) -> std::result::Result<(String, HostRole), String> {
    let (group, role) = text.rsplit_once('=').ok_or("write GROUP=ROLE, such as platform=deployer")?;
    let role = role.parse::<HostRole>().map_err(|error| error.to_string())?;
    Ok((group.to_owned(), role))
}

fn parse_team(text: &str) -> std::result::Result<(String, TeamName), String> {
    let (group, team) = text.rsplit_once('=').ok_or("write GROUP=TEAM, such as ml=ml")?;
    let team = team.parse::<TeamName>().map_err(|error| error.to_string())?;
    Ok((group.to_owned(), team))
}

impl SignInOptions {
    /// The file with a secret of whoever runs the host.
    pub fn secret_file(&self) -> Option<&Path> {
        self.oidc_client_secret_file.as_deref()
    }

    /// As the host takes it.
    pub fn to_host(&self) -> Result<SignIn> {
        let provider = match (&self.oidc_issuer, &self.oidc_client_id) {
            (Some(issuer), Some(client_id)) => Some(Provider {
                issuer: issuer.clone(),
                client_id: client_id.clone(),
                client_secret: self.secret_file().map(read_token).transpose()?,
                groups_claim: self.oidc_groups_claim.clone(),
                roles: self.oidc_roles.clone(),
                teams: self.oidc_teams.clone(),
            }),
            _ => None,
        };
        Ok(SignIn { url: self.url.clone(), provider, provider_only: self.oidc_only })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_role_or_a_team_and_any_name() {
        let dn = "cn=staff,dc=example=admin";
        assert_eq!(parse_role(dn), Ok(("cn=staff,dc=example".into(), HostRole::Admin)));
        let (group, team) = parse_team("ML people=ml").unwrap();
        assert_eq!((group.as_str(), team.as_str()), ("ML people", "ml"));
        for wrong in ["", "staff", "staff=", "staff=king", "staff=Viewer"] {
            assert!(parse_role(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "ml", "ml=", "ml=ML", "ml=m l"] {
            assert!(parse_team(wrong).is_err(), "{wrong}");
        }
    }
}
