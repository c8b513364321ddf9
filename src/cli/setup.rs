//! What a run is made of: options and paths, with the flags applied.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use toml::de::DeValue;

use crate::{
    cli::{Flags, Usage},
    config::{self, ConfigFile, Fault, Paths, SYSTEM_STORE},
    domain::{LazyRules, Options},
};

/// Most bytes the path of a Unix socket may have (`sun_path` less its end).
const SOCKET_PATH_BYTES: usize = 107;

/// Options and paths of this run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Options, from defaults, settings file and flags.
    pub options: Options,
    /// The settings file, and who chose what.
    pub file: ConfigFile,
    /// Where files belong, with `--store` and `--socket` applied.
    pub paths: Paths,
    /// What is wrong with the user's own rules; the others hold.
    pub rule_faults: Vec<Fault>,
    /// Whether `--operate` was given.
    pub operate: bool,
}

impl Setup {
    /// Reads the settings file and applies the flags; `themes` come with the program.
    ///
    /// # Errors
    /// [`config::ConfigErrors`] or [`Usage`].
    pub fn new(flags: &Flags, themes: &[&str]) -> anyhow::Result<Self> {
        let paths = placed(Paths::of_user(), flags)?;
        let (mut options, mut file) = config::load(flags.config.as_deref(), &paths, themes)?;
        for (flag, key, value) in [
            ("--interval", "interval", &flags.interval),
            ("--theme", "ui.theme", &flags.theme),
            ("--charset", "ui.charset", &flags.charset),
        ] {
            if let Some(text) = value {
                file.flag(&mut options, flag, key, &DeValue::String(text.as_str().into()))?;
            }
        }
        if flags.mouse {
            file.flag(&mut options, "--mouse", "ui.mouse", &DeValue::Boolean(true))?;
        }
        // Those that come with the program make sense and take milliseconds to read; of the user's own what is wrong is said now.
        let own = paths.rules.clone();
        let mut rule_faults = Vec::new();
        options.rules = if own.exists() {
            let (rules, faults) = config::rules(&own);
            rule_faults = faults;
            LazyRules::new(move || rules)
        } else {
            LazyRules::new(move || config::rules(&own).0)
        };
        Ok(Self {
            options,
            file,
            paths,
            rule_faults,
            operate: flags.operate,
        })
    }
}

impl Setup {
    /// The store there is to read: that of this run; without one, and where no other was named, the system's own, if this user may read
    /// it. `None` when there is none.
    #[must_use]
    pub fn kept(&self) -> Option<PathBuf> {
        let readable = |path: &Path| std::fs::File::open(path).is_ok();
        if self.paths.store.exists() {
            return Some(self.paths.store.clone());
        }
        let own = Paths::of_user().store;
        let system = PathBuf::from(SYSTEM_STORE);
        (self.paths.store == own && readable(&system)).then_some(system)
    }
}

/// Applies `--store` and `--socket`: a store of its own has an engine of its own, so its socket stands beside it.
pub(super) fn placed(mut paths: Paths, flags: &Flags) -> Result<Paths, Usage> {
    if let Some(store) = &flags.store {
        paths.store = absolute(store)?;
        let mut name = paths.store.file_name().unwrap_or(OsStr::new("foreshadow")).to_owned();
        name.push(".sock");
        paths.socket = paths.store.with_file_name(name);
        paths.attach = vec![paths.socket.clone()];
    }
    if let Some(socket) = &flags.socket {
        paths.socket = absolute(socket)?;
        paths.attach = vec![paths.socket.clone()];
    }
    if paths.socket.as_os_str().len() > SOCKET_PATH_BYTES {
        return Err(Usage(format!(
            "the socket {} has a path of more than {SOCKET_PATH_BYTES} bytes, which no system takes: name a shorter --socket",
            paths.socket.display()
        )));
    }
    Ok(paths)
}

fn absolute(path: &Path) -> Result<PathBuf, Usage> {
    std::path::absolute(path).map_err(|error| Usage(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_its_own_has_an_engine_of_its_own() {
        let flags = Flags {
            store: Some("/data/a.duckdb".into()),
            ..Flags::default()
        };
        let paths = placed(Paths::of_user(), &flags).unwrap();
        assert_eq!(paths.store, Path::new("/data/a.duckdb"));
        assert_eq!(paths.attach, [Path::new("/data/a.duckdb.sock")]);
        let both = Flags {
            socket: Some("/run/x.sock".into()),
            ..flags
        };
        let paths = placed(Paths::of_user(), &both).unwrap();
        assert_eq!(
            (paths.store.as_path(), paths.socket.as_path()),
            (Path::new("/data/a.duckdb"), Path::new("/run/x.sock"))
        );
    }

    #[test]
    fn a_socket_no_system_takes_is_refused() {
        let flags = Flags {
            socket: Some(format!("/{}", "x".repeat(120)).into()),
            ..Flags::default()
        };
        assert!(placed(Paths::of_user(), &flags).unwrap_err().0.contains("--socket"));
    }

    #[test]
    fn flags_stand_above_the_file_and_are_checked_like_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "interval = \"5s\"\nhorizon = \"1h\"\n").unwrap();
        let flags = Flags {
            config: Some(file),
            interval: Some("1s".into()),
            mouse: true,
            ..Flags::default()
        };
        let setup = Setup::new(&flags, &["dark"]).unwrap();
        assert_eq!(setup.options.interval.secs_f64(), 1.0);
        assert_eq!(setup.options.horizon.secs_f64(), 3600.0);
        assert!(setup.options.ui.mouse);
        let bad = Flags {
            theme: Some("plaid".into()),
            ..flags
        };
        let error = Setup::new(&bad, &["dark"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "--theme: ui.theme is \"plaid\", which is no theme; there are auto, dark"
        );
    }
}
