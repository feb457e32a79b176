//! What ends with a user or a team, what is kept of a token, and how users sign in.

use std::collections::BTreeSet;

use chandlery_package::TargetName;
use chandlery_package::wire::host::{HOST_TOKEN_PREFIX, MadeHostToken, NewHostToken, NewTeam, SetUp};
use serde_json::json;

use super::*;

const FIRST_TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn users(folder: &tempfile::TempDir) -> Users {
    let db = Db::open(&folder.path().join("host.db")).await.unwrap();
    let token = folder.path().join("host.token");
    std::fs::write(&token, FIRST_TOKEN).unwrap();
    Users::new(db, FirstToken::read_or_make(&token).unwrap(), SignIn::default()).unwrap()
}

/// A token for a day.
fn new_token(user: &str, role: HostRole) -> NewHostToken {
    let (targets, deployments) = (BTreeSet::new(), BTreeSet::new());
    let note = "ci".into();
    NewHostToken { user: name(user), role, team: None, targets, deployments, note, days_valid: 1 }
}

fn name(text: &str) -> UserName {
    text.parse().unwrap()
}

async fn token(users: &Users, by: &Actor, user: &str, role: HostRole, team: Option<&str>) -> MadeHostToken {
    let team = team.map(|team| team.parse().unwrap());
    users.make_token(by, &NewHostToken { team, ..new_token(user, role) }).await.unwrap()
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
    assert_eq!(listed[0].used_at, None);
    let kept: Vec<(String, String)> =
        sqlx::query_as("select id, hash from user_tokens").fetch_all(users.db.pool()).await.unwrap();
    assert!(!format!("{kept:?}").contains(&made.token[HOST_TOKEN_PREFIX.len()..]), "{kept:?}");
    assert!(users.identify(&kept[0].0).await.unwrap().is_none(), "an id opens nothing");
    assert!(users.identify(&kept[0].1).await.unwrap().is_none(), "nor does a digest");

    assert_eq!(deploys(&users, &made.token).await, Some(true));
    assert!(users.tokens(&first_page()).await.unwrap().items[0].used_at.is_some(), "it was shown");
    users.put(&name("ann"), &NewUser { role: HostRole::Viewer }).await.unwrap();
    assert_eq!(deploys(&users, &made.token).await, Some(false), "a role that is smaller is so at once");
    sqlx::query("update user_tokens set expires_at = '2020-01-01T00:00:00Z'")
        .execute(users.db.pool())
        .await
        .unwrap();
    assert_eq!(deploys(&users, &made.token).await, None);
    users.revoke(&made.kept.id).await.unwrap();
    assert!(users.revoke(&made.kept.id).await.unwrap_err().to_string().contains("there is no token"));

    let gpu: BTreeSet<TargetName> = ["gpu".parse().unwrap()].into();
    for refused in [
        NewHostToken { days_valid: 0, ..new_token("ann", HostRole::Admin) },
        NewHostToken { days_valid: 367, ..new_token("ann", HostRole::Admin) },
        NewHostToken { targets: gpu.clone(), ..new_token("ann", HostRole::Approver) },
        NewHostToken {
            targets: (0..101).map(|nth| format!("t{nth}").parse().unwrap()).collect(),
            ..new_token("ann", HostRole::Deployer)
        },
    ] {
        assert!(matches!(users.make_token(&admin, &refused).await, Err(Error::Invalid(_))), "{refused:?}");
    }
    let unknown = new_token("bob", HostRole::Admin);
    assert!(matches!(users.make_token(&admin, &unknown).await, Err(Error::NotFound(_))));

    // For one target and one deployment alone.
    users.put(&name("ann"), &NewUser { role: HostRole::Admin }).await.unwrap();
    let narrow = NewHostToken {
        targets: gpu,
        deployments: ["web".parse().unwrap()].into(),
        ..new_token("ann", HostRole::Deployer)
    };
    let made = users.make_token(&admin, &narrow).await.unwrap();
    let actor = users.identify(&made.token).await.unwrap().unwrap();
    assert!(actor.must_deploy_to("gpu").is_ok() && actor.must_deploy_to("edge").is_err());
    assert!(actor.must_change("web").is_ok() && actor.must_change("db").is_err());
    assert!(actor.must_be(HostRole::Approver).is_err());
}

