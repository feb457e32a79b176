//! Who asks for something, and what it may.

use std::collections::BTreeSet;

use chandlery_package::wire::host::{HostRole, Membership, Whoami};
use chandlery_package::{Release, TeamName};

use super::error::Error;

/// Who acts on a host: a user by a token, or an integration that was granted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor(Whoami);

impl Actor {
    /// The first admin, by the token of the host's file.
    pub(super) fn first(name: &str) -> Self {
        Self::everywhere(name.into(), HostRole::Admin)
    }

    /// An integration, which does on every target what its permissions allow.
    pub(crate) fn integration(release: &Release) -> Self {
        Self::everywhere(release.to_string(), HostRole::Deployer)
    }

    fn everywhere(user: String, role: HostRole) -> Self {
        let (targets, deployments) = (BTreeSet::new(), BTreeSet::new());
        Self(Whoami { user, role, teams: Vec::new(), token: None, targets, deployments })
    }

    /// A user by a token that is for no more than a role, and for one team alone where one is named: what the user may on every target
    /// holds on that team's targets, then, and nowhere else. What concerns the whole host is for no token that is for some targets or
    /// deployments alone.
    pub(super) fn by_token(known: Whoami, most: HostRole, team: Option<&TeamName>) -> Self {
        let Whoami { user, role, teams, token, targets, deployments } = known;
        let is_whole = targets.is_empty() && deployments.is_empty();
        let most = if is_whole { most } else { most.min(HostRole::Deployer) };
        let limited = |membership: Membership| match team {
            None => Some(Membership { role: membership.role.min(most), ..membership }),
            Some(team) if membership.team == *team => {
                let has = membership.role.max(role).min(HostRole::Deployer);
                Some(Membership { role: has.min(most), ..membership })
            }
            Some(_) => None,
        };
        let teams = teams.into_iter().filter_map(limited).collect();
        let everywhere = if team.is_some() { HostRole::Viewer } else { role };
        Self(Whoami { user, role: everywhere.min(most), teams, token, targets, deployments })
    }

    /// What it is called: the user's name, or the integration's release.
    pub fn name(&self) -> &str {
        &self.0.user
    }

    /// The id of the token that it has shown, or of its session.
    pub fn token(&self) -> Option<&str> {
        self.0.token.as_deref()
    }

    /// Who it is, and what it may.
    pub fn whoami(&self) -> &Whoami {
        &self.0
    }

    /// Refuses whoever has a smaller role: on the whole host or, as far as deployers', in some team.
    pub fn must_be(&self, role: HostRole) -> Result<(), Error> {
        let in_teams = self.0.teams.iter().map(|membership| membership.role);
        let has = match role {
            HostRole::Viewer | HostRole::Deployer => in_teams.fold(self.0.role, HostRole::max),
            HostRole::Approver | HostRole::Admin => self.0.role,
        };
        match has >= role {
            true => Ok(()),
            false => Err(self.forbidden(&format!("it takes the role {role}"))),
        }
    }

    /// Refuses whoever is no deployer on this target, or has a token for others.
    pub fn must_deploy_to(&self, target: &str) -> Result<(), Error> {
        if !self.0.targets.is_empty() && !self.0.targets.iter().any(|known| known.as_str() == target) {
            return Err(self.forbidden(&format!("its token is not for the target '{target}'")));
        }
        let is_deployer = |membership: &Membership| {
            membership.role >= HostRole::Deployer
                && membership.targets.iter().any(|known| known.as_str() == target)
        };
        match self.0.role >= HostRole::Deployer || self.0.teams.iter().any(is_deployer) {
            true => Ok(()),
            false => Err(self.forbidden(&format!("it takes the role deployer on the target '{target}'"))),
        }
    }

    /// Refuses whoever has a token for other deployments than this one.
    pub fn must_change(&self, deployment: &str) -> Result<(), Error> {
        let all = self.0.deployments.is_empty();
        match all || self.0.deployments.iter().any(|known| known.as_str() == deployment) {
            true => Ok(()),
            false => Err(self.forbidden(&format!("its token is not for the deployment '{deployment}'"))),
        }
    }

    /// Refuses whoever would deploy in the name of a team that it is no deployer in.
    pub fn must_deploy_for(&self, team: &str) -> Result<(), Error> {
        let is_deployer = |membership: &Membership| {
            membership.role >= HostRole::Deployer && membership.team.as_str() == team
        };
        match self.0.role >= HostRole::Deployer || self.0.teams.iter().any(is_deployer) {
            true => Ok(()),
            false => Err(self.forbidden(&format!("it takes the role deployer in the team '{team}'"))),
        }
    }

