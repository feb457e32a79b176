use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[test]
fn a_proof_lapses_after_seven_days_of_absence_and_of_nothing_else() {
    use DomainAnswer::{Absent, Failed, Found};
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let day = |days: i32| start + DAY * days;
    // What is answered on which day, since when it is proved then, and since when it is missing.
    for (answers, proved, missing) in [
        (vec![(0, Absent)], None, None),
        (vec![(0, Failed)], None, None),
        (vec![(0, Found)], Some(0), None),
        (vec![(0, Found), (1, Found)], Some(0), None),
        (vec![(0, Found), (1, Absent)], Some(0), Some(1)),
        (vec![(0, Found), (30, Absent)], Some(0), Some(30)),
        (vec![(0, Found), (1, Absent), (7, Absent)], Some(0), Some(1)),
        (vec![(0, Found), (1, Absent), (8, Absent)], None, None),
        (vec![(0, Found), (1, Absent), (7, Found), (9, Absent)], Some(0), Some(9)),
        (vec![(0, Found), (1, Failed), (60, Failed)], Some(0), None),
        (vec![(0, Found), (1, Absent), (60, Failed)], Some(0), Some(1)),
        (vec![(0, Found), (1, Failed), (9, Absent)], Some(0), Some(9)),
        (vec![(0, Found), (1, Absent), (8, Absent), (9, Found)], Some(9), None),
    ] {
        let begun = Standing { proved_at: None, missing_since: None };
        let found = answers.iter().fold(begun, |standing, (at, answer)| standing.after(*answer, day(*at)));
        let expected = Standing { proved_at: proved.map(day), missing_since: missing.map(day) };
        assert_eq!(found, expected, "{answers:?}");
    }
}

async fn database() -> (tempfile::TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("registry.db").display());
    let db = Db::open(&url).await.unwrap();
    let mut write = db.write().await.unwrap();
    for name in ["acme", "globex", "ann", "bob"] {
        sqlx::query(
            "insert into accounts (name, password_hash, role, created_at) values ($1, 'none', 'member', '')",
        )
        .bind(name)
        .execute(&mut *write)
        .await
        .unwrap();
    }
    for sql in [
        "insert into organisations (name, title, created_at, created_by) values ('acme', 'Acme', '', 'ann')",
        "insert into organisations (name, title, created_at, created_by) values ('globex', 'Globex', '', 'bob')",
        "insert into organisation_members (organisation, account, role, origin, since)
         values ('acme', 'ann', 'owner', 'invited', '')",
        "insert into organisation_members (organisation, account, role, origin, since)
         values ('acme', 'bob', 'member', 'invited', '')",
    ] {
        sqlx::query(sql).execute(&mut *write).await.unwrap();
    }
    write.commit().await.unwrap();
    (folder, db)
}

#[tokio::test]
async fn the_first_that_proves_a_domain_has_it_until_that_lapses() {
    let (_folder, db) = database().await;
    let [acme, globex] = ["acme", "globex"].map(|name| name.parse::<Namespace>().unwrap());
    let domain: DomainName = "example.org".parse().unwrap();
    let machine = Actor::machine();
    for organisation in [&acme, &globex] {
        add(&db, &machine, organisation, &domain).await.unwrap();
    }
    let again = add(&db, &machine, &acme, &domain).await.unwrap();
    assert_eq!(vec![again], list(&db, &acme).await.unwrap(), "it is the same one");
    let tokens: Vec<(String,)> =
        sqlx::query_as("select token from organisation_domains").fetch_all(db.read()).await.unwrap();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "{tokens:?}");

    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let answered = async |organisation: &Namespace, answer: DomainAnswer, days: i32| {
        let mut reader = db.read().acquire().await.unwrap();
        let row = find(&mut reader, organisation, &domain).await.unwrap().unwrap();
        drop(reader);
        note(&db, &machine, &row, answer, start + DAY * days).await
    };
    let owner = async || owner_of(&mut db.read().acquire().await.unwrap(), &domain).await.unwrap();
    assert_eq!(owner().await, None);
    answered(&acme, DomainAnswer::Found, 0).await.unwrap();
    assert_eq!(owner().await, Some(acme.clone()));
    assert_eq!(proved(&db, &acme).await.unwrap(), vec![domain.clone()]);
    let refused = answered(&globex, DomainAnswer::Found, 1).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    answered(&acme, DomainAnswer::Absent, 2).await.unwrap();
    assert_eq!(owner().await, Some(acme.clone()));
    let lapsed = answered(&acme, DomainAnswer::Absent, 9).await.unwrap();
    assert_eq!((lapsed.proved_at, owner().await), (None, None));
    answered(&globex, DomainAnswer::Found, 9).await.unwrap();
    assert_eq!(owner().await, Some(globex.clone()));

    // Whoever manages it is told that the record is missing, and of the end; nobody else is.
    let told: Vec<(String, String)> = sqlx::query_as("select account, subject from notices order by made_at")
        .fetch_all(db.read())
        .await
        .unwrap();
    let told: Vec<(&str, &str)> = told.iter().map(|(to, what)| (to.as_str(), what.as_str())).collect();
    assert_eq!(
        told,
        [
            ("ann", "The record of 'example.org' is missing, a domain of 'acme'"),
            ("ann", "'example.org' is not a domain of 'acme' any more"),
        ]
    );
    remove(&db, &machine, &globex, &domain).await.unwrap();
    assert_eq!(owner().await, None);
    assert!(matches!(remove(&db, &machine, &globex, &domain).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn an_organisation_has_so_many_domains() {
    let (_folder, db) = database().await;
    let acme: Namespace = "acme".parse().unwrap();
    for number in 0..=DOMAINS_MAX {
        let domain: DomainName = format!("d{number}.example.org").parse().unwrap();
        let added = add(&db, &Actor::machine(), &acme, &domain).await;
        assert_eq!(added.is_ok(), number < DOMAINS_MAX, "{added:?}");
    }
    let domain: DomainName = "co.uk".parse().unwrap();
    assert!(matches!(add(&db, &Actor::machine(), &acme, &domain).await, Err(Error::Invalid(_))));
}
