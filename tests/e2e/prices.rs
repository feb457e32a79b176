//! What a plugin costs, set on the page of its owners: for everybody, for one customer, and with a coupon.

use crate::world::{Answer, Person, World, plugin};

const MANAGE: &str = "/publish/plugins/acme/ocr-server";

fn post(world: &World, person: &Person, form: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    world.send("POST", &format!("{MANAGE}/{form}"), Some(&person.token()), &kind, body)
}

#[test]
fn an_owner_sets_prices_offers_and_coupons_on_a_page() {
    let world = World::with_limits();
    let (acme, globex) = (world.publisher("acme"), world.customer());
    acme.publish(&plugin("ocr-server"));
    let page = || {
        let answer = world.send("GET", &format!("{MANAGE}/price"), Some(&acme.token()), &[], "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    };
    assert!(page().contains("It has no price, and is free."));
    let managed = world.send("GET", MANAGE, Some(&acme.token()), &[], "").text();
    assert!(managed.contains(&format!("href=\"{MANAGE}/price\"")), "{managed}");
    for person in [&globex, &world.operator()] {
        assert_eq!(post(&world, person, "price", &[("kind", "once"), ("amount", "1.00 USD")]).status, 403);
    }

    let wrong = post(&world, &acme, "price", &[("kind", "once"), ("amount", "a lot")]);
    assert!(wrong.status == 400 && wrong.text().contains("value=\"a lot\""), "{}", wrong.text());
    let nobody = [("kind", "once"), ("amount", "1.00 USD"), ("customer", "nobody-there")];
    assert_eq!(post(&world, &acme, "price", &nobody).status, 404);
    let everybody = [("kind", "once"), ("amount", "100.00 USD")];
    let set = post(&world, &acme, "price", &everybody);
    assert_eq!((set.status, set.header("location")), (303, format!("{MANAGE}/price").as_str()));
    let own = [("kind", "once"), ("amount", "80.00 USD"), ("customer", "globex")];
    assert_eq!(post(&world, &acme, "price", &own).status, 303);
    let shop = world.get("/plugins/acme/ocr-server", &[]).1;
    assert!(
        shop.contains("100.00 USD once") && !shop.contains("80.00 USD"),
        "an offer is its customer's alone"
    );
    let shown = page();
    assert!(
        shown.contains("100.00 USD once") && shown.contains("<td data-label=\"For\">globex</td>"),
        "{shown}"
    );

    let coupon = [("code", "HALF"), ("discount", "50%"), ("last_day", "2099-12-31")];
    assert_eq!(post(&world, &acme, "coupons", &coupon).status, 303);
    let again = post(&world, &acme, "coupons", &coupon);
    assert!(again.status == 409 && again.text().contains("there is a coupon"), "{}", again.text());
    let spaced = [("code", "HA LF"), ("discount", "50%"), ("last_day", "2099-12-31")];
    assert_eq!(post(&world, &acme, "coupons", &spaced).status, 400);
    assert!(page().contains("0 of 1") && page().contains(">counts<"));
    let order = globex.ok(&["orders", "place", "acme:ocr-server", "--coupon", "HALF"]);
    assert_eq!(order["due"]["minor"], 4000, "half of what it is offered at: {order}");
    assert!(page().contains("1 of 1") && page().contains(">over<"));
    let listed = acme.list("/api/v1/plugins/acme/ocr-server/coupons");
    assert_eq!((&listed[0]["code"], &listed[0]["uses"]), (&"HALF".into(), &1.into()));
    assert_eq!(acme.list("/api/v1/plugins/acme/ocr-server/prices").len(), 2);
}
