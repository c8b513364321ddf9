//! How far the clock is from the time servers, as chrony, ntpd or systemd-timesyncd have it.
#![cfg(target_os = "linux")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    Host, ObserveError, Source,
    child::{ask, needing},
    meter::{COUNT, Channel, Origin, Sort},
};
use crate::domain::{Batch, Span, Timestamp, Unit, text::visible};

/// Time between two readings: the servers are asked every minute to every quarter of an hour.
const EVERY: Span = Span::from_mins(2);
/// Folders that a running daemon has.
const CHRONY: [&str; 2] = ["run/chrony", "var/run/chrony"];
const NTPD: [&str; 3] = ["run/ntpd.pid", "var/run/ntpd.pid", "run/ntpsec"];
/// systemd-timesyncd dates this file at each answer.
const TIMESYNCD: &str = "run/systemd/timesync/synchronized";

/// Asks the daemon that keeps the clock.
pub(super) struct TimeSync {
    root: PathBuf,
    origin: Origin,
    offset: Channel,
    stratum: Channel,
    ago: Channel,
    /// When timesyncd was last answered, and what it said then.
    answered: Option<SystemTime>,
    said: Answer,
}

impl TimeSync {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "timesync", EVERY.max(host.interval));
        Self {
            root: host.root.clone(),
            offset: origin.channel("clock.offset_secs", Sort::Signed(Unit::Secs)),
            stratum: origin.channel("clock.stratum", COUNT),
            ago: origin.channel("clock.synced_ago_secs", Sort::Gauge(Unit::Secs)),
            answered: None,
            said: Answer::default(),
            origin,
        }
    }

    fn runs(&self, files: &[&str]) -> bool {
        files.iter().any(|file| self.root.join(file).exists())
    }

    fn tell(&mut self, now: Timestamp, told: Answer, out: &mut Batch) {
        for (channel, number) in [
            (&mut self.offset, told.offset),
            (&mut self.stratum, told.stratum),
            (&mut self.ago, told.ago),
        ] {
            if let Some(number) = number {
                channel.tell(now, number, out);
            }
        }
    }
}

/// What a daemon says: offset in seconds, distance from a reference clock, seconds since the last answer of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Answer {
    offset: Option<f64>,
    stratum: Option<f64>,
    ago: Option<f64>,
}

/// No server has answered: a stratum of 16 (RFC 5905, section 7.3).
const UNSYNCHRONISED: Answer = Answer {
    offset: None,
    stratum: Some(16.0),
    ago: None,
};

/// `chronyc -c tracking`: reference, its name, stratum, time of the reference, offset, …, state of leap seconds.
fn chrony(text: &str, now: Timestamp) -> Answer {
    let fields: Vec<&str> = text.trim().split(',').collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    if fields.len() < 14 {
        return Answer::default();
    }
    // Without a server the numbers are zero and mean nothing.
    if fields[13] == "Not synchronised" {
        return UNSYNCHRONISED;
    }
    Answer {
        offset: number(4),
        stratum: number(2),
        ago: number(3).map(|then| (now.0 as f64 / 1e6 - then).max(0.0)),
    }
}

/// `ntpq -c rv`: `…, stratum=3, …, offset=-0.123, …`, the offset in milliseconds.
fn ntpd(text: &str) -> Answer {
    let number = |wanted: &str| {
        text.split([',', '\n'])
            .find_map(|part| part.trim().strip_prefix(wanted)?.parse::<f64>().ok())
    };
    let stratum = number("stratum=");
    if stratum.is_some_and(|stratum| stratum >= 16.0) {
        return UNSYNCHRONISED;
    }
    Answer {
        offset: number("offset=").map(|millis| millis / 1e3),
        stratum,
        ago: None,
    }
}

/// `timedatectl timesync-status`: lines `Stratum: 2` and `Offset: -1.234ms`. It has none of them before a server answered.
fn timesyncd(text: &str) -> Answer {
    let field = |wanted: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(wanted));
    let stratum = field("Stratum: ").and_then(|text| text.trim().parse().ok());
    Answer {
        offset: field("Offset: ").and_then(|text| span(text.trim())),
        stratum,
        ago: None,
    }
}

/// A span as systemd writes it, in seconds: `+1min 2.5s`, `-37us`.
fn span(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("us", 1e-6),
        ("ms", 1e-3),
        ("min", 60.0),
        ("s", 1.0),
        ("h", 3_600.0),
        ("d", 86_400.0),
        ("w", 604_800.0),
    ];
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let part = |part: &str| {
        let unit = part.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(part.len());
        let number: f64 = part[..unit].parse().ok()?;
        let scale = match &part[unit..] {
            "" if number == 0.0 => 1.0,
            unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
        };
        Some(number * scale)
    };
    let parts: Option<Vec<f64>> = text.split(' ').map(part).collect();
    Some(sign * parts?.iter().sum::<f64>())
}

