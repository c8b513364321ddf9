//! Warnings, starts and stops of services, and logins, from systemd's journal.
#![cfg(target_os = "linux")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    Host, ObserveError, Source,
    child::ask,
    file::{Mark, failed, mark, plain_file, small},
    log::{ACCOUNTS, Line, is_believed},
    witness::{Deed, LOOKS, Witness},
};
use crate::domain::{Batch, ResourceId, Span, Timestamp};

/// How far back the first reading goes; what lies before that is told in the background.
pub(super) const BACK: Span = Span::from_hours(1);
/// How often `journalctl` is asked where no change waits for it: it costs more than a look at the files.
const ASKS: Span = Span::from_secs(10);
/// Most entries of one reading.
const MOST: usize = 500;
/// Entries that are asked for, beside those of [`ACCOUNTS`]: of priority warning and above, or of a program that lets people in, or with a message id of
/// systemd about a unit (started, stopped, failed to start, failed with a result, reloaded, to be restarted; systemd.catalog).
/// Of the kernel all is asked for: a link that goes down is no warning to it.
const WANTED: [&str; 23] = [
    "PRIORITY=0",
    "PRIORITY=1",
    "PRIORITY=2",
    "PRIORITY=3",
    "PRIORITY=4",
    "+",
    "_TRANSPORT=kernel",
    "+",
    "SYSLOG_IDENTIFIER=sudo",
    "SYSLOG_IDENTIFIER=su",
    "SYSLOG_IDENTIFIER=doas",
    "SYSLOG_IDENTIFIER=crontab",
    "SYSLOG_IDENTIFIER=login",
    "SYSLOG_IDENTIFIER=sshd",
    "SYSLOG_IDENTIFIER=sshd-session",
    "SYSLOG_IDENTIFIER=systemd-logind",
    "+",
    "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf",
    "MESSAGE_ID=9d1aaa27d60140bd96365438aad20286",
    "MESSAGE_ID=be02cf6855d2428ba40df7e9d022f03d",
    "MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c",
    "MESSAGE_ID=7b05ebc668384222baa8881179cfda54",
    "MESSAGE_ID=5eb03494b6584870a536b337290809b3",
];

/// One entry of `journalctl --output=json`.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    at: String,
    #[serde(rename = "MESSAGE", default)]
    message: serde_json::Value,
    #[serde(rename = "PRIORITY", default)]
    priority: serde_json::Value,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    program: serde_json::Value,
    // What journald itself puts down; no writer can (systemd.journal-fields, trusted fields).
    #[serde(rename = "_TRANSPORT", default)]
    transport: serde_json::Value,
    #[serde(rename = "_PID", default)]
    pid: serde_json::Value,
    #[serde(rename = "_UID", default)]
    user: serde_json::Value,
    #[serde(rename = "_COMM", default)]
    comm: serde_json::Value,
    #[serde(rename = "_EXE", default)]
    exe: serde_json::Value,
}

impl Entry {
    /// The program that wrote it, by its own word where nothing hangs on that. A name that is believed must be borne out by what journald
    /// saw: the kernel's own way in; a program of the system that is called so; or root, where the program had ended before journald could
    /// look. `number` gives the number of a user.
    fn program(&self, message: &str, number: impl Fn(&str) -> Option<String>) -> String {
        let name = text(&self.program);
        let (user, exe) = (text(&self.user), text(&self.exe));
        if !is_believed(&name) || text(&self.transport) == "kernel" {
            return name;
        }
        let root = user == "0";
        let proven = match name.as_str() {
            "kernel" => false,
            "systemd" => text(&self.pid) == "1" || of_the_system(&exe, &name),
            // It bears the number of the person who asked, and a person can speak for nobody else.
            "sudo" | "doas" | "crontab" => {
                let owner = match name.as_str() {
                    "sudo" => message.split_once(" : "),
                    "doas" => message.split_once(" ran command "),
                    _ => message.trim_start_matches([' ', '(']).split_once(')'),
                };
                let owner = owner.and_then(|(who, _)| number(who.trim()));
                let named = owner.as_ref().map(|owner| *owner == user);
                (exe.is_empty() || of_the_system(&exe, &name)) && (root || named.unwrap_or(!exe.is_empty()))
            }
            // These take on rights; all others that are believed are run by root.
            "su" | "passwd" | "chage" | "gpasswd" if !exe.is_empty() => of_the_system(&exe, &name),
            _ => root && (exe.is_empty() || of_the_system(&exe, &name)),
        };
        if proven {
            return name;
        }
        match text(&self.comm) {
            writer if writer.is_empty() => format!("unknown program as {name}"),
            writer => format!("{writer} as {name}"),
        }
    }
}

