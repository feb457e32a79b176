//! `chandlery host users`, `host whoami` and `host acts`: who uses a host, and what each has done.

use chandlery_package::UserName;
use chandlery_package::wire::Page;
use chandlery_package::wire::host::{
    HostAct, HostRole, Membership, NewUser, RemovedUser, SetUp, User, Whoami,
};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use reqwest::Method;

use crate::api::{Context, address};
use crate::arguments::{moment, one_of};
use crate::failure::Result;
use crate::show;

const PATH: &str = "/api/v1/users";

/// Who uses a host.
#[derive(Subcommand)]
pub enum Users {
    /// Add a user, or give another role to one
    Add {
        /// Lower-case letters, digits and dashes
        name: UserName,
        /// What the user may do on the whole host, on every target
        #[arg(value_parser = one_of::<HostRole>())]
        role: HostRole,
    },
    /// Make a link by which a user sets a password, the first or another one; all its sessions end
    Invite {
        /// The user's name
        name: UserName,
    },
    /// Show all users
    List,
    /// Remove a user, whose tokens and sessions end at once; what is deployed stays
    Remove {
        /// The user's name
        name: UserName,
    },
}

impl Users {
    /// Runs the command that was chosen.
    pub async fn run(self, context: &Context) -> Result {
        match self {
            Self::Add { name, role } => add(context, &name, role).await,
            Self::Invite { name } => invite(context, &name).await,
            Self::List => list(context).await,
            Self::Remove { name } => remove(context, &name).await,
        }
    }
}

async fn add(context: &Context, name: &UserName, role: HostRole) -> Result {
    let user: User = context.host(Method::PUT, &format!("{PATH}/{name}"), NewUser { role }).await?;
    match context.settings.json {
        true => show::json(user),
        false => {
            show::done(format!("{name} is {role} on this host"));
            show::note(format!(
                "`chandlery host users invite {name}` lets it sign in, and `chandlery host tokens new {name} {role}` makes a token"
            ));
        }
    }
    Ok(())
}

async fn invite(context: &Context, name: &UserName) -> Result {
    let made: SetUp = context.host(Method::POST, &format!("{PATH}/{name}/set-up"), ()).await?;
    if context.settings.json {
        show::json(made);
        return Ok(());
    }
    let page = || format!("{}/set-up?token={}", context.settings.host, made.token);
    show::text(&made.url.clone().unwrap_or_else(page));
    let until = made.expires_at.strftime("%Y-%m-%d %H:%M UTC");
    show::note(format!("{name} sets a password there, once, until {until}: hand the link to nobody else"));
    Ok(())
}

async fn list(context: &Context) -> Result {
    let page: Page<User> = context.host_list(PATH).await?;
    let row = |user: User| {
        let teams: Vec<String> = user.teams.iter().map(ToString::to_string).collect();
        let added = user.added_at.strftime("%Y-%m-%d").to_string();
        let issuer = user.issuer.unwrap_or_default();
        vec![user.name.to_string(), user.role.to_string(), teams.join(", "), added, issuer]
    };
    match context.settings.json {
        true => show::json(page),
        false => {
            show::table(&["user", "role", "teams", "added", "signs in at"], page.items.into_iter().map(row))
        }
    }
    Ok(())
}

async fn remove(context: &Context, name: &UserName) -> Result {
    let removed: RemovedUser = context.host(Method::DELETE, &format!("{PATH}/{name}"), ()).await?;
    if context.settings.json {
        show::json(removed);
        return Ok(());
    }
    show::done(format!("{name} is removed, and {} tokens ended", removed.ended.len()));
    for id in removed.made {
        show::warning(format!(
            "{name} made the token {id} of another user, and may know it: `chandlery host tokens revoke {id}` ends it"
        ));
    }
    for deployment in removed.rolling_out {
        show::note(format!("{deployment} still rolls out what {name} deployed"));
    }
    Ok(())
}

/// Shows whose the token is, and what it may do.
pub async fn whoami(context: &Context) -> Result {
    let found: Whoami = context.host(Method::GET, "/api/v1/whoami", ()).await?;
    if context.settings.json {
        show::json(found);
        return Ok(());
    }
    show::done(format!("{}, {} on this host", found.user, found.role));
    if !found.targets.is_empty() || !found.deployments.is_empty() {
        let targets = found.targets.iter().map(ToString::to_string);
        let names: Vec<String> = targets.chain(found.deployments.iter().map(ToString::to_string)).collect();
        show::note(format!("the token deploys {} alone", names.join(", ")));
    }
    for Membership { team, role, targets } in found.teams {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        show::note(format!("{role} in team {team}, on {}", targets.join(", ")));
    }
    Ok(())
}

/// Which acts are shown.
#[derive(Args)]
pub struct Sought {
    /// By one user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// One kind of act, such as deploy
    #[arg(long)]
    act: Option<String>,
    /// What was done to one thing: a deployment, a plugin, a secret
    #[arg(long, value_name = "NAME")]
    about: Option<String>,
    /// Only what was not done
    #[arg(long)]
    refused: bool,
    /// From this moment on: a day by UTC, such as 2026-11-01, or a time, such as 2026-11-01T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Before this moment, which is written in the same way
    #[arg(long, value_name = "TIME", value_parser = moment)]
    before: Option<Timestamp>,
}

/// Shows what users have done, the last first.
pub async fn acts(context: &Context, sought: Sought) -> Result {
    let Sought { user, act, about, refused, from, before } = sought;
    let path = address(
        "/api/v1/acts",
        &[
            ("user", user),
            ("act", act),
            ("about", about),
            ("refused", refused.then(|| "true".into())),
            ("from", from.map(|at| at.to_string())),
            ("before", before.map(|at| at.to_string())),
        ],
    );
    let page: Page<HostAct> = context.host_list(&path).await?;
    let row = |done: HostAct| {
        vec![
            done.at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            done.user,
            done.token.unwrap_or_else(|| "host.token".into()),
            done.act,
            done.about,
            done.status.map(|status| status.to_string()).unwrap_or_default(),
        ]
    };
    match context.settings.json {
        true => show::json(page),
        false => show::table(
            &["at (UTC)", "user", "token", "act", "about", "answer"],
            page.items.into_iter().map(row),
        ),
    }
    Ok(())
}
