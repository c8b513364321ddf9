//! The user's settings file, read into [`Options`], and where files belong. Defaults stand in `domain`; secrets never stand here.

mod keys;
mod paths;
mod queries;
mod read;
mod rules;
mod scenario;
mod show;

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use toml::de::DeValue;

pub use keys::{KEYS, Key};
pub use paths::{Paths, SYSTEM_CONFIG, SYSTEM_SOCKET, SYSTEM_STORE};
pub use read::parse;
pub use rules::{SHIPPED, rules};
pub use scenario::{Scenario, Step, sample_data};
pub use show::show;

use crate::domain::{Options, text::visible};

/// Most bytes a settings file may have; one that is longer is something else.
const MOST_BYTES: u64 = 1 << 20;

/// Where an option's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody chose it.
    Default,
    /// The settings file, at this line (from 1).
    Line(usize),
    /// A flag of this run.
    Flag,
}

/// The settings file that was read, and who chose what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it is there.
    pub found: bool,
    /// Names a theme may have: those that come with the program, then the user's own.
    pub themes: Vec<String>,
    /// Where values that are not defaults come from, by key; `limit` for all of `[[limit]]`.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// One fault of a settings file, told in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file as it was named; `--interval` and the like for a flag.
    pub place: String,
    /// The line, from 1; `None` for a flag.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub says: String,
}

/// `config.toml:12: drift.moderat is not a key; did you mean drift.moderate?`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.place))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", visible(&self.says))
    }
}

/// Why there are no options.
#[derive(Debug, thiserror::Error)]
pub enum ConfigErrors {
    /// The file cannot be read.
    #[error("{}: {source}; name another --config, or leave it out", visible(&path.to_string_lossy()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// What stands in it is wrong; all faults, by line.
    #[error("{}", .0.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
}

/// Reads the settings file: `path` where given, else `paths.config`, which need not be there.
///
/// `themes` are the names of the themes that come with the program.
///
/// # Errors
/// When the file cannot be read, or with every fault it has.
pub fn load(path: Option<&Path>, paths: &Paths, themes: &[&str]) -> Result<(Options, ConfigFile), ConfigErrors> {
    let mut file = ConfigFile {
        path: path.unwrap_or(&paths.config).to_owned(),
        found: true,
        themes: themes.iter().map(|&name| name.to_owned()).collect(),
        origins: BTreeMap::new(),
    };
    file.themes.extend(paths.own_themes());
    let bytes = match read_short(&file.path) {
        Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => {
            file.found = false;
            return Ok((Options::default(), file));
        }
        result => result.map_err(|source| ConfigErrors::Unreadable {
            path: file.path.clone(),
            source,
        })?,
    };
    let (options, origins) = parse(&bytes, &file.path.to_string_lossy(), &file.themes).map_err(ConfigErrors::Faults)?;
    file.origins = origins;
    Ok((options, file))
}

fn read_short(path: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "longer than 1 MiB, which no settings file is",
        ));
    }
    Ok(bytes)
}

impl ConfigFile {
    /// Sets a key from a flag, under the same rules as in the file.
    ///
    /// # Errors
    /// The one fault, which names the flag.
    pub fn flag(
        &mut self,
        options: &mut Options,
        flag: &str,
        key: &'static str,
        value: &DeValue<'_>,
    ) -> Result<(), ConfigErrors> {
        let known = Key::named(key).expect("flags name keys of the table");
        known.set(options, value, &self.themes).map_err(|says| {
            ConfigErrors::Faults(vec![Fault {
                place: flag.to_owned(),
                line: None,
                says,
            }])
        })?;
        self.origins.insert(known.name, Origin::Flag);
        Ok(())
    }

    /// Where the value of a key comes from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).copied().unwrap_or(Origin::Default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    fn paths(folder: &Path) -> Paths {
        Paths {
            config: folder.join("config.toml"),
            themes: folder.join("themes"),
            ..Paths::of_user()
        }
    }

    #[test]
    fn a_file_that_is_not_there_means_defaults_unless_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        let (options, file) = load(None, &paths, &["dark"]).unwrap();
        assert_eq!((options, file.found), (Options::default(), false));
        let named = folder.path().join("other.toml");
        let error = load(Some(&named), &paths, &["dark"]).unwrap_err().to_string();
        assert!(error.contains("other.toml: "), "{error}");
        assert_eq!(error.lines().count(), 1);
    }

    #[test]
    fn a_folder_or_a_huge_file_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        assert!(load(Some(folder.path()), &paths, &[]).is_err());
        std::fs::write(&paths.config, vec![b'#'; 2 << 20]).unwrap();
        let error = load(None, &paths, &[]).unwrap_err().to_string();
        assert!(error.contains("1 MiB"), "{error}");
    }

    #[test]
    fn a_theme_of_the_users_own_is_a_theme() {
        let folder = tempfile::tempdir().unwrap();
        let paths = paths(folder.path());
        std::fs::create_dir(&paths.themes).unwrap();
        std::fs::write(paths.themes.join("sea.toml"), "").unwrap();
        std::fs::write(&paths.config, "ui.theme = \"sea\"").unwrap();
        let (options, file) = load(None, &paths, &["dark"]).unwrap();
        assert_eq!(&*options.ui.theme, "sea");
        assert_eq!(file.origin("ui.theme"), Origin::Line(1));
    }

    #[test]
    fn a_flag_follows_the_rules_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (mut options, mut file) = load(None, &paths(folder.path()), &["dark"]).unwrap();
        file.flag(&mut options, "--interval", "interval", &DeValue::String("500ms".into()))
            .unwrap();
        assert_eq!(
            (options.interval, file.origin("interval")),
            (Span(500_000), Origin::Flag)
        );
        let error = file
            .flag(&mut options, "--interval", "interval", &DeValue::String("1ms".into()))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "--interval: interval must be a duration from \"100ms\" to \"1h\", not \"1ms\""
        );
    }
}
