//! Which log lines are worth keeping as events, and as what.
#![cfg(target_os = "linux")]

use std::borrow::Cow;

use crate::domain::{Event, EventKind, ResourceId, Span, Timestamp, sudo};

use super::{
    clue::STARTERS,
    secret::scrub,
    witness::{Clue, Deed, Witness},
};

/// Longest text of an event, characters.
const LONGEST: usize = 300;

/// How long before its line somebody may have asked for what a program did: a service may take its time to stop.
const ASKED: Span = Span::from_secs(30);

/// Programs that make, change and remove users and groups: each line of theirs is a deed.
pub(super) const ACCOUNTS: [&str; 10] = [
    "useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd", "chage",
];

/// The same, and those that run them.
const ACCOUNT_COMMANDS: [&str; 18] = [
    "useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel", "gpasswd", "passwd", "chpasswd", "chage",
    "adduser", "addgroup", "deluser", "delgroup", "newusers", "chfn", "chsh", "vipw",
];

/// Those that are told no name on their command line.
pub(super) const UNTOLD: [&str; 5] = ["vipw", "vigr", "chpasswd", "newusers", "systemd-sysusers"];

/// Whether lines of that program mean more than any other's: they become logins, services or words of the kernel, or say who did what. A
/// log that knows who wrote a line must not take the writer's own word for that name.
pub(super) fn is_believed(program: &str) -> bool {
    const OTHERS: [&str; 10] = [
        "crontab",
        "doas",
        "kernel",
        "systemd",
        "sudo",
        "su",
        "login",
        "sshd",
        "sshd-session",
        "systemd-logind",
    ];
    OTHERS.contains(&program) || ACCOUNTS.contains(&program)
}

/// A log line taken apart.
pub(super) struct Line<'a> {
    /// When it was written.
    pub(super) at: Timestamp,
    /// The program that wrote it (`sshd`).
    pub(super) program: &'a str,
    /// What it wrote.
    pub(super) message: &'a str,
    /// Whether its writer or the message itself marks it as a warning or worse.
    pub(super) warning: bool,
    /// Whether the log itself knows that the program wrote it. Of another line anybody may be the writer: it adds to what is known of who did
    /// what, and takes nothing from it.
    pub(super) vouched: bool,
}