/// Invites a user who sets this password, and gives the cookie of its session.
async fn signed_up(users: &Users, user: &str, password: &str) -> String {
    let SetUp { token, .. } = users.invite(&name(user)).await.unwrap();
    users.set_up(&token, password).await.unwrap().unwrap().token
}

async fn is_in(users: &Users, cookie: &str) -> bool {
    users.on_pages(cookie).await.unwrap().is_some()
}

#[tokio::test]
async fn an_invitation_sets_a_password_once_and_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    users.put(&name("ann"), &NewUser { role: HostRole::Deployer }).await.unwrap();
    assert!(matches!(users.invite(&name("bob")).await, Err(Error::NotFound(_))));
    assert!(matches!(users.invite(&name(FIRST_ADMIN)).await, Err(Error::FirstAdmin)));
    let first = users.invite(&name("ann")).await.unwrap();
    let second = users.invite(&name("ann")).await.unwrap();
    assert!(users.invited(&first.token).await.unwrap().is_none(), "there is one at a time");
    assert!(matches!(users.set_up(&second.token, "password").await, Err(Error::Invalid(_))));
    sqlx::query("update set_ups set expires_at = '2020-01-01T00:00:00Z'")
        .execute(users.db.pool())
        .await
        .unwrap();
    assert!(users.set_up(&second.token, "one two three").await.unwrap().is_none(), "it has ended");

    let third = users.invite(&name("ann")).await.unwrap();
    let opened = users.set_up(&third.token, "one two three").await.unwrap().unwrap();
    assert!(is_in(&users, &opened.token).await);
    assert!(users.set_up(&third.token, "correct horse battery").await.unwrap().is_none(), "it was used");
    assert!(users.identify(&opened.token).await.unwrap().is_none(), "a cookie is for the pages alone");
    let kept: Vec<(String, String)> =
        sqlx::query_as("select id, hash from sessions").fetch_all(users.db.pool()).await.unwrap();
    assert!(!is_in(&users, &kept[0].0).await && !is_in(&users, &kept[0].1).await, "{kept:?}");

    assert!(users.sign_in("ann", "one two three").await.unwrap().is_some());
    for (user, password) in [
        ("ann", "one two thre"),
        ("ann", ""),
        ("bob", "one two three"),
        ("Ann", "one two three"),
        (FIRST_ADMIN, "one two three"),
        (FIRST_ADMIN, ""),
    ] {
        assert!(users.sign_in(user, password).await.unwrap().is_none(), "{user} {password}");
    }
    let tries = 0..20;
    let mut last = None;
    for _ in tries {
        last = users.sign_in("ann", "wrong").await.err();
    }
    assert!(matches!(last, Some(Error::TooMany(_))), "{last:?}");
    assert!(users.sign_in(FIRST_ADMIN, FIRST_TOKEN).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_ends_with_whatever_it_rests_on() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    for user in ["ann", "bob", "eve", "kim", "lou"] {
        users.put(&name(user), &NewUser { role: HostRole::Approver }).await.unwrap();
    }
    let ann = signed_up(&users, "ann", "one two three").await;
    users.put(&name("ann"), &NewUser { role: HostRole::Admin }).await.unwrap();
    assert!(is_in(&users, &ann).await, "a greater role ends nothing");
    users.put(&name("ann"), &NewUser { role: HostRole::Deployer }).await.unwrap();
    assert!(!is_in(&users, &ann).await, "the role fell");

    let bob = signed_up(&users, "bob", "one two three").await;
    users.remove(&name("bob")).await.unwrap();
    assert!(!is_in(&users, &bob).await, "the user was removed");

    let eve = signed_up(&users, "eve", "one two three").await;
    users.invite(&name("eve")).await.unwrap();
    assert!(!is_in(&users, &eve).await, "an admin has reset the password");
    assert!(users.sign_in("eve", "one two three").await.unwrap().is_none());

    let kim = signed_up(&users, "kim", "one two three").await;
    let other = users.sign_in("kim", "one two three").await.unwrap().unwrap().token;
    let by = users.on_pages(&kim).await.unwrap().unwrap();
    assert!(matches!(
        users.change_password(&by, "wrong", "correct horse battery").await,
        Err(Error::Invalid(_))
    ));
    users.change_password(&by, "one two three", "correct horse battery").await.unwrap();
    assert!(is_in(&users, &kim).await && !is_in(&users, &other).await, "all but the one that asked");

    let lou = signed_up(&users, "lou", "one two three").await;
    let by = users.on_pages(&lou).await.unwrap().unwrap();
    let id = by.token().unwrap().to_owned();
    assert!(users.end_own_session(&users.on_pages(&kim).await.unwrap().unwrap(), &id).await.is_err());
    users.end_own_session(&by, &id).await.unwrap();
    assert!(!is_in(&users, &lou).await);

    sqlx::query("update sessions set expires_at = '2020-01-01T00:00:00Z'")
        .execute(users.db.pool())
        .await
        .unwrap();
    assert!(!is_in(&users, &kim).await, "its time is over");

    let admin = users.sign_in(FIRST_ADMIN, FIRST_TOKEN).await.unwrap().unwrap().token;
    assert!(matches!(users.rotate_first("wrong").await, Err(Error::Invalid(_))));
    let made = users.rotate_first(FIRST_TOKEN).await.unwrap();
    assert!(!is_in(&users, &admin).await && users.identify(FIRST_TOKEN).await.unwrap().is_none());
    assert_eq!(users.identify(&made).await.unwrap().unwrap().token(), None);

    // It was replaced in its file, and the host began again.
    let admin = users.sign_in(FIRST_ADMIN, &made).await.unwrap().unwrap().token;
    let waits = users.begin_device("http://x").await.unwrap();
    let by = users.on_pages(&admin).await.unwrap().unwrap();
    users.confirm_device(&by, &waits.user_code).await.unwrap();
    let program = users.finish_device(&waits.device_code).await.unwrap().token;
    let again = |text: &str| {
        let path = folder.path().join("host.token");
        std::fs::write(&path, text).unwrap();
        Users::new(users.db.clone(), FirstToken::read_or_make(&path).unwrap(), SignIn::default()).unwrap()
    };
    for (text, is_in_still) in [(made.as_str(), true), (FIRST_TOKEN, false)] {
        let users = again(text);
        assert_eq!(is_in(&users, &admin).await, is_in_still);
        assert_eq!(users.identify(&program).await.unwrap().is_some(), is_in_still);
    }
}

