//! From which releases deployments are planned: those that are installed, if they are the ones that the lock holds.

use std::collections::BTreeMap;

use chandlery_package::wire::host::Locked;
use chandlery_package::{Kind, PluginId, Requirement};

use super::layers::Desired;
use super::lock::{Lock, Pin};
use super::place::Mistakes;

/// The lock as it is once all of it is deployed; what stands in the way is noted where its plugin is named.
pub fn chosen(
    desired: &Desired,
    lock: &Lock,
    installed: &[Locked],
    update: bool,
    mistakes: &mut Mistakes,
) -> Lock {
    let mut pins = BTreeMap::<PluginId, Pin>::new();
    for wanted in desired.deployments.values() {
        let requirement = &wanted.plugin.value;
        let pin = lock.pin(requirement).filter(|_| !update);
        match choose(requirement, pin, installed) {
            Ok(pin) => {
                pins.insert(requirement.plugin.clone(), pin);
            }
            Err(why) => mistakes.add(&wanted.plugin.at, why),
        }
    }
    Lock::of(pins)
}

/// The release that is installed, or why a deployment is not planned from it.
fn choose(requirement: &Requirement, pin: Option<&Pin>, installed: &[Locked]) -> Result<Pin, String> {
    let is_it =
        |locked: &&Locked| locked.release.plugin == requirement.plugin && locked.kind == Kind::Template;
    let Some(Locked { release, component, .. }) = installed.iter().find(is_it) else {
        let which = pin.map_or_else(|| requirement.to_string(), |pin| pin.release.to_string());
        return Err(format!(
            "{} is not installed as a template: `chandlery install '{which}'`",
            requirement.plugin
        ));
    };
    let found = Pin { release: release.clone(), component: *component };
    match pin {
        Some(pin) if *pin != found => {
            let another = if pin.release == found.release { "of another component " } else { "" };
            Err(format!(
                "the lock holds {}, and {release} {another}is installed: `chandlery install {}` brings the former back, `--update` takes \
                 the latter",
                pin.release, pin.release
            ))
        }
        None if !requirement.matches(&release.version) => Err(format!(
            "{release} is installed, which is not {requirement}: `chandlery install '{requirement}'`"
        )),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::{Digest, PrivateKey};
    use jiff::Timestamp;

    use super::*;

    fn locked(release: &str, kind: Kind) -> Locked {
        Locked {
            release: release.parse().unwrap(),
            registry: String::new(),
            log_key: String::new(),
            component: Digest::of(release),
            artifact: Digest::of("artifact"),
            key: PrivateKey::generate().public(),
            key_log_index: 0,
            log_index: 1,
            kind,
            permissions: Default::default(),
            revoked: Default::default(),
            price: None,
            installed_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_installed_is_taken_if_it_is_what_was_chosen() {
        let installed = [locked("acme:x@1.1.0", Kind::Template), locked("acme:p@1.0.0", Kind::Policy)];
        let pin = |release: &str| Pin { release: release.parse().unwrap(), component: Digest::of(release) };
        let choose = |asked: &str, pin: Option<&Pin>| choose(&asked.parse().unwrap(), pin, &installed);
        assert_eq!(choose("acme:x@^1", None), Ok(pin("acme:x@1.1.0")));
        assert_eq!(choose("acme:x", Some(&pin("acme:x@1.1.0"))), Ok(pin("acme:x@1.1.0")));
        let other = Pin { component: Digest::of("other"), ..pin("acme:x@1.1.0") };
        for (asked, pin, why) in [
            ("acme:y@^1", None, "acme:y is not installed as a template: `chandlery install 'acme:y@^1'`"),
            ("acme:y", Some(&pin("acme:y@1.0.0")), "`chandlery install 'acme:y@1.0.0'`"),
            ("acme:p", None, "acme:p is not installed as a template"),
            ("acme:x@^2", None, "acme:x@1.1.0 is installed, which is not acme:x@^2"),
            (
                "acme:x",
                Some(&pin("acme:x@1.0.0")),
                "the lock holds acme:x@1.0.0, and acme:x@1.1.0 is installed",
            ),
            ("acme:x", Some(&other), "and acme:x@1.1.0 of another component is installed"),
        ] {
            let refused = choose(asked, pin).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
