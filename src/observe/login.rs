//! Boots, logins and failed logins, from the records of `wtmp` and `btmp` (utmp(5)).
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
};

use super::{
    Host, ObserveError, Source,
    file::{failed, open},
    meter::{COUNT, Channel, Origin},
    witness::Witness,
};
use crate::domain::{Batch, Event, EventKind, ResourceId, Span, Timestamp};

/// How far back the first reading goes.
const BACK: Span = Span::from_days(30);
/// How far back a log was read at first: of what is older it says nothing here.
const LOGGED: Span = Span::from_hours(1);
/// How new a record may be for the log not to have been read beyond it.
const YOUNG: Span = Span::from_secs(3);
/// How long failed logins count in `logins.failed_1m`.
const COUNTED: Span = Span::from_mins(1);
/// Most bytes that are taken at one reading; of more, the newest.
const MOST_BYTES: u64 = 1 << 20;
/// Most events of one reading.
const MOST: usize = 300;

/// On some machines a record has 64-bit times and is larger.
const WIDE: bool = cfg!(any(target_arch = "aarch64", target_arch = "riscv64"));
const RECORD: usize = if WIDE { 400 } else { 384 };
const TIME: usize = if WIDE { 344 } else { 340 };
/// Kinds of records (utmp(5)).
const RUN_LEVEL: i16 = 1;
const BOOT: i16 = 2;
const LOGIN_PROCESS: i16 = 6;
const USER_PROCESS: i16 = 7;

/// One record.
struct Record {
    kind: i16,
    line: String,
    user: String,
    host: String,
    at: Timestamp,
}

impl Record {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = |from: usize, long: usize| {
            let field = bytes.get(from..from + long)?;
            let end = field.iter().position(|b| *b == 0).unwrap_or(long);
            Some(String::from_utf8_lossy(&field[..end]).into_owned())
        };
        let secs = if WIDE {
            i64::from_le_bytes(bytes.get(TIME..TIME + 8)?.try_into().ok()?)
        } else {
            // Beyond 2038 the field is read without its sign.
            i64::from(u32::from_le_bytes(bytes.get(TIME..TIME + 4)?.try_into().ok()?))
        };
        Some(Self {
            kind: i16::from_le_bytes(bytes.get(..2)?.try_into().ok()?),
            line: text(8, 32)?,
            user: text(44, 32)?,
            host: text(76, 256)?,
            at: Timestamp(secs.checked_mul(1_000_000)?),
        })
    }
}

impl Record {
    /// Whether a record of `btmp` is of a login that failed.
    fn fails(&self) -> bool {
        matches!(self.kind, LOGIN_PROCESS | USER_PROCESS)
    }
}

/// A file of records and how far it was read: inode and bytes.
struct Records {
    path: PathBuf,
    at: Option<(u64, u64)>,
}

impl Records {
    fn new(path: PathBuf) -> Self {
        Self { path, at: None }
    }

    /// The records added since the last reading, at first all that are there.
    fn added(&mut self) -> Result<Vec<Record>, ObserveError> {
        let io = |source| failed(&self.path, source);
        let mut file = open(&self.path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        let start = match self.at {
            Some((inode, read)) if inode == meta.ino() && read <= meta.size() => read,
            _ => 0,
        };
        let size = meta.size() - meta.size() % RECORD as u64;
        let from = start.max(size.saturating_sub(MOST_BYTES - MOST_BYTES % RECORD as u64));
        file.seek(SeekFrom::Start(from)).map_err(io)?;
        let mut bytes = Vec::new();
        file.take(size.saturating_sub(from))
            .read_to_end(&mut bytes)
            .map_err(io)?;
        let whole = bytes.len() - bytes.len() % RECORD;
        self.at = Some((meta.ino(), from + whole as u64));
        Ok(bytes[..whole].chunks(RECORD).filter_map(Record::parse).collect())
    }
}

/// Reads `wtmp` and `btmp`; where a journal or a log file tells of logins, what that does not say.
pub(super) struct Logins {
    resource: ResourceId,
    every: Span,
    done: Records,
    failed: Records,
    /// What a journal or a log file told of logins, where there is one.
    witness: Option<Witness>,
    /// Records so new that the log may not have been read beyond them, with whether they are of failures.
    young: Vec<(Record, bool)>,
    /// When the logins of the last minute failed that `btmp` holds, and how many those are.
    failures: Vec<Timestamp>,
    count: Channel,
}

impl Logins {
    /// The logins of `host`; `witness` knows of which another source tells, which is read before this one.
    pub(super) fn new(host: &Host, witness: Option<&Witness>) -> Self {
        let log = |name: &str| Records::new(host.root.join("var/log").join(name));
        let every = Span::from_secs(30).max(host.interval);
        Self {
            failures: Vec::new(),
            count: Origin::new(host, "login", every).channel("logins.failed_1m", COUNT),
            resource: host.resource.clone(),
            every,
            done: log("wtmp"),
            failed: log("btmp"),
            witness: witness.cloned(),
            young: Vec::new(),
        }
    }

