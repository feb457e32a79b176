//! What a membership gives, and what is left when it ends.

use chandlery_package::Namespace;
use chandlery_package::wire::Role;
use chandlery_store::{Db, Write};

use super::*;
use crate::actor::Actor;
use crate::roles::{members_from, publishers_of, role_within};
use crate::{Error, Scope, members, tokens};

fn name(text: &str) -> Namespace {
    text.parse().unwrap()
}

/// An organisation of ann's, which owns one namespace and publishes in another.
async fn umbrella() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
    let db = Db::open(&url).await.unwrap();
    let mut write = db.write().await.unwrap();
    for sql in [
        "insert into accounts (name, password_hash, role, created_at) values
         ('ann', '', 'member', ''), ('bob', '', 'member', ''), ('umbrella', '', 'member', '')",
        "insert into organisations (name, title, created_at, created_by) values ('umbrella', 'Umbrella', '', 'ann')",
        "insert into organisation_members (organisation, account, role, origin, since)
         values ('umbrella', 'ann', 'owner', 'invited', '2026-01-01T00:00:00.000000Z')",
        "insert into namespaces (name, created_at) values ('own', ''), ('shared', '')",
        "insert into namespace_members (namespace, account, role)
         values ('own', 'umbrella', 'owner'), ('shared', 'umbrella', 'publisher'), ('shared', 'bob', 'viewer')",
    ] {
        sqlx::query(sql).execute(&mut *write).await.unwrap();
    }
    write.commit().await.unwrap();
    (folder, db)
}

async fn has_role(write: &mut Write, role: OrganisationRole) {
    let machine = Actor::machine();
    admit(write, &machine, &name("umbrella"), &name("bob"), role, Origin::Invited).await.unwrap();
}

#[tokio::test]
async fn a_role_in_an_organisation_is_one_in_its_namespaces() {
    let (_folder, db) = umbrella().await;
    let mut write = db.write().await.unwrap();
    for (role, own, shared) in [
        (OrganisationRole::Viewer, Role::Viewer, Role::Viewer),
        (OrganisationRole::Billing, Role::Viewer, Role::Viewer),
        (OrganisationRole::Publisher, Role::Publisher, Role::Publisher),
        (OrganisationRole::Admin, Role::Owner, Role::Publisher),
    ] {
        has_role(&mut write, role).await;
        for (namespace, expected) in [("own", own), ("shared", shared)] {
            let found = role_within(&mut write, &name(namespace), &name("bob")).await.unwrap();
            assert_eq!(found, Some(expected), "{role} in {namespace}");
        }
        let pays = speaks_for(&mut write, &name("own"), &name("bob"), Power::Pay).await.unwrap();
        assert_eq!(pays, role == OrganisationRole::Billing, "{role}");
    }
    let suspend = "insert into suspensions (account, reason, since) values ('umbrella', 'looked into', '')";
    sqlx::query(suspend).execute(&mut *write).await.unwrap();
    for (namespace, expected) in [("own", None), ("shared", Some(Role::Viewer))] {
        let found = role_within(&mut write, &name(namespace), &name("bob")).await.unwrap();
        assert_eq!(found, expected, "through one that is suspended, in {namespace}");
    }
    assert!(!speaks_for(&mut write, &name("own"), &name("bob"), Power::Manage).await.unwrap());
}

#[tokio::test]
async fn an_organisation_is_a_member_and_its_people_publish() {
    let (_folder, db) = umbrella().await;
    let mut write = db.write().await.unwrap();
    has_role(&mut write, OrganisationRole::Billing).await;
    for (namespace, least, expected) in [
        ("own", Role::Owner, vec!["ann", "umbrella"]),
        ("own", Role::Viewer, vec!["ann", "bob", "umbrella"]),
        ("shared", Role::Owner, vec![]),
        ("shared", Role::Publisher, vec!["ann", "umbrella"]),
        ("shared", Role::Viewer, vec!["ann", "bob", "umbrella"]),
    ] {
        let found = members_from(&mut write, &name(namespace), least).await.unwrap();
        let names: Vec<&str> = found.iter().map(|member| member.account.as_str()).collect();
        assert_eq!(names, expected, "{least} in {namespace}");
        assert!(found.iter().all(|member| member.is_organisation == (member.account == name("umbrella"))));
    }
    for namespace in ["own", "shared"] {
        let publishers = publishers_of(&mut write, &name(namespace)).await.unwrap();
        assert_eq!(publishers, [name("ann")], "{namespace}");
    }
}