    fn forbidden(&self, why: &str) -> Error {
        Error::Forbidden(format!("'{}' may not: {why}", self.0.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [HostRole; 4] = HostRole::ALL;
    const TARGETS: [&str; 6] = ["gpu", "edge", "local", "gp", "gpu-2", ""];

    fn known(role: HostRole, teams: &[(&str, HostRole, &str)]) -> Whoami {
        let membership = |(team, role, target): &(&str, HostRole, &str)| Membership {
            team: team.parse().unwrap(),
            role: *role,
            targets: [target.parse().unwrap()].into(),
        };
        let teams = teams.iter().map(membership).collect();
        let (targets, deployments) = (BTreeSet::new(), BTreeSet::new());
        Whoami { user: "ann".into(), role, teams, token: Some("t".into()), targets, deployments }
    }

    #[test]
    fn a_token_for_some_targets_and_deployments_is_for_nothing_else() {
        // The targets and the deployments that a token is for, and where and what it deploys.
        let table: [(&[&str], &[&str], &[&str], &[&str]); 4] = [
            (&[], &[], &TARGETS, &["web", "db"]),
            (&["gpu"], &[], &["gpu"], &["web", "db"]),
            (&[], &["web"], &TARGETS, &["web"]),
            (&["gpu", "edge"], &["web"], &["gpu", "edge"], &["web"]),
        ];
        for (targets, deployments, on, changes) in table {
            for role in ROLES {
                let known = Whoami {
                    targets: targets.iter().map(|target| target.parse().unwrap()).collect(),
                    deployments: deployments.iter().map(|deployment| deployment.parse().unwrap()).collect(),
                    ..known(role, &[])
                };
                let whole = targets.is_empty() && deployments.is_empty();
                let actor = Actor::by_token(known, HostRole::Admin, None);
                let is_deployer = role >= HostRole::Deployer;
                for target in TARGETS {
                    let may = is_deployer && on.contains(&target);
                    assert_eq!(actor.must_deploy_to(target).is_ok(), may, "{role}, {targets:?}: {target}");
                }
                for deployment in ["web", "db"] {
                    let may = changes.contains(&deployment);
                    assert_eq!(actor.must_change(deployment).is_ok(), may, "{deployments:?}: {deployment}");
                }
                for above in [HostRole::Approver, HostRole::Admin] {
                    let may = whole && role >= above;
                    assert_eq!(actor.must_be(above).is_ok(), may, "{role}, {targets:?}, {deployments:?}");
                }
                assert!(actor.must_be(HostRole::Viewer).is_ok());
            }
        }
    }

    #[test]
    fn each_role_may_what_those_before_it_may_and_no_token_more_than_it_is_for() {
        for role in ROLES {
            for most in ROLES {
                let actor = Actor::by_token(known(role, &[]), most, None);
                for needed in ROLES {
                    let may = needed <= role && needed <= most;
                    assert_eq!(actor.must_be(needed).is_ok(), may, "{role}, {most}: {needed}");
                }
                let deploys = role.min(most) >= HostRole::Deployer;
                assert_eq!(actor.must_deploy_to("local").is_ok(), deploys, "{role}, {most}");
                assert_eq!(actor.must_deploy_for("any").is_ok(), deploys, "{role}, {most}");
            }
        }
    }

    #[test]
    fn a_role_in_a_team_is_for_its_targets_alone() {
        use HostRole::{Admin, Approver, Deployer, Viewer};
        let teams = [("ml", Deployer, "gpu"), ("ops", Viewer, "edge")];
        // The role on the whole host, the token's role and team, and where it deploys.
        let table: [(HostRole, HostRole, Option<&str>, &[&str]); 9] = [
            (Viewer, Admin, None, &["gpu"]),
            (Viewer, Viewer, None, &[]),
            (Viewer, Deployer, Some("ml"), &["gpu"]),
            (Viewer, Deployer, Some("ops"), &[]),
            (Viewer, Deployer, Some("gone"), &[]),
            (Deployer, Deployer, None, &TARGETS),
            (Deployer, Deployer, Some("ops"), &["edge"]),
            (Admin, Admin, Some("ml"), &["gpu"]),
            (Admin, Viewer, Some("ml"), &[]),
        ];
        for (role, most, team, deploys) in table {
            let team: Option<TeamName> = team.map(|team| team.parse().unwrap());
            let actor = Actor::by_token(known(role, &teams), most, team.as_ref());
            for target in TARGETS {
                let may = actor.must_deploy_to(target).is_ok();
                assert_eq!(may, deploys.contains(&target), "{role}, {most}, {team:?}: {target}");
            }
            assert_eq!(actor.must_be(Deployer).is_ok(), !deploys.is_empty(), "{role}, {most}, {team:?}");
            if team.is_some() {
                assert!(actor.must_be(Approver).is_err(), "{role}, {most}, {team:?}");
            }
        }
        let ann = Actor::by_token(known(Viewer, &teams), Admin, None);
        assert_eq!((ann.must_deploy_for("ml").is_ok(), ann.must_deploy_for("ops").is_ok()), (true, false));
        assert!(ann.must_be(Admin).is_err() && ann.must_be(Approver).is_err());
    }
}