    fn event(&self, at: Timestamp, kind: EventKind, what: String, who: Option<&str>) -> Event {
        Event {
            at,
            resource: self.resource.clone(),
            kind,
            what: what.chars().take(300).collect::<String>().into(),
            who: who.map(Into::into),
            backfilled: false,
        }
    }

    /// Whether another log told of that login.
    fn told(&self, record: &Record, failed: bool, now: Timestamp) -> bool {
        let told = |witness: &Witness| witness.saw_login(record.at, &record.user, failed);
        now - record.at <= LOGGED && self.witness.as_ref().is_some_and(told)
    }

    /// Of the records `added` and those that waited, all that another log was read beyond.
    fn ripe(&mut self, added: Vec<Record>, failed: bool, now: Timestamp) -> Vec<Record> {
        if self.witness.is_none() {
            return added;
        }
        let waited = std::mem::take(&mut self.young).into_iter();
        let (mine, others): (Vec<_>, Vec<_>) = waited.partition(|(_, of)| *of == failed);
        self.young = others;
        let all = mine.into_iter().map(|(record, _)| record).chain(added);
        let (young, ripe): (Vec<_>, Vec<_>) = all.partition(|record| (Span::ZERO..YOUNG).contains(&(now - record.at)));
        self.young.extend(young.into_iter().map(|record| (record, failed)));
        ripe
    }

    fn tell(&self, record: &Record, now: Timestamp) -> Option<Event> {
        if now - record.at > BACK || record.at > now + Span::from_days(1) {
            return None;
        }
        let Record {
            line, user, host, at, ..
        } = record;
        match record.kind {
            BOOT => Some(self.event(*at, EventKind::Kernel, format!("boot of Linux {host}"), None)),
            RUN_LEVEL if user == "shutdown" => Some(self.event(*at, EventKind::Kernel, "shutdown".into(), None)),
            USER_PROCESS if !self.told(record, false, now) => {
                let from = if host.is_empty() {
                    String::new()
                } else {
                    format!(" from {host}")
                };
                Some(self.event(
                    *at,
                    EventKind::Login,
                    format!("login of {user} on {line}{from}"),
                    Some(user),
                ))
            }
            _ => None,
        }
    }

