//! The history of a configuration repository: what each commit changed of the settings in its files.
//!
//! `git` itself is asked, as for the history of `/etc`: its log streams commit by commit, a second process gives the files' contents.
//! What is held at once is one commit's files and the newest contents that were read.

mod called;
mod contents;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use self::{called::Called, contents::Contents};
use super::{Item, read};
use crate::{
    domain::{Quantity, ResourceId, SecretHash, SeriesId, SettingChange, Timestamp, Tree, Unit, Value, text::visible},
    observe::ObserveError,
};

/// A commit that changes more files writes them another way, and changes no settings.
const MOST_FILES: usize = 200;
/// Most files of a commit that are looked at in all.
const MOST_TOUCHED: usize = 100_000;
/// Most settings of a file.
const MOST_SETTINGS: usize = 5_000;
/// Contents that are remembered: what a commit changes is what the one before left.
const HELD: usize = 256;
/// Endings that are read as `drift` reads them.
const DOCUMENTS: [&str; 5] = [".yaml", ".yml", ".json", ".env", ".tfstate"];

type Settings = Arc<BTreeMap<String, Value>>;
/// A setting's name, and its values before and after.
type Differs = (String, Option<Value>, Option<Value>);

/// What a history held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Commits that touched files asked for, merges left out.
    pub commits: usize,
    /// Changes of settings.
    pub changes: usize,
    /// Commits of too many files, and contents that are no settings or make no sense.
    pub left_out: usize,
    /// What was wrong with the first [`Told::FAULTS`] files that made no sense: `PATH:LINE:COLUMN: what, in COMMIT`.
    pub faults: Vec<String>,
}

impl Told {
    /// Files whose faults are told.
    pub const FAULTS: usize = 5;
}

/// One file of a commit.
struct Touched {
    /// What it is called now, or was when it went.
    path: String,
    /// What it was called before, where that was something else.
    from: Option<String>,
    /// The names of its contents before and after; `None` when it went.
    contents: Option<(String, String)>,
}

/// What stands for an author, `by`: told apart from others, and not named.
#[must_use]
pub fn author(by: &str, key: &[u8; 32]) -> Arc<str> {
    let hash = format!("{:?}", SecretHash::of(key, by.as_bytes()));
    hash.replace("secret#", "author#").into()
}

/// What is given each change, and says whether more are wanted.
pub type Each<'a> = &'a mut dyn FnMut(SettingChange) -> ControlFlow<()>;

/// Reads the history of the repository in `folder`, oldest commit first: of files below the folder whose paths match one of `globs`
/// (`**/*.yaml`; all where none is given). `each` gets every change of a setting in a file that was there before, and the end of those it was
/// told of when their file goes; `by` is the author's name and address; where it breaks, nothing more is read. A file that git finds
/// renamed keeps its first name. `key` hashes the secrets.
///
/// # Errors
/// When there is no `git`, or no repository, or git fails before its end.
pub fn history(folder: &Path, globs: &[String], key: &[u8; 32], each: Each<'_>) -> Result<Told, ObserveError> {
    let name = folder.canonicalize().ok();
    let name = name
        .as_deref()
        .and_then(Path::file_name)
        .map_or_else(|| "git".into(), |name| name.to_string_lossy());
    let mut reader = Reader {
        resource: ResourceId::new(ResourceId::REPOSITORY, &name),
        key,
        contents: Contents::open(folder)?,
        held: BTreeMap::new(),
        order: VecDeque::new(),
        spool: tempfile::tempdir().map_err(|source| io("a folder for contents", source))?,
        called: Called::default(),
        last: BTreeMap::new(),
        told: Told::default(),
    };
    let mut log = git(folder);
    log.args([
        "log",
        "--reverse",
        "--no-merges",
        "--no-ext-diff",
        "--find-renames",
        "--raw",
        "--no-abbrev",
        "--relative",
    ]);
    log.args(["--format=%x1e%ct%x1f%h%x1f%an <%ae>", "HEAD", "--"]);
    log.args(globs.iter().map(|glob| format!(":(glob){glob}")));
    let mut log = spawn(log)?;
    let output = log.stdout.take().expect("standard output was asked for");
    let read = reader.commits(lines(BufReader::new(output)), each);
    if !matches!(read, Ok(ControlFlow::Continue(()))) {
        let _ = log.kill();
        let _ = log.wait();
        return read.map(|_| reader.told);
    }
    ended(log, folder, reader.told.commits)?;
    Ok(reader.told)
}