impl Line<'_> {
    /// Who ran which command with rights, or changed whose table of cron, where the line says so: sudo's
    /// `bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls`, which says why before that where it was refused; doas'
    /// `bob ran command ls / as root from /home/bob`; and `(root) REPLACE (bob)` of crontab, told as `crontab -u bob`.
    pub(super) fn command(&self) -> Option<(&str, Cow<'_, str>)> {
        match self.program {
            "sudo" => self.sudo().map(|(who, command)| (who, unescaped(command))),
            "doas" => {
                let (who, rest) = self.message.split_once(" ran command ")?;
                let command = rest.rsplit_once(" from ").map_or(rest, |(command, _)| command);
                let command = command.rsplit_once(" as ").map_or(command, |(command, _)| command);
                Some((who.trim(), command.into()))
            }
            "crontab" => {
                let (who, whose) = self.table()?;
                Some((who, format!("crontab -u {whose}").into()))
            }
            _ => None,
        }
    }

    /// Who changed or removed whose table of cron: `(root) REPLACE (bob)`.
    fn table(&self) -> Option<(&str, &str)> {
        let (who, rest) = self.message.trim().strip_prefix('(')?.split_once(") ")?;
        let whose = rest
            .strip_prefix("REPLACE (")
            .or_else(|| rest.strip_prefix("DELETE ("))?;
        Some((who, whose.strip_suffix(')')?)).filter(|_| self.program == "crontab")
    }

    fn sudo(&self) -> Option<(&str, &str)> {
        let ran = sudo::ran(self.message).filter(|_| self.program == "sudo")?;
        Some((ran.who, ran.command))
    }

    /// Whose login it tells of, where it says so, and whether that failed; `None` when it is no login.
    pub(super) fn login(&self) -> Option<(&str, bool)> {
        let opens = ["sshd", "sshd-session", "systemd-logind", "su", "login"].contains(&self.program);
        let (kind, who) = self.kind()?;
        let failed = ["Failed ", "Invalid user", "FAILED", "authentication failure"];
        let failed = failed.iter().any(|words| self.message.contains(words));
        (kind == EventKind::Login && opens).then_some((who.unwrap_or_default(), failed))
    }

    /// Whether it tells of a try to log in that failed, once for each: sshd tells of each key besides that was offered, and PAM of what su
    /// and login tell, too.
    pub(super) fn is_failed_try(&self) -> bool {
        let tries = ["Failed password", "Failed keyboard-interactive"];
        match self.program {
            "sshd" | "sshd-session" => tries.iter().any(|start| self.message.starts_with(start)),
            "su" | "login" => self.message.contains("FAILED"),
            _ => false,
        }
    }

    /// The event it is, by whoever `witness` saw ask for it where the line itself names nobody.
    pub(super) fn told(&self, resource: &ResourceId, witness: &Witness) -> Option<Event> {
        let mut event = self.event(resource)?;
        if event.who.is_none() {
            let who = witness.who(&self.asked(), Some(self.at - ASKED), self.at, |_, _| false);
            event.who = who.map(|(who, _)| who);
            // Whoever worked on the files of accounts before is no longer the one.
            if event.who.is_none() && self.vouched && ACCOUNTS.contains(&self.program) {
                let what = format!("{} {}", self.program, self.account().unwrap_or_default());
                witness.note(self.at, Deed::Ran, "", &what);
            }
        }
        Some(event)
    }

    /// The account that a program which keeps them tells of.
    fn account(&self) -> Option<&str> {
        let account = self.message.split_once("name=").map(|(_, rest)| rest);
        let account = account.or_else(|| self.message.split_once('\'').map(|(_, rest)| rest))?;
        let account = account.split([',', '\'', ' ']).next();
        account.filter(|account| !account.is_empty())
    }

    /// What may tell who asked for it: of an account the program itself, one that runs it, one that is told no name, or a package that was
    /// worked on; of a unit one that starts and stops it.
    fn asked(&self) -> Vec<Clue> {
        if ACCOUNTS.contains(&self.program) {
            let named = self
                .account()
                .map(|account| Clue::Command(&ACCOUNT_COMMANDS, vec![account.to_owned()]));
            let unnamed = [Clue::Command(&UNTOLD, Vec::new()), Clue::Packages];
            return named.into_iter().chain(unnamed).collect();
        }
        self.started().into_iter().collect()
    }

    /// A program that starts and stops units, where it tells that one did.
    fn started(&self) -> Option<Clue> {
        let deed = ["Started ", "Stopped ", "Reloaded "];
        let rest = deed.iter().find_map(|start| self.message.strip_prefix(start))?;
        let unit = rest.split(' ').next()?.trim_end_matches('.');
        let (bare, kind) = unit.rsplit_once('.').filter(|_| self.program == "systemd")?;
        let words = if kind == "service" {
            vec![unit.to_owned(), bare.to_owned()]
        } else {
            vec![unit.to_owned()]
        };
        Some(Clue::Command(&STARTERS, words))
    }

    /// The event it is, or `None` when it is everyday talk.
    pub(super) fn event(&self, resource: &ResourceId) -> Option<Event> {
        let (kind, who) = self.kind()?;
        let first = self.message.lines().next().unwrap_or_default().trim();
        let what = match kernel_trouble(first).filter(|_| kind == EventKind::Kernel) {
            Some(trouble) => format!("{trouble}: {}", scrub(first)),
            None if self.program.is_empty() => scrub(first).into_owned(),
            None => format!("{}: {}", self.program, scrub(first)),
        };
        Some(Event {
            at: self.at,
            resource: resource.clone(),
            kind,
            what: what.chars().take(LONGEST).collect::<String>().into(),
            who: who
                .filter(|_| !self.login().is_some_and(|(_, failed)| failed))
                .map(|who| who.chars().take(64).collect::<String>().into()),
            backfilled: false,
        })
    }

    /// What sort of event it is, and who did it; of a login that failed as whom somebody tried to come in.
    fn kind(&self) -> Option<(EventKind, Option<&str>)> {
        let message = self.message;
        let after = |mark: &str| {
            message
                .split_once(mark)
                .and_then(|(_, rest)| rest.split([' ', '.', '(']).next())
        };
        let login = match self.program {
            "sudo" if message.contains("COMMAND=") => Some(message.split(" : ").next().map(str::trim)),
            "sshd" | "sshd-session" if message.starts_with("Accepted ") => Some(after(" for ")),
            "sshd" | "sshd-session" if message.starts_with("Failed ") || message.starts_with("Invalid user") => {
                Some(after(" user ").or_else(|| after(" for ")))
            }
            "systemd-logind" if message.starts_with("New session") => Some(after("of user ")),
            "su" if message.contains("session opened") => Some(after(" by ")),
            // PAM says who asked sudo.
            "sudo" if message.contains("authentication failure") => Some(after("ruser=")),
            "sudo" | "su" | "login" if message.contains("authentication failure") || message.contains("FAILED") => {
                Some(None)
            }
            _ => None,
        };
        if let Some(who) = login {
            return Some((EventKind::Login, who.filter(|who| !who.is_empty())));
        }
        let starts = ["Started ", "Stopped ", "Reloaded ", "Failed to start "];
        let holds = ["Failed with result", "Scheduled restart job"];
        let service = self.program == "systemd"
            && (starts.iter().any(|start| message.starts_with(start))
                || holds.iter().any(|words| message.contains(words)));
        // Sessions and scopes start with every login and cron job.
        if service
            && !["ession ", "session-", ".scope", "run-", "User Manager"]
                .iter()
                .any(|word| message.contains(word))
        {
            return Some((EventKind::Service, None));
        }
        match self.program {
            "doas" if self.command().is_some() => Some((EventKind::Login, self.command().map(|(who, _)| who))),
            "crontab" if self.table().is_some() => Some((EventKind::Login, self.table().map(|(who, _)| who))),
            program if ACCOUNTS.contains(&program) => Some((EventKind::Login, None)),
            // A link that goes down is no warning to the kernel.
            "kernel" if is_frame(message) => None,
            "kernel" if self.warning || kernel_trouble(message).is_some() => Some((EventKind::Kernel, None)),
            _ if !self.warning => None,
            _ => Some((EventKind::Log, None)),
        }
    }
}

