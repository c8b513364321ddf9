//! Warnings, services and logins from the text logs of a syslog daemon, where there is no journal. They do not say who wrote a line: one that a
//! user's `logger` forged cannot be told from a true one.
#![cfg(target_os = "linux")]

use jiff::{civil::DateTime, tz::TimeZone};

use super::{
    Host, ObserveError, Source,
    log::{Line, sounds_wrong},
    tail::Tail,
    witness::{Deed, LOOKS, Witness},
    zone::LogZone,
};
use crate::domain::{Batch, ResourceId, Span, Timestamp};

/// How far back the first reading goes.
pub(super) const BACK: Span = Span::from_hours(1);
/// Most events of one reading; of more, the newest.
const MOST: usize = 500;

/// The logs of logins, the first of which there is.
pub(super) const LOGINS: [&str; 2] = ["var/log/auth.log", "var/log/secure"];
/// The logs of everything else, of which the first is read, too.
pub(super) const LOGS: [&str; 3] = ["var/log/syslog", "var/log/messages", "var/log/kern.log"];

/// The logs of cron, where it has one of its own.
const CRON: [&str; 2] = ["var/log/cron.log", "var/log/cron"];

/// Reads the first of `syslog`, `messages`, `kern.log`, of `auth.log`, `secure`, and of `cron.log`, `cron`, that there is in `/var/log`.
pub(super) struct Syslog {
    logs: [Vec<Tail>; 3],
    resource: ResourceId,
    zone: LogZone,
    every: Span,
    begun: bool,
    witness: Witness,
}

impl Syslog {
    /// The logs of `host`, which tell `witness` who ran what.
    pub(super) fn new(host: &Host, witness: &Witness) -> Self {
        let tail = |name: &str| Tail::new(host.root.join(name));
        Self {
            logs: [LOGS.map(tail).into(), LOGINS.map(tail).into(), CRON.map(tail).into()],
            resource: host.resource.clone(),
            zone: LogZone::of(&host.root),
            every: LOOKS.max(host.interval),
            begun: false,
            witness: witness.clone(),
        }
    }
}

/// When the line was written, and the rest: `2026-11-21T10:32:01.5+00:00 …`, or `Nov 21 10:32:01 …` (RFC 3164), which has no
/// year and is of the last twelve months.
pub(super) fn time<'a>(line: &'a str, now: Timestamp, zone: &TimeZone) -> Option<(Timestamp, &'a str)> {
    let at = |local: DateTime| {
        Some(Timestamp(
            local.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond(),
        ))
    };
    let (first, rest) = line.split_once(' ')?;
    if let Ok(stamp) = first.parse::<Timestamp>() {
        return Some((stamp, rest));
    }
    if let Ok(local) = first
        .parse::<DateTime>()
        .map_err(drop)
        .and_then(|local| at(local).ok_or(()))
    {
        return Some((local, rest));
    }
    let stamp = line.get(..15)?;
    let rest = line.get(15..)?.strip_prefix(' ')?;
    let year = now.to_jiff().to_zoned(zone.clone()).year();
    let parse = |year: i16| {
        let words: Vec<&str> = stamp.split_ascii_whitespace().collect();
        at(DateTime::strptime("%Y %b %d %H:%M:%S", format!("{year} {}", words.join(" "))).ok()?)
    };
    // A day of grace: the clocks of writer and reader may differ.
    let this_year = parse(year).filter(|at| *at <= now + Span::from_days(1));
    Some((this_year.or_else(|| parse(year.checked_sub(1)?))?, rest))
}

/// A line taken apart: when, the name of the host, then `program[123]: message`.
pub(super) fn parsed<'a>(line: &'a str, now: Timestamp, zone: &TimeZone) -> Option<Line<'a>> {
    let (at, rest) = time(line, now, zone)?;
    dated(at, rest)
}

/// The same of a line whose time was read: the rest of it.
pub(super) fn dated(at: Timestamp, rest: &str) -> Option<Line<'_>> {
    let (program, message) = rest.split_once(' ').and_then(|(_, rest)| rest.split_once(": "))?;
    Some(Line {
        at,
        program: program.split(['[', ' ']).next().unwrap_or_default(),
        message,
        warning: sounds_wrong(message),
        vouched: false,
    })
}

