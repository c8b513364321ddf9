//! Archives of values that another program kept: found, asked for one by one through that program, the newest first.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    io::{self, Read as _, Seek as _},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use super::{BACK, PAUSE, REST, told};
use crate::{
    domain::{Archive, Batch, Point, ResourceId, SeriesId, Span, Timestamp},
    observe::{
        Host, ObserveError, Source,
        file::failed,
        forerunner::{Forerunner, packed},
    },
};

/// Most archives that are read: a month of days, and a few that were cut in two.
const MOST: usize = 40;
/// Most metrics, and values of one, that are taken from one archive.
const MOST_SERIES: usize = 2_000;
const MOST_VALUES: usize = 2_000;

/// Most bytes of an archive that was packed.
const MOST_UNPACKED: u64 = 128 << 20;

/// A program that keeps archives.
#[derive(Clone, Copy)]
pub(super) struct Keeper {
    /// The name of the source.
    pub source: &'static str,
    /// What keeps them.
    pub name: &'static str,
    /// What reads them.
    pub program: &'static str,
    /// Folders where they lie.
    pub folders: &'static [&'static str],
    /// Whether a file of that name is one, packed or not.
    pub is_one: fn(&str) -> bool,
    /// Asks the program what is in one.
    pub ask: fn(&Path) -> Result<Vec<u8>, ObserveError>,
    /// Takes what it answered.
    pub take: fn(&[u8], &mut Past) -> Result<(), String>,
}

/// Reads the archives of one program.
pub(in crate::observe) struct Archives {
    keeper: Keeper,
    host: Host,
    /// When the first is read: by then the sources of metrics have told what there is.
    begin: Option<Timestamp>,
    left: VecDeque<PathBuf>,
    all: usize,
    read: usize,
    values: usize,
    oldest: Option<Timestamp>,
    /// Whether the program that reads them was not there when they were first to be read.
    unread: bool,
    /// The last that could not be read.
    failed: Option<ObserveError>,
}

impl Archives {
    pub(super) fn new(host: &Host, keeper: Keeper) -> Self {
        Self {
            keeper,
            host: host.clone(),
            begin: None,
            left: VecDeque::new(),
            all: 0,
            read: 0,
            values: 0,
            oldest: None,
            unread: false,
            failed: None,
        }
    }

    /// The archives of the last month, the newest first.
    fn find(&self, now: Timestamp) -> VecDeque<PathBuf> {
        let mut found = Vec::new();
        for folder in self.keeper.folders {
            for file in fs::read_dir(self.host.root.join(folder))
                .into_iter()
                .flatten()
                .flatten()
            {
                let name = file.file_name();
                let unpacked = name.to_str().map(|name| packed(name).unwrap_or(name));
                let is_one = unpacked.is_some_and(self.keeper.is_one);
                let Some(meta) = fs::metadata(file.path()).ok().filter(|meta| is_one && meta.is_file()) else {
                    continue;
                };
                let written = meta
                    .modified()
                    .ok()
                    .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let written = Timestamp(0) + written.map_or(Span::ZERO, Span::from);
                if now - written <= BACK {
                    found.push((written, file.path()));
                }
            }
        }
        found.sort();
        // While one is being packed there are two of it, of which the plain one is whole.
        let plain: BTreeSet<PathBuf> = found.iter().map(|(_, path)| path.clone()).collect();
        let twice = |path: &Path| packed(path.to_str()?).map(|name| plain.contains(Path::new(name)));
        found.retain(|(_, path)| twice(path) != Some(true));
        found.into_iter().rev().take(MOST).map(|(_, path)| path).collect()
    }

