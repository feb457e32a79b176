//! What each role in an organisation may do: a table to read.

use chandlery_package::wire::{OrganisationRole, Role};
use chandlery_package::words;

words! {
    /// What somebody may do for an organisation.
    pub enum Power: "power in an organisation" {
        /// See what it has: hosts, use, orders, invoices, members.
        See = "see",
        /// Pull what it has bought, run hosts for it, report their use, begin a trial.
        Use = "use",
        /// Push and publish in its namespaces.
        Publish = "publish",
        /// Order, subscribe, pay, and say where it is billed and paid.
        Pay = "pay",
        /// Choose members below owners, domains, provider and directory; manage its namespaces.
        Manage = "manage",
        /// Choose owners, and delete it.
        Own = "own",
    }
}

const POWERS: [(OrganisationRole, &[Power]); 6] = [
    (OrganisationRole::Viewer, &[Power::See]),
    (OrganisationRole::Member, &[Power::See, Power::Use]),
    (OrganisationRole::Publisher, &[Power::See, Power::Use, Power::Publish]),
    (OrganisationRole::Billing, &[Power::See, Power::Pay]),
    (OrganisationRole::Admin, &[Power::See, Power::Use, Power::Publish, Power::Manage]),
    (OrganisationRole::Owner, &Power::ALL),
];

/// Whether a role has a power.
pub fn has(role: OrganisationRole, power: Power) -> bool {
    POWERS.iter().any(|(known, powers)| *known == role && powers.contains(&power))
}

/// Whether a role has every power of another one: whoever has it may give that one, and gives no more than they have.
pub fn covers(role: OrganisationRole, other: OrganisationRole) -> bool {
    Power::ALL.iter().all(|power| !has(other, *power) || has(role, *power))
}

/// What a person of this role is in a namespace in which the organisation is this: as much as their powers let them be.
pub(crate) fn in_namespace(role: OrganisationRole, organisation: Role) -> Role {
    let most = match (has(role, Power::Manage), has(role, Power::Publish)) {
        (true, _) => Role::Owner,
        (false, true) => Role::Publisher,
        (false, false) => Role::Viewer,
    };
    organisation.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_powers_and_no_others() {
        for (role, powers) in [
            ("viewer", "see"),
            ("member", "see use"),
            ("publisher", "see use publish"),
            ("billing", "see pay"),
            ("admin", "see use publish manage"),
            ("owner", "see use publish pay manage own"),
        ] {
            let role: OrganisationRole = role.parse().unwrap();
            let found: Vec<_> =
                Power::ALL.iter().filter(|power| has(role, **power)).map(|power| power.as_str()).collect();
            assert_eq!(found.join(" "), powers, "{role}");
        }
    }

    #[test]
    fn a_role_covers_those_that_may_no_more() {
        for (role, covered) in [
            ("viewer", "viewer"),
            ("member", "viewer member"),
            ("publisher", "viewer member publisher"),
            ("billing", "viewer billing"),
            ("admin", "viewer member publisher admin"),
            ("owner", "viewer member publisher billing admin owner"),
        ] {
            let role: OrganisationRole = role.parse().unwrap();
            let found = OrganisationRole::ALL.iter().filter(|other| covers(role, **other));
            assert_eq!(found.map(|other| other.as_str()).collect::<Vec<_>>().join(" "), covered, "{role}");
        }
    }

    #[test]
    fn nobody_is_more_in_a_namespace_than_their_organisation() {
        for (role, expected) in [
            ("viewer", ["viewer", "viewer", "viewer"]),
            ("member", ["viewer", "viewer", "viewer"]),
            ("publisher", ["viewer", "publisher", "publisher"]),
            ("billing", ["viewer", "viewer", "viewer"]),
            ("admin", ["viewer", "publisher", "owner"]),
            ("owner", ["viewer", "publisher", "owner"]),
        ] {
            let role: OrganisationRole = role.parse().unwrap();
            assert_eq!(Role::ALL.map(|of_it| in_namespace(role, of_it).as_str()), expected, "{role}");
        }
    }
}