/// A command as it was typed: `sudo -i` and `-s` put a backslash before each character that is none of a word.
fn unescaped(command: &str) -> Cow<'_, str> {
    let of_a_shell = command.split_once(" -c ").is_some_and(|(_, line)| line.contains("\\ "));
    if !of_a_shell {
        return command.into();
    }
    let mut plain = String::with_capacity(command.len());
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        let taken = if letter == '\\' { letters.next() } else { None };
        plain.push(taken.unwrap_or(letter));
    }
    plain.into()
}

/// What sort of trouble a message of the kernel tells of, in an administrator's words.
fn kernel_trouble(message: &str) -> Option<&'static str> {
    const TROUBLES: [(&str, &[&str]); 11] = [
        (
            "OOM kill",
            &[
                "out of memory: kill",
                "oom-kill:",
                "memory cgroup out of memory",
                "invoked oom-killer",
            ],
        ),
        (
            "I/O error",
            &[
                "i/o error",
                "buffer i/o",
                "medium error",
                "failed command:",
                "uncorrectable error",
                "nvme: timeout",
            ],
        ),
        (
            "file system error",
            &[
                "ext4-fs error",
                "ext4-fs warning",
                "xfs_force_shutdown",
                "btrfs error",
                "btrfs critical",
                "remounting filesystem read-only",
            ],
        ),
        (
            "link down",
            &["link is down", "link down", "nic link is down", "carrier lost"],
        ),
        ("link up", &["link is up", "link becomes ready", "nic link is up"]),
        (
            "hung task",
            &[
                "blocked for more than",
                "soft lockup",
                "hard lockup",
                "rcu_sched detected stall",
                "self-detected stall",
            ],
        ),
        (
            "crash",
            &[
                "segfault at",
                "general protection fault",
                "traps: ",
                "kernel bug at",
                "kernel panic",
                "oops:",
            ],
        ),
        (
            "hardware error",
            &["hardware error", "machine check", "edac ", "mce: ", "pcie bus error"],
        ),
        ("throttled", &["clock throttled", "temperature above threshold"]),
        (
            "table full",
            &[
                "table full, dropping packet",
                "neighbour table overflow",
                "possible syn flooding",
                "nf_conntrack: table full",
            ],
        ),
        (
            "array degraded",
            &[
                "disk failure on",
                "operation continuing on",
                "cannot continue operation",
            ],
        ),
    ];
    let lower = message.to_ascii_lowercase();
    let found = TROUBLES
        .iter()
        .find(|(_, words)| words.iter().any(|word| lower.contains(word)));
    found
        .map(|(trouble, _)| *trouble)
        .or_else(|| lacks_devices(&lower).then_some("array degraded"))
}

/// Whether an array began with fewer devices than it has: `md/raid1:md0: active with 1 out of 2 mirrors`.
fn lacks_devices(lower: &str) -> bool {
    let count = |text: &str| text.split(' ').next()?.parse::<u32>().ok();
    let counts = lower.split_once(" active with ").and_then(|(_, rest)| {
        let (some, all) = rest.split_once(" out of ")?;
        Some(count(some)? < count(all)?)
    });
    counts.unwrap_or(false)
}

/// Whether a line of the kernel is a frame of its stack, which says nothing to whoever does not mend it: `? out_of_memory+0x1fd/0x4c0`.
fn is_frame(message: &str) -> bool {
    let frame = message.trim().trim_start_matches("? ");
    let frame = frame.strip_prefix("RIP: ").unwrap_or(frame);
    let function = frame.split(' ').next().unwrap_or_default();
    function.rsplit_once("+0x").is_some_and(|(_, rest)| {
        rest.bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'/' || byte == b'x')
    })
}

/// Whether the words of a message without a priority say that something is wrong.
pub(super) fn sounds_wrong(message: &str) -> bool {
    const WORDS: [&str; 17] = [
        "error",
        "fail",
        "warn",
        "crit",
        "panic",
        "fatal",
        "oom",
        "out of memory",
        "killed",
        "segfault",
        "denied",
        "refused",
        "timeout",
        "timed out",
        "corrupt",
        "i/o error",
        "unable to",
    ];
    let lower = message.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests;
