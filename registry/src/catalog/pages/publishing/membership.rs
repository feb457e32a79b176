//! What changes the team of a namespace: invitations, their answers, roles, and the end of a membership.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Caller, Role, members, own_role};
use chandlery_edge::{Form, Path};
use chandlery_package::Namespace;
use serde::Deserialize;

use super::answers::namespace_path;
use super::namespace::Manager;
use super::start;
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::shell::{LogIn, PUBLISH};
use crate::team::{Answer, Chosen};

/// What may not be done, in the words of a refusal.
const CHOOSE: &str = "choose the members of";

/// Invites an account, or gives one that is a member already another role.
pub(super) async fn choose(by: Manager, Form(chosen): Form<Chosen>) -> Result<Response, Error> {
    let done = invite(&by, &chosen).await;
    by.answer(done, chosen).await
}

async fn invite(by: &Manager, chosen: &Chosen) -> Result<(), Error> {
    by.must_own(CHOOSE).await?;
    let (account, role) = chosen.read::<Role>()?;
    let had = own_role(&mut *by.db().read().acquire().await?, &by.namespace, &account).await?;
    chosen.must_be_new(&by.namespace, had.map(Role::as_str))?;
    Ok(members::invite(by.db(), by.actor(), &by.namespace, &account, role, by.caller.person()).await?)
}

/// A member of the namespace, as the path has it.
#[derive(Deserialize)]
pub(super) struct OfMember {
    account: Namespace,
}

/// Ends a membership or an invitation; everybody may end their own.
pub(super) async fn remove(
    by: Manager,
    Path(OfMember { account }): Path<OfMember>,
) -> Result<Response, Error> {
    let leaves = by.caller.name == account;
    let done = async {
        if !leaves {
            by.must_own(CHOOSE).await?;
        }
        Ok(members::remove(by.db(), by.actor(), &by.namespace, &account).await?)
    };
    match done.await {
        Ok(()) if leaves => Ok(Redirect::to(PUBLISH).into_response()),
        done => by.answer(done, Chosen::default()).await,
    }
}

/// Accepts or declines an invitation to a namespace.
pub(super) async fn answer(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(namespace): Path<Namespace>,
    Form(given): Form<Answer>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(PUBLISH)) };
    let answered = async {
        let yes = given.yes()?;
        members::answer(&catalog.db, &caller.actor, &namespace, &caller.name, yes).await?;
        Ok(yes)
    };
    match answered.await {
        Ok(true) => Ok(Redirect::to(&namespace_path(&namespace)).into_response()),
        Ok(false) => Ok(Redirect::to(PUBLISH).into_response()),
        Err(error) => start::again(&catalog, &caller, error).await,
    }
}
