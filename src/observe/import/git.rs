//! The history of a configuration repository: what each commit changed of the settings in its files.
//!
//! `git` itself is asked, as for the history of `/etc`: its log streams commit by commit, a second process gives the files' contents.
//! What is held at once is one commit's files and the newest contents that were read.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};

use super::{Item, read};
use crate::{
    domain::{Quantity, ResourceId, SeriesId, SettingChange, Timestamp, Tree, Unit, Value, text::visible},
    observe::ObserveError,
};

/// Larger files are data, not settings.
const MOST_BYTES: u64 = 4 << 20;
/// A commit of more files is a move or an import, and no change of settings.
const MOST_FILES: usize = 200;
/// Most settings of a file.
const MOST_SETTINGS: usize = 5_000;
/// Contents that are remembered: what a commit changes is what the one before left.
const HELD: usize = 256;
/// Endings that are read as `drift` reads them.
const DOCUMENTS: [&str; 5] = [".yaml", ".yml", ".json", ".env", ".tfstate"];

type Settings = Arc<BTreeMap<String, Value>>;

/// What a history held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Commits that touched files asked for, merges left out.
    pub commits: usize,
    /// Changes of settings.
    pub changes: usize,
    /// Commits of too many files, and contents that are no settings or make no sense.
    pub left_out: usize,
}

/// One file of a commit, by the names of its contents before and after.
struct Touched {
    path: String,
    before: String,
    after: String,
}

/// What is given each change, and says whether more are wanted.
pub type Each<'a> = &'a mut dyn FnMut(SettingChange) -> ControlFlow<()>;

/// Reads the history of the repository in `folder`, oldest commit first: of files below the folder whose paths match one of `globs`
/// (`**/*.yaml`; all where none is given). `each` gets every change of a setting in a file that was there before; `by` is the author's
/// name and address; where it breaks, nothing more is read. `key` hashes the secrets.
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
        told: Told::default(),
    };
    let mut log = git(folder);
    log.args([
        "log",
        "--reverse",
        "--no-merges",
        "--no-ext-diff",
        "--no-renames",
        "--raw",
        "--no-abbrev",
        "--relative",
    ]);
    log.args(["--format=%x1e%ct%x1f%an <%ae>", "HEAD", "--"]);
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

/// `:100644 100644 SHA SHA M<TAB>path`; `None` for links, submodules, files that came or went, and names git puts in quotes.
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
    let fits = what == "M" && plain(old) && plain(new) && !path.starts_with('"');
    fits.then(|| Touched {
        path: path.into(),
        before: before.into(),
        after: after.into(),
    })
}

/// `git cat-file --batch`: contents by their names, one after the other.
struct Contents {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
}

impl Contents {
    fn open(folder: &Path) -> Result<Self, ObserveError> {
        let mut command = git(folder);
        command
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ObserveError::Absent { what: "git".into() },
            _ => io("git", source),
        })?;
        let answer = child.stdout.take().expect("standard output was asked for");
        Ok(Self {
            ask: child.stdin.take(),
            answer: BufReader::new(answer),
            child,
        })
    }

    /// `None` when there is no such content, or it is too large.
    fn of(&mut self, name: &str) -> std::io::Result<Option<Vec<u8>>> {
        let Some(ask) = self.ask.as_mut() else { return Ok(None) };
        writeln!(ask, "{name}")?;
        ask.flush()?;
        let mut head = String::new();
        if self.answer.by_ref().take(1_024).read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        // `NAME blob SIZE`, or `NAME missing`.
        let Some(size) = head
            .trim_end()
            .rsplit_once(' ')
            .and_then(|(_, size)| size.parse::<u64>().ok())
        else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let got = if size <= MOST_BYTES {
            self.answer.by_ref().take(size).read_to_end(&mut bytes)? as u64
        } else {
            std::io::copy(&mut self.answer.by_ref().take(size), &mut std::io::sink())?
        };
        // A line's end follows every content.
        if got < size || self.answer.by_ref().take(1).read_to_end(&mut Vec::new())? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok((size <= MOST_BYTES).then_some(bytes))
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        // Without questions it ends by itself.
        self.ask = None;
        let _ = self.child.wait();
    }
}