impl Source for TimeSync {
    fn name(&self) -> &'static str {
        "timesync"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let here = self.root == Path::new("/");
        let answer = if here && self.runs(&CHRONY) {
            let output = ask("chronyc", &["-c", "-n", "tracking"]).map_err(|why| needing(why, "AF_INET AF_INET6"))?;
            let text = String::from_utf8_lossy(&output);
            // What goes wrong it says on its standard output: `506 Cannot talk to daemon`.
            if !text.contains(',') {
                return Err(ObserveError::Malformed {
                    what: "chronyc".into(),
                    why: visible(text.trim()).chars().take(200).collect(),
                });
            }
            chrony(&text, now)
        } else if here && self.runs(&NTPD) {
            let output = ask("ntpq", &["-c", "rv"]).map_err(|why| needing(why, "AF_INET AF_INET6"))?;
            ntpd(&String::from_utf8_lossy(&output))
        } else if let Ok(time) = fs::metadata(self.root.join(TIMESYNCD)).and_then(|meta| meta.modified()) {
            let since = time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
            // The daemon is asked when a server has answered it again; a bus that is away takes nothing from what the file says.
            if here && self.answered.replace(time) != Some(time) {
                let output = ask("timedatectl", &["timesync-status", "--no-pager"]).unwrap_or_default();
                self.said = timesyncd(&String::from_utf8_lossy(&output));
            }
            Answer {
                ago: Some((now.0 as f64 / 1e6 - since).max(0.0)),
                ..self.said
            }
        } else {
            return Err(ObserveError::Absent {
                what: "a daemon that keeps the clock".into(),
            });
        };
        self.tell(now, answer, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn what_the_daemons_say() {
        let now = Timestamp::from_secs(1_000);
        let line = "A29FC87B,162.159.200.123,4,940.5,-0.000012,0.1,0.2,-1.3,0,0.1,0.01,0.001,64.2,Normal\n";
        let want = Answer {
            offset: Some(-0.000_012),
            stratum: Some(4.0),
            ago: Some(59.5),
        };
        assert_eq!(chrony(line, now), want);
        assert_eq!(chrony(&line.replace("Normal", "Not synchronised"), now), UNSYNCHRONISED);
        assert_eq!(chrony("", now), Answer::default());
        let text = "associd=0 status=0615\nversion=\"x\", stratum=3, offset=-0.5,\nfrequency=1";
        assert_eq!(ntpd(text).offset, Some(-0.0005));
        assert_eq!(ntpd(&text.replace("=3", "=16")), UNSYNCHRONISED);
    }

    /// As systemd 252 wrote it.
    const STATUS: &str = "       Server: 127.0.0.1 (127.0.0.1)\nPoll interval: 1min 4s (min: 32s; max 34min 8s)\n         Leap: normal\n      \
        Version: 4\n      Stratum: 8\n    Reference: 7F7F0101\n    Precision: 1us (-25)\nRoot distance: 15us (max: 5s)\n       \
        Offset: -1.042ms\n        Delay: 145us\n       Jitter: 0\n Packet count: 1\n    Frequency: +0.000ppm\n";

    #[test]
    fn timesyncd_says_how_far_off_it_was() {
        let near = |text: &str, want: f64| {
            let told = timesyncd(text).offset.unwrap();
            assert!((told - want).abs() < 1e-9, "{told}");
        };
        near(STATUS, -0.001_042);
        assert_eq!(timesyncd(STATUS).stratum, Some(8.0));
        near("Offset: +1min 2.5s", 62.5);
        near("Offset: 0", 0.0);
        for text in [
            "",
            "Offset: ",
            "Offset: n/a",
            "Offset: 3 parsecs",
            "Abweichung: 1ms",
            "Stratum: x",
        ] {
            assert_eq!(timesyncd(text), Answer::default(), "{text}");
        }
    }

    #[test]
    fn systemd_dates_a_file() {
        let tree = Tree::new();
        let mut source = TimeSync::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        tree.write(TIMESYNCD, "");
        let file = fs::File::options().write(true).open(tree.path(TIMESYNCD)).unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(900))
            .unwrap();
        let batch = tree.read(&mut source, 1_000).unwrap();
        assert_eq!(value(&batch, "clock.synced_ago_secs"), Some(100.0));
    }
}