fn io(what: &str, source: std::io::Error) -> ObserveError {
    ObserveError::Io {
        what: what.into(),
        source,
    }
}

/// Of another owner's folder git tells only when told that it may; it only reads, and runs nothing of what lies there.
fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    for setting in [
        "safe.directory=*",
        "core.quotepath=off",
        "core.fsmonitor=false",
        "log.showSignature=false",
    ] {
        git.args(["-c", setting]);
    }
    git.arg("-C")
        .arg(folder)
        .env("LC_ALL", "C")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_OPTIONAL_LOCKS", "0");
    git
}

fn spawn(mut git: Command) -> Result<Child, ObserveError> {
    let child = git
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ObserveError::Absent { what: "git".into() },
        _ => io("git", source),
    })
}

/// A log that ended badly before its first commit was none of a repository.
fn ended(mut child: Child, folder: &Path, commits: usize) -> Result<(), ObserveError> {
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(ObserveError::Malformed {
            what: visible(&folder.to_string_lossy()).into_owned(),
            why: match commits {
                0 => "no repository of git with a commit, or a damaged one".into(),
                commits => format!("git could not read on after {commits} commits"),
            },
        }),
        Err(source) => Err(io("git", source)),
    }
}

/// Lines of at most 64 KiB; what follows in a longer one is left out.
fn lines(mut from: impl BufRead) -> impl Iterator<Item = String> {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = from.by_ref().take(64 << 10).read_until(b'\n', &mut line).ok()?;
        if read == 0 {
            return None;
        }
        if line.last() != Some(&b'\n') {
            from.skip_until(b'\n').ok()?;
        }
        Some(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned())
    })
}

/// `:100644 100644 SHA SHA M<TAB>path`; `None` for links, submodules, files that came, and names git puts in quotes.
fn touched(line: &str) -> Option<Touched> {
    let (head, path) = line.strip_prefix(':')?.split_once('\t')?;
    let mut words = head.split(' ');
    let (old, new, before, after, what) = (
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
    );
    let plain = |mode: &str| mode.starts_with("100");
    let contents = (plain(old) && plain(new)).then(|| (before.into(), after.into()));
    let (from, path) = match what.as_bytes().first()? {
        b'M' if contents.is_some() => (None, path),
        // What is a link or a submodule from now on is gone, too.
        b'D' | b'T' if plain(old) && !plain(new) => (None, path),
        b'R' if contents.is_some() => path.split_once('\t').map(|(from, to)| (Some(from.to_owned()), to))?,
        _ => return None,
    };
    let quoted = path.starts_with('"') || from.as_ref().is_some_and(|from| from.starts_with('"'));
    (!quoted).then(|| Touched {
        path: path.into(),
        from,
        contents,
    })
}

struct Reader<'a> {
    resource: ResourceId,
    key: &'a [u8; 32],
    contents: Contents,
    held: BTreeMap<(String, String), Settings>,
    order: VecDeque<(String, String)>,
    spool: tempfile::TempDir,
    called: Called,
    /// What was told last of the settings of each file, by the name it keeps.
    last: BTreeMap<String, BTreeMap<String, Value>>,
    told: Told,
}

