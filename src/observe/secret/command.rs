//! Where secrets stand in command lines: what programs take as a password by the names and places of their options.

use std::{collections::BTreeMap, ops::Range};

use super::name::{harmless, names_secret, words};

/// Commands within quoted commands (`ssh host 'sh -c "…"'`) are followed this far.
const DEEPEST: usize = 4;
/// Most words of a text in which programs are looked for, and most words of one program that are its arguments.
const MOST_WORDS: usize = 4_000;
const MOST_ARGUMENTS: usize = 200;
/// How often one program is looked for in a command with all of its arguments; from then on they end where its name stands again.
const MOST_TIMES: usize = 4;

/// How an option of a program carries its secret.
#[derive(Clone, Copy)]
enum Carries {
    /// In the next word, or right behind its letter (`-p PW`, `-pPW`).
    Whole,
    /// Only right behind its letter: alone it asks for one (`mysql -pPW`).
    Attached,
    /// Behind the first of these signs in the value (`-u user:PW`); without one there is no secret.
    Behind(char),
}
use Carries::{Attached, Behind, Whole};

/// Programs by name (`*` for what begins so), a word that must stand in the command, their options, and what these carry.
const OPTIONS: &[(&[&str], &str, &[&str], Carries)] = &[
    (
        &["mysql*", "mariadb*", "mycli", "mytop", "xtrabackup", "innobackupex"],
        "",
        &["-p"],
        Attached,
    ),
    (&["mydumper", "myloader"], "", &["-p"], Whole),
    (
        &["sshpass", "mongo*", "cqlsh", "rabbitmqadmin", "ncftp*", "rdesktop"],
        "",
        &["-p"],
        Whole,
    ),
    (&["useradd", "usermod"], "", &["-p"], Whole),
    (
        &[
            "docker", "podman", "buildah", "skopeo", "helm", "oc", "az", "nerdctl", "crane",
        ],
        "login",
        &["-p"],
        Whole,
    ),
    (&["redis-cli", "valkey-cli", "keydb-cli"], "", &["-a"], Whole),
    (
        &["curl"],
        "",
        &["-u", "--user", "-U", "--proxy-user", "-E", "--cert"],
        Behind(':'),
    ),
    (&["curl"], "", &["-b"], Behind('=')),
    (&["http", "https", "xh"], "", &["-a", "--auth"], Whole),
    (&["lftp"], "", &["-u"], Behind(',')),
    (
        &["smbclient", "smbget", "rpcclient", "net", "smbcacls", "winexe"],
        "",
        &["-U", "--user"],
        Behind('%'),
    ),
    (&["ldap*"], "", &["-w"], Whole),
    (&["ldappasswd"], "", &["-s", "-a"], Whole),
    (
        &[
            "snmpget*",
            "snmpset",
            "snmpwalk",
            "snmpbulk*",
            "snmptrap",
            "snmpinform",
            "snmptable",
            "trapsess",
            "proxy",
        ],
        "",
        &["-c", "-A", "-X"],
        Whole,
    ),
    (
        &[
            "sqlcmd",
            "bcp",
            "isql",
            "tsql",
            "osql",
            "fisql",
            "ipmitool",
            "mosquitto_*",
            "zip",
            "unzip",
        ],
        "",
        &["-P"],
        Whole,
    ),
    (&["7z", "7za", "7zr", "rar", "unrar"], "", &["-p", "-hp"], Attached),
    (&["openssl"], "enc", &["-k", "-K"], Whole),
    (&["xfreerdp", "wlfreerdp"], "", &["/p"], Behind(':')),
    (&["kubectl", "oc"], "secret", &["--from-literal"], Behind('=')),
];
/// Programs that take a setting's name and its value as two words, or a password behind a word that says so.
const SETTERS: [&str; 8] = [
    "redis-cli",
    "valkey-cli",
    "keydb-cli",
    "nmcli",
    "git",
    "npm",
    "aws",
    "gcloud",
];
/// Programs, the word behind which their arguments count, and the argument that is a secret, from 0.
const PLACES: &[(&str, &str, usize)] = &[
    ("rabbitmqctl", "add_user", 1),
    ("rabbitmqctl", "change_password", 1),
    ("wpa_passphrase", "", 1),
    ("vault", "login", 0),
    ("smbclient", "", 1),
    ("redis-cli", "AUTH", 0),
    ("redis-cli", "auth", 0),
    ("valkey-cli", "AUTH", 0),
];
/// Clients of Oracle, which take `user/password@database`.
const SLASHED: [&str; 5] = ["sqlplus", "expdp", "impdp", "sqlldr", "rman"];

