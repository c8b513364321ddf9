//! Who may use the host and how: users, groups, sudo, and the keys that let people in.
#![cfg(target_os = "linux")]

pub(super) mod sudoers;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use self::sudoers::Files;
use super::{
    Host, ObserveError, Source,
    file::{Mark, failed, mark, plain_file},
    log::{ACCOUNTS, UNTOLD},
    meter::{Channel, Origin, Sort},
    scope::{Scope, Sheet, dated},
    witness::{Clue, Witness},
};
use crate::domain::{Batch, Limit, Side, Span, Timestamp, Unit, Value};

/// Most accounts, and most lines of one file, that are told of.
const MOST: usize = 5_000;
/// Most homes that are looked into for keys; they may lie on another machine.
const MOST_HOMES: usize = 100;
/// Most bytes of one file.
const MOST_BYTES: u64 = 1 << 20;

/// Reads the files of accounts when one of them changed.
pub(super) struct Accounts {
    root: PathBuf,
    every: Span,
    scope: Scope,
    marks: BTreeMap<PathBuf, Option<Mark>>,
    /// What was told last.
    told: Option<Sheet>,
    read_at: Timestamp,
    /// By setting that is held in files of its own: which.
    held_in: BTreeMap<String, BTreeSet<PathBuf>>,
    origin: Origin,
    /// By user who has a password that must be changed: until when, and the time left as it is told.
    ageing: BTreeMap<String, (Timestamp, Channel)>,
}

/// A password that must be changed sooner is about to lock somebody out; shadow(5) warns as long before by default.
const SOON: Span = Span::from_days(7);

/// A user as passwd(5) has it.
pub(super) struct User {
    name: String,
    password: String,
    id: u32,
    group: String,
    home: String,
    shell: String,
}

impl Files for Accounts {
    /// The file counts as read: it is looked at again only after a change.
    fn lines(&mut self, path: &Path) -> Vec<String> {
        self.marks
            .insert(path.to_owned(), fs::metadata(path).ok().map(|meta| mark(&meta)));
        let bytes = plain_file(path, MOST_BYTES).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().take(MOST).map(str::to_owned).collect()
    }

    /// The folder counts as read.
    fn folder(&mut self, path: &Path) -> Vec<PathBuf> {
        self.marks
            .insert(path.to_owned(), fs::metadata(path).ok().map(|meta| mark(&meta)));
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut all: Vec<PathBuf> = entries.take(MOST).map(|entry| entry.path()).collect();
        all.sort();
        all
    }
}

