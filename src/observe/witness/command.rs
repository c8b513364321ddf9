//! What a command line says of the files it may change.

use crate::observe::look::program;

/// Programs that stay open: what they are told the name of they may write much later.
const EDITORS: [&str; 26] = [
    "ed",
    "ex",
    "vi",
    "vim",
    "vim.basic",
    "vim.nox",
    "vim.tiny",
    "nvim",
    "nano",
    "pico",
    "emacs",
    "emacs-nox",
    "mg",
    "joe",
    "jed",
    "ne",
    "micro",
    "mc",
    "mcedit",
    "hx",
    "helix",
    "kak",
    "sudoedit",
    "vigr",
    "vipw",
    "visudo",
];

/// Programs that change files they are not told by name, and where these begin.
const HANDS: [(&[&str], &[&str]); 9] = [
    (
        &[
            "useradd", "usermod", "userdel", "adduser", "deluser", "groupadd", "groupmod", "groupdel", "gpasswd",
            "passwd", "chpasswd", "chage", "chsh", "chfn", "vipw", "vigr",
        ],
        &[
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/gshadow",
            "/etc/subuid",
            "/etc/subgid",
        ],
    ),
    (&["visudo"], &["/etc/sudoers"]),
    (&["crontab"], &["/var/spool/cron"]),
    (&["systemctl"], &["/etc/systemd/"]),
    (&["hostnamectl"], &["/etc/hostname", "/etc/machine-info"]),
    (&["timedatectl"], &["/etc/localtime", "/etc/adjtime", "/etc/timezone"]),
    (
        &["localectl", "update-locale"],
        &["/etc/locale.conf", "/etc/default/locale"],
    ),
    (&["update-alternatives"], &["/etc/alternatives/"]),
    (&["ufw"], &["/etc/ufw/"]),
];

/// Whether a command line runs a program that stays open.
pub(super) fn stays_open(command: &str) -> bool {
    EDITORS.contains(&program(command))
}

/// Whether a command line names the file: its whole path, or its last part as a word of its own, unless that is what a program is told that
/// is told of users or units and not of files.
pub(super) fn names(command: &str, path: &str) -> bool {
    let keeps = HANDS.iter().any(|(programs, _)| programs.contains(&program(command)));
    let last = if keeps {
        ""
    } else {
        path.rsplit('/').next().unwrap_or(path)
    };
    command.split([' ', '=', '"', '\'', '>']).any(|word| {
        word == path
            || (word == last && !last.is_empty())
            || word
                .strip_prefix("./")
                .is_some_and(|word| word == last && !last.is_empty())
    })
}

/// Whether a command line holds `thing` as a word of its own, or before a value where it ends with `=`.
pub(super) fn says(command: &str, thing: &str) -> bool {
    let bound = |c: Option<char>| c.is_none_or(|c| matches!(c, ' ' | '=' | '"' | '\'' | '>' | ',' | ';'));
    command.match_indices(thing).any(|(at, _)| {
        bound(command[..at].chars().next_back())
            && (thing.ends_with('=') || bound(command[at + thing.len()..].chars().next()))
    })
}

/// Whether a command line runs a program that keeps the file.
pub(super) fn works_on(command: &str, path: &str) -> bool {
    let program = program(command);
    // Which table it is, where that is said.
    let mut words = command.split(' ').skip_while(|word| *word != "-u");
    if program == "crontab"
        && let Some(user) = words.nth(1)
    {
        return path.strip_suffix(user).is_some_and(|folder| folder.ends_with('/'));
    }
    HANDS
        .iter()
        .any(|(programs, files)| programs.contains(&program) && files.iter().any(|file| path.starts_with(file)))
}