/// One command of a line: its words without the quotes around them, and whether its output goes to the next.
#[derive(Default)]
struct Command {
    words: Vec<Range<usize>>,
    piped: bool,
}

/// The commands in `text`, as a shell would part them.
fn commands(text: &str) -> Vec<Command> {
    let bytes = text.as_bytes();
    let mut all = vec![Command::default()];
    let (mut at, mut start) = (0, None);
    let end_word = |start: &mut Option<usize>, end: usize, all: &mut Vec<Command>| {
        if let (Some(from), Some(command)) = (start.take(), all.last_mut()) {
            command.words.push(inside(text, from..end));
        }
    };
    // Behind the last quote of a kind another one of it opens nothing.
    let lasts = [b'\'', b'"'].map(|quote| bytes.iter().rposition(|b| *b == quote).unwrap_or(0));
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                start.get_or_insert(at);
                at += 1;
            }
            quote @ (b'\'' | b'"') => {
                start.get_or_insert(at);
                if lasts[usize::from(quote == b'"')] > at {
                    let close = closing(bytes, at);
                    at = close.unwrap_or(at);
                }
            }
            b' ' | b'\t' => end_word(&mut start, at, &mut all),
            sign @ (b';' | b'|' | b'&' | b'(' | b')' | b'`' | b'\n') => {
                end_word(&mut start, at, &mut all);
                if let Some(last) = all.last_mut().filter(|last| !last.words.is_empty()) {
                    last.piped = sign == b'|' && bytes.get(at + 1) != Some(&b'|');
                    all.push(Command::default());
                }
            }
            _ => {
                start.get_or_insert(at);
            }
        }
        at += 1;
    }
    end_word(&mut start, text.len(), &mut all);
    all
}

