//! What changes the team of a namespace: invitations, their answers, roles, and the end of a membership.

use axum::extract::{Form, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Caller, Role, members, own_role};
use chandlery_edge::Path;
use chandlery_package::Namespace;
use chandlery_package::problem::Explain as _;

use super::answers::namespace_path;
use super::{namespace, start};
use crate::catalog::error::Error;
use crate::catalog::state::Catalog;
use crate::shell::{LogIn, PUBLISH};
use crate::team::{Answer, Chosen, Typed};

/// What may not be done, in the words of a refusal.
const CHOOSE: &str = "choose the members of";

/// Invites an account, or gives one that is a member already another role.
pub(super) async fn choose(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(namespace): Path<Namespace>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    let done = async {
        caller.must_own(&catalog.db, &namespace, CHOOSE).await?;
        let (account, role) = chosen.read::<Role>()?;
        let had = own_role(&mut *catalog.db.read().acquire().await?, &namespace, &account).await?;
        chosen.must_be_new(&namespace, had.map(Role::as_str))?;
        let by = caller.person();
        Ok(members::invite(&catalog.db, &caller.actor, &namespace, &account, role, by).await?)
    };
    let done: Result<(), Error> = done.await;
    told(&catalog, &caller, &namespace, done, chosen).await
}

/// Ends a membership or an invitation; everybody may end their own.
pub(super) async fn remove(
    State(catalog): State<Catalog>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, account)): Path<(Namespace, Namespace)>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&namespace_path(&namespace))) };
    let leaves = caller.name == account;
    let done = async {
        if !leaves {
            caller.must_own(&catalog.db, &namespace, CHOOSE).await?;
        }
        Ok(members::remove(&catalog.db, &caller.actor, &namespace, &account).await?)
    };
    match done.await {
        Ok(()) if leaves => Ok(Redirect::to(PUBLISH).into_response()),
        done => told(&catalog, &caller, &namespace, done, Chosen::default()).await,
    }
}

async fn told(
    catalog: &Catalog,
    caller: &Caller,
    namespace: &Namespace,
    done: Result<(), Error>,
    chosen: Chosen,
) -> Result<Response, Error> {
    match done {
        Ok(()) => Ok(Redirect::to(&namespace_path(namespace)).into_response()),
        Err(error) => {
            let typed = Typed::refused(chosen, &error.problem());
            namespace::again(catalog, caller, namespace, error, &typed).await
        }
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