impl Reader<'_> {
    /// Reads what git's log says, until `each` breaks.
    fn commits(
        &mut self,
        lines: impl Iterator<Item = String>,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>, ObserveError> {
        let mut commit: Option<(String, Vec<Touched>)> = None;
        for line in lines {
            if let Some(header) = line.strip_prefix('\u{1e}') {
                if let Some((header, files)) = commit.take()
                    && self.commit(&header, &files, each)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                commit = Some((header.to_owned(), Vec::new()));
            } else if let (Some((_, files)), Some(touched)) = (&mut commit, touched(&line))
                && files.len() < MOST_TOUCHED
            {
                files.push(touched);
            }
        }
        match commit {
            Some((header, files)) => self.commit(&header, &files, each),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn commit(&mut self, header: &str, files: &[Touched], each: Each<'_>) -> Result<ControlFlow<()>, ObserveError> {
        let mut fields = header.split('\u{1f}');
        let fields = fields
            .next()
            .and_then(|at| Some((at.parse().ok()?, fields.next()?, fields.next()?)));
        let Some((secs, commit, who)) = fields else {
            return Ok(ControlFlow::Continue(()));
        };
        self.told.commits += 1;
        let by: Arc<str> = visible(who).chars().take(120).collect::<String>().into();
        let renamed = files
            .iter()
            .filter_map(|file| Some((file.from.as_deref()?, &*file.path)));
        self.called.renamed(renamed);
        let changed = files
            .iter()
            .filter(|file| file.contents.as_ref().is_some_and(|(before, after)| before != after));
        let many = changed.count() > MOST_FILES;
        self.told.left_out += usize::from(many);
        for file in files {
            let name = self.called.name(&file.path);
            let changes = match &file.contents {
                None => {
                    self.called.gone(&file.path);
                    let all = self.last.remove(&name).unwrap_or_default();
                    all.into_iter().map(|(name, value)| (name, Some(value), None)).collect()
                }
                Some((before, after)) if before != after && !many => self.changes(file, before, after, commit)?,
                Some(_) => continue,
            };
            for (setting, from, to) in changes {
                if let Some(value) = &to {
                    let last = self.last.entry(name.clone()).or_default();
                    last.insert(setting.clone(), value.clone());
                } else if let Some(last) = self.last.get_mut(&name) {
                    last.remove(&setting);
                }
                self.told.changes += 1;
                let change = SettingChange {
                    id: SeriesId::new(&self.resource, &format!("git.{name}:{setting}")),
                    at: Timestamp::from_secs(secs),
                    after: None,
                    from,
                    to,
                    by: Some(by.clone()),
                    backfilled: true,
                };
                if each(change).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What changed in a file, by name: the values before and after.
    fn changes(
        &mut self,
        file: &Touched,
        before: &str,
        after: &str,
        commit: &str,
    ) -> Result<Vec<Differs>, ObserveError> {
        let before = self.settings(file.from.as_ref().unwrap_or(&file.path), before, commit)?;
        let after = self.settings(&file.path, after, commit)?;
        // Of what is no settings on one side nothing is known to have changed.
        if before.is_empty() || after.is_empty() {
            self.told.left_out += 1;
            return Ok(Vec::new());
        }
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        let both = gone
            .chain(after.keys())
            .map(|name| (name, before.get(name), after.get(name)));
        let differ = both.filter(|(_, from, to)| match (from, to) {
            (Some(from), Some(to)) => from.differs(to),
            (from, to) => from.is_some() != to.is_some(),
        });
        Ok(differ
            .map(|(name, from, to)| (name.clone(), from.cloned(), to.cloned()))
            .collect())
    }

    fn settings(&mut self, path: &str, content: &str, commit: &str) -> Result<Settings, ObserveError> {
        let held = (path.to_owned(), content.to_owned());
        if let Some(known) = self.held.get(&held) {
            return Ok(known.clone());
        }
        let bytes = self
            .contents
            .of(content)
            .map_err(|source| io("git's contents", source))?;
        let settings = match bytes {
            Some(bytes) => self.typed(path, &bytes),
            None => Err(" larger than 4 MiB".into()),
        };
        let settings: Settings = Arc::new(settings.unwrap_or_else(|fault| {
            let path = visible(path);
            let known = |told: &String| told.starts_with(&format!("{path}:"));
            if self.told.faults.len() < Told::FAULTS && !self.told.faults.iter().any(known) {
                self.told.faults.push(format!("{path}:{fault}, in {commit}"));
            }
            BTreeMap::new()
        }));
        if self.order.len() >= HELD
            && let Some(oldest) = self.order.pop_front()
        {
            self.held.remove(&oldest);
        }
        self.held.insert(held.clone(), settings.clone());
        self.order.push_back(held);
        Ok(settings)
    }

    /// The settings in a content, typed by the readers of `drift` where these know its ending, else by those of `/etc`.
    ///
    /// # Errors
    /// What is wrong with it, to be put behind its path and a colon: half a file would make the other half look deleted.
    fn typed(&self, path: &str, bytes: &[u8]) -> Result<BTreeMap<String, Value>, String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if bytes.is_empty() {
            return Ok(BTreeMap::new());
        }
        if !DOCUMENTS.iter().any(|end| name.ends_with(end)) {
            return Ok(plain(path, bytes, self.key));
        }
        let spooled: PathBuf = self.spool.path().join(name);
        std::fs::write(&spooled, bytes).map_err(|error| format!(" {error}"))?;
        let (mut settings, mut broken) = (BTreeMap::new(), None);
        let mut take = |item| {
            if let Item::Document(document, _) = item {
                let resource = document.resource();
                let stem = if resource == name { String::new() } else { resource };
                leaves(&document.tree, stem, &mut settings);
            }
        };
        read(&spooled, None, self.key, &mut take, &mut |fault| {
            if fault.lost && broken.is_none() {
                broken = Some(fault.to_string());
            }
        });
        let _ = std::fs::remove_file(&spooled);
        broken.map_or(Ok(settings), Err)
    }
}

#[cfg(target_os = "linux")]
fn plain(path: &str, bytes: &[u8], key: &[u8; 32]) -> BTreeMap<String, Value> {
    let all = crate::observe::etc::read::former(path, bytes, key);
    all.into_iter()
        .map(|(name, value)| (name.trim_start_matches(':').to_owned(), value))
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn plain(_: &str, _: &[u8], _: &[u8; 32]) -> BTreeMap<String, Value> {
    BTreeMap::new()
}

/// The single values of a tree by their paths, and its lists of single values.
fn leaves(tree: &Tree, path: String, into: &mut BTreeMap<String, Value>) {
    if into.len() >= MOST_SETTINGS {
        return;
    }
    let below = |key: &str| match path.is_empty() {
        true => key.to_owned(),
        false => format!("{path}/{key}"),
    };
    match tree {
        Tree::Map(fields) => {
            for (key, value) in fields {
                leaves(value, below(key), into);
            }
        }
        Tree::List(items) if items.iter().any(|item| matches!(item, Tree::Map(_) | Tree::List(_))) => {
            for (place, item) in items.iter().enumerate() {
                // An item with a name keeps it when others come and go before it.
                let named = ["name", "key", "id"].iter().find_map(|key| item.get(key)?.scalar());
                leaves(item, below(&named.unwrap_or_else(|| place.to_string())), into);
            }
        }
        value => {
            if let Some(value) = typed(value) {
                into.insert(path, value);
            }
        }
    }
}

fn typed(tree: &Tree) -> Option<Value> {
    Some(match tree {
        Tree::Null | Tree::Map(_) => return None,
        Tree::Bool(on) => Value::Bool(*on),
        Tree::Int(int) => Value::Int(*int),
        Tree::Float(float) => Value::Quantity(Quantity::new(*float, Unit::None)?),
        Tree::Text(text) => Value::infer(text),
        Tree::Secret(hash) => Value::Secret(hash.clone()),
        Tree::List(items) => {
            let items = items.iter().filter_map(Tree::scalar);
            Value::list(items.map(|item| (item.into(), Value::Bool(true))).collect())
        }
    })
}