/// Where the quote that opens at `open` closes.
fn closing(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if bytes[open] == b'"' => at += 1,
            b if b == bytes[open] => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// A range without the pair of quotes around it.
fn inside(text: &str, range: Range<usize>) -> Range<usize> {
    let word = &text[range.clone()];
    let quoted = word.len() >= 2
        && ['"', '\'']
            .iter()
            .any(|quote| word.starts_with(*quote) && word.ends_with(*quote));
    if quoted { range.start + 1..range.end - 1 } else { range }
}

/// Where command lines in `text` hold secrets.
pub(super) fn in_commands(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if text.contains([' ', '\t']) {
        look(text, 0, 0, &mut found);
    }
    found
}

fn look(text: &str, offset: usize, deep: usize, found: &mut Vec<Range<usize>>) {
    let commands = commands(text);
    let mut put = |range: Range<usize>| {
        let range = inside(text, range);
        let secret = text[range.clone()].trim();
        if !secret.is_empty() && !refers(secret) {
            found.push(range.start + offset..range.end + offset);
        }
    };
    for (place, command) in commands.iter().enumerate() {
        for (program, given) in programs(text, command) {
            arguments(text, program, &command.words[given], &mut put);
        }
        let spoken = command
            .words
            .first()
            .is_some_and(|word| matches!(&text[word.clone()], "echo" | "printf"));
        if spoken
            && command.piped
            && let Some(next) = commands.get(place + 1)
            && takes_from_stdin(text, next)
        {
            command.words[1..]
                .iter()
                .filter(|word| !text[(*word).clone()].starts_with('-'))
                .for_each(|word| put(word.clone()));
        }
    }
    if deep < DEEPEST {
        for word in commands.iter().flat_map(|command| &command.words) {
            let inner = &text[word.clone()];
            if !inner.contains(' ') {
                continue;
            }
            // `command="…",no-pty` quotes a part of the word.
            let (mut at, mut parts) = (0, 0);
            while let Some(open) = inner[at..].find(['"', '\'']).map(|open| at + open) {
                let Some(close) = closing(inner.as_bytes(), open) else {
                    break;
                };
                look(&inner[open + 1..close], offset + word.start + open + 1, deep + 1, found);
                (at, parts) = (close + 1, parts + 1);
            }
            if parts == 0 && inner.len() < text.len() {
                look(inner, offset + word.start, deep + 1, found);
            }
        }
    }
}

/// Whether a word only refers to a secret elsewhere: a variable, a file, a descriptor.
fn refers(word: &str) -> bool {
    let variable = word.strip_prefix('$').map(|rest| rest.trim_matches(['{', '}']));
    variable.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        || word.starts_with("$(")
        || ["env:", "file:", "fd:", "@/"]
            .iter()
            .any(|start| word.starts_with(start))
        || matches!(word, "-" | "stdin" | "%s" | "%p")
}

/// The programs in `command` that may take a secret, each with the places of the words that may be its arguments: for thousands of
/// words that are all one program they are few.
fn programs<'t>(text: &'t str, command: &Command) -> Vec<(&'t str, Range<usize>)> {
    let mut found: Vec<(&str, Range<usize>)> = Vec::new();
    // How often each was found, and where last.
    let mut times: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, word) in command.words.iter().take(MOST_WORDS).enumerate() {
        let program = text[word.clone()].rsplit('/').next().unwrap_or_default();
        if !takes_secrets(program) {
            continue;
        }
        let (count, last) = times.entry(program).or_default();
        if *count > MOST_TIMES {
            let given = &mut found[*last].1;
            given.end = given.end.min(at);
        }
        (*count, *last) = (*count + 1, found.len());
        found.push((program, at + 1..command.words.len().min(at + 1 + MOST_ARGUMENTS)));
    }
    found
}

fn named(pattern: &str, program: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(program == pattern, |start| program.starts_with(start))
}

fn takes_secrets(program: &str) -> bool {
    let name = program.len() >= 2
        && program
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    name && (program.ends_with("-cli")
        || program == "htpasswd"
        || SETTERS.contains(&program)
        || SLASHED.contains(&program)
        || PLACES.iter().any(|(name, ..)| *name == program)
        || OPTIONS
            .iter()
            .any(|(patterns, ..)| patterns.iter().any(|pattern| named(pattern, program))))
}