    fn take(&mut self, path: &Path, out: &mut Batch) -> Result<(), ObserveError> {
        let unpacked = match packed(&path.to_string_lossy()) {
            Some(_) => Some(unpack(path)?),
            None => None,
        };
        let held = (unpacked.as_ref()).map(|file| PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())));
        let output = (self.keeper.ask)(held.as_deref().unwrap_or(path))?;
        let mut past = Past::default();
        (self.keeper.take)(&output, &mut past).map_err(|why| ObserveError::Malformed {
            what: path.display().to_string(),
            why,
        })?;
        let archives = past.archives(&self.host.resource, self.keeper.name);
        for archive in &archives {
            self.values += archive.points.len();
            self.oldest = self
                .oldest
                .into_iter()
                .chain(archive.points.first().map(|point| point.at))
                .min();
        }
        out.archives.extend(archives);
        Ok(())
    }

    /// Says what was read, when all was.
    fn tell(&self, now: Timestamp, out: &mut Batch) {
        let (all, read, values) = (self.all, self.read, self.values);
        let mut what = format!("the archives of {} were read: {values} values", self.keeper.name);
        if let Some(oldest) = self.oldest {
            what += &format!(" since {oldest}");
        }
        if let Some(why) = self.failed.as_ref().filter(|_| read < all) {
            let of = all - read;
            what += &format!("; {of} of {all} were left out, the last because: {why}");
        }
        told(
            &self.host.resource,
            crate::domain::text::visible(&what).into_owned(),
            now,
            out,
        );
    }
}

impl Source for Archives {
    fn name(&self) -> &'static str {
        let keeper = &self.keeper;
        keeper.source
    }

    fn every(&self) -> Span {
        if self.begin.is_some() && self.left.is_empty() {
            REST
        } else {
            PAUSE
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let left = self.left.len();
        (left > 0).then(|| ((self.all - left) as u64, self.all as u64))
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let name = self.keeper.name;
        if self.begin.is_none() {
            self.left = self.find(now);
            self.all = self.left.len();
            if self.left.is_empty() {
                return Err(ObserveError::Absent {
                    what: format!("an archive of {name}"),
                });
            }
            self.begin = Some(now + self.host.interval * 4);
            // While its program is missing that one thing is told, not each time that the archives are still there.
            if !self.unread {
                return Ok(());
            }
            self.begin = Some(now);
        }
        if let Some(begin) = self.begin
            && now < begin
            && begin - now <= self.host.interval * 4
        {
            return Ok(());
        }
        let Some(path) = self.left.pop_front() else {
            return match &self.failed {
                Some(why) if self.read == 0 => Err(ObserveError::Malformed {
                    what: format!("none of the {} archives of {name} can be read", self.all),
                    why: why.to_string(),
                }),
                _ => Ok(()),
            };
        };
        match self.take(&path, out) {
            Ok(()) => self.read += 1,
            Err(ObserveError::Absent { what }) if what == self.keeper.program => {
                // It may be installed later: then they are found anew.
                self.begin = None;
                self.unread = true;
                self.left.clear();
                return Err(ObserveError::Absent {
                    what: format!("{what}, which reads the {} archives of {name},", self.all),
                });
            }
            Err(why) => self.failed = Some(why),
        }
        if self.left.is_empty() {
            self.tell(now, out);
        }
        Ok(())
    }
}

/// What is in a packed archive, in memory: the program that reads it is handed its descriptor, and wants to go back and forth in it.
fn unpack(path: &Path) -> Result<fs::File, ObserveError> {
    let io = |source| failed(path, source);
    let archive = Forerunner::of(path.to_owned(), Timestamp(0)).ok_or_else(|| io(io::ErrorKind::NotFound.into()))?;
    let held = rustix::fs::memfd_create(c"archive", rustix::fs::MemfdFlags::empty());
    let mut held = fs::File::from(held.map_err(|why| io(why.into()))?);
    let packed = archive.unpacked(MOST_UNPACKED)?;
    if io::copy(&mut packed.take(MOST_UNPACKED), &mut held).map_err(io)? == MOST_UNPACKED {
        return Err(ObserveError::Malformed {
            what: path.display().to_string(),
            why: format!("has more than {} MiB", MOST_UNPACKED >> 20),
        });
    }
    held.rewind().map_err(io)?;
    Ok(held)
}

/// Values of one archive, by the names of our own metrics.
#[derive(Default)]
pub(super) struct Past {
    times: Vec<Timestamp>,
    series: BTreeMap<String, Vec<Point>>,
}

