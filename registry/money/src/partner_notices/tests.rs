//! Who is told, how much at a time, and until when.

use chandlery_accounts::Actor;
use chandlery_package::Namespace;
use chandlery_package::wire::NoticeKind;
use chandlery_store::{Db, time};
use jiff::{SignedDuration, Timestamp};

use super::deliveries::{forget_old, take_on};
use super::{choose, chosen, deliver, hand_over, mail, test};
use crate::{Error, Finance, testing};

async fn do_sql(db: &Db, sql: String) {
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(db.read()).await.unwrap();
}

async fn count(db: &Db, rows: &str) -> i64 {
    let sql = format!("select count(*) from {rows}");
    let (count,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(db.read()).await.unwrap();
    count
}

/// A market with acme, which bob owns.
async fn market() -> (tempfile::TempDir, Finance) {
    let (folder, finance) = testing::market(&["bob", "carol"], "{}").await;
    own(&finance.db, "acme", "bob").await;
    (folder, finance)
}

async fn own(db: &Db, namespace: &str, account: &str) {
    do_sql(
        db,
        format!("insert into namespace_members (namespace, account) values ('{namespace}', '{account}')"),
    )
    .await;
}

/// A webhook of bob's at a port where nobody listens, with so many messages that wait.
async fn hook(db: &Db, partner: &str, id: &str, waiting: usize) {
    let long_ago = time(Timestamp::UNIX_EPOCH);
    do_sql(
        db,
        format!(
            "insert into webhooks (id, partner, url, kinds, salt, made_by, made_at)
             values ('{id}', '{partner}', 'http://127.0.0.1:9/', ' sale ', '', 'bob', '{long_ago}')"
        ),
    )
    .await;
    for number in 0..waiting {
        let notice = format!("msg_{id}_{number}");
        do_sql(
            db,
            format!(
                "insert into partner_notices (id, partner, kind, key, at, text, data, mail)
                 values ('{notice}', '{partner}', 'sale', '{notice}', '{long_ago}', '', '{{}}', 'waiting')"
            ),
        )
        .await;
        do_sql(
            db,
            format!(
                "insert into webhook_deliveries (webhook, notice, state, attempts, next_at)
                 values ('{id}', '{notice}', 'waiting', 0, '{long_ago}')"
            ),
        )
        .await;
    }
}

async fn reason(db: &Db, id: &str) -> Option<String> {
    let sql = "select disabled from webhooks where id = $1";
    let (why,): (Option<String>,) = sqlx::query_as(sql).bind(id).fetch_one(db.read()).await.unwrap();
    why
}

fn acme() -> Namespace {
    "acme".parse().unwrap()
}

#[tokio::test]
async fn of_a_namespace_that_goes_to_somebody_else_nothing_is_told_any_more() {
    let (_folder, finance) = market().await;
    hook(&finance.db, "acme", "h", 2).await;
    choose(&finance.db, &Actor::machine(), &acme(), &[NoticeKind::Sale]).await.unwrap();
    let mut write = finance.db.write().await.unwrap();
    hand_over(&mut write, &Actor::machine(), &acme()).await.unwrap();
    write.commit().await.unwrap();
    for rows in ["webhooks", "webhook_deliveries", "partner_notice_choices"] {
        assert_eq!(count(&finance.db, rows).await, 0, "{rows}");
    }
    let chosen = chosen(&mut finance.db.snapshot().await.unwrap(), &acme()).await.unwrap();
    assert!(!chosen.contains(&NoticeKind::Sale), "as the registry has it");
    mail(&finance, Timestamp::now()).await.unwrap();
    assert_eq!(count(&finance.db, "notices where subject like 'What ''acme'' earns%'").await, 0);
    assert_eq!(count(&finance.db, "audit where act = 'webhook-removed'").await, 1);
}

#[tokio::test]
async fn whoever_speaks_for_a_partner_no_more_is_sent_nothing() {
    for end in [
        "delete from namespace_members where account = 'bob'",
        "update namespace_members set role = 'publisher' where account = 'bob'",
        "insert into suspensions (account, reason, since) values ('bob', 'spam', '')",
    ] {
        let (_folder, finance) = market().await;
        own(&finance.db, "acme", "carol").await;
        hook(&finance.db, "acme", "h", 1).await;
        deliver(&finance).await.unwrap();
        assert_eq!(count(&finance.db, "webhook_deliveries where attempts = 1").await, 1, "{end}");
        assert_eq!(reason(&finance.db, "h").await, None, "{end}");

        do_sql(&finance.db, end.into()).await;
        do_sql(
            &finance.db,
            format!("update webhook_deliveries set next_at = '{}'", time(Timestamp::UNIX_EPOCH)),
        )
        .await;
        deliver(&finance).await.unwrap();
        assert_eq!(
            count(&finance.db, "webhook_deliveries where attempts = 1").await,
            1,
            "{end}: it was sent"
        );
        let why = reason(&finance.db, "h").await;
        assert_eq!(why.as_deref(), Some("'bob', who answers for it, speaks for 'acme' no more"), "{end}");
        let told = "notices where account = 'carol' and subject like 'The webhook of ''acme''%'";
        assert_eq!(count(&finance.db, told).await, 1, "{end}");
    }
}

#[tokio::test]
async fn one_partner_keeps_no_other_waiting() {
    let (_folder, finance) = market().await;
    let db = &finance.db;
    do_sql(db, "insert into namespaces (name, created_at) values ('zeta', '')".into()).await;
    for (partner, id, waiting) in
        [("acme", "a", 20), ("acme", "b", 20), ("acme", "off", 20), ("zeta", "z", 2)]
    {
        hook(db, partner, id, waiting).await;
    }
    do_sql(db, "update webhooks set disabled = 'it is gone' where id = 'off'".into()).await;
    let now = Timestamp::now();
    let taken = take_on(db, now).await.unwrap();
    let of = |partner: &str| taken.iter().filter(|due| due.partner.0.as_str() == partner).count();
    assert_eq!((of("acme"), of("zeta")), (5, 2));
    assert!(taken.iter().all(|due| due.webhook != "off"));
    // What is taken on is nobody else's, until the lease is over.
    let next = take_on(db, now).await.unwrap();
    let is_new = |due: &super::deliveries::Due| taken.iter().all(|before| before.notice != due.notice);
    assert!(next.len() == 5 && next.iter().all(is_new), "{next:?}");
}

#[tokio::test]
async fn five_tests_wait_at_most() {
    let (_folder, finance) = market().await;
    hook(&finance.db, "acme", "h", 6).await;
    for _ in 0..5 {
        test(&finance, &acme(), "h").await.unwrap();
    }
    let Err(Error::Conflict(why)) = test(&finance, &acme(), "h").await else { panic!("a sixth one waits") };
    assert!(why.starts_with("5 tests of 'acme' wait"), "{why}");
    do_sql(&finance.db, "update webhook_deliveries set state = 'taken'".into()).await;
    test(&finance, &acme(), "h").await.unwrap();
}

#[tokio::test]
async fn what_waits_for_a_webhook_that_was_disabled_long_ago_is_forgotten() {
    let (_folder, finance) = market().await;
    let (db, now) = (&finance.db, Timestamp::now());
    for (id, days) in [("lately", 1), ("long-ago", 31)] {
        hook(db, "acme", id, 1).await;
        let at = time(now.checked_sub(SignedDuration::from_hours(24 * days)).unwrap());
        do_sql(db, format!("update webhooks set disabled = 'gone', disabled_at = '{at}' where id = '{id}'"))
            .await;
    }
    hook(db, "acme", "told", 1).await;
    forget_old(db, now).await.unwrap();
    assert_eq!(count(db, "webhook_deliveries").await, 2);
    assert_eq!(count(db, "webhook_deliveries where webhook = 'long-ago'").await, 0);
}

#[tokio::test]
async fn one_partner_that_cannot_be_told_by_mail_keeps_no_other_from_it() {
    let (_folder, finance) = market().await;
    let db = &finance.db;
    do_sql(db, "insert into namespaces (name, created_at) values ('zeta', '')".into()).await;
    own(db, "zeta", "carol").await;
    hook(db, "acme", "a", 1).await;
    hook(db, "zeta", "z", 1).await;
    // Whatever bob is told is refused.
    do_sql(
        db,
        "create trigger refused before insert on notices when new.account = 'bob'
         begin select raise(abort, 'refused'); end"
            .into(),
    )
    .await;
    mail(&finance, Timestamp::now()).await.unwrap();
    assert_eq!(count(db, "notices where account = 'carol'").await, 1);
    assert_eq!(count(db, "partner_notices where partner = 'acme' and mail = 'waiting'").await, 1);
}