    /// Failed logins, those as one user from one place together: there may be thousands. Who tried is not known.
    fn failures(&mut self, now: Timestamp, out: &mut Vec<Event>) -> Result<(), ObserveError> {
        let mut by: BTreeMap<(String, String), (usize, Timestamp)> = BTreeMap::new();
        let added = self.failed.added()?;
        let failed = added.iter().filter(|record| record.fails());
        self.failures.extend(failed.map(|record| record.at));
        self.failures.retain(|at| now - *at < COUNTED && *at - now < YOUNG);
        for record in self.ripe(added, true, now) {
            if record.fails() && now - record.at <= BACK && !self.told(&record, true, now) {
                let seen = by.entry((record.user, record.host)).or_insert((0, record.at));
                *seen = (seen.0 + 1, seen.1.max(record.at));
            }
        }
        for ((user, host), (count, at)) in by.into_iter().take(MOST) {
            let times = if count == 1 {
                String::new()
            } else {
                format!(", {count} times")
            };
            let from = if host.is_empty() {
                String::new()
            } else {
                format!(" from {host}")
            };
            out.push(self.event(
                at,
                EventKind::Login,
                format!("failed login as {user}{from}{times}"),
                None,
            ));
        }
        Ok(())
    }
}

impl Source for Logins {
    fn name(&self) -> &'static str {
        "login"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let added = self.done.added()?;
        let done = self.ripe(added, false, now);
        let mut events: Vec<Event> = done.iter().filter_map(|record| self.tell(record, now)).collect();
        let surplus = events.len().saturating_sub(MOST);
        events.drain(..surplus);
        // Who may not read the failed ones sees the others.
        let failed = self.failures(now, &mut events);
        out.events.append(&mut events);
        // Where there is no `btmp`, or it may not be read, a log may tell of them.
        let count = match (&failed, &self.witness) {
            (Ok(()), _) => Some(self.failures.len()),
            (Err(_), Some(witness)) => witness.failed_logins(now - COUNTED),
            (Err(_), None) => None,
        };
        if let Some(count) = count {
            self.count.tell(now, count as f64, out);
        }
        match failed {
            Err(ObserveError::Absent { .. }) => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::observe::fixture::Tree;

    fn record(kind: i16, line: &str, user: &str, host: &str, secs: u32) -> Vec<u8> {
        let mut bytes = vec![0; RECORD];
        bytes[..2].copy_from_slice(&kind.to_le_bytes());
        for (at, text) in [(8, line), (44, user), (76, host)] {
            bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        bytes[TIME..TIME + 4].copy_from_slice(&secs.to_le_bytes());
        bytes
    }

    fn what(batch: &Batch) -> Vec<String> {
        batch.events.iter().map(|event| event.what.to_string()).collect()
    }

    #[test]
    fn boots_logins_and_failures() {
        let tree = Tree::new();
        let mut source = Logins::new(&tree.host(), None);
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        let now = 100 * 86_400;
        let mut wtmp = [
            record(BOOT, "~", "reboot", "6.1.0", now - 9_000),
            record(USER_PROCESS, "pts/0", "bob", "10.0.0.1", now - 8_000),
            record(8, "pts/0", "", "", now - 7_000),
            record(USER_PROCESS, "tty1", "old", "", 5),
        ]
        .concat();
        tree.write("var/log/wtmp", &wtmp);
        let bad = record(LOGIN_PROCESS, "ssh", "root", "10.0.0.9", now - 10);
        tree.write("var/log/btmp", bad.repeat(3));
        let batch = tree.read(&mut source, i64::from(now)).unwrap();
        assert_eq!(
            what(&batch),
            [
                "boot of Linux 6.1.0",
                "login of bob on pts/0 from 10.0.0.1",
                "failed login as root from 10.0.0.9, 3 times"
            ]
        );
        let who: Vec<_> = batch.events.iter().map(|event| event.who.as_deref()).collect();
        assert_eq!(who, [None, Some("bob"), None], "whoever was tried did not do it");
        let counted = |batch: &Batch| {
            let [one] = &batch.observations[..] else {
                panic!("{:?}", batch.observations)
            };
            assert_eq!(&*one.id.name, "logins.failed_1m");
            one.point.value
        };
        assert_eq!(counted(&batch), 3.0, "those of the last minute");
        let batch = tree.read(&mut source, i64::from(now) + 30).unwrap();
        assert_eq!((counted(&batch), batch.events.len()), (3.0, 0));
        wtmp.extend(record(RUN_LEVEL, "~~", "shutdown", "6.1.0", now + 20));
        wtmp.extend([7; 100]);
        tree.write("var/log/wtmp", &wtmp);
        let batch = tree.read(&mut source, i64::from(now) + 60).unwrap();
        assert_eq!((what(&batch), counted(&batch)), (vec!["shutdown".to_owned()], 0.0));
        // Without the records the log is asked.
        fs::remove_file(tree.path("var/log/btmp")).unwrap();
        let witness = Witness::default();
        witness.note_failure(Timestamp::from_secs(i64::from(now) - 61));
        witness.note_failure(Timestamp::from_secs(i64::from(now) - 1));
        let mut source = Logins::new(&tree.host(), Some(&witness));
        let unread = tree.read(&mut source, i64::from(now)).unwrap();
        assert!(unread.observations.is_empty(), "nobody can know");
        witness.read_logins(Timestamp::from_secs(i64::from(now) - 10));
        assert_eq!(counted(&tree.read(&mut source, i64::from(now)).unwrap()), 1.0);
    }

    #[test]
    fn where_a_log_tells_of_logins_what_it_does_not_say_is_told_here() {
        let tree = Tree::new();
        let now = 100 * 86_400;
        let login = |line, user, secs| record(USER_PROCESS, line, user, "", secs);
        let bad = |user, secs| record(LOGIN_PROCESS, "ssh", user, "10.0.0.9", secs);
        tree.write(
            "var/log/wtmp",
            [
                login("pts/0", "old", now - 9_000),
                login("pts/1", "bob", now - 60),
                login("tmux(7).%0", "bob", now - 30),
                login("pts/2", "al", now - 1),
                login("pts/3", "kim", now - 1),
            ]
            .concat(),
        );
        tree.write(
            "var/log/btmp",
            [bad("root", now - 50), bad("eve", now - 40), bad("x", now - 20)].concat(),
        );
        let witness = Witness::default();
        let at = |secs: u32| Timestamp::from_secs(i64::from(secs));
        witness.note_login(at(now - 59), "bob", false);
        witness.note_login(at(now - 50), "root", true);
        witness.note_login(at(now - 21), "", true);
        witness.note_login(at(now - 40), "eve", false);
        let mut source = Logins::new(&tree.host(), Some(&witness));
        let batch = tree.read(&mut source, i64::from(now)).unwrap();
        assert_eq!(
            what(&batch),
            [
                "login of old on pts/0",
                "login of bob on tmux(7).%0",
                "failed login as eve from 10.0.0.9"
            ]
        );
        // The log is read beyond the newest later.
        witness.note_login(at(now - 1), "al", false);
        let batch = tree.read(&mut source, i64::from(now) + 30).unwrap();
        assert_eq!(what(&batch), ["login of kim on pts/3"]);
        tree.write("var/log/wtmp", b"\xff".repeat(5_000));
        assert!(tree.read(&mut source, i64::from(now) + 60).unwrap().events.is_empty());
    }
}
