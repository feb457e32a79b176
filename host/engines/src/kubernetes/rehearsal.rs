//! What the API server would refuse of a change, asked before anything is done: fields that cannot be changed in place, and those that
//! somebody else has set.

use kube::api::DynamicObject;

use super::Kubernetes;
use super::answers::{Conflict, Refusal, say};
use super::kinds::Kind;
use super::managed::renamed;
use super::object::{CHOICE, Object, WORKLOAD};
use super::objects::objects;
use super::snapshot::{annotation, is_applied, label, name};
use super::view::View;
use crate::{Desired, Error};

/// What webhooks are that cannot be asked without doing something.
const CANNOT_BE_ASKED: &str = "does not support dry run";

impl Kubernetes {
    /// Refuses what the API server would not make of what is there. What is new is not asked for, and Jobs and Secrets are never changed in
    /// place or always may be.
    pub(super) async fn must_take(&self, desired: &Desired) -> Result<(), Error> {
        if self.cluster.must_be_complete().is_err() {
            // What is there is not known yet; the API server says it when it is asked in earnest.
            return Ok(());
        }
        let snapshot = self.observe();
        let view = View::of(desired, &snapshot);
        let wanted = objects(&self.site(view.live), desired, |workload| {
            let made = view.live.iter().filter(|(_, it)| label(it, WORKLOAD) == workload.name);
            let mut choices = made.filter_map(|(_, it)| serde_json::from_str(annotation(it, CHOICE)?).ok());
            choices.next().unwrap_or_default()
        });
        for object in wanted.iter().filter(|object| ![Kind::Job, Kind::Secret].contains(&object.kind)) {
            let live = view.live.iter().find(|(kind, it)| *kind == object.kind && name(it) == object.name);
            let changes = |live: &DynamicObject| {
                // Fields of the former name would stand in their own way, and are handed over first in earnest.
                !is_applied(object, live) && renamed(live, &self.cluster.manager).is_none()
            };
            if !live.is_some_and(|(_, live)| changes(live)) {
                continue;
            }
            let target = self.target.clone();
            match self.cluster.rehearse(object).await {
                // Where nobody answers, it is told when it is asked in earnest.
                Ok(()) | Err(Refusal::Away(_)) => {}
                Err(Refusal::Refused(reason)) if reason.contains(CANNOT_BE_ASKED) => {}
                Err(Refusal::Refused(reason)) => {
                    let reason = format!(
                        "{} is there, and would not be changed: {reason}; a deployment of another name can be made like that, or this \
                         one after `chandlery remove {}`",
                        object.called(),
                        desired.name
                    );
                    return Err(Error::CannotRun { target, reason });
                }
                Err(Refusal::Conflict(conflicts)) => {
                    let reason = in_the_way(object, &conflicts, &desired.name);
                    return Err(Error::Drifted { target, reason });
                }
            }
        }
        Ok(())
    }
}

/// Who has set what of an object, and what takes it back.
pub(super) fn in_the_way(object: &Object, conflicts: &[Conflict], deployment: &str) -> String {
    let what = object.called();
    format!("{what} is not as planned: {}; `chandlery repair {deployment}` takes it back", say(conflicts))
}
