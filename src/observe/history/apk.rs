//! apk's log, which apk-tools 3 writes: a block a run.

use jiff::{civil::DateTime, tz::TimeZone};

use super::{Step, Teller};
use crate::{
    domain::{Batch, Span, Timestamp},
    observe::{
        Host, ObserveError, Source,
        tail::Tail,
        witness::{Deed, Witness},
    },
};

/// Reads `/var/log/apk.log`.
pub(in crate::observe) struct ApkHistory {
    tail: Tail,
    teller: Teller,
    every: Span,
    begun: bool,
    /// When the run began that the lines now read belong to, and its command until one of its steps was told.
    run: Option<(Timestamp, Option<String>)>,
}

impl ApkHistory {
    /// The history of `host`, which tells `witness` when a package was worked on.
    pub(in crate::observe) fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            tail: Tail::new(host.root.join("var/log/apk.log")),
            teller: Teller::new(host, witness),
            every: Span::from_secs(10).max(host.interval),
            begun: false,
            run: None,
        }
    }

    /// ``Running `apk upgrade` at 2026-09-28 06:10:04`` begins a run, its time UTC; `(1/2) Upgrading jq (1.8.1-r0 -> 1.8.2-r0)` is a step.
    fn line(&mut self, line: &str, now: Timestamp, out: &mut Batch) {
        if line.starts_with("Running ") {
            self.run = line.rsplit_once(" at ").and_then(|(command, time)| {
                let command = command.trim_start_matches("Running ").trim_matches('`');
                Some((utc(time)?, Some(command.to_owned())))
            });
            return;
        }
        let Some((at, command)) = &mut self.run else { return };
        let at = *at;
        let Some((_, step)) = line.strip_prefix('(').and_then(|rest| rest.split_once(") ")) else {
            return;
        };
        let mut words = step.splitn(3, ' ');
        let (Some(done), Some(package), Some(versions)) = (words.next(), words.next(), words.next()) else {
            return;
        };
        let Some(versions) = versions.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
            return;
        };
        let (from, to) = match versions.0.split_once(" -> ") {
            Some((from, to)) => (Some(from), Some(to)),
            None => (None, Some(versions.0)),
        };
        let (action, from, to) = match done {
            "Installing" => ("install", None, to),
            "Upgrading" => ("upgrade", from, to),
            "Downgrading" => ("downgrade", from, to),
            "Purging" => ("remove", to, None),
            _ => return,
        };
        let step = Step {
            at,
            action,
            package,
            setting: package,
            from,
            to,
            who: None,
            by: "apk",
            goes_on: false,
        };
        if let Some(command) = command.take() {
            self.teller.ran(at, &command, None, "apk", now, out);
        }
        self.teller.tell(&step, !self.begun, now, out);
    }
}

fn utc(time: &str) -> Option<Timestamp> {
    let at: DateTime = time.trim().replacen(' ', "T", 1).parse().ok()?;
    let zoned = at.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_microsecond()))
}

impl Source for ApkHistory {
    fn name(&self) -> &'static str {
        "apk-history"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        for line in self.tail.lines()? {
            self.line(&line, now, out);
        }
        self.begun = true;
        self.teller.witness.read(Deed::Installed, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Value, Version},
        observe::fixture::Tree,
    };

    #[test]
    fn runs_tell_what_was_done_and_versions_of_before_are_learnt_from() {
        let tree = Tree::new();
        let witness = Witness::default();
        let mut source = ApkHistory::new(&tree.host(), &witness);
        let now = "2026-09-28T07:00:00Z".parse::<Timestamp>().unwrap().secs();
        assert!(matches!(tree.read(&mut source, now), Err(ObserveError::Absent { .. })));
        let first = "(1/1) Installing lost (1-r0)\nRunning `apk upgrade at once` at 2026-09-28 06:10:04\n\
            apk-tools 3.0.8-r0, compiled for x86_64.\n(1/3) Upgrading jq (1.8.1-r0 -> 1.8.2-r0)\n(2/3) Purging vi (9.1-r2)\n\
            (3/3) Installing \u{1b}[2J (\n(3/3) Frobbing x (1)\nOK: 129.7 MiB in 208 packages\n";
        tree.write("var/log/apk.log", first);
        let batch = tree.read(&mut source, now).unwrap();
        let what: Vec<&str> = batch.events.iter().map(|event| &*event.what).collect();
        let want = [
            "ran apk upgrade at once",
            "upgrade jq 1.8.1-r0 -> 1.8.2-r0",
            "remove vi 9.1-r2",
        ];
        assert_eq!(what, want);
        assert_eq!(batch.events[0].at.to_string(), "2026-09-28T06:10:04Z");
        assert_eq!(&*batch.past[0].id.name, "pkg.jq");
        assert_eq!(batch.past[0].from, Some(Value::Version(Version::new("1.8.1-r0"))));
        assert_eq!((batch.past.len(), &batch.past[1].to), (2, &None));
        // What comes later is an event; the snapshot of packages tells of its change.
        let alice = "alice";
        witness.note(Timestamp::from_secs(now - 70), Deed::Ran, alice, "/sbin/apk add x");
        let later = format!("{first}Running `apk add x` at 2026-09-28 06:59:00\n(1/1) Installing x (2-r0)\n(2/");
        tree.write("var/log/apk.log", later);
        let batch = tree.read(&mut source, now).unwrap();
        let told: Vec<(&str, Option<&str>)> = batch
            .events
            .iter()
            .map(|event| (&*event.what, event.who.as_deref()))
            .collect();
        assert_eq!(told, [("ran apk add x", Some(alice)), ("install x 2-r0", Some(alice))]);
        assert!(batch.past.is_empty());
    }
}