/// What `program` is given in `words` that is a secret.
fn arguments(text: &str, program: &str, words_of: &[Range<usize>], put: &mut impl FnMut(Range<usize>)) {
    let word = |at: usize| words_of.get(at).map_or("", |range| &text[range.clone()]);
    for (programs, needs, options, carries) in OPTIONS {
        let ours = programs.iter().any(|pattern| named(pattern, program));
        if !ours || !needs.is_empty() && !(0..words_of.len()).any(|at| word(at) == *needs) {
            continue;
        }
        for (at, range) in words_of.iter().enumerate() {
            let this = &text[range.clone()];
            for option in *options {
                // `-sSu` is `-s -S -u`.
                let last = option.len() == 2 && this.len() > 2 && this.len() <= 8 && !matches!(carries, Attached) && {
                    let letters = this
                        .strip_prefix('-')
                        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphabetic()));
                    letters && this.ends_with(&option[1..]) && !this.starts_with(option)
                };
                let Some(rest) = (if last { Some("") } else { this.strip_prefix(option) }) else {
                    continue;
                };
                let long = option.starts_with("--");
                let attached = if long || rest.starts_with(['=', ':']) {
                    rest.strip_prefix(['=', ':'])
                } else {
                    Some(rest).filter(|rest| !rest.is_empty())
                };
                let value = match attached {
                    Some(value) => range.end - value.len()..range.end,
                    None if rest.is_empty() && !matches!(carries, Attached) => match words_of.get(at + 1) {
                        Some(next) if matches!(carries, Behind(_)) || !text[next.clone()].starts_with('-') => {
                            next.clone()
                        }
                        _ => continue,
                    },
                    None => continue,
                };
                match carries {
                    Whole | Attached => put(value),
                    Behind(sign) => {
                        let value = inside(text, value);
                        if let Some(sign) = text[value.clone()].find(*sign) {
                            put(value.start + sign + 1..value.end);
                        }
                    }
                }
            }
        }
    }
    if SETTERS.contains(&program) {
        for at in 0..words_of.len().saturating_sub(1) {
            let names = names_secret(&words(word(at))) == Some(true) && !word(at).contains('=');
            if names && !harmless(word(at + 1)) && !word(at + 1).starts_with('-') {
                put(words_of[at + 1].clone());
            }
        }
    }
    if program.ends_with("-cli") && (0..words_of.len()).any(|at| word(at).eq_ignore_ascii_case("setuser")) {
        let rules = words_of
            .iter()
            .filter(|range| text[(*range).clone()].starts_with(['>', '<', '#', '!']));
        rules.for_each(|range| put(range.clone()));
    }
    for (_, behind, place) in PLACES.iter().filter(|(name, ..)| *name == program) {
        let from = if behind.is_empty() {
            Some(0)
        } else {
            (0..words_of.len()).find(|at| word(*at) == *behind).map(|at| at + 1)
        };
        let mut plain = words_of
            .iter()
            .skip(from.unwrap_or(words_of.len()))
            .filter(|range| !text[(*range).clone()].starts_with('-'));
        if let Some(range) = plain
            .nth(*place)
            .filter(|_| program != "smbclient" || word(0).starts_with("//"))
        {
            put(range.clone());
        }
    }
    if SLASHED.contains(&program)
        && let Some(range) = words_of.iter().find(|range| {
            text[(*range).clone()].contains('/') && !text[(*range).clone()].starts_with(['-', '/', '@', '.'])
        })
        && let Some(slash) = text[range.clone()].find('/')
    {
        let rest = &text[range.start + slash + 1..range.end];
        let end = rest.rfind('@').unwrap_or(rest.len());
        put(range.start + slash + 1..range.start + slash + 1 + end);
    }
    // `htpasswd -b file user password`: what comes last.
    let batch = |at: usize| word(at).starts_with('-') && !word(at).starts_with("--") && word(at).contains('b');
    if program == "htpasswd"
        && (0..words_of.len()).any(batch)
        && let Some(last) = words_of.last()
    {
        put(last.clone());
    }
}

/// Whether a command reads a password from what is piped into it.
fn takes_from_stdin(text: &str, command: &Command) -> bool {
    let word = |at: usize| command.words.get(at).map_or("", |range| &text[range.clone()]);
    let all = || {
        command
            .words
            .iter()
            .map(|range| text[range.clone()].rsplit('/').next().unwrap_or_default())
    };
    all().any(|word| {
        matches!(
            word,
            "chpasswd" | "passwd" | "kinit" | "cryptsetup" | "smbpasswd" | "--password-stdin" | "--passphrase-fd"
        )
    }) || word(0).ends_with("sudo") && all().any(|word| matches!(word, "-S" | "--stdin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_one_program_over_and_over_costs_what_its_words_cost() {
        let given = |times: usize| -> usize {
            let line = format!("{}config password hunter2", "git ".repeat(times));
            let secret = line.len() - 7..line.len();
            assert!(in_commands(&line).contains(&secret), "{times}");
            let all = programs(&line, &commands(&line)[0]);
            all.iter().map(|(_, words)| words.len()).sum()
        };
        // Four times all of the arguments, and once each word.
        assert!(
            given(3_000) <= given(1_000) + 2_000,
            "{} {}",
            given(3_000),
            given(1_000)
        );
        assert!(given(1_000) < 2_500, "{}", given(1_000));
    }
}
