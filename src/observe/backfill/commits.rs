//! Changes of settings from the history of a configuration kept in git: `/etc` (etckeeper), and the paths the user named.

mod rules;

use std::{collections::VecDeque, path::PathBuf};

use super::{BACK, PAUSE, REST, resource, told};
use crate::{
    domain::{Batch, Event, EventKind, ResourceId, SeriesId, SettingChange, Span, Timestamp, text::visible},
    observe::{
        Host, ObserveError, Source, account,
        child::ask,
        cron,
        etc::{read::former, tells},
        link,
        scope::{Scope, Sheet},
    },
};

/// Commits of one piece, and of all at one look.
const PIECE: usize = 10;
const MOST: usize = 2_000;
/// Files of one commit that are looked into: more are an import and no change anyone made.
const MOST_FILES: usize = 40;
/// The place of `/etc` among the checkouts.
const ETC: usize = 0;
/// Files of a commit that are named; those that say who may come in, and do what, before all others.
const NAMED: usize = 3;
const GATES: [&str; 8] = [
    "shadow",
    "gshadow",
    "sudoers",
    "sudoers.d/",
    "passwd",
    "group",
    "ssh/",
    "pam.d/",
];
/// Separates commits, and the fields of one.
const COMMIT: char = '\u{1e}';
const FIELD: char = '\u{1f}';

/// A checkout: its folder, what stands before a file's path in the names of its settings, and the newest commit that was told.
struct Checkout {
    folder: PathBuf,
    prefix: String,
    told: Option<String>,
}

/// A commit that is still to be told.
#[derive(Clone, Debug, PartialEq)]
struct Commit {
    checkout: usize,
    hash: String,
    at: Timestamp,
    who: String,
    subject: String,
    files: Vec<String>,
}

/// Reads the commits of the last month, and later those that were added.
pub(in crate::observe) struct Commits {
    checkouts: Vec<Checkout>,
    resource: ResourceId,
    key: [u8; 32],
    /// Of accounts, of the network and of cron: what other sources tell of files in `/etc`.
    scopes: [Scope; 3],
    left: VecDeque<Commit>,
    /// Commits and changes of the look that is being told.
    count: (usize, usize),
}

impl Commits {
    /// The checkouts of `host`.
    pub(in crate::observe) fn new(host: &Host) -> Self {
        let etc = (host.root.join("etc"), "etc.".to_owned());
        let named = host.paths.iter().map(|path| {
            let name = path.to_string_lossy().trim_end_matches('/').to_owned();
            (host.root.join(name.trim_start_matches('/')), format!("file.{name}/"))
        });
        let checkout = |(folder, prefix)| Checkout {
            folder,
            prefix,
            told: None,
        };
        Self {
            checkouts: std::iter::once(etc).chain(named).map(checkout).collect(),
            resource: resource(host),
            key: host.secret_key,
            scopes: ["account", "net", "cron"].map(|name| Scope::new(host, name)),
            left: VecDeque::new(),
            count: (0, 0),
        }
    }

    fn git(&self, checkout: usize, args: &[&str]) -> Result<String, ObserveError> {
        let folder = self.checkouts[checkout].folder.to_string_lossy();
        // Of another owner's folder git tells only when told that it may; it only reads, and runs nothing of what lies there.
        let fixed = [
            "-c",
            "safe.directory=*",
            "-c",
            "core.quotepath=off",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "log.showSignature=false",
            "-C",
            &folder,
        ];
        let args: Vec<&str> = fixed.iter().copied().chain(args.iter().copied()).collect();
        ask("git", &args).map(|output| String::from_utf8_lossy(&output).into_owned())
    }

    /// What the file said in a revision, where it was there.
    fn content(&self, checkout: usize, revision: &str, file: &str) -> Option<String> {
        let place = format!("{revision}:./{file}");
        self.git(checkout, &["show", "--no-textconv", &place]).ok()
    }