impl Accounts {
    /// The accounts of `host`; `witness` knows who changed them.
    pub(super) fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            told: None,
            read_at: Timestamp(0),
            held_in: BTreeMap::new(),
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "account").heeding(witness),
            origin: Origin::new(host, "account", host.settings_interval),
            ageing: BTreeMap::new(),
            marks: BTreeMap::new(),
        }
    }

    fn users(&mut self, sheet: &mut Sheet) -> Vec<User> {
        let hidden = self.passwords();
        let users = users(&self.lines(&self.root.join("etc/passwd")).join("\n"), sheet);
        for User { name, password, .. } in &users {
            let state = match (password.as_str(), hidden.get(name)) {
                ("x", Some((state, expires))) => {
                    if let Some(day) = expires {
                        sheet.put(&format!("user.{name}:expires"), Value::text(day));
                    }
                    Some(*state)
                }
                ("x", None) => None,
                (own, _) => Some(password_state(own)),
            };
            if let Some(state) = state {
                sheet.put(&format!("user.{name}:login"), Value::Enum(state.into()));
            }
        }
        users
    }

    /// shadow(5), where it may be read: whether there is a password, and the day the account ends; and until when it must be changed.
    fn passwords(&mut self) -> BTreeMap<String, (&'static str, Option<String>)> {
        let day = |days: &str| {
            let end = Timestamp::from_secs(days.parse::<i64>().ok()?.checked_mul(86_400)?);
            end.to_string().get(..10).map(str::to_owned)
        };
        let mut found = BTreeMap::new();
        let mut before = std::mem::take(&mut self.ageing);
        for line in self.lines(&self.root.join("etc/shadow")) {
            let fields: Vec<&str> = line.split(':').collect();
            if let [name, password, changed, _, most, ..] = fields[..]
                && password_state(password) == "password"
                && let Some(until) = must_change(changed, most)
                && self.ageing.len() < MOST_HOMES
            {
                let left = match before.remove(name) {
                    Some((_, left)) => left,
                    None => self.left(name),
                };
                self.ageing.insert(name.to_owned(), (until, left));
            }
            if let [name, password, _, _, _, _, _, expires, ..] = fields[..] {
                found.insert(name.to_owned(), (password_state(password), day(expires)));
            }
        }
        found
    }

    fn left(&self, name: &str) -> Channel {
        let channel = self.origin.channel(
            &format!("account.user.{name}.password_left_secs"),
            Sort::Gauge(Unit::Secs),
        );
        channel.limited(Limit {
            value: SOON.secs_f64(),
            side: Side::Below,
            by: "default".into(),
        })
    }

    fn tell_ageing(&mut self, now: Timestamp, out: &mut Batch) {
        for (until, left) in self.ageing.values_mut() {
            left.tell(now, (*until - now).secs_f64(), out);
        }
    }

    fn holds(&mut self, setting: String, file: &Path) {
        self.held_in.entry(setting).or_default().insert(file.to_owned());
    }

    /// The keys that open each account, by fingerprint; their own text is not kept.
    fn keys(&mut self, users: &[User], sheet: &mut Sheet) {
        let people = users.iter().filter(|user| {
            let person = user.id == 0 || (1_000..65_000).contains(&user.id);
            person && !user.shell.ends_with("nologin") && !user.shell.ends_with("/false")
        });
        for user in people.take(MOST_HOMES) {
            let home = self.root.join(user.home.trim_start_matches('/'));
            let mut keys: BTreeMap<String, String> = BTreeMap::new();
            for file in [".ssh/authorized_keys", ".ssh/authorized_keys2"] {
                let file = home.join(file);
                for line in self.lines(&file) {
                    self.holds(format!("ssh_key.{}", user.name), &file);
                    if let Some((fingerprint, what)) = key(&line) {
                        keys.insert(fingerprint, what);
                    }
                }
            }
            if !keys.is_empty() {
                // Options may hold a command or a variable.
                let items: Vec<_> = keys
                    .iter()
                    .map(|(print, what)| (print.clone(), Value::text(&sheet.rule(what))))
                    .collect();
                sheet.put_list(&format!("ssh_key.{}", user.name), items);
            }
        }
        let mut own: BTreeMap<String, String> = BTreeMap::new();
        for path in self.folder(&self.root.join("etc/ssh")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("ssh_host_") && name.ends_with(".pub") {
                self.holds("ssh_host_key".to_owned(), &path);
                own.extend(self.lines(&path).first().and_then(|line| key(line)));
            }
        }
        if !own.is_empty() {
            let items = own.iter().map(|(print, what)| (print.clone(), Value::text(what)));
            sheet.put_list("ssh_host_key", items);
        }
    }
}

/// What may tell who changed the setting `name` of the host at `root`; `held_in` says which files those are held in that have some of
/// their own. A command that changes users or groups must name the one, or be one that is told no name.
fn clues(name: &str, root: &Path, held_in: &BTreeMap<String, BTreeSet<PathBuf>>) -> Vec<Clue> {
    let files = |paths: &BTreeSet<PathBuf>| {
        let path = |path: &PathBuf| Some(format!("/{}", path.strip_prefix(root).ok()?.to_string_lossy()));
        paths.iter().filter_map(path).map(Clue::File).collect()
    };
    if let Some(paths) = held_in.get(name) {
        return files(paths);
    }
    let (kept, rest) = match name.split_once('.') {
        Some(("user", rest)) => (["/etc/passwd", "/etc/shadow"], rest),
        Some(("group", rest)) => (["/etc/group", "/etc/passwd"], rest),
        _ => return Vec::new(),
    };
    let who = rest.rsplit_once(':').map_or(rest, |(who, _)| who);
    let mut clues: Vec<Clue> = kept.map(|path| Clue::Named(path.to_owned())).into();
    let programs = [
        &ACCOUNTS[..],
        &["adduser", "deluser", "addgroup", "delgroup", "chsh", "chfn"],
    ];
    clues.extend(programs.map(|programs| Clue::Command(programs, vec![who.to_owned()])));
    clues.push(Clue::Command(&UNTOLD, Vec::new()));
    // Scripts of packages make the accounts that these need.
    clues.push(Clue::Packages);
    clues
}

/// Whether a password field lets anyone in: `password`, `locked`, or `open` when there is none to give.
fn password_state(field: &str) -> &'static str {
    match field {
        "" => "open",
        _ if field.starts_with(['!', '*']) => "locked",
        _ => "password",
    }
}

