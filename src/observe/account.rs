//! Who may use the host and how: users, groups, sudo, and the keys that let people in.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{
    Host, ObserveError, Source,
    file::{Mark, failed, mark, plain_file},
    meter::{Channel, Origin, Sort},
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Limit, Side, Span, Timestamp, Unit, Value};

/// Most accounts, and most lines of one file, that are told of.
const MOST: usize = 5_000;
/// Most homes that are looked into for keys; they may lie on another machine.
const MOST_HOMES: usize = 100;
/// Most bytes of one file.
const MOST_BYTES: u64 = 1 << 20;
/// How deep sudoers files may include each other.
const DEEPEST: usize = 8;

/// Reads the files of accounts when one of them changed.
pub(super) struct Accounts {
    root: PathBuf,
    every: Span,
    scope: Scope,
    marks: BTreeMap<PathBuf, Option<Mark>>,
    /// What was told last.
    told: Option<Sheet>,
    read_at: Option<Timestamp>,
    witness: Witness,
    origin: Origin,
    /// By user who has a password that must be changed: until when, and the time left as it is told.
    ageing: BTreeMap<String, (Timestamp, Channel)>,
}

/// A password that must be changed sooner is about to lock somebody out; shadow(5) warns as long before by default.
const SOON: Span = Span::from_days(7);

/// A user as passwd(5) has it.
struct User {
    name: String,
    id: u32,
    group: String,
    home: String,
    shell: String,
}