#[tokio::test]
async fn owners_of_a_namespace_are_chosen_by_whoever_may_see_what_it_earns() {
    let (_folder, db) = umbrella().await;
    let (machine, own, bob, ann) = (Actor::machine(), name("own"), name("bob"), name("ann"));
    let invite =
        async |role: Role, by: &Namespace| members::invite(&db, &machine, &own, &bob, role, by).await;
    let mut write = db.write().await.unwrap();
    has_role(&mut write, OrganisationRole::Admin).await;
    write.commit().await.unwrap();
    members::invite(&db, &machine, &own, &ann, Role::Publisher, &bob).await.unwrap();
    let owner = members::invite(&db, &machine, &own, &ann, Role::Owner, &bob).await;
    assert!(matches!(owner, Err(Error::Forbidden { .. })), "an admin pays nothing");
    for role in [Role::Publisher, Role::Owner] {
        let own = invite(role, &bob).await;
        assert!(
            matches!(own, Err(Error::Forbidden { .. })),
            "what admins give themselves would outlive them"
        );
    }

    // An invitation that an owner has sent lapses with what it took.
    invite(Role::Owner, &ann).await.unwrap();
    let mut write = db.write().await.unwrap();
    for sql in [
        "update organisation_members set role = 'owner' where account = 'bob'",
        "update organisation_members set role = 'admin' where account = 'ann'",
    ] {
        sqlx::query(sql).execute(&mut *write).await.unwrap();
    }
    write.commit().await.unwrap();
    let accepted = members::answer(&db, &machine, &own, &bob, true).await;
    assert!(matches!(accepted, Err(Error::Conflict(_))), "{accepted:?}");

    // Whoever owns it directly chooses, whatever they are in the organisation.
    let mut write = db.write().await.unwrap();
    sqlx::query("insert into namespace_members (namespace, account, role) values ('own', 'ann', 'owner')")
        .execute(&mut *write)
        .await
        .unwrap();
    write.commit().await.unwrap();
    invite(Role::Owner, &ann).await.unwrap();
    members::answer(&db, &machine, &own, &bob, true).await.unwrap();
}

#[tokio::test]
async fn with_a_membership_ends_what_it_gave_and_nothing_else() {
    let (_folder, db) = umbrella().await;
    let (machine, umbrella, bob) = (Actor::machine(), name("umbrella"), name("bob"));
    let mut write = db.write().await.unwrap();
    assert!(
        !part(&mut write, &machine, &umbrella, &bob).await.unwrap(),
        "who is no member parts from nothing"
    );
    has_role(&mut write, OrganisationRole::Admin).await;
    write.commit().await.unwrap();
    let by = chandlery_package::wire::LogInBy::Password;
    for organisation in [None, Some(&umbrella)] {
        let owner = (&bob, organisation);
        tokens::issue_token_for(&db, &machine, owner, &Scope::Full, "", None, by).await.unwrap();
    }
    let mut write = db.write().await.unwrap();
    for sql in [
        "insert into accounts (name, password_hash, role, created_at) values ('eve', '', 'member', '')",
        "insert into organisation_invitations (organisation, account, role, invited_by, invited_at)
         values ('umbrella', 'eve', 'viewer', 'bob', '')",
        "insert into namespace_members (namespace, account, role) values ('shared', 'ann', 'owner')",
        "insert into invitations (namespace, account, role, invited_by, invited_at)
         values ('own', 'eve', 'viewer', 'bob', ''), ('shared', 'eve', 'viewer', 'ann', '')",
        "insert into identities (issuer, subject, account, organisation, linked_at, seen_at)
         values ('https://idp.example', '1', 'bob', 'umbrella', '', '')",
    ] {
        sqlx::query(sql).execute(&mut *write).await.unwrap();
    }
    assert!(part(&mut write, &machine, &umbrella, &bob).await.unwrap());
    assert_eq!(role_of(&mut write, &umbrella, &bob).await.unwrap(), None);
    for (what, left) in [
        ("organisation_members", 1_i64),
        ("organisation_invitations", 0),
        ("tokens", 1),
        ("invitations", 1),
        ("identities", 0),
        ("namespace_members", 4),
    ] {
        let sql = format!("select count(*) from {what}");
        let (found,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *write).await.unwrap();
        assert_eq!(found, left, "{what}");
    }
    let last = part(&mut write, &machine, &umbrella, &name("ann")).await;
    assert!(matches!(last, Err(Error::Conflict(_))), "{last:?}");
}