    /// What a commit changed in a file of `/etc` whose content other sources tell, by the names that they give it.
    fn tell_elsewhere(&mut self, commit: &Commit, file: &str, contents: [&str; 2], by: &str, out: &mut Batch) {
        let place = match file {
            "passwd" | "group" => 0,
            "hosts" | "resolv.conf" => 1,
            _ if file == "crontab" || file.starts_with("cron.d/") => 2,
            // Of the rest all files together say what holds; the event names it.
            _ => return,
        };
        let scope = &self.scopes[place];
        let revisions = [format!("{}^", commit.hash), commit.hash.clone()];
        let [was, is] = [0, 1].map(|side| {
            let (mut sheet, text) = (scope.sheet(), contents[side]);
            match file {
                "passwd" => drop(account::users(text, &mut sheet)),
                "group" => {
                    let passwd = self
                        .content(commit.checkout, &revisions[side], "passwd")
                        .unwrap_or_default();
                    let users = account::users(&passwd, &mut scope.sheet());
                    account::groups(text, &users, &mut sheet);
                }
                "hosts" => link::hosts(text, &mut sheet),
                "resolv.conf" => link::resolver(text, &mut sheet),
                _ => cron::put(&mut sheet, &format!("/etc/{file}"), text, true, &self.key),
            }
            sheet
        });
        self.tell_changes(place, commit, [&was, &is], by, out);
    }

    /// Tells what differs between two sheets of a scope.
    fn tell_changes(&mut self, scope: usize, commit: &Commit, [was, is]: [&Sheet; 2], by: &str, out: &mut Batch) {
        let mut found = Batch::default();
        self.scopes[scope].change((None, commit.at), was, is, Some(by.into()), &mut found);
        self.count.1 += found.changes.len();
        out.past.append(&mut found.changes);
    }

    /// Commits not told yet, oldest first.
    fn look(&mut self, now: Timestamp) -> Result<(), ObserveError> {
        for checkout in 0..self.checkouts.len() {
            if !self.checkouts[checkout].folder.join(".git").exists() {
                continue;
            }
            let since = format!("--since=@{}", (now - BACK).secs());
            let most = format!("--max-count={MOST}");
            let range = self.checkouts[checkout]
                .told
                .as_ref()
                .map(|told| format!("{told}..HEAD"));
            let mut args = vec![
                "log",
                "--no-merges",
                "--no-ext-diff",
                "--name-only",
                "--relative",
                &since,
                &most,
            ];
            args.push("--format=%x1e%H%x1f%ct%x1f%an%x1f%s");
            args.push(range.as_deref().unwrap_or("HEAD"));
            args.push("--");
            let found = commits(&self.git(checkout, &args)?, checkout);
            if let Some(newest) = found.first() {
                self.checkouts[checkout].told = Some(newest.hash.clone());
            }
            self.left.extend(found.into_iter().rev());
        }
        self.count = (self.left.len(), 0);
        Ok(())
    }

    fn tell(&mut self, commit: &Commit, out: &mut Batch) {
        let short = &commit.hash[..commit.hash.len().min(8)];
        out.events.push(Event {
            at: commit.at,
            resource: self.resource.clone(),
            kind: EventKind::Deploy,
            what: format!("git {short}: {} ({})", commit.subject, listed(&commit.files)).into(),
            who: Some(commit.who.as_str().into()),
            backfilled: false,
        });
        if commit.files.len() > MOST_FILES {
            return;
        }
        let by = format!("{}, git {short}", commit.who);
        let rules = |file: &String| file == "sudoers" || file.starts_with("sudoers.d/");
        if commit.checkout == ETC && commit.files.iter().any(rules) {
            self.tell_rules(commit, &by, out);
        }
        for file in &commit.files {
            // A file that was not there before, or is not there after, has no content then.
            let revisions = [format!("{}^", commit.hash), commit.hash.clone()];
            let contents = revisions
                .each_ref()
                .map(|revision| self.content(commit.checkout, revision, file));
            let [Some(before), Some(after)] = contents else {
                continue;
            };
            if commit.checkout == ETC && !tells(file) {
                self.tell_elsewhere(commit, file, [before.as_str(), after.as_str()], &by, out);
                continue;
            }
            let [before, after] = [before, after].map(|content| former(file, content.as_bytes(), &self.key));
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (from, to) = (before.get(name), after.get(name));
                let same = match (from, to) {
                    (Some(from), Some(to)) => !from.differs(to),
                    _ => false,
                };
                if same {
                    continue;
                }
                self.count.1 += 1;
                out.past.push(SettingChange {
                    id: SeriesId::new(
                        &self.resource,
                        &format!("{}{file}{name}", self.checkouts[commit.checkout].prefix),
                    ),
                    at: commit.at,
                    after: None,
                    from: from.cloned(),
                    to: to.cloned(),
                    by: Some(by.as_str().into()),
                    backfilled: false,
                });
            }
        }
    }
}