impl Source for Syslog {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        self.zone.refresh();
        let mut read_one = false;
        // By place: whether a log was read, and whether there is one.
        let (mut read, mut there) = ([false; 3], [false; 3]);
        let mut events = Vec::new();
        let mut denied = None;
        for (place, choice) in self.logs.iter_mut().enumerate() {
            for log in choice {
                let lines = match log.lines() {
                    Ok(lines) => lines,
                    Err(ObserveError::Absent { .. }) => continue,
                    Err(why) => {
                        there[place] = true;
                        denied = Some(why);
                        continue;
                    }
                };
                read_one |= place < 2;
                (read[place], there[place]) = (true, true);
                for line in &lines {
                    let Some(line) = parsed(line, now, self.zone.zone()) else {
                        continue;
                    };
                    let at = line.at;
                    if let Some((who, failed)) = line.login() {
                        self.witness.note_login(at, who, failed);
                        if line.is_failed_try() {
                            self.witness.note_failure(at);
                        }
                    }
                    if let Some((who, command)) = line.command() {
                        self.witness.note(at, Deed::Ran, who, &command);
                    }
                    // Of cron's own log the general one has a copy on some hosts.
                    if place < 2 && (self.begun || now - at <= BACK) {
                        events.extend(line.told(&self.resource, &self.witness));
                    }
                }
                break;
            }
        }
        self.begun = true;
        if read_one {
            self.witness.read(Deed::Ran, now);
            // Where logins have no log of their own, the general one tells of them.
            if read[1] || !there[1] {
                self.witness.read_logins(now);
            }
        }
        let surplus = events.len().saturating_sub(MOST);
        out.events.extend(events.drain(surplus..));
        match denied {
            Some(why) => Err(why),
            None if read_one => Ok(()),
            None => Err(ObserveError::Absent {
                what: "a journal or a syslog file".into(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::EventKind, observe::fixture::Tree};

    fn now() -> Timestamp {
        "2026-01-01T00:10:00Z".parse().unwrap()
    }

    #[test]
    fn both_forms_of_time() {
        let at = |line| time(line, now(), &TimeZone::UTC).map(|(at, rest)| (at.to_string(), rest.to_owned()));
        assert_eq!(
            at("2026-01-01T01:05:00.25+01:00 h x: y"),
            Some(("2026-01-01T00:05:00.25Z".into(), "h x: y".into()))
        );
        assert_eq!(
            at("Dec 31 23:59:59 h x: y"),
            Some(("2025-12-31T23:59:59Z".into(), "h x: y".into()))
        );
        assert_eq!(
            at("Jan  1 00:00:01 h x: y"),
            Some(("2026-01-01T00:00:01Z".into(), "h x: y".into()))
        );
        for bad in [
            "",
            "x",
            "Foo 31 23:59:59 h",
            "Dec 99 23:59:59 h",
            "\u{1b}[2J 2026",
            "ééééééééé é",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn warnings_and_logins_of_the_last_hour_and_what_is_new() {
        let tree = Tree::new();
        tree.write(
            "var/log/syslog",
            "Dec 31 20:00:00 web-1 app[1]: error long ago\nJan  1 00:05:00 web-1 kernel: [ 1.0] I/O error on sda password=hunter2\n\
             Jan  1 00:06:00 web-1 app[1]: all is well\nnonsense\n",
        );
        tree.write(
            "var/log/kern.log",
            "Jan  1 00:05:00 web-1 kernel: [ 1.0] I/O error, told twice\n",
        );
        tree.write(
            "var/log/auth.log",
            b"Jan  1 00:07:00 web-1 sshd[9]: Accepted password for b\xff\x1bb from 10.0.0.1\n",
        );
        let mut source = Syslog::new(&tree.host(), &Witness::default());
        let batch = tree.read(&mut source, now().secs()).unwrap();
        let kinds: Vec<EventKind> = batch.events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::Kernel, EventKind::Login]);
        assert_eq!(
            &*batch.events[0].what,
            "I/O error: [ 1.0] I/O error on sda password=***"
        );
        assert!(tree.read(&mut source, now().secs() + 10).unwrap().is_empty());
        let witness = Witness::default();
        tree.write(
            "var/log/cron.log",
            "Jan  1 00:08:00 web-1 crontab[7]: (bob) REPLACE (bob)\nJan  1 00:08:00 web-1 CRON[8]: error\n",
        );
        let batch = tree
            .read(&mut Syslog::new(&tree.host(), &witness), now().secs())
            .unwrap();
        assert_eq!(
            batch.events.len(),
            2,
            "what cron's own log says stands in the general one, too"
        );
        let path = "/var/spool/cron/crontabs";
        let who = |whose: &str| {
            witness.who_changed(
                &format!("{path}/{whose}"),
                "2026-01-01T00:08:01Z".parse().unwrap(),
                |_| false,
            )
        };
        assert_eq!((who("bob").as_deref(), who("eve")), (Some("bob"), None));
        let empty = Tree::new();
        assert!(matches!(
            empty.read(&mut Syslog::new(&empty.host(), &Witness::default()), 0),
            Err(ObserveError::Absent { .. })
        ));
    }
}
