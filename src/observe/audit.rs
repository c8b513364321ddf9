//! Who wrote which file and ran which command with rights, from the audit log.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source,
    file::small,
    history::name_and_version,
    secret::scrub,
    tail::Tail,
    witness::{Deed, LOOKS, Witness},
};
use crate::domain::{Batch, Event, EventKind, ResourceId, Span, Timestamp};

/// How far back the first reading goes.
const BACK: Span = Span::from_hours(1);
/// Most events of one reading, and most records that wait for their end.
const MOST: usize = 300;
const MOST_OPEN: usize = 2_000;
/// Who is unset: a program that no one logged in for.
const UNSET: &str = "4294967295";

/// What the records of one number say together.
#[derive(Default)]
struct Act {
    at: Timestamp,
    who: String,
    program: String,
    key: String,
    folder: String,
    failed: bool,
    /// Paths with what was done to them: `NORMAL`, `CREATE`, `DELETE`, `PARENT`.
    paths: Vec<(String, String)>,
}

/// Reads `/var/log/audit/audit.log`.
pub(super) struct Audit {
    root: PathBuf,
    log: Tail,
    resource: ResourceId,
    every: Span,
    witness: Witness,
    begun: bool,
}

impl Audit {
    /// The audit log of `host`, which tells `witness` what it saw.
    pub(super) fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            root: host.root.clone(),
            log: Tail::new(host.root.join("var/log/audit/audit.log")),
            resource: host.resource.clone(),
            every: LOOKS.max(host.interval),
            witness: witness.clone(),
            begun: false,
        }
    }

    /// Names of users by number, asked for only when there is something to name.
    fn names(&self) -> HashMap<String, String> {
        let text = small(&self.root.join("etc/passwd")).unwrap_or_default();
        let entry = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            Some((fields.nth(1)?.to_owned(), name.to_owned()))
        };
        text.lines().filter_map(entry).collect()
    }

    fn event(&self, at: Timestamp, kind: EventKind, what: &str, who: &str) -> Event {
        Event {
            at,
            resource: self.resource.clone(),
            kind,
            what: scrub(what).chars().take(300).collect::<String>().into(),
            who: (!who.is_empty()).then(|| who.into()),
            backfilled: false,
        }
    }

    fn tell(&self, lines: &[String], now: Timestamp, out: &mut Batch) {
        let mut acts: BTreeMap<(Timestamp, &str), Act> = BTreeMap::new();
        let names = if lines.is_empty() { HashMap::new() } else { self.names() };
        let name = |number: &str| match number {
            UNSET | "-1" | "" => String::new(),
            number => names.get(number).cloned().unwrap_or_else(|| format!("uid {number}")),
        };
        let mut events = Vec::new();
        for line in lines {
            let Some((kind, at, serial, fields)) = record(line) else {
                continue;
            };
            if !self.begun && now - at > BACK {
                continue;
            }
            let field = |wanted: &str| field(fields, wanted).unwrap_or_default();
            match kind {
                "USER_CMD" => {
                    let (who, command) = (name(&field("auid")), field("cmd"));
                    self.witness.note(at, Deed::Ran, &who, &command);
                    events.push(self.event(at, EventKind::Login, &format!("audit: ran {command}"), &who));
                }
                "SYSCALL" | "CWD" | "PATH" if acts.len() < MOST_OPEN || acts.contains_key(&(at, serial)) => {
                    let act = acts.entry((at, serial)).or_default();
                    act.at = at;
                    match kind {
                        "SYSCALL" => {
                            let login = name(&field("auid"));
                            act.who = if login.is_empty() { name(&field("uid")) } else { login };
                            act.program = field("exe");
                            act.key = field("key");
                            act.failed = field("success") == "no";
                        }
                        "CWD" => act.folder = field("cwd"),
                        _ => act.paths.push((field("name"), field("nametype"))),
                    }
                }
                // What rpm installed, as its own plugin tells the audit: `op=update sw="foo-1.1-1.noarch" sw_type=rpm … comm="dnf"`.
                "SOFTWARE_UPDATE" if field("sw_type") == "rpm" && field("res") != "failed" => {
                    let who = name(&field("auid"));
                    if let Some((package, _)) = name_and_version(&field("sw"))
                        && !who.is_empty()
                    {
                        let by = format!("{who} by {}", field("comm"));
                        self.witness.note(at, Deed::Installed, &by, package);
                    }
                }
                // Accounts and the audit itself.
                "ADD_USER" | "DEL_USER" | "ADD_GROUP" | "DEL_GROUP" | "USER_CHAUTHTOK" | "CONFIG_CHANGE"
                | "ANOM_ABEND" | "ANOM_PROMISCUOUS" | "AVC" => {
                    let what = format!("audit: {} {}", kind.to_ascii_lowercase(), fields);
                    events.push(self.event(at, EventKind::Log, &what, &name(&field("auid"))));
                }
                _ => {}
            }
        }
        for act in acts.into_values().filter(|act| !act.program.is_empty() && !act.failed) {
            for (path, kind) in &act.paths {
                if kind == "PARENT" || path.is_empty() {
                    continue;
                }
                let path = Path::new(&act.folder).join(path).to_string_lossy().into_owned();
                // Only files that a rule watches come here, and of those what was opened to write.
                let who = if act.who.is_empty() {
                    act.program.clone()
                } else {
                    format!("{} ({})", act.who, act.program)
                };
                self.witness.note(act.at, Deed::Wrote, &who, &path);
                if !act.key.is_empty() && act.key != "(null)" {
                    let what = format!("audit {}: {} touched {path}", act.key, act.program);
                    events.push(self.event(act.at, EventKind::Log, &what, &act.who));
                }
            }
        }
        let surplus = events.len().saturating_sub(MOST);
        out.events.extend(events.drain(surplus..));
    }
}