#[tokio::test]
async fn a_program_is_signed_in_by_whoever_confirms_its_code_once() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    users.put(&name("ann"), &NewUser { role: HostRole::Deployer }).await.unwrap();
    let cookie = signed_up(&users, "ann", "one two three").await;
    let ann = users.on_pages(&cookie).await.unwrap().unwrap();

    let waits = users.begin_device("http://x").await.unwrap();
    assert_eq!(waits.verification_uri, "http://x/device");
    let pending = users.finish_device(&waits.device_code).await;
    assert!(matches!(pending, Err(Error::Pending)));
    assert!(matches!(users.finish_device(&waits.user_code).await, Err(Error::NotFound(_))));
    assert!(!users.confirm_device(&ann, "BBBB-BBBB").await.unwrap());
    assert!(users.confirm_device(&ann, &waits.user_code.to_lowercase()).await.unwrap());
    assert!(!users.confirm_device(&ann, &waits.user_code).await.unwrap(), "once");
    let opened = users.finish_device(&waits.device_code).await.unwrap();
    assert!(matches!(users.finish_device(&waits.device_code).await, Err(Error::NotFound(_))), "once");
    let program = users.identify(&opened.token).await.unwrap().unwrap();
    assert_eq!((program.name(), program.token()), ("ann", Some(opened.session.id.as_str())));
    assert!(!is_in(&users, &opened.token).await, "a program's is no cookie");
    users.sign_out(&program).await.unwrap();
    assert!(users.identify(&opened.token).await.unwrap().is_none());
    assert!(matches!(users.sign_out(&program).await, Err(Error::Conflict(_))));

    // What was confirmed in a session ends with it.
    let waits = users.begin_device("http://x").await.unwrap();
    users.confirm_device(&ann, &waits.user_code).await.unwrap();
    users.end_own_session(&ann, ann.token().unwrap()).await.unwrap();
    assert!(matches!(users.finish_device(&waits.device_code).await, Err(Error::NotFound(_))));
    let acts = users.acts(&SoughtActs::default(), &first_page()).await.unwrap().items;
    let told: Vec<_> = acts.iter().rev().map(|act| (act.user.as_str(), act.act.as_str())).collect();
    let expected =
        ["sign-in", "set-password", "confirm-program", "sign-in", "confirm-program", "end-session"];
    assert_eq!(told, expected.map(|act| ("ann", act)));
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
    users.conclude(first, Some(200), None).await.unwrap();
    users.conclude(first, None, Some("web".into())).await.unwrap();
    let told = users.acts(&SoughtActs::default(), &first_page()).await.unwrap().items;
    let told: Vec<_> = told.iter().map(|act| (act.act.as_str(), act.about.as_str(), act.status)).collect();
    assert_eq!(told, [("remove", "web", None), ("deploy", "web", Some(200))]);
}

