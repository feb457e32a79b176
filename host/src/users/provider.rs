//! Signing in at the provider of OpenID Connect: whom it says that somebody is, and what that one's groups may do here.

use chandlery_oidc::{Client, Person};
use chandlery_package::UserName;
use chandlery_package::column::Text;
use chandlery_package::wire::host::{HostRole, SessionKind, SignInBy, SignedIn};
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteConnection;

use super::credential::digest;
use super::settings::Provider;
use super::{Error, Users, sessions, trail};

/// How long a browser may be away at the provider.
const MINUTES: i64 = 10;
/// How many browsers may be away at a time: those that have been longest make room, since anybody may begin, and nobody is to be kept out.
const AWAY_MAX: i64 = 20_000;
/// How many people may wish for one name.
const NAMESAKES_MAX: u32 = 100;
/// The longest name that somebody wishes for, in bytes: a number may follow.
const WISH_BYTES_MAX: usize = 30;
/// How many groups are named to whoever is refused.
const GROUPS_TOLD: usize = 10;

/// Where a browser is sent, and the state that it must come back with.
pub(crate) struct Sent {
    pub url: String,
    pub state: String,
}

/// Who has come back, and where it wanted to go.
pub(crate) struct Back {
    pub opened: SignedIn,
    pub goes_to: String,
}

impl Users {
    /// Begins to sign somebody in at the provider, who wants to go there.
    pub(crate) async fn begin_sign_on(&self, goes_to: &str) -> Result<Sent, Error> {
        let (_, client) = self.client()?;
        let begun = chandlery_oidc::begin(&client).await.map_err(failed)?;
        let expires_at = sessions::after(SignedDuration::from_mins(MINUTES))?;
        let mut write = self.db.write().await?;
        sqlx::query("delete from sign_ons where expires_at <= $1")
            .bind(Text(Timestamp::now()))
            .execute(&mut *write)
            .await?;
        sqlx::query("delete from sign_ons where rowid <= (select max(rowid) from sign_ons) - $1")
            .bind(AWAY_MAX)
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "insert into sign_ons (state, nonce, verifier, goes_to, expires_at) values ($1, $2, $3, $4, $5)",
        )
        .bind(digest(&begun.state))
        .bind(&begun.nonce)
        .bind(&begun.verifier)
        .bind(goes_to)
        .bind(Text(expires_at))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(Sent { url: begun.url, state: begun.state })
    }

    /// Signs in whoever comes back from the provider with this state and code, once; none: it was not begun here, or too long ago.
    /// Where the provider names itself, it must be the one that was asked.
    pub(crate) async fn complete_sign_on(
        &self,
        state: &str,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<Option<Back>, Error> {
        let (provider, client) = self.client()?;
        if issuer.is_some_and(|issuer| issuer != provider.issuer) {
            return Err(Error::SignOn("another provider has answered than the one that was asked".into()));
        }
        let mut write = self.db.write().await?;
        let begun: Option<(String, String, String, Text<Timestamp>)> =
            sqlx::query_as("select nonce, verifier, goes_to, expires_at from sign_ons where state = $1")
                .bind(digest(state))
                .fetch_optional(&mut *write)
                .await?;
        sqlx::query("delete from sign_ons where state = $1").bind(digest(state)).execute(&mut *write).await?;
        write.commit().await?;
        let holds = begun.filter(|(.., Text(expires_at))| *expires_at > Timestamp::now());
        let Some((nonce, verifier, goes_to, _)) = holds else { return Ok(None) };
        let person = chandlery_oidc::complete(&client, code, &nonce, &verifier).await.map_err(failed)?;
        let opened = self.admit(provider, &person).await?;
        Ok(Some(Back { opened, goes_to }))
    }

    fn client(&self) -> Result<(&Provider, Client), Error> {
        let none = || Error::NotFound("provider that users of this host sign in at".into());
        let provider = self.settings.provider.as_ref().ok_or_else(none)?;
        let url = self.settings.url.as_deref().ok_or_else(none)?;
        let client = Client {
            issuer: provider.issuer.clone(),
            client_id: provider.client_id.clone(),
            client_secret: provider.client_secret.clone(),
            redirect_uri: format!("{url}/login/sso/callback"),
            groups_claim: Some(provider.groups_claim.clone()),
        };
        Ok((provider, client))
    }

    /// Opens a session of the user who this person is, with the role and the teams of its groups, and no others. Whoever has no group any
    /// more that may do something here is refused, and loses all that the user could.
    async fn admit(&self, provider: &Provider, person: &Person) -> Result<SignedIn, Error> {
        let granted = provider.grants(&person.groups);
        let mut write = self.db.write().await?;
        let known: Option<(Text<UserName>, Text<HostRole>)> =
            sqlx::query_as("select name, role from users where issuer = $1 and subject = $2")
                .bind(&person.issuer)
                .bind(&person.subject)
                .fetch_optional(&mut *write)
                .await?;
        let Some((role, teams)) = granted else {
            if let Some((Text(user), _)) = known {
                disarm(&mut write, &user).await?;
                trail::note(&mut write, (user.as_str(), None), "lose-groups", &person.issuer).await?;
                write.commit().await?;
            }
            return Err(stranger(person));
        };
        let user = match known {
            Some((Text(user), Text(before))) => {
                if before > role {
                    sessions::end_all(&mut write, &user, None).await?;
                }
                sqlx::query("update users set role = $1 where name = $2")
                    .bind(Text(role))
                    .bind(Text(&user))
                    .execute(&mut *write)
                    .await?;
                user
            }
            None => add(&mut write, person, role).await?,
        };
        sqlx::query("delete from team_members where member = $1")
            .bind(Text(&user))
            .execute(&mut *write)
            .await?;
        for team in &teams {
            let joined = sqlx::query(
                "insert into team_members (team, member, role) select name, $1, $2 from teams where name = $3",
            )
            .bind(Text(&user))
            .bind(Text(HostRole::Deployer))
            .bind(Text(team))
            .execute(&mut *write)
            .await?;
            if joined.rows_affected() == 0 {
                tracing::warn!(%team, %user, "a group of the provider stands for a team that is not there");
            }
        }
        let opened =
            sessions::open(&mut write, &self.first, &user, SessionKind::Page, SignInBy::Provider).await?;
        write.commit().await?;
        Ok(opened)
    }
}