/// Whether a program's file is one of the system's, where only root can put one, and bears the name `name`; some have one file for several.
fn of_the_system(exe: &str, name: &str) -> bool {
    const FOLDERS: [&str; 8] = [
        "/usr/",
        "/bin/",
        "/sbin/",
        "/lib/",
        "/lib64/",
        "/nix/store/",
        "/gnu/store/",
        "/run/wrappers/",
    ];
    let exe = exe.strip_suffix(" (deleted)").unwrap_or(exe);
    let file = exe.rsplit('/').next().unwrap_or_default();
    let file = file.strip_suffix("-rs").unwrap_or(file);
    let same = file == name || file == "busybox" || (file.starts_with("sshd") && name.starts_with("sshd"));
    same && FOLDERS.iter().any(|folder| exe.starts_with(folder))
}

/// Asks `journalctl` for what was added, when the journal's files changed.
pub(super) struct Journal {
    root: PathBuf,
    resource: ResourceId,
    every: Span,
    cursor: Option<String>,
    marks: Vec<Mark>,
    /// When `journalctl` was last asked, and when nothing was left to ask it for.
    asked: Option<Timestamp>,
    whole: Option<Timestamp>,
    witness: Witness,
}

impl Journal {
    /// The journal of `host`, which tells `witness` who ran what.
    pub(super) fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            witness: witness.clone(),
            root: host.root.clone(),
            resource: host.resource.clone(),
            every: LOOKS.max(host.interval),
            asked: None,
            whole: None,
            cursor: None,
            marks: Vec::new(),
        }
    }

    /// Whether the host at `root` keeps a journal.
    pub(super) fn kept(root: &Path) -> bool {
        !journals(root).is_empty()
    }

    /// Tells what stands in the journal between two times, at most 500 entries, the newest of them.
    pub(super) fn between(&mut self, from: Timestamp, to: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let (since, until) = (format!("--since=@{}", from.secs()), format!("--until=@{}", to.secs()));
        let lines = format!("--lines={MOST}");
        let args = [
            "--output=json",
            "--no-pager",
            "--quiet",
            lines.as_str(),
            since.as_str(),
            until.as_str(),
        ];
        let output = self.ask(&args)?;
        self.cursor = None;
        self.tell(from, &output, out);
        Ok(())
    }

    /// It was read to its end.
    fn ended(&mut self, now: Timestamp) {
        self.whole = Some(now);
        self.witness.unread(None);
        self.witness.read(Deed::Ran, now);
        self.witness.read_logins(now);
    }

    /// Asks for the wanted entries that `args` say.
    fn ask(&self, args: &[&str]) -> Result<Vec<u8>, ObserveError> {
        let root = format!("--root={}", self.root.display());
        let elsewhere = (self.root != Path::new("/")).then_some(root.as_str());
        let accounts = ACCOUNTS.map(|program| format!("SYSLOG_IDENTIFIER={program}"));
        let accounts = ["+"].into_iter().chain(accounts.iter().map(String::as_str));
        let all: Vec<&str> = args
            .iter()
            .copied()
            .chain(elsewhere)
            .chain(WANTED)
            .chain(accounts)
            .collect();
        ask("journalctl", &all)
    }

    fn tell(&mut self, now: Timestamp, output: &[u8], out: &mut Batch) {
        // Asked for only when there is something to prove.
        let users = std::cell::OnceCell::new();
        let number = |who: &str| {
            let users: &String = users.get_or_init(|| small(&self.root.join("etc/passwd")).unwrap_or_default());
            let mut lines = users.lines().map(|line| line.split(':'));
            lines.find_map(|mut fields| (fields.next()? == who).then(|| fields.nth(1).map(str::to_owned))?)
        };
        for line in output.split(|b| *b == b'\n') {
            // An entry that makes no sense is left out; the next reading goes on behind the last one that does.
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else {
                continue;
            };
            if self.cursor.as_ref() == Some(&entry.cursor) {
                continue;
            }
            let first = self.cursor.is_none();
            let at = Timestamp(entry.at.parse().unwrap_or(now.0));
            let message = text(&entry.message);
            let line = Line {
                at,
                program: &entry.program(&message, number),
                message: &message,
                warning: text(&entry.priority).parse::<u8>().is_ok_and(|priority| priority <= 4),
                // A name that is believed was borne out.
                vouched: true,
            };
            if let Some((who, failed)) = line.login() {
                self.witness.note_login(at, who, failed);
                if line.is_failed_try() {
                    self.witness.note_failure(at);
                }
            }
            if let Some((who, command)) = line.command() {
                self.witness.note(at, Deed::Ran, who, &command);
            }
            if !first || now - at <= BACK {
                out.events.extend(line.told(&self.resource, &self.witness));
            }
            self.cursor = Some(entry.cursor);
        }
    }
}