impl Past {
    /// Begins a sample, the values of one time.
    pub(super) fn sample(&mut self, at: Timestamp) {
        self.times.push(at);
    }

    /// Adds a value of the sample begun last. What is no number is left out.
    pub(super) fn tell(&mut self, name: impl Into<String>, value: f64) {
        let Some(at) = self.times.last().copied().filter(|_| value.is_finite()) else {
            return;
        };
        let name = name.into();
        if self.series.len() >= MOST_SERIES && !self.series.contains_key(&name) {
            return;
        }
        let points = self.series.entry(name).or_default();
        if points.len() < MOST_VALUES && points.last().is_none_or(|last| last.at < at) {
            points.push(Point { at, value });
        }
    }

    /// All of it; each stands for the middle one of the times between two samples.
    fn archives(self, resource: &ResourceId, source: &str) -> Vec<Archive> {
        let mut gaps: Vec<Span> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.retain(|gap| *gap > Span::ZERO);
        gaps.sort_unstable();
        let every = gaps.get(gaps.len() / 2).copied().unwrap_or(Span::from_mins(10));
        let source: Arc<str> = source.into();
        let archive = |(name, points): (String, Vec<Point>)| Archive {
            id: SeriesId::new(resource, &name),
            source: source.clone(),
            every,
            points,
        };
        self.series.into_iter().map(archive).collect()
    }

    #[cfg(test)]
    pub(super) fn last(&self, name: &str) -> Option<f64> {
        Some(self.series.get(name)?.last()?.value)
    }