/// Takes from a user all that it could do.
async fn disarm(write: &mut SqliteConnection, user: &UserName) -> Result<(), Error> {
    sessions::end_all(write, user, None).await?;
    for statement in [
        "delete from user_tokens where owner = $1",
        "delete from team_members where member = $1",
        "update users set role = 'viewer' where name = $1",
    ] {
        sqlx::query(statement).bind(Text(user)).execute(&mut *write).await?;
    }
    Ok(())
}

/// Adds the user who this person is, under the name that it wishes for, or that with a number: never under a name that another has.
async fn add(write: &mut SqliteConnection, person: &Person, role: HostRole) -> Result<UserName, Error> {
    let wish = wished(person);
    for nth in 1..=NAMESAKES_MAX {
        let name = if nth == 1 { wish.clone() } else { format!("{wish}-{nth}") };
        let name: UserName =
            name.parse().map_err(|_| Error::Invalid(format!("'{name}' is no name of a user")))?;
        let added = sqlx::query(
            "insert into users (name, role, added_at, issuer, subject) values ($1, $2, $3, $4, $5)
             on conflict (name) do nothing",
        )
        .bind(Text(&name))
        .bind(Text(role))
        .bind(Text(Timestamp::now()))
        .bind(&person.issuer)
        .bind(&person.subject)
        .execute(&mut *write)
        .await?;
        if added.rows_affected() == 1 {
            return Ok(name);
        }
    }
    Err(Error::Conflict(format!("{NAMESAKES_MAX} users are called '{wish}' already")))
}

