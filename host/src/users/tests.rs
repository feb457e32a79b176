//! What ends with a user or a team, and what is kept of a token.

use chandlery_package::wire::host::{HOST_TOKEN_PREFIX, MadeHostToken, NewHostToken, NewTeam};
use serde_json::json;

use super::*;

const FIRST_TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn users(folder: &tempfile::TempDir) -> Users {
    let db = Db::open(&folder.path().join("host.db")).await.unwrap();
    Users::new(db, FIRST_TOKEN)
}

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

async fn token(users: &Users, by: &Actor, user: &str, role: HostRole, team: Option<&str>) -> MadeHostToken {
    let team = team.map(|team| team.parse().unwrap());
    let new = NewHostToken { user: name(user), role, team, note: "ci".into(), days_valid: 1 };
    users.make_token(by, &new).await.unwrap()
}

/// Whoever shows this token may deploy to the target `gpu`; none: nobody shows it.
async fn deploys(users: &Users, token: &str) -> Option<bool> {
    users.identify(token).await.unwrap().map(|actor| actor.must_deploy_to("gpu").is_ok())
}

fn first_page<K>() -> Paging<K> {
    Paging::first(100)
}

#[tokio::test]
async fn a_token_is_known_by_its_digest_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    let admin = users.identify(FIRST_TOKEN).await.unwrap().unwrap();
    assert_eq!((admin.name(), admin.token()), ("admin", None));
    for unknown in ["", " ", HOST_TOKEN_PREFIX, &FIRST_TOKEN[1..]] {
        assert!(users.identify(unknown).await.unwrap().is_none(), "{unknown}");
    }

    users.put(&name("ann"), &NewUser { role: HostRole::Deployer }).await.unwrap();
    let made = token(&users, &admin, "ann", HostRole::Deployer, None).await;
    assert!(made.token.starts_with(HOST_TOKEN_PREFIX) && made.kept.made_by == "admin");
    let listed = users.tokens(&first_page()).await.unwrap().items;
    assert_eq!(listed, std::slice::from_ref(&made.kept));
    let kept: Vec<(String, String)> =
        sqlx::query_as("select id, hash from user_tokens").fetch_all(users.db.pool()).await.unwrap();
    assert!(!format!("{kept:?}").contains(&made.token[HOST_TOKEN_PREFIX.len()..]), "{kept:?}");
    assert!(users.identify(&kept[0].0).await.unwrap().is_none(), "an id opens nothing");
    assert!(users.identify(&kept[0].1).await.unwrap().is_none(), "nor does a digest");

    assert_eq!(deploys(&users, &made.token).await, Some(true));
    users.put(&name("ann"), &NewUser { role: HostRole::Viewer }).await.unwrap();
    assert_eq!(deploys(&users, &made.token).await, Some(false), "a role that is smaller is so at once");
    sqlx::query("update user_tokens set expires_at = '2020-01-01T00:00:00Z'")
        .execute(users.db.pool())
        .await
        .unwrap();
    assert_eq!(deploys(&users, &made.token).await, None);
    users.revoke(&made.kept.id).await.unwrap();
    assert!(users.revoke(&made.kept.id).await.unwrap_err().to_string().contains("there is no token"));

    for days_valid in [0, 367] {
        let new = NewHostToken {
            user: name("ann"),
            role: HostRole::Admin,
            team: None,
            note: String::new(),
            days_valid,
        };
        assert!(matches!(users.make_token(&admin, &new).await, Err(Error::Invalid(_))), "{days_valid}");
    }
    let new = NewHostToken {
        user: name("bob"),
        role: HostRole::Admin,
        team: None,
        note: String::new(),
        days_valid: 1,
    };
    assert!(matches!(users.make_token(&admin, &new).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn what_a_user_and_a_team_could_do_ends_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    let admin = users.identify(FIRST_TOKEN).await.unwrap().unwrap();
    users.put(&name("ann"), &NewUser { role: HostRole::Viewer }).await.unwrap();
    users.put(&name("bob"), &NewUser { role: HostRole::Admin }).await.unwrap();
    let team = |members: serde_json::Value| -> NewTeam {
        serde_json::from_value(json!({ "targets": ["gpu"], "members": members })).unwrap()
    };
    let ml = "ml".parse().unwrap();
    for refused in [json!({ "ann": "approver" }), json!({ "ann": "admin" }), json!({ "eve": "deployer" })] {
        assert!(users.put_team(&ml, &team(refused.clone())).await.is_err(), "{refused}");
    }
    assert!(users.teams(&first_page()).await.unwrap().items.is_empty(), "a team is made whole or not at all");
    users.put_team(&ml, &team(json!({ "ann": "deployer" }))).await.unwrap();
    assert_eq!(users.page(&first_page()).await.unwrap().items[1].teams, std::slice::from_ref(&ml));
    assert_eq!(users.teams(&first_page()).await.unwrap().items.len(), 1);

    let bob = token(&users, &admin, "bob", HostRole::Admin, None).await;
    let bob = users.identify(&bob.token).await.unwrap().unwrap();
    let everywhere = token(&users, &admin, "ann", HostRole::Deployer, None).await;
    let in_team = token(&users, &bob, "ann", HostRole::Deployer, Some("ml")).await;
    assert_eq!(deploys(&users, &everywhere.token).await, Some(true));
    assert_eq!(deploys(&users, &in_team.token).await, Some(true));
    users.remove_team(&ml).await.unwrap();
    assert_eq!(deploys(&users, &everywhere.token).await, Some(false));
    assert_eq!(deploys(&users, &in_team.token).await, None, "it was for that team alone");

    users.put_team(&ml, &team(json!({ "ann": "deployer" }))).await.unwrap();
    let of_bob = token(&users, &bob, "ann", HostRole::Viewer, None).await;
    let removed = users.remove(&name("bob")).await.unwrap();
    assert_eq!((removed.ended.len(), removed.made), (1, vec![of_bob.kept.id.clone()]));
    let removed = users.remove(&name("ann")).await.unwrap();
    assert_eq!(removed.ended.len(), 2);
    for gone in [&everywhere, &of_bob] {
        assert_eq!(deploys(&users, &gone.token).await, None);
    }
    assert!(users.teams(&first_page()).await.unwrap().items[0].members.is_empty());
    // Whoever gets the name later gets nothing else of it.
    users.put(&name("ann"), &NewUser { role: HostRole::Viewer }).await.unwrap();
    assert!(users.tokens(&first_page()).await.unwrap().items.is_empty());

    let first = name(FIRST_ADMIN);
    assert!(matches!(users.remove(&first).await, Err(Error::FirstAdmin)));
    assert!(matches!(users.put(&first, &NewUser { role: HostRole::Viewer }).await, Err(Error::FirstAdmin)));
    assert!(matches!(users.remove(&name("nobody")).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn the_trail_tells_of_each_act_the_last_first() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    let admin = users.identify(FIRST_TOKEN).await.unwrap().unwrap();
    let first = users.begin(&admin, "deploy", "").await.unwrap();
    users.begin(&admin, "remove", "web").await.unwrap();
    users.conclude(first, 200, Some("web".into())).await.unwrap();
    let told = users.acts(&first_page()).await.unwrap().items;
    let told: Vec<_> = told.iter().map(|act| (act.act.as_str(), act.about.as_str(), act.status)).collect();
    assert_eq!(told, [("remove", "web", None), ("deploy", "web", Some(200))]);
}