/// A field's text: a string, or the list of its bytes when it is not UTF-8; of a field that was set twice, the first.
fn text(field: &serde_json::Value) -> String {
    match field {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => {
            let bytes: Option<Vec<u8>> = items.iter().map(|item| item.as_u64()?.try_into().ok()).collect();
            bytes.map_or_else(
                || items.first().map(text).unwrap_or_default(),
                |bytes| String::from_utf8_lossy(&bytes).into_owned(),
            )
        }
        _ => String::new(),
    }
}

/// When the oldest entry of the system's journal was written, by the heads of its files (systemd's JOURNAL_FILE_FORMAT,
/// `head_entry_realtime`); `None` without one.
pub(super) fn oldest(root: &Path) -> Option<Timestamp> {
    const AT: usize = 184;
    let mut oldest = None;
    for folder in ["var/log/journal", "run/log/journal"] {
        let machines = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        for file in machines.flat_map(|machine| fs::read_dir(machine.path()).into_iter().flatten().flatten()) {
            if !file.file_name().to_string_lossy().starts_with("system") {
                continue;
            }
            let head = plain_file(&file.path(), AT as u64 + 8).filter(|head| head.starts_with(b"LPKSHHRH"));
            let at = head.and_then(|head| Some(i64::from_le_bytes(head.get(AT..)?.try_into().ok()?)));
            let at = at.filter(|at| *at > 0).map(Timestamp);
            oldest = [oldest, at].into_iter().flatten().min();
        }
    }
    oldest
}

/// The files that the journal is being written to. Rotated ones have an `@` in their name.
fn journals(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["var/log/journal", "run/log/journal"] {
        let machines = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        for machine in machines {
            let all = fs::read_dir(machine.path()).into_iter().flatten().flatten();
            files.extend(all.map(|file| file.path()).filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.ends_with(".journal") && !name.contains('@')
            }));
        }
    }
    files.sort();
    files
}

impl Source for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let files = journals(&self.root);
        let readable = files
            .iter()
            .map(|path| File::open(path).map_err(|source| failed(path, source)));
        // One that may be read is enough; without any, the error of the last says why.
        let mut denied = Err(ObserveError::Absent {
            what: "the journal".into(),
        });
        for file in readable {
            denied = file.map(drop);
            if denied.is_ok() {
                break;
            }
        }
        denied?;
        // The journal is written through memory maps, but every entry ends with a truncation to the same size, which dates the file.
        let marks: Vec<Mark> = files
            .iter()
            .filter_map(|path| Some(mark(&fs::metadata(path).ok()?)))
            .collect();
        if marks == self.marks {
            self.ended(now);
            return Ok(());
        }
        let late = self
            .asked
            .is_none_or(|asked| !(Span::ZERO..ASKS).contains(&(now - asked)));
        if !late && !self.witness.awaited() {
            self.witness.unread(self.whole);
            return Ok(());
        }
        self.asked = Some(now);
        let from = match &self.cursor {
            // With its own entry, which is told no second time: where that was vacuumed away, `--after-cursor` leaves out the one behind it.
            Some(cursor) => format!("--cursor={cursor}"),
            None => format!("--since=@{}", (now - BACK).secs()),
        };
        let lines = format!("--lines={MOST}");
        let args = ["--output=json", "--no-pager", "--quiet", lines.as_str(), from.as_str()];
        let output = match self.ask(&args) {
            Ok(output) => output,
            Err(why) => {
                // The entry behind the cursor may be gone: the next reading begins anew.
                self.cursor = None;
                return Err(why);
            }
        };
        self.tell(now, &output, out);
        // A full answer has more behind it, which the next reading asks for.
        let all = output.iter().filter(|b| **b == b'\n').count() < MOST;
        self.marks = if all { marks } else { Vec::new() };
        if all {
            self.ended(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