/// When a password last changed on day `changed` of 1970 on must be changed, where it may be `most` days old; `None` where it need not be. Day
/// 0 asks for a change at the next login.
fn must_change(changed: &str, most: &str) -> Option<Timestamp> {
    /// What stands for never.
    const NEVER: i64 = 10_000;
    let (changed, most): (i64, i64) = (changed.parse().ok()?, most.parse().ok()?);
    let bounded = (1..NEVER).contains(&most) && (1..1_000_000).contains(&changed);
    bounded.then(|| Timestamp::from_secs((changed + most) * 86_400))
}

/// The users of passwd(5).
pub(super) fn users(text: &str, sheet: &mut Sheet) -> Vec<User> {
    let mut users = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, password, id, group, _, home, shell] = fields[..] else {
            continue;
        };
        let Ok(id) = id.parse::<u32>() else { continue };
        sheet.put(&format!("user.{name}:uid"), Value::Int(i64::from(id)));
        sheet.text(&format!("user.{name}:gid"), group);
        sheet.put(&format!("user.{name}:home"), Value::text(home));
        sheet.put(&format!("user.{name}:shell"), Value::text(shell));
        users.push(User {
            name: name.to_owned(),
            password: password.to_owned(),
            id,
            group: group.to_owned(),
            home: home.to_owned(),
            shell: shell.to_owned(),
        });
    }
    users
}

/// The groups of group(5), with those whose first group each is.
pub(super) fn groups(text: &str, users: &[User], sheet: &mut Sheet) {
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, members] = fields[..] else { continue };
        sheet.text(&format!("group.{name}:gid"), id);
        let first = users.iter().filter(|user| user.group == id && user.name != name);
        let all: BTreeSet<&str> = members
            .split(',')
            .map(str::trim)
            .filter(|member| !member.is_empty())
            .chain(first.map(|user| user.name.as_str()))
            .collect();
        if !all.is_empty() {
            sheet.list(
                &format!("group.{name}:members"),
                all.into_iter().map(|member| (member, None)),
            );
        }
    }
}

/// A line of authorized_keys(5) or of a public key: its fingerprint as `ssh-keygen -l` has it, then options, kind and comment.
fn key(line: &str) -> Option<(String, String)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    // Every key begins with the length of its kind's name, 32 bits, and the name.
    let (place, blob) = words.iter().enumerate().find_map(|(place, word)| {
        let blob = word
            .starts_with("AAAA")
            .then(|| base64::engine::general_purpose::STANDARD.decode(word).ok())??;
        (place > 0).then_some((place, blob))
    })?;
    if line.starts_with('#') {
        return None;
    }
    let print = base64::engine::general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(&blob));
    let mut what: Vec<&str> = words[..place].to_vec();
    what.extend(&words[place + 1..]);
    Some((format!("SHA256:{print}"), what.join(" ")))
}

impl Source for Accounts {
    fn name(&self) -> &'static str {
        "account"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let same = |(path, known): (&PathBuf, &Option<Mark>)| fs::metadata(path).ok().map(|meta| mark(&meta)) == *known;
        if self.scope.known() && self.marks.iter().all(same) {
            self.scope.confirm(now, out);
            self.tell_ageing(now, out);
            self.read_at = now;
            return Ok(());
        }
        let passwd = self.root.join("etc/passwd");
        fs::metadata(&passwd).map_err(|source| failed(&passwd, source))?;
        self.marks.clear();
        let mut held_before = std::mem::take(&mut self.held_in);
        let mut sheet = self.scope.sheet();
        let users = self.users(&mut sheet);
        groups(&self.lines(&self.root.join("etc/group")).join("\n"), &users, &mut sheet);
        let root = self.root.clone();
        let rules = sudoers::rules(self, &root);
        sudoers::put(&rules, &mut sheet);
        for (who, (_, files)) in rules {
            files
                .into_iter()
                .for_each(|file| self.holds(format!("sudo.{who}"), &file));
        }
        self.keys(&users, &mut sheet);
        match self.told.replace(sheet.clone()) {
            Some(told) if self.scope.known() => {
                // What is gone was held in the files of before.
                for (setting, files) in &self.held_in {
                    held_before
                        .entry(setting.clone())
                        .or_default()
                        .extend(files.iter().cloned());
                }
                let (root, after) = (&self.root, self.read_at);
                self.scope.changed(now, &told, &sheet, |name| {
                    dated(clues(name, root, &held_before), root, after, now)
                });
                self.scope.confirm(now, out);
            }
            _ => self.scope.tell(now, sheet, out),
        }
        self.tell_ageing(now, out);
        self.read_at = now;
        Ok(())
    }
}
