//! `chandlery host teams`: targets, and what members may do there.

use chandlery_package::wire::Page;
use chandlery_package::wire::host::{HostRole, NewTeam, Team};
use chandlery_package::{TargetName, TeamName, UserName};
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/teams";

/// Targets, and what members may do there.
#[derive(Subcommand)]
pub enum Teams {
    /// Make a team, or change it: its targets and members are those that are named, and no others
    Set {
        /// Lower-case letters, digits and dashes
        name: TeamName,
        /// A target that its members' roles are for; several may be named
        #[arg(long = "target", value_name = "TARGET")]
        targets: Vec<TargetName>,
        /// A user, and what it may do there, such as `ann=deployer`; several may be named
        #[arg(long = "member", value_name = "USER=ROLE", value_parser = parse_member)]
        members: Vec<(UserName, HostRole)>,
    },
    /// Show all teams
    List,
    /// End a team, with the tokens that are for it alone
    Remove {
        /// The team's name
        name: TeamName,
    },
}

fn parse_member(text: &str) -> std::result::Result<(UserName, HostRole), String> {
    let (user, role) = text.split_once('=').ok_or("write USER=ROLE, such as ann=deployer")?;
    let user = user.parse::<UserName>().map_err(|error| error.to_string())?;
    let role = role.parse::<HostRole>().map_err(|error| error.to_string())?;
    Ok((user, role))
}

impl Teams {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Set { name, targets, members } => {
                let new = NewTeam {
                    targets: targets.into_iter().collect(),
                    members: members.into_iter().collect(),
                };
                let team: Team = context.host(Method::PUT, &format!("{PATH}/{name}"), new).await?;
                match context.settings.json {
                    true => show::json(team),
                    false => show::done(format!(
                        "the team {name} has {} members and {} targets",
                        team.members.len(),
                        team.targets.len()
                    )),
                }
            }
            Self::List => {
                let page: Page<Team> = context.host_list(PATH).await?;
                match context.settings.json {
                    true => show::json(page),
                    false => {
                        show::table(&["team", "targets", "members"], page.items.into_iter().map(row));
                    }
                }
            }
            Self::Remove { name } => {
                context.tell_host(Method::DELETE, &format!("{PATH}/{name}"), ()).await?;
                match context.settings.json {
                    true => show::json(json!({ "removed": name })),
                    false => show::done(format!("the team {name} is no more")),
                }
            }
        }
        Ok(())
    }
}

fn row(team: Team) -> Vec<String> {
    let targets: Vec<String> = team.targets.iter().map(ToString::to_string).collect();
    let members: Vec<String> = team.members.iter().map(|(user, role)| format!("{user}={role}")).collect();
    vec![team.name.to_string(), targets.join(", "), members.join(", ")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_a_name_and_a_role() {
        let (user, role) = parse_member("ann=deployer").unwrap();
        assert_eq!((user.as_str(), role), ("ann", HostRole::Deployer));
        for wrong in ["", "ann", "ann=", "=deployer", "ann=king", "Ann=viewer", "ann=viewer=viewer"] {
            assert!(parse_member(wrong).is_err(), "{wrong}");
        }
    }
}
