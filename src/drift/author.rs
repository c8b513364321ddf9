//! Who made a change, where a log says so: then that deed is the cause, and nothing that only happened near it.

use std::sync::Arc;

use super::{baseline::scope_of, deed, report, score::CERTAIN};
use crate::{
    domain::{Cause, Comparison, Event, Finding, SeriesId, SettingChange, Span, Subject, sudo, text::visible},
    observe::looks,
    shadow::Shadows,
};

/// How long before a change the command that made it may have begun: an editor stays open.
const COMMAND: Span = Span::from_hours(1);
/// How much later than the change a log may have its line.
const LATE: Span = Span::from_secs(2);

/// Most settings of a finding whose names are looked for.
const MOST: usize = 50;

/// What changes settings of a scope whose names no command says: rules of the firewall, tables of cron.
const TOOLS: [(&str, &[&str]); 2] = [
    (
        "firewall",
        &[
            "nft",
            "nftables",
            "iptables",
            "ip6tables",
            "ufw",
            "firewall-cmd",
            "firewalld",
            "ip rule",
        ],
    ),
    ("cron", &["crontab"]),
];

/// The deed that brought `finding` about, where its author is known: the line that a log has of it, else who it was.
pub(super) fn deed(finding: &Finding, shadows: &Shadows) -> Option<Cause> {
    if finding.comparison != Comparison::DeclaredActual || finding.stands() {
        return None;
    }
    let head = finding.series.first()?;
    let change = last_change(head, shadows)?;
    let author = change.by.as_deref()?;
    let done = || format!("done by {}", visible(author));
    let (at, what, sure) = match told(finding, change, author, shadows) {
        Some((event, true)) => (event.at, in_words(event, author), true),
        // Its author ran it then, and nothing says that this was it.
        Some((event, false)) => match command(event) {
            Some(command) => (
                event.at,
                report::line(format!("{}, possibly with {command}", done())),
                false,
            ),
            None => (event.at, in_words(event, author), false),
        },
        None => (change.at, report::line(done()), false),
    };
    let at = at.min(finding.since);
    Some(Cause {
        series: None,
        what,
        at,
        earliest: (!sure).then(|| change.earliest()).filter(|earliest| *earliest < at),
        lead: finding.since - at,
        weight: CERTAIN,
    })
}

/// Dates a change that was read some time after it may have come about by the command that made it, where that is known: it was then.
pub(super) fn date(finding: &mut Finding) {
    let declared = finding.comparison == Comparison::DeclaredActual && !finding.stands();
    let (Some(earliest), Some(cause)) = (finding.earliest.filter(|_| declared), finding.causes.first_mut()) else {
        return;
    };
    let known = cause.series.is_none() && cause.earliest.is_none() && cause.weight >= CERTAIN;
    if known && (earliest..finding.since).contains(&cause.at) {
        cause.lead = Span::ZERO;
        (finding.since, finding.earliest) = (cause.at, None);
    }
}

/// The newest change of a setting; one that is gone has no state, its change is found among all.
fn last_change<'a>(id: &SeriesId, shadows: &'a Shadows) -> Option<&'a SettingChange> {
    let state = shadows.settings.get(id).map(|state| state.last_change.as_deref());
    state.unwrap_or_else(|| shadows.settings.changes().iter().rev().find(|change| change.id == *id))
}

/// The line of a log that tells of the change: one of its author that names what was changed, or a tool that changes such things, and `true`;
/// else the only one of the time that the change was made in.
fn told<'a>(
    finding: &Finding,
    change: &SettingChange,
    author: &str,
    shadows: &'a Shadows,
) -> Option<(&'a Event, bool)> {
    let from = change.earliest();
    let recent = shadows.events.iter().rev();
    let theirs: Vec<&Event> = recent
        .take_while(|event| event.at >= from - COMMAND)
        .filter(|event| event.resource == finding.resource && event.at <= change.at + LATE)
        .filter(|event| event.who.as_deref().is_some_and(|who| is_part(author, who)))
        // Whoever read the file again after it was written did not write it.
        .filter(|event| !command(event).is_some_and(looks))
        .collect();
    // Of what sudo wrote the command alone: as whom it ran, and where, is told of each.
    let named = |event: &&&Event| names(&finding.series, command(event).unwrap_or(&event.what));
    if let Some(event) = theirs.iter().find(named) {
        return Some((event, true));
    }
    let mut near = theirs.iter().filter(|event| event.at >= from - LATE);
    near.next()
        .filter(|_| near.next().is_none())
        .map(|event| (*event, false))
}

/// Whether `who` is one of those whom `author` says: `alice` of `alice by apt`, `dpkg` of `dpkg (ssh)`.
fn is_part(author: &str, who: &str) -> bool {
    author
        .split(" by ")
        .map(|one| one.split_once(" (").map_or(one, |(name, _)| name))
        .any(|one| one == who)
}

/// Whether the text names one of the settings' things, their file by its last part, or a tool that changes such things.
pub(super) fn names(series: &[SeriesId], text: &str) -> bool {
    let tool = || {
        let tools = TOOLS.iter().filter(|(scope, _)| scope_of(&series[0]) == *scope);
        tools.flat_map(|(_, tools)| *tools).any(|tool| deed::word(text, tool))
    };
    let file = || {
        let file = Subject::of(&series[0].name).file();
        file.is_some_and(|path| path.rsplit('/').next().is_some_and(|last| deed::word(text, last)))
    };
    let account = || {
        series.iter().take(MOST).any(
            |id| matches!(Subject::of(&id.name), Subject::Account { name, .. } if !name.is_empty() && deed::word(text, name)),
        )
    };
    deed::names(series, text) || account() || tool() || file()
}

/// The command that a line of sudo has.
pub(super) fn command(event: &Event) -> Option<&str> {
    sudo::ran(event.what.strip_prefix("sudo: ")?).map(|ran| ran.command)
}

/// `alice ran /usr/bin/vim /etc/motd`, or the line as it stands.
fn in_words(event: &Event, author: &str) -> Arc<str> {
    let who = event.who.as_deref().unwrap_or(author);
    report::line(match command(event) {
        Some(command) => format!("{} ran {command}", visible(who)),
        None => format!("{} by {}", event.what, visible(author)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_whoever_is_named() {
        for (author, who, fits) in [
            ("alice", "alice", true),
            ("alice by apt", "alice", true),
            ("alice by apt", "apt", true),
            ("dpkg (ssh)", "dpkg", true),
            ("alice", "al", false),
            ("dpkg (alice)", "alice", false),
        ] {
            assert_eq!(is_part(author, who), fits, "{author} {who}");
        }
    }
}