#[tokio::test]
async fn what_an_organisation_earns_is_on_hold_while_an_owner_of_it_is_suspended() {
    let (_folder, db) = umbrella().await;
    let machine = Actor::machine();
    let mut write = db.write().await.unwrap();
    has_role(&mut write, OrganisationRole::Admin).await;
    for (suspended, is_held) in [("bob", false), ("ann", true), ("umbrella", true)] {
        sqlx::query("delete from suspensions").execute(&mut *write).await.unwrap();
        let suspend = "insert into suspensions (account, reason, since) values ($1, 'looked into', '')";
        sqlx::query(suspend).bind(suspended).execute(&mut *write).await.unwrap();
        for (namespace, is_held) in [("own", is_held), ("shared", false)] {
            let held = crate::hold(&mut write, &name(namespace)).await.unwrap();
            assert_eq!(held.is_some(), is_held, "'{suspended}' is suspended, '{namespace}': {held:?}");
        }
    }
    // Another owner ends that neither by ending the ownership nor by another role.
    sqlx::query("update suspensions set account = 'ann'").execute(&mut *write).await.unwrap();
    has_role(&mut write, OrganisationRole::Owner).await;
    let (umbrella, ann) = (name("umbrella"), name("ann"));
    let parted = part(&mut write, &machine, &umbrella, &ann).await;
    assert!(matches!(parted, Err(Error::Conflict(_))), "{parted:?}");
    let demoted =
        admit(&mut write, &machine, &umbrella, &ann, OrganisationRole::Viewer, Origin::Invited).await;
    assert!(matches!(demoted, Err(Error::Conflict(_))), "{demoted:?}");
    sqlx::query("delete from suspensions").execute(&mut *write).await.unwrap();
    assert!(part(&mut write, &machine, &umbrella, &ann).await.unwrap());
}

#[tokio::test]
async fn an_account_that_an_organisation_manages_is_not_proposed_as_an_operator() {
    let (_folder, db) = umbrella().await;
    let mut write = db.write().await.unwrap();
    for sql in [
        "insert into accounts (name, password_hash, role, created_at) values ('op', '', 'operator', '')",
        "update accounts set managed_by = 'umbrella', created_at = '2020-01-01T00:00:00.000000Z' where name = 'bob'",
    ] {
        sqlx::query(sql).execute(&mut *write).await.unwrap();
    }
    write.commit().await.unwrap();
    let propose = async || crate::operators::propose(&db, &Actor::machine(), &name("op"), &name("bob")).await;
    let refused = propose().await.unwrap_err();
    assert!(refused.to_string().contains("is managed by 'umbrella'"), "{refused}");
    let mut write = db.write().await.unwrap();
    sqlx::query("update accounts set managed_by = null").execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    propose().await.unwrap();
}
