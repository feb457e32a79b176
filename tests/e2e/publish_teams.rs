//! The team of a namespace on its pages: who is invited, who accepts, what somebody is, and who leaves.

use serde_json::{Value, json};

use crate::browser_publish::{FORM, Pages};
use crate::world::{Person, World};

const NAMESPACE: &str = "/publish/namespaces/acme";
const MEMBERS: &str = "/publish/teams/acme/members";
const INVITATION: &str = "/publish/teams/acme/invitation";

/// Who belongs to `acme` and as what, as the API tells it.
fn team(owner: &Person) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let members = owner.list("/api/v1/namespaces/acme/members");
    let one =
        |member: &Value| (text(&member["account"]), text(&member["role"]), member["invited"] == json!(true));
    members.iter().map(one).collect()
}

fn member(account: &str, role: &str, invited: bool) -> (String, String, bool) {
    (account.into(), role.into(), invited)
}

#[test]
fn a_team_is_invited_changed_and_left_on_its_pages() {
    let world = World::start();
    let acme = world.publisher("acme");
    let bob = world.person("bob");
    bob.register();
    let (owner, invited) = (Pages::of(&world, &acme), Pages::of(&world, &bob));
    let choose = |role: &str| owner.done(MEMBERS, &[("account", "bob"), ("role", role)]);

    choose("viewer");
    let shown = owner.show(NAMESPACE);
    assert!(shown.contains("Take back: bob") && shown.contains(">invited<"), "{shown}");
    assert_eq!(invited.ask("GET", NAMESPACE, FORM, "").status, 403, "whoever is invited is no member yet");
    for page in ["/publish", "/account"] {
        let shown = invited.show(page);
        assert!(shown.contains("You are invited to the namespace") && shown.contains(INVITATION), "{shown}");
    }
    invited.done(INVITATION, &[("answer", "decline")]);
    assert_eq!(team(&acme), [member("acme", "owner", false)]);
    assert!(!invited.show("/publish").contains("You are invited"));

    // An invitation is changed, taken back, and sent again.
    choose("viewer");
    choose("owner");
    assert_eq!(team(&acme)[1], member("bob", "owner", true));
    owner.done(&format!("{MEMBERS}/bob/removal"), &[]);
    invited.refused(INVITATION, &[("answer", "accept")], 404, "there is no invitation to 'acme'");
    choose("viewer");
    invited.done(INVITATION, &[("answer", "accept")]);
    assert_eq!(team(&acme)[1], member("bob", "viewer", false));

    let shown = invited.show(NAMESPACE);
    assert!(shown.contains("Leave: bob") && !shown.contains("Invite a member"), "{shown}");
    assert!(!shown.contains("Remove: acme") && !shown.contains("Role of"), "{shown}");
    choose("publisher");
    assert_eq!(team(&acme)[1], member("bob", "publisher", false));
    let left = invited.post(&format!("{MEMBERS}/bob/removal"), &[]);
    assert_eq!((left.status, left.header("location")), (303, "/publish"));
    assert_eq!(invited.ask("GET", NAMESPACE, FORM, "").status, 403);
    assert_eq!(team(&acme), [member("acme", "owner", false)]);
}

#[test]
fn what_a_team_refuses_is_said_beside_its_form() {
    let world = World::start();
    let acme = world.publisher("acme");
    let [bob, carol] = ["bob", "carol"].map(|name| world.person(name));
    bob.register();
    carol.register();
    let (owner, publisher) = (Pages::of(&world, &acme), Pages::of(&world, &bob));
    let stranger = Pages::of(&world, &carol);
    owner.done(MEMBERS, &[("account", "bob"), ("role", "publisher")]);
    publisher.done(INVITATION, &[("answer", "accept")]);

    // What is wrong with an account is beside it, where it stays typed.
    for (account, role, status, says) in [
        ("nobody-here", "viewer", 404, "there is no account 'nobody-here'"),
        ("No Body", "viewer", 400, "No Body"),
        ("carol", "king", 400, "'king' is no role"),
    ] {
        let answer = owner.post(MEMBERS, &[("account", account), ("role", role)]);
        let text = answer.text();
        assert!(answer.status == status && text.contains(says), "{account}: {}: {text}", answer.status);
        assert!(text.contains(&format!("value=\"{account}\"")), "{account}: {text}");
        assert!(text.contains("aria-invalid=\"true\"") && text.contains("id=\"account-fault\""), "{text}");
    }
    // The last owner stays, as one and at all.
    let last = "'acme' would be left without an owner: make another member an owner first";
    owner.refused(MEMBERS, &[("account", "acme"), ("role", "viewer")], 409, last);
    owner.refused(&format!("{MEMBERS}/acme/removal"), &[], 409, last);
    owner.refused(&format!("{MEMBERS}/carol/removal"), &[], 404, "member 'carol' of 'acme'");
    // Who belongs to it already is not invited, and keeps the role.
    let again = [("act", "invite"), ("account", "bob"), ("role", "viewer")];
    owner.refused(MEMBERS, &again, 409, "already belongs to 'acme' as publisher");
    assert!(team(&acme).contains(&member("bob", "publisher", false)));
    // Whoever owns nothing chooses nobody, and no invitation is answered that was not sent.
    let carol_too = [("account", "carol"), ("role", "viewer")];
    for pages in [&publisher, &stranger] {
        pages.refused(MEMBERS, &carol_too, 403, "may not choose the members of 'acme'");
        pages.refused(&format!("{MEMBERS}/acme/removal"), &[], 403, "may not choose the members of 'acme'");
        pages.refused(INVITATION, &[("answer", "accept")], 404, "there is no invitation to 'acme'");
    }
    stranger.refused(INVITATION, &[("answer", "perhaps")], 400, "accept or decline");

    // An invitation stands as long as whoever sent it may send it.
    owner.done(MEMBERS, &[("account", "bob"), ("role", "owner")]);
    publisher.done(MEMBERS, &carol_too);
    owner.done(MEMBERS, &[("account", "bob"), ("role", "viewer")]);
    stranger.refused(INVITATION, &[("answer", "accept")], 409, "has lapsed");
    assert!(stranger.show("/publish").contains("You are invited"), "it can still be declined");
    assert_eq!(team(&acme).len(), 3);
}

#[test]
fn whoever_does_not_see_the_money_is_not_offered_to_choose_owners() {
    let world = World::start();
    let acme = world.publisher("acme");
    let [ann, bob] = ["ann", "bob"].map(|name| world.person(name));
    ann.register();
    bob.register();
    acme.ok(&["organisation", "create", "umbrella", "--title", "Umbrella"]);
    acme.ok(&["organisation", "invite", "umbrella", "ann", "--role", "admin"]);
    ann.ok(&["organisation", "accept", "umbrella"]);
    acme.ok(&["namespace", "invite", "acme", "umbrella", "--role", "owner"]);
    acme.ok(&["--for", "umbrella", "namespace", "accept", "acme"]);
    let (owner, admin) = (Pages::of(&world, &acme), Pages::of(&world, &ann));
    let offer = "<option value=\"owner\">";
    assert!(owner.show(NAMESPACE).contains(offer));
    let shown = admin.show(NAMESPACE);
    assert!(shown.contains("Invite a member") && !shown.contains(offer), "{shown}");
    let as_owner = [("account", "bob"), ("role", "owner")];
    admin.refused(MEMBERS, &as_owner, 403, "may not choose the owners of 'acme'");
    admin.done(MEMBERS, &[("account", "bob"), ("role", "publisher")]);
    assert!(team(&acme).contains(&member("bob", "publisher", true)));
}