    #[cfg(test)]
    pub(super) fn values(&self) -> usize {
        self.series.values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    /// Files of lines, a time and a value each; `?` stands for a program that is not there.
    const KEEPER: Keeper = Keeper {
        source: "plain-past",
        name: "plain",
        program: "plain-reader",
        folders: &["var/log/plain", "var/log/none"],
        is_one: |name| name.starts_with("day"),
        ask: |path| match fs::read(path) {
            Ok(text) if text == b"?" => Err(ObserveError::Absent {
                what: "plain-reader".into(),
            }),
            Ok(text) => Ok(text),
            Err(source) => Err(crate::observe::file::failed(path, source)),
        },
        take: |text, past| {
            for line in std::str::from_utf8(text).map_err(|why| why.to_string())?.lines() {
                let (at, value) = line.split_once(' ').ok_or("no value")?;
                past.sample(Timestamp::from_secs(at.parse().map_err(|_| "no time")?));
                past.tell("load.1", value.parse().unwrap_or(f64::NAN));
            }
            Ok(())
        },
    };

    fn now() -> i64 {
        1_700_000_000
    }

    fn day(tree: &Tree, name: &str, age: u64, text: &[u8]) {
        let path = format!("var/log/plain/{name}");
        tree.write(&path, text);
        let written = UNIX_EPOCH + std::time::Duration::from_secs(now() as u64 - age * 86_400);
        let file = fs::File::options().write(true).open(tree.path(&path)).unwrap();
        file.set_modified(written).unwrap();
    }

    #[test]
    fn the_newest_comes_first_and_what_cannot_be_read_is_told() {
        let tree = Tree::new();
        day(&tree, "day1", 3, b"100 1\n700 2\n1300 nan\n1900 3\n1900 4\n1200 5\n");
        day(&tree, "day2", 2, b"half");
        day(&tree, "day3", 1, b"5000 6\n");
        day(&tree, "day0", 90, b"1 1\n");
        day(&tree, "other", 1, b"1 1\n");
        // What is being packed lies there twice.
        day(&tree, "day3.gz", 1, b"half");
        let mut source = Archives::new(&tree.host(), KEEPER);
        assert_eq!(source.progress(), None);
        assert!(tree.read(&mut source, now()).unwrap().is_empty());
        assert_eq!(source.progress(), Some((0, 3)));
        assert!(
            tree.read(&mut source, now() + 2).unwrap().is_empty(),
            "the others have not told yet"
        );
        let newest = tree.read(&mut source, now() + 8).unwrap();
        assert_eq!(
            newest.archives[0].points,
            [Point {
                at: Timestamp::from_secs(5_000),
                value: 6.0
            }]
        );
        assert_eq!(source.progress(), Some((1, 3)));
        assert!(tree.read(&mut source, now() + 10).unwrap().is_empty());
        let oldest = tree.read(&mut source, now() + 12).unwrap();
        let values: Vec<f64> = oldest.archives[0].points.iter().map(|point| point.value).collect();
        assert_eq!(
            (values, oldest.archives[0].every),
            (vec![1.0, 2.0, 3.0], Span::from_mins(10))
        );
        let told = &oldest.events[0].what;
        assert!(
            told.starts_with(
                "the archives of plain were read: 4 values since 1970-01-01T00:01:40Z; 1 of 3 were left out"
            ),
            "{told}"
        );
        assert!(told.contains("day2: no value"), "{told}");
        assert_eq!((source.progress(), source.every()), (None, REST));
        assert!(tree.read(&mut source, now() + 3_600).unwrap().is_empty());
    }

    #[test]
    fn packed_archives_are_read_as_plain_ones() {
        use std::io::Write as _;
        let tree = Tree::new();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"100 1\n700 2\n").unwrap();
        day(&tree, "day1.gz", 2, &gz.finish().unwrap());
        day(&tree, "day2.gz", 1, b"no gzip");
        let mut source = Archives::new(&tree.host(), KEEPER);
        tree.read(&mut source, now()).unwrap();
        assert!(tree.read(&mut source, now() + 8).unwrap().is_empty());
        let last = tree.read(&mut source, now() + 10).unwrap();
        let values: Vec<f64> = last.archives[0].points.iter().map(|point| point.value).collect();
        assert_eq!(values, [1.0, 2.0]);
        let told = &last.events[0].what;
        assert!(
            told.contains("1 of 2 were left out") && told.contains("day2.gz"),
            "{told}"
        );
        for (end, program) in [("xz", "xz"), ("bz2", "bzip2")] {
            tree.write("plain", "5000 7\n");
            let packed = std::process::Command::new(program)
                .arg("-c")
                .arg(tree.path("plain"))
                .output();
            // A host without the program cannot have packed with it.
            let Ok(packed) = packed else { continue };
            day(&tree, &format!("day9.{end}"), 0, &packed.stdout);
            let mut source = Archives::new(&tree.host(), KEEPER);
            tree.read(&mut source, now()).unwrap();
            assert_eq!(tree.read(&mut source, now() + 8).unwrap().archives.len(), 1, "{end}");
        }
    }

    #[test]
    fn archives_without_their_program_are_one_line_until_it_is_there() {
        let tree = Tree::new();
        let mut source = Archives::new(&tree.host(), KEEPER);
        assert!(matches!(
            tree.read(&mut source, now()),
            Err(ObserveError::Absent { .. })
        ));
        day(&tree, "day1", 1, b"?");
        tree.read(&mut source, now()).unwrap();
        let why = tree.read(&mut source, now() + 8).unwrap_err().to_string();
        assert_eq!(
            why,
            "plain-reader, which reads the 1 archives of plain, is not on this system"
        );
        for minute in 1..4 {
            let again = tree.read(&mut source, now() + 8 + 60 * minute).unwrap_err().to_string();
            assert_eq!(
                (again, source.progress()),
                (why.clone(), None),
                "it does not come and go"
            );
        }
        day(&tree, "day1", 1, b"5 5\n");
        assert_eq!(tree.read(&mut source, now() + 300).unwrap().archives.len(), 1);
        // None that can be read is a fault that stays.
        let mut source = Archives::new(&tree.host(), KEEPER);
        day(&tree, "day1", 1, b"\xff");
        tree.read(&mut source, now()).unwrap();
        assert_eq!(tree.read(&mut source, now() + 8).unwrap().events.len(), 1);
        assert!(matches!(
            tree.read(&mut source, now() + 3_600),
            Err(ObserveError::Malformed { .. })
        ));
    }
}