impl Accounts {
    /// The accounts of `host`; `witness` knows who changed them.
    pub(super) fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            told: None,
            read_at: None,
            witness: witness.clone(),
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "account"),
            origin: Origin::new(host, "account", host.settings_interval),
            ageing: BTreeMap::new(),
            marks: BTreeMap::new(),
        }
    }

    /// The lines of a file, which counts as read: it is looked at again only after a change.
    fn lines(&mut self, path: &Path) -> Vec<String> {
        self.marks
            .insert(path.to_owned(), fs::metadata(path).ok().map(|meta| mark(&meta)));
        let bytes = plain_file(path, MOST_BYTES).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().take(MOST).map(str::to_owned).collect()
    }

    fn users(&mut self, sheet: &mut Sheet) -> Vec<User> {
        let mut users = Vec::new();
        let hidden = self.passwords();
        for line in self.lines(&self.root.join("etc/passwd")) {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, password, id, group, _, home, shell] = fields[..] else {
                continue;
            };
            let Ok(id) = id.parse::<u32>() else { continue };
            sheet.put(&format!("user.{name}:uid"), Value::Int(i64::from(id)));
            sheet.text(&format!("user.{name}:gid"), group);
            sheet.put(&format!("user.{name}:home"), Value::text(home));
            sheet.put(&format!("user.{name}:shell"), Value::text(shell));
            let state = match (password, hidden.get(name)) {
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
            users.push(User {
                name: name.to_owned(),
                id,
                group: group.to_owned(),
                home: home.to_owned(),
                shell: shell.to_owned(),
            });
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

    fn groups(&mut self, users: &[User], sheet: &mut Sheet) {
        for line in self.lines(&self.root.join("etc/group")) {
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

    /// sudoers(5): the rules of each user or group, as they are written.
    fn sudo(&mut self, file: &Path, deep: usize, rules: &mut BTreeMap<String, BTreeSet<String>>) {
        let mut whole = String::new();
        for line in self.lines(file) {
            whole.push_str(line.trim());
            if whole.ends_with('\\') {
                whole.pop();
                continue;
            }
            let line = std::mem::take(&mut whole);
            let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            let rest = rest.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            match first {
                "@include" | "#include" if deep < DEEPEST => {
                    let path = self.root.join(rest.trim_start_matches('/'));
                    self.sudo(&path, deep + 1, rules);
                }
                "@includedir" | "#includedir" if deep < DEEPEST => {
                    for path in self.folder(&self.root.join(rest.trim_start_matches('/'))) {
                        // sudo passes over names with a dot or a tilde at the end.
                        let name = path.file_name().unwrap_or_default().to_string_lossy();
                        if !name.contains('.') && !name.ends_with('~') {
                            self.sudo(&path, deep + 1, rules);
                        }
                    }
                }
                // `#1000` is a user by number, any other such line a comment.
                _ if first.starts_with('#') && !first[1..].starts_with(|c: char| c.is_ascii_digit()) => {}
                _ if rest.is_empty() => {}
                who => {
                    rules.entry(who.to_owned()).or_default().insert(rest);
                }
            }
        }
    }

    /// The files of a folder by name; the folder counts as read.
    fn folder(&mut self, path: &Path) -> Vec<PathBuf> {
        self.marks
            .insert(path.to_owned(), fs::metadata(path).ok().map(|meta| mark(&meta)));
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut all: Vec<PathBuf> = entries.take(MOST).map(|entry| entry.path()).collect();
        all.sort();
        all
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
                for line in self.lines(&home.join(file)) {
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
                own.extend(self.lines(&path).first().and_then(|line| key(line)));
            }
        }
        if !own.is_empty() {
            let items = own.iter().map(|(print, what)| (print.clone(), Value::text(what)));
            sheet.put_list("ssh_host_key", items);
        }
    }
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

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let same = |(path, known): (&PathBuf, &Option<Mark>)| fs::metadata(path).ok().map(|meta| mark(&meta)) == *known;
        if self.scope.known() && self.marks.iter().all(same) {
            self.scope.confirm(now, out);
            self.tell_ageing(now, out);
            self.read_at = Some(now);
            return Ok(());
        }
        let passwd = self.root.join("etc/passwd");
        fs::metadata(&passwd).map_err(|source| failed(&passwd, source))?;
        let before = std::mem::take(&mut self.marks);
        let mut sheet = self.scope.sheet();
        let users = self.users(&mut sheet);
        self.groups(&users, &mut sheet);
        let mut rules = BTreeMap::new();
        let sudoers = self.root.join("etc/sudoers");
        self.sudo(&sudoers, 0, &mut rules);
        for (who, rules) in &rules {
            let rules: Vec<_> = rules.iter().map(|rule| (sheet.rule(rule), Value::Bool(true))).collect();
            sheet.put_list(&format!("sudo.{who}"), rules);
        }
        self.keys(&users, &mut sheet);
        match self.told.replace(sheet.clone()) {
            Some(told) if self.scope.known() => {
                let changed = self
                    .marks
                    .iter()
                    .filter(|(path, mark)| before.get(*path) != Some(*mark));
                let by = changed.into_iter().find_map(|(path, _)| {
                    let path = Path::new("/").join(path.strip_prefix(&self.root).ok()?);
                    self.witness.who_changed(&path.to_string_lossy(), now, |_| false)
                });
                self.scope.change((self.read_at, now), told, sheet, by, out);
                self.scope.confirm(now, out);
            }
            _ => self.scope.tell(now, sheet, out),
        }
        self.tell_ageing(now, out);
        self.read_at = Some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting, value};

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIGbWZ2c7dd8HGfXHhV1KY3m4jWR1Q6kK9M7m7c0wq3bH";

    fn tree() -> Tree {
        let tree = Tree::new();
        tree.write(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nbob:x:1000:27::/home/bob:/bin/sh\nold:$6$abc$hunter2:9:9::/:/bin/sh\nbroken\n\
             daemon:x:1:1::/:/usr/sbin/nologin\n",
        );
        tree.write(
            "etc/shadow",
            "root:$6$salt$hunter2:1:0:9:7::20000:\nbob:!:1::::::\nfree::1::::::\n",
        );
        tree.write("etc/group", "root:x:0:\nsudo:x:27:eve, al\nwheel:x:10\n");
        tree.write(
            "etc/sudoers",
            "# all\nDefaults env_reset\n%sudo ALL=(ALL:ALL) \\\n  ALL\n@includedir /etc/sudoers.d\n#1000 ALL=ALL\nal ALL=(ALL) NOPASSWD: ALL\n",
        );
        tree.write("etc/sudoers.d/web", "bob ALL=NOPASSWD: /bin/ls\n");
        tree.write("etc/sudoers.d/web.bak", "eve ALL=ALL\n");
        tree.write(
            "home/bob/.ssh/authorized_keys",
            format!("# x\nfrom=\"10.0.0.1\" ssh-ed25519 {KEY} bob@work\nnonsense AAAA!\n"),
        );
        tree.write(
            "etc/ssh/ssh_host_ed25519_key.pub",
            format!("ssh-ed25519 {KEY} root@h\n"),
        );
        tree
    }

    #[test]
    fn users_groups_sudo_and_keys() {
        let tree = tree();
        let mut source = Accounts::new(&tree.host(), &Witness::default());
        let batch = tree.read(&mut source, 0).unwrap();
        let shown = |name: &str| setting(&batch, &format!("account.{name}")).map(|value| value.to_string());
        assert_eq!(shown("user.bob:shell").as_deref(), Some("/bin/sh"));
        assert_eq!(shown("user.bob:login").as_deref(), Some("locked"));
        assert_eq!(shown("user.root:login").as_deref(), Some("password"));
        assert_eq!(shown("user.root:expires").as_deref(), Some("2024-10-04"));
        assert_eq!(shown("user.old:login").as_deref(), Some("password"));
        assert_eq!(shown("group.sudo:members").as_deref(), Some("al bob eve"));
        assert_eq!(shown("sudo.%sudo").as_deref(), Some("ALL=(ALL:ALL) ALL"));
        assert_eq!(shown("sudo.bob").as_deref(), Some("ALL=NOPASSWD: /bin/ls"));
        assert_eq!(shown("sudo.al").as_deref(), Some("ALL=(ALL) NOPASSWD: ALL"));
        assert_eq!(shown("sudo.#1000").as_deref(), Some("ALL=ALL"));
        assert_eq!(shown("sudo.eve"), None);
        let key = shown("ssh_key.bob").unwrap();
        assert!(
            key.starts_with("SHA256:") && key.ends_with("=from=\"10.0.0.1\" ssh-ed25519 bob@work"),
            "{key}"
        );
        assert!(shown("ssh_host_key").unwrap().starts_with("SHA256:"));
        let told = serde_json::to_string(&batch).unwrap();
        assert!(!told.contains("hunter2") && !told.contains(&KEY[24..]));
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
        tree.write("etc/sudoers.d/new", "eve ALL=ALL\n");
        source.witness.note(
            Timestamp::from_secs(110),
            crate::observe::witness::Deed::Ran,
            "kim",
            "/usr/bin/tee /etc/sudoers.d/new",
        );
        let batch = tree.read(&mut source, 120).unwrap();
        assert_eq!(batch.changes.len(), 1);
        assert_eq!(&*batch.changes[0].id.name, "account.sudo.eve");
        assert_eq!(batch.changes[0].by.as_deref(), Some("kim"));
    }

    #[test]
    fn a_password_that_must_be_changed_soon_is_a_limit_that_nears() {
        let tree = tree();
        // Changed on day 100, good for 90 days; for ever; locked; at the next login; no age.
        tree.write(
            "etc/shadow",
            "root:$6$salt$hunter2:100:0:90:7:::\nbob:$6$salt$hunter2:100:0:99999:7:::\nlocked:!$6$salt$hunter2:100:0:90:7:::\n\
             next:$6$salt$hunter2:0:0:90:7:::\nnone:$6$salt$hunter2:100::::::\nodd:$6$salt$hunter2:x:0:9223372036854775807::::\n",
        );
        let mut source = Accounts::new(&tree.host(), &Witness::default());
        let batch = tree.read(&mut source, 180 * 86_400).unwrap();
        let names: Vec<&str> = batch.metrics.iter().map(|meta| &*meta.id.name).collect();
        assert_eq!(names, ["account.user.root.password_left_secs"]);
        assert_eq!(
            value(&batch, "account.user.root.password_left_secs"),
            Some(10.0 * 86_400.0)
        );
        let limit = batch.metrics[0].limit.as_ref().unwrap();
        assert!(limit.broken_by(6.0 * 86_400.0) && !limit.broken_by(8.0 * 86_400.0));
        let later = tree.read(&mut source, 185 * 86_400).unwrap();
        assert_eq!(
            value(&later, "account.user.root.password_left_secs"),
            Some(5.0 * 86_400.0)
        );
        assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_host_without_accounts_and_files_that_include_themselves() {
        let tree = Tree::new();
        assert!(matches!(
            tree.read(&mut Accounts::new(&tree.host(), &Witness::default()), 0),
            Err(ObserveError::Absent { .. })
        ));
        tree.write("etc/passwd", b"\xff:::::\n::::::\n");
        tree.write("etc/sudoers", "@include /etc/sudoers\n@includedir /etc\n\\\n#\n");
        tree.read(&mut Accounts::new(&tree.host(), &Witness::default()), 0)
            .unwrap();
    }
}