/// `type=SYSCALL msg=audit(1364481363.243:24287): arch=…`: kind, time, serial number and the rest.
fn record(line: &str) -> Option<(&str, Timestamp, &str, &str)> {
    // On some hosts the name of the node comes first.
    let (_, rest) = line.split_once("type=")?;
    let (kind, rest) = rest.split_once(" msg=audit(")?;
    let (stamp, fields) = rest.split_once("):")?;
    let (at, serial) = stamp.split_once(':')?;
    let (secs, millis) = at.split_once('.')?;
    let (secs, millis): (i64, i64) = (secs.parse().ok()?, millis.parse().ok()?);
    let micros = secs.checked_mul(1_000_000)?.checked_add(millis.checked_mul(1_000)?)?;
    Some((kind, Timestamp(micros), serial, fields.trim()))
}

/// The value of a field: a number, a text in quotes, or the bytes of a text in hexadecimal when it holds something odd.
fn field(fields: &str, wanted: &str) -> Option<String> {
    let mut from = 0;
    loop {
        let at = from + fields.get(from..)?.find(wanted)?;
        from = at + wanted.len();
        let begins = at == 0 || fields[..at].ends_with([' ', '\'', '"']);
        let Some(value) = fields
            .get(from..)
            .and_then(|rest| rest.strip_prefix('='))
            .filter(|_| begins)
        else {
            continue;
        };
        if let Some(quoted) = value.strip_prefix('"') {
            return quoted.split('"').next().map(str::to_owned);
        }
        let word = value.split([' ', '\'', '\x1d']).next().unwrap_or_default();
        let texts = ["name", "cwd", "cmd", "exe", "key", "comm", "sw"];
        if texts.contains(&wanted) && word.len() >= 2 && word.len() % 2 == 0 {
            let bytes: Option<Vec<u8>> = (0..word.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(word.get(at..at + 2)?, 16).ok())
                .collect();
            if let Some(bytes) = bytes {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        return Some(word.to_owned());
    }
}

impl Source for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let lines = self.log.lines()?;
        self.tell(&lines, now, out);
        self.begun = true;
        self.witness.read(Deed::Ran, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    const LOG: &str = "type=SYSCALL msg=audit(1000.500:7): arch=c000003e syscall=257 success=yes a0=1 auid=1000 uid=0 comm=\"vim\" exe=\"/usr/bin/vim\" key=\"etc\"\n\
        type=CWD msg=audit(1000.500:7): cwd=\"/etc\"\n\
        type=PATH msg=audit(1000.500:7): item=0 name=\"/etc/\" nametype=PARENT\n\
        type=PATH msg=audit(1000.500:7): item=1 name=686F737473 nametype=NORMAL\n\
        type=SYSCALL msg=audit(1001.000:8): success=no auid=1000 exe=\"/bin/x\" key=\"etc\"\n\
        type=PATH msg=audit(1001.000:8): name=\"/etc/shadow\" nametype=NORMAL\n\
        type=USER_CMD msg=audit(1002.000:9): pid=1 uid=1000 auid=1000 msg='cwd=\"/\" cmd=6C73202D6C terminal=pts/0 res=success'\n\
        type=ADD_USER msg=audit(1003.000:10): auid=4294967295 msg='op=add-user acct=\"eve\"'\n\
        type=SOFTWARE_UPDATE msg=audit(1004.000:11): pid=9 uid=0 auid=1000 ses=3 msg='op=update sw=\"foo-bar-1.1-1.noarch\" sw_type=rpm key_enforce=0 gpg_res=1 root_dir=\"/\" comm=\"dnf\" exe=\"/usr/bin/python3.9\" hostname=? addr=? terminal=? res=success'\n\
        type=SYSCALL msg=audit(:): x\n\u{1b}\ntype= msg=audit(\n";

    #[test]
    fn who_wrote_and_who_ran() {
        let tree = Tree::new();
        let witness = Witness::default();
        let mut source = Audit::new(&tree.host(), &witness);
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        tree.write("etc/passwd", "bob:x:1000:1000::/:/bin/sh\n");
        tree.write("var/log/audit/audit.log", LOG);
        let batch = tree.read(&mut source, 1_010).unwrap();
        let told: Vec<(&str, Option<&str>)> = batch
            .events
            .iter()
            .map(|event| (&*event.what, event.who.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("audit: ran ls -l", Some("bob")),
                ("audit: add_user auid=4294967295 msg='op=add-user acct=\"eve\"'", None),
                ("audit etc: /usr/bin/vim touched /etc/hosts", Some("bob")),
            ]
        );
        let at = Timestamp(1_000_600_000);
        let who = witness.who_changed("/etc/hosts", at, |_| false);
        assert_eq!(who.as_deref(), Some("bob (/usr/bin/vim)"));
        assert_eq!(witness.who_changed("/etc/shadow", at, |_| false), None);
        let clue = [crate::observe::witness::Clue::Package("foo-bar".into())];
        let (who, _) = witness
            .who(&clue, None, Timestamp::from_secs(1_005), |_, _| false)
            .unwrap();
        assert_eq!(&*who, "bob by dnf");
    }
}
