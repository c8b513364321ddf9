//! What package managers did: dpkg, rpm and apk.
#![cfg(target_os = "linux")]

mod apk;
mod dpkg;
mod rpm;

use std::path::Path;

pub(super) use self::{
    apk::ApkHistory,
    dpkg::PackageHistory,
    rpm::{RpmHistory, name_and_version},
};
use super::{
    Host,
    secret::scrub,
    witness::{Deed, Witness},
};
use crate::domain::{
    Batch, Event, EventKind, ResourceId, SeriesId, SettingChange, Span, Timestamp, Value, Version, text::visible,
};

/// How far back events are told.
const BACK: Span = Span::from_days(7);
/// How far back changes of packages are told to those who learn from them.
const PAST: Span = Span::from_days(30);

/// Longest command that is told, characters.
const LONGEST: usize = 300;

/// What a package manager did to one package.
struct Step<'a> {
    at: Timestamp,
    /// What it calls that: `install`, `upgrade`, `remove`.
    action: &'a str,
    package: &'a str,
    /// The name of the package's setting, behind `pkg.`.
    setting: &'a str,
    from: Option<&'a str>,
    to: Option<&'a str>,
    who: Option<&'a str>,
    /// Whom files that changed then are laid to.
    by: &'a str,
    /// Whether a later line tells when it was over.
    goes_on: bool,
}

/// Whom what is read is told to.
struct Teller {
    resource: ResourceId,
    witness: Witness,
}

impl Teller {
    fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            resource: host.resource.clone(),
            witness: witness.clone(),
        }
    }

    /// Says that the rotated log at `path` is not read, or not to its end, and why.
    fn unread(&self, path: &Path, why: &str, now: Timestamp, out: &mut Batch) {
        let name = visible(&path.to_string_lossy()).into_owned();
        out.events.push(Event {
            at: now,
            resource: self.resource.clone(),
            kind: EventKind::Collector,
            what: format!("{name} is not read{}", visible(why)).into(),
            who: None,
            backfilled: false,
        });
    }

    /// Tells that `who`, or someone whom another log names, had the manager `by` run `command`, of which steps follow.
    fn ran(&self, at: Timestamp, command: &str, who: Option<&str>, by: &str, now: Timestamp, out: &mut Batch) {
        if now - at <= BACK && !command.trim().is_empty() {
            out.events.push(Event {
                at,
                resource: self.resource.clone(),
                kind: EventKind::Package,
                what: format!("ran {}", scrub(command.trim()))
                    .chars()
                    .take(LONGEST)
                    .collect::<String>()
                    .into(),
                who: who.map(Into::into).or_else(|| self.witness.who_installed(by, at)),
                backfilled: false,
            });
        }
    }

    /// Tells of a step; of one from `before` watching also the change of the package's version.
    fn tell(&self, step: &Step<'_>, before: bool, now: Timestamp, out: &mut Batch) {
        let Step {
            at,
            action,
            package,
            who,
            ..
        } = *step;
        // Where the manager's own log names nobody, another may.
        let person = who.map(Into::into).or_else(|| self.witness.who_installed(step.by, at));
        if step.goes_on {
            self.witness.installs(at, step.by, package);
        } else {
            self.witness.note(at, Deed::Installed, step.by, package);
        }
        if now - at <= BACK {
            let version = match (step.from, step.to) {
                (Some(from), Some(to)) => format!("{from} -> {to}"),
                (one, other) => one.or(other).unwrap_or_default().to_owned(),
            };
            out.events.push(Event {
                at,
                resource: self.resource.clone(),
                kind: EventKind::Package,
                what: format!("{action} {package} {version}").into(),
                who: person.clone(),
                backfilled: false,
            });
        }
        if before && now - at <= PAST {
            let version = |text: Option<&str>| text.map(|text| Value::Version(Version::new(text)));
            out.past.push(SettingChange {
                id: SeriesId::new(&self.resource, &format!("pkg.{}", step.setting)),
                at,
                after: None,
                from: version(step.from),
                to: version(step.to),
                by: Some(match person {
                    Some(person) if who.is_none() => format!("{person} by {}", step.by).into(),
                    _ => step.by.into(),
                }),
                backfilled: true,
            });
        }
    }
}
