//! Which release is installed. The log says which there are; a registry that lists fewer does not move anybody back.

use chandlery_package::log::History;
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::wire::host::Locked;
use chandlery_package::{Identity, Release, Requirement};

use super::{Distrust, Error, Refusal, RegistryClient, RegistryError};

/// What the registry says of the newest release that satisfies the requirement and is to be run.
pub(super) async fn choose(
    client: &RegistryClient,
    history: &History,
    requirement: &Requirement,
    installed: Option<&Locked>,
) -> Result<ReleaseRecord, Error> {
    let plugin = &requirement.plugin;
    if !history.releases().any(|(release, _)| release.plugin == *plugin) {
        // The registry says better than anybody why the log does not tell of it.
        client.releases(plugin).await?;
    }
    record(client, history, &newest(history, requirement, installed.map(|locked| &locked.release))?).await
}

/// What the registry says of a release that is logged.
pub(super) async fn record(
    client: &RegistryClient,
    history: &History,
    release: &Release,
) -> Result<ReleaseRecord, Error> {
    match client.release(release).await {
        Err(Error::Registry(RegistryError::Refused(Refusal(problem)))) if problem.status == 404 => {
            // Whoever may not see the plugin sees none of its releases, and is told so.
            client.releases(&release.plugin).await?;
            Err(Distrust::Hidden(release.clone()).into())
        }
        answer => {
            let record = answer?;
            must_be_of(history, release, record.log_index)?;
            must_be_by(history, release, record.identity.as_ref())?;
            Ok(record)
        }
    }
}

/// Refuses what the log says of a release a second time: it was said with another key, perhaps, which was revoked since the first.
fn must_be_of(history: &History, release: &Release, log_index: u64) -> Result<(), Error> {
    let what = match history.release(release).map(|state| state.index) {
        Some(index) if index == log_index => return Ok(()),
        Some(index) => format!("entry {index} has released it before"),
        None => "no entry releases it by a key that is to be trusted".into(),
    };
    Err(Distrust::LogDiffers { index: log_index, release: release.clone(), what }.into())
}

/// Refuses another workload than the one that the log says has published a release.
fn must_be_by(history: &History, release: &Release, said: Option<&Identity>) -> Result<(), Error> {
    let what = match history.identity(release) {
        logged if logged == said => return Ok(()),
        Some(logged) => format!("it was published by {logged}"),
        None => "it was published with a key of its namespace".into(),
    };
    let index = history.release(release).map_or(0, |state| state.index);
    Err(Distrust::LogDiffers { index, release: release.clone(), what }.into())
}

/// Yanked releases are left out, but for the one that is installed.
fn newest(
    history: &History,
    requirement: &Requirement,
    installed: Option<&Release>,
) -> Result<Release, Error> {
    let offered = history.releases().filter(|(release, state)| {
        release.plugin == requirement.plugin && (!state.yanked || installed == Some(*release))
    });
    let offered: Vec<&Release> = offered.map(|(release, _)| release).collect();
    let mut fitting: Vec<&Release> = offered.clone();
    fitting.retain(|release| requirement.matches(&release.version));
    fitting.sort_by(|a, b| b.version.cmp(&a.version));
    let mut refused = None;
    for release in fitting {
        match history.objection(release) {
            None => return Ok(release.clone()),
            Some(objection) => {
                refused = refused.or(Some(Error::objection(release, objection)));
            }
        }
    }
    Err(refused.unwrap_or_else(|| Error::NoRelease {
        requirement: requirement.clone(),
        published: offered.into_iter().cloned().collect(),
    }))
}

#[cfg(test)]
mod tests {
    use chandlery_package::log::Entry;
    use chandlery_package::{Digest, PrivateKey};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_log_says_what_can_be_chosen() {
        let (key, at) = (PrivateKey::generate().public(), Timestamp::UNIX_EPOCH);
        let release = |version: &str| -> Release { format!("acme:ocr@{version}").parse().unwrap() };
        let mut history = History::default();
        history.apply(&Entry::KeyAdded { namespace: "acme".parse().unwrap(), key, at }).unwrap();
        for version in ["1.0.0", "1.0.1", "1.0.2", "1.0.10", "2.0.0"] {
            let (component, artifact) = (Digest::of("c"), Digest::of("a"));
            let released =
                Entry::Released { release: release(version), component, artifact, key: key.id(), at };
            history.apply(&released).unwrap();
        }
        history.apply(&Entry::Yanked { release: release("1.0.2"), at }).unwrap();
        for version in ["1.0.10", "2.0.0"] {
            let reason = "it leaks".into();
            history.apply(&Entry::Withdrawn { release: release(version), reason, at }).unwrap();
        }
        let (subject, reason) = ("acme:ocr@1.0.1".parse().unwrap(), "it may leak".to_owned());
        let mut quarantined = history.clone();
        quarantined.apply(&Entry::Quarantined { subject, reason, at }).unwrap();
        let all = "acme:ocr".parse().unwrap();
        assert_eq!(newest(&quarantined, &all, None).unwrap(), release("1.0.0"));
        let exact = "acme:ocr@=1.0.1".parse().unwrap();
        assert!(matches!(newest(&quarantined, &exact, None), Err(Error::Quarantined { .. })));
        let choose = |range: &str, installed: Option<&str>| {
            let requirement = format!("acme:ocr@{range}").parse().unwrap();
            newest(&history, &requirement, installed.map(release).as_ref())
        };
        for (range, installed, chosen) in [
            ("*", None, "1.0.1"),
            ("*", Some("1.0.2"), "1.0.2"),
            ("^1", Some("1.0.10"), "1.0.1"),
            ("=1.0.0", Some("1.0.2"), "1.0.0"),
        ] {
            assert_eq!(choose(range, installed).unwrap(), release(chosen), "{range} {installed:?}");
        }
        assert!(matches!(choose("^2", None), Err(Error::Withdrawn { .. })));
        assert!(
            matches!(choose("=1.0.2", None), Err(Error::NoRelease { published, .. }) if published.len() == 4)
        );
        let other = "acme:other".parse().unwrap();
        assert!(matches!(newest(&history, &other, None), Err(Error::NoRelease { .. })));

        // Said again, with other content or by another key, it is not what the log has said.
        let (component, artifact) = (Digest::of("evil"), Digest::of("evil"));
        let again = Entry::Released { release: release("1.0.0"), component, artifact, key: key.id(), at };
        assert!(history.apply(&again).is_err());
        for (version, index, counts) in
            [("1.0.0", 1, true), ("1.0.0", history.size - 1, false), ("3.0.0", 1, false)]
        {
            let checked = must_be_of(&history, &release(version), index);
            match counts {
                true => assert!(checked.is_ok(), "{checked:?}"),
                false => assert!(matches!(checked, Err(Error::Distrust(Distrust::LogDiffers { .. })))),
            }
        }
    }
}