#[tokio::test]
async fn acts_are_looked_for_by_when_they_began() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    let admin = users.identify(FIRST_TOKEN).await.unwrap().unwrap();
    // As times are kept: with as many decimals as they need.
    for at in ["2026-11-01T09:00:00Z", "2026-11-01T09:00:00.5Z", "2026-11-01T09:00:01Z"] {
        let id = users.begin(&admin, "deploy", at).await.unwrap();
        let set = sqlx::query("update acts set at = $1 where id = $2").bind(at).bind(id);
        set.execute(users.db.pool()).await.unwrap();
    }
    let seconds = async |from: &str, before: &str| {
        let sought =
            SoughtActs { from: from.parse().ok(), before: before.parse().ok(), ..Default::default() };
        let acts = users.acts(&sought, &first_page()).await.unwrap().items;
        acts.iter().map(|act| act.about["2026-11-01T09:00:".len()..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seconds("", "").await, ["01Z", "00.5Z", "00Z"]);
    assert_eq!(seconds("2026-11-01T09:00:00Z", "").await, ["01Z", "00.5Z", "00Z"]);
    assert_eq!(seconds("2026-11-01T09:00:00.25Z", "").await, ["01Z", "00.5Z"]);
    assert_eq!(seconds("2026-11-01T09:00:00.5Z", "2026-11-01T09:00:01Z").await, ["00.5Z"]);
    assert_eq!(seconds("", "2026-11-01T09:00:00.5Z").await, ["00Z"]);
}

#[tokio::test]
async fn tokens_that_ended_long_ago_are_forgotten_with_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let users = users(&folder).await;
    let admin = users.identify(FIRST_TOKEN).await.unwrap().unwrap();
    users.put(&name("ann"), &NewUser { role: HostRole::Viewer }).await.unwrap();
    let mut made = Vec::new();
    for days in [31, 29] {
        let one = token(&users, &admin, "ann", HostRole::Viewer, None).await;
        let ended = Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
        let set = sqlx::query("update user_tokens set expires_at = $1 where id = $2");
        set.bind(Text(ended)).bind(&one.kept.id).execute(users.db.pool()).await.unwrap();
        made.push(one.kept.id);
    }
    let last = token(&users, &admin, "ann", HostRole::Viewer, None).await;
    let mut left: Vec<_> =
        users.tokens(&first_page()).await.unwrap().items.into_iter().map(|one| one.id).collect();
    let mut expected = vec![made.remove(1), last.kept.id];
    left.sort();
    expected.sort();
    assert_eq!(left, expected);
}