struct Reader<'a> {
    resource: ResourceId,
    key: &'a [u8; 32],
    contents: Contents,
    held: BTreeMap<(String, String), Settings>,
    order: VecDeque<(String, String)>,
    spool: tempfile::TempDir,
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
            } else if let (Some((_, files)), Some(touched)) = (&mut commit, touched(&line)) {
                // One more than is read, so that it is known that there are too many.
                if files.len() <= MOST_FILES {
                    files.push(touched);
                }
            }
        }
        match commit {
            Some((header, files)) => self.commit(&header, &files, each),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn commit(&mut self, header: &str, files: &[Touched], each: Each<'_>) -> Result<ControlFlow<()>, ObserveError> {
        let mut fields = header.split('\u{1f}');
        let fields = fields.next().and_then(|at| Some((at.parse().ok()?, fields.next()?)));
        let Some((secs, who)) = fields else {
            return Ok(ControlFlow::Continue(()));
        };
        self.told.commits += 1;
        if files.len() > MOST_FILES {
            self.told.left_out += 1;
            return Ok(ControlFlow::Continue(()));
        }
        let by: String = visible(who).chars().take(120).collect();
        for file in files {
            let (before, after) = (
                self.settings(&file.path, &file.before)?,
                self.settings(&file.path, &file.after)?,
            );
            // Of what is no settings on one side nothing is known to have changed.
            if before.is_empty() || after.is_empty() {
                self.told.left_out += 1;
                continue;
            }
            let gone = before.keys().filter(|name| !after.contains_key(*name));
            for name in gone.chain(after.keys()) {
                let (from, to) = (before.get(name), after.get(name));
                if from.is_some() == to.is_some() && from.zip(to).is_none_or(|(from, to)| !from.differs(to)) {
                    continue;
                }
                self.told.changes += 1;
                let change = SettingChange {
                    id: SeriesId::new(&self.resource, &format!("git.{}:{name}", file.path)),
                    at: Timestamp::from_secs(secs),
                    after: None,
                    from: from.cloned(),
                    to: to.cloned(),
                    by: Some(by.as_str().into()),
                    backfilled: true,
                };
                if each(change).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn settings(&mut self, path: &str, content: &str) -> Result<Settings, ObserveError> {
        let held = (path.to_owned(), content.to_owned());
        if let Some(known) = self.held.get(&held) {
            return Ok(known.clone());
        }
        let bytes = self
            .contents
            .of(content)
            .map_err(|source| io("git's contents", source))?;
        let bytes = bytes.unwrap_or_default();
        let settings: Settings = Arc::new(self.typed(path, &bytes));
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
    fn typed(&self, path: &str, bytes: &[u8]) -> BTreeMap<String, Value> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if bytes.is_empty() {
            return BTreeMap::new();
        }
        if !DOCUMENTS.iter().any(|end| name.ends_with(end)) {
            return plain(path, bytes, self.key);
        }
        let spooled: PathBuf = self.spool.path().join(name);
        if std::fs::write(&spooled, bytes).is_err() {
            return BTreeMap::new();
        }
        let (mut settings, mut broken) = (BTreeMap::new(), false);
        let mut take = |item| {
            if let Item::Document(document, _) = item {
                let resource = document.resource();
                let stem = if resource == name { String::new() } else { resource };
                leaves(&document.tree, stem, &mut settings);
            }
        };
        read(&spooled, None, self.key, &mut take, &mut |fault| broken |= fault.lost);
        let _ = std::fs::remove_file(&spooled);
        // Half a file would make the other half look deleted.
        if broken {
            settings.clear();
        }
        settings
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