/// What a person wishes to be called, as far as names of users go.
fn wished(person: &Person) -> String {
    let said = person.preferred_username.as_deref().or(person.email.as_deref()).unwrap_or_default();
    let mut name = String::new();
    for letter in said.chars().take_while(|letter| *letter != '@') {
        match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => name.push(letter),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    name.truncate(WISH_BYTES_MAX);
    let name = name.trim_end_matches('-');
    match name.chars().next() {
        None => "user".into(),
        Some('a'..='z') => name.into(),
        Some(_) => format!("user-{name}"),
    }
}

fn stranger(person: &Person) -> Error {
    let told: Vec<&str> = person.groups.iter().take(GROUPS_TOLD).map(String::as_str).collect();
    let groups = if told.is_empty() { "it has none".into() } else { told.join(", ") };
    let name = person.preferred_username.as_deref().or(person.email.as_deref()).unwrap_or(&person.subject);
    Error::Forbidden(format!(
        "'{name}' may not: none of its groups at the provider has a role or a team on this host ({groups})"
    ))
}

fn failed(error: chandlery_oidc::Error) -> Error {
    Error::SignOn(error.to_string())
}

#[cfg(test)]
mod tests {
    use chandlery_package::wire::host::{NewTeam, NewUser};
    use chandlery_package::wire::{Page, Paging};

    use super::*;
    use crate::db::Db;
    use crate::users::{FirstToken, GROUPS_CLAIM, SignIn};

    const ISSUER: &str = "https://id.example.com";

    fn person(subject: &str, name: &str, groups: &[&str]) -> Person {
        Person {
            issuer: ISSUER.into(),
            subject: subject.into(),
            email: None,
            preferred_username: Some(name.into()),
            name: None,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    async fn users(folder: &tempfile::TempDir) -> Users {
        let provider = Provider {
            issuer: ISSUER.into(),
            client_id: "host".into(),
            client_secret: None,
            groups_claim: GROUPS_CLAIM.into(),
            roles: vec![("staff".into(), HostRole::Viewer), ("leads".into(), HostRole::Approver)],
            teams: vec![("ml".into(), "ml".parse().unwrap()), ("gone".into(), "gone".parse().unwrap())],
        };
        let url = Some("https://host.example.com".into());
        let settings = SignIn { url, provider: Some(provider), provider_only: true };
        let db = Db::open(&folder.path().join("host.db")).await.unwrap();
        let first = FirstToken::read_or_make(&folder.path().join("host.token")).unwrap();
        Users::new(db, first, settings).unwrap()
    }

    async fn admitted(users: &Users, person: &Person) -> Result<SignedIn, Error> {
        users.admit(users.settings.provider.as_ref().unwrap(), person).await
    }

    #[test]
    fn a_person_is_called_by_what_a_name_of_a_user_can_be() {
        for (said, name) in [
            ("ann", "ann"),
            ("Ann.Lee@example.com", "ann-lee"),
            ("__ann__lee__", "ann-lee"),
            ("4711", "user-4711"),
            ("Ännchen", "nnchen"),
            ("@example.com", "user"),
            ("", "user"),
            ("李", "user"),
            ("a".repeat(200).as_str(), "a".repeat(WISH_BYTES_MAX).as_str()),
        ] {
            let wish = wished(&person("1", said, &[]));
            assert_eq!(wish, name, "{said}");
            assert!(wish.parse::<UserName>().is_ok() && format!("{wish}-100").parse::<UserName>().is_ok());
        }
    }

    #[tokio::test]
    async fn a_user_is_whom_the_provider_calls_so_and_may_what_its_groups_may() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(&folder).await;
        let ann: UserName = "ann".parse().unwrap();
        users.put(&ann, &NewUser { role: HostRole::Admin }).await.unwrap();
        let gpu = ["gpu".parse().unwrap()].into();
        let ml = NewTeam { targets: gpu, members: Default::default() };
        users.put_team(&"ml".parse().unwrap(), &ml).await.unwrap();

        // Nobody takes a name that is somebody's, or comes in without a group.
        let refused = admitted(&users, &person("1", "ann", &["others"])).await.err().unwrap().to_string();
        assert!(refused.contains("'ann' may not") && refused.contains("others"), "{refused}");
        let opened = admitted(&users, &person("1", "ann", &["leads", "ml", "gone"])).await.unwrap();
        assert_eq!(opened.session.user.as_str(), "ann-2");
        let actor = users.on_pages(&opened.token).await.unwrap().unwrap();
        assert!(actor.must_be(HostRole::Approver).is_ok() && actor.must_be(HostRole::Admin).is_err());
        assert!(actor.must_deploy_to("gpu").is_ok());
        assert_eq!(
            admitted(&users, &person("2", "ann", &["staff"])).await.unwrap().session.user.as_str(),
            "ann-3"
        );
        for name in ["admin", "admin@example.com"] {
            let opened = admitted(&users, &person(name, name, &["staff"])).await.unwrap();
            assert!(opened.session.user.as_str().starts_with("admin-"), "{name}");
        }

        // Nobody gives a role or a team by a name that was wished for at the provider: it may be another ann.
        let ann_2 = &opened.session.user;
        for role in HostRole::ALL {
            assert!(matches!(users.put(ann_2, &NewUser { role }).await, Err(Error::Conflict(_))), "{role}");
        }
        let members = [(ann_2.clone(), HostRole::Deployer)].into();
        let ops = NewTeam { targets: Default::default(), members };
        assert!(matches!(users.put_team(&"ops".parse().unwrap(), &ops).await, Err(Error::Conflict(_))));
        let Page { items: all, .. } = users.page(&Paging::first(100)).await.unwrap();
        let found = all.iter().find(|user| user.name == *ann_2).unwrap();
        assert_eq!((found.role, found.issuer.as_deref()), (HostRole::Approver, Some(ISSUER)));
        // What its groups have given stays when the team is set again.
        users
            .put_team(&"ml".parse().unwrap(), &NewTeam { targets: ml.targets.clone(), ..ops })
            .await
            .unwrap();

        // The same person under another name, with other groups: less than before.
        let again = admitted(&users, &person("1", "anna", &["ml"])).await.unwrap();
        assert_eq!(again.session.user.as_str(), "ann-2");
        assert!(users.on_pages(&opened.token).await.unwrap().is_none(), "the role fell");
        let actor = users.on_pages(&again.token).await.unwrap().unwrap();
        assert!(actor.must_be(HostRole::Approver).is_err() && actor.must_deploy_to("gpu").is_ok());

        // And none: everything is gone.
        assert!(matches!(admitted(&users, &person("1", "ann", &[])).await, Err(Error::Forbidden(_))));
        assert!(users.on_pages(&again.token).await.unwrap().is_none());
        let Page { items: all, .. } = users.page(&Paging::first(100)).await.unwrap();
        let left = all.iter().find(|user| user.name.as_str() == "ann-2").unwrap();
        assert_eq!((left.role, left.teams.len()), (HostRole::Viewer, 0));

        // Nobody has a password beside it.
        let invited = users.invite(&left.name).await;
        assert!(matches!(invited, Err(Error::Conflict(_))));
        assert!(matches!(users.sign_in("ann", "one two three").await, Err(Error::Conflict(_))));
    }
}