/// The first files, and how many more there are. Names of strangers, as all of a commit.
fn listed(files: &[String]) -> String {
    let place = |file: &&String| {
        let is = |gate: &&str| file == gate || gate.ends_with('/') && file.starts_with(gate);
        GATES.iter().position(is).unwrap_or(GATES.len())
    };
    let mut ordered: Vec<&String> = files.iter().collect();
    ordered.sort_by_key(place);
    let named: Vec<String> = ordered
        .iter()
        .take(NAMED)
        .map(|file| visible(file).chars().take(100).collect())
        .collect();
    match files.len().saturating_sub(NAMED) {
        0 if files.is_empty() => "no file".to_owned(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What `git log` says, newest first. Names and words of strangers: nothing of them reaches a terminal as it is.
fn commits(text: &str, checkout: usize) -> Vec<Commit> {
    let one = |part: &str| {
        let mut lines = part.lines();
        let mut fields = lines.next()?.split(FIELD);
        let (hash, at, who, subject) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if hash.len() < 40 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let short = |text: &str, most: usize| visible(text).chars().take(most).collect::<String>();
        Some(Commit {
            checkout,
            hash: hash.to_owned(),
            at: Timestamp::from_secs(at.parse().ok()?),
            who: short(who, 64),
            subject: short(subject, 200),
            files: lines.filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        })
    };
    text.split(COMMIT).filter_map(one).collect()
}

impl Source for Commits {
    fn name(&self) -> &'static str {
        "config-history"
    }

    fn every(&self) -> Span {
        if self.left.is_empty() { REST } else { PAUSE }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let (left, all) = (self.left.len(), self.count.0);
        (left > 0).then(|| ((all - left) as u64, all as u64))
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        if !self
            .checkouts
            .iter()
            .any(|checkout| checkout.folder.join(".git").exists())
        {
            return Err(ObserveError::Absent {
                what: "a configuration kept in git".into(),
            });
        }
        if self.left.is_empty() {
            self.look(now)?;
            if self.left.is_empty() {
                return Ok(());
            }
        }
        for _ in 0..PIECE {
            let Some(commit) = self.left.pop_front() else { break };
            self.tell(&commit, out);
        }
        if self.left.is_empty() {
            let (commits, changes) = self.count;
            let what =
                format!("the history of the configuration was read: {commits} commits, {changes} changes of settings");
            told(&self.resource, what, now, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{domain::Value, observe::fixture::Tree};

    #[test]
    fn a_commit_of_etc_tells_who_changed_what() {
        let tree = Tree::new();
        let git = |args: &[&str], day: &str| {
            let done = Command::new("git")
                .args([
                    "-c",
                    "user.name=ana\u{1b}[2J",
                    "-c",
                    "user.email=a@b",
                    "-c",
                    "commit.gpgsign=false",
                    "-C",
                ])
                .arg(tree.path("etc"))
                .args(args)
                .env("GIT_COMMITTER_DATE", day)
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .output();
            assert!(done.unwrap().status.success(), "{args:?}");
        };
        let now = Timestamp::from_secs(1_700_000_000);
        let day = |secs: i64| format!("@{} +0000", now.secs() - secs);
        tree.write("etc/app/app.conf", "workers = 4\nlevel = warn\n");
        git(&["init", "-q"], "");
        git(&["add", "."], "");
        git(&["commit", "-q", "-m", "first"], &day(90_000));
        tree.write("etc/app/app.conf", "workers = 8\nlevel = warn\n");
        git(&["commit", "-q", "-a", "-m", "more workers"], &day(80_000));
        let mut source = Commits::new(&tree.host());
        let mut out = Batch::default();
        source.read(now, &mut out).unwrap();
        let what: Vec<&str> = out.events.iter().map(|event| &*event.what).collect();
        assert_eq!(what.len(), 3, "{what:?}");
        assert!(what[1].contains("more workers (app/app.conf)"), "{what:?}");
        assert!(what[2].contains("2 commits, 1 changes"), "{what:?}");
        let change = &out.past[0];
        assert_eq!(&*change.id.name, "etc.app/app.conf:workers");
        assert_eq!((&change.from, &change.to), (&Some(Value::Int(4)), &Some(Value::Int(8))));
        assert_eq!(change.at, now - Span::from_secs(80_000));
        let by = change.by.as_deref().unwrap();
        assert!(
            by.starts_with("ana") && by.contains("git ") && !by.contains('\u{1b}'),
            "{by:?}"
        );
        // What other sources tell bears the names they give it, and those alone.
        tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        tree.write("etc/hosts", "127.0.0.1 localhost\n");
        tree.write("etc/resolv.conf", "nameserver 10.0.0.1\n");
        tree.write("etc/cron.d/job", "# none\n");
        tree.write("etc/sudoers", "root ALL=(ALL) ALL\n");
        tree.write("etc/fstab", "# UNCONFIGURED\n");
        git(&["add", "."], "");
        git(&["commit", "-q", "-m", "second"], &day(70_000));
        tree.write(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n",
        );
        tree.write("etc/hosts", "127.0.0.1 localhost\n10.0.0.7 db\n");
        tree.write("etc/resolv.conf", "nameserver 10.0.0.2\n");
        tree.write("etc/cron.d/job", "0 3 * * * root /usr/bin/job\n");
        tree.write("etc/sudoers", "root ALL=(ALL) ALL\nbob ALL=(ALL) ALL\n");
        tree.write("etc/fstab", "/dev/sdb1 /data ext4 rw 0 2\n");
        git(&["commit", "-q", "-a", "-m", "third"], &day(60_000));
        let mut out = Batch::default();
        source.read(now, &mut out).unwrap();
        let what: Vec<&str> = out.events.iter().map(|event| &*event.what).collect();
        assert!(
            what[1].contains("third (sudoers, passwd, cron.d/job and 3 more)"),
            "{what:?}"
        );
        let names: Vec<&str> = out.past.iter().map(|change| &*change.id.name).collect();
        assert_eq!(
            names,
            [
                "account.sudo.bob",
                "cron./etc/cron.d/job:/usr/bin/job",
                "etc.fstab:/data",
                "net.hosts.db",
                "account.user.bob:gid",
                "account.user.bob:home",
                "account.user.bob:shell",
                "account.user.bob:uid",
                "net.resolver.nameserver",
            ]
        );
        assert!(
            out.past
                .iter()
                .all(|change| change.by.is_some() && change.at == now - Span::from_secs(60_000))
        );
        // Told once; what is committed later comes later.
        let mut out = Batch::default();
        source.read(now, &mut out).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn a_host_without_one() {
        let tree = Tree::new();
        assert!(matches!(
            tree.read(&mut Commits::new(&tree.host()), 0),
            Err(ObserveError::Absent { .. })
        ));
        assert_eq!(commits("\u{1e}x\u{1f}1\u{1f}a\u{1f}b\n\u{1e}half", 0), []);
    }
}
