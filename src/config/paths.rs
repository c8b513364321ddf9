//! Where files belong.

use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};
use rustix::{fs::Access, process::geteuid};

/// Where a Unix socket of the system's own engine stands (see `contrib/foreshadow.service`).
pub const SYSTEM_SOCKET: &str = "/run/foreshadow/foreshadow.sock";

/// Where the system's own engine keeps its store.
pub const SYSTEM_STORE: &str = "/var/lib/foreshadow/foreshadow.duckdb";

/// The settings file of the system's own engine.
pub const SYSTEM_CONFIG: &str = "/etc/foreshadow/config.toml";

/// Where files belong, before flags say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The settings file.
    pub config: PathBuf,
    /// The user's own themes, one `NAME.toml` each.
    pub themes: PathBuf,
    /// Folder of the user's own rules.
    pub rules: PathBuf,
    /// The DuckDB file.
    pub store: PathBuf,
    /// Where an engine listens.
    pub socket: PathBuf,
    /// Where a console looks for a running engine, in this order.
    pub attach: Vec<PathBuf>,
}

/// What of the system decides about [`Paths`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Folders {
    config: Option<PathBuf>,
    data: Option<PathBuf>,
    runtime: Option<PathBuf>,
    /// Whether the process may write where the system's engine has its socket.
    system: bool,
}

impl Paths {
    /// The paths of this user: `$XDG_CONFIG_HOME/foreshadow`, `$XDG_DATA_HOME/foreshadow`, `$XDG_RUNTIME_DIR`.
    ///
    /// A user without a home folder gets `/etc/foreshadow` and `/var/lib/foreshadow`.
    #[must_use]
    pub fn of_user() -> Self {
        let project = ProjectDirs::from("", "", "foreshadow");
        let system = Path::new(SYSTEM_SOCKET);
        let writable = |folder: &Path| rustix::fs::access(folder, Access::WRITE_OK).is_ok();
        Self::from_folders(Folders {
            config: project.as_ref().map(|dirs| dirs.config_dir().to_owned()),
            data: project.as_ref().map(|dirs| dirs.data_dir().to_owned()),
            runtime: BaseDirs::new().and_then(|dirs| dirs.runtime_dir().map(Path::to_owned)),
            // A runtime folder of its own is the user's wish, root's too.
            system: geteuid().is_root()
                && std::env::var_os("XDG_RUNTIME_DIR").is_none()
                && system
                    .parent()
                    .is_some_and(|folder| writable(folder) || (!folder.exists() && writable(Path::new("/run")))),
        })
    }

    fn from_folders(folders: Folders) -> Self {
        let config = folders.config.unwrap_or_else(|| "/etc/foreshadow".into());
        let data = folders.data.unwrap_or_else(|| "/var/lib/foreshadow".into());
        let own = folders.runtime.unwrap_or_else(|| data.clone()).join("foreshadow.sock");
        let system = PathBuf::from(SYSTEM_SOCKET);
        Self {
            themes: config.join("themes"),
            rules: config.join("rules"),
            config: config.join("config.toml"),
            store: data.join("foreshadow.duckdb"),
            socket: if folders.system { system.clone() } else { own.clone() },
            attach: if folders.system {
                vec![system, own]
            } else {
                vec![own, system]
            },
        }
    }

    /// The names of the user's own themes, by name; empty when there are none.
    #[must_use]
    pub fn own_themes(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.themes)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let named = path.extension()? == "toml";
                named.then(|| path.file_stem()?.to_str().map(str::to_owned))?
            })
            .collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_keeps_to_their_own_folders_and_finds_the_systems_engine() {
        let paths = Paths::from_folders(Folders {
            config: Some("/home/u/.config/foreshadow".into()),
            data: Some("/home/u/.local/share/foreshadow".into()),
            runtime: Some("/run/user/1000".into()),
            system: false,
        });
        assert_eq!(paths.config, Path::new("/home/u/.config/foreshadow/config.toml"));
        assert_eq!(paths.themes, Path::new("/home/u/.config/foreshadow/themes"));
        assert_eq!(paths.rules, Path::new("/home/u/.config/foreshadow/rules"));
        assert_eq!(
            paths.store,
            Path::new("/home/u/.local/share/foreshadow/foreshadow.duckdb")
        );
        assert_eq!(paths.socket, Path::new("/run/user/1000/foreshadow.sock"));
        assert_eq!(paths.attach, [paths.socket.clone(), SYSTEM_SOCKET.into()]);
    }

    #[test]
    fn without_a_runtime_folder_the_socket_stands_beside_the_store() {
        let paths = Paths::from_folders(Folders {
            data: Some("/data".into()),
            ..Folders::default()
        });
        assert_eq!(paths.socket, Path::new("/data/foreshadow.sock"));
        assert_eq!(paths.config, Path::new("/etc/foreshadow/config.toml"));
    }

    #[test]
    fn root_listens_where_everyone_looks() {
        let paths = Paths::from_folders(Folders {
            runtime: Some("/run/user/0".into()),
            system: true,
            ..Folders::default()
        });
        assert_eq!(paths.socket, Path::new(SYSTEM_SOCKET));
        assert_eq!(
            paths.attach,
            [PathBuf::from(SYSTEM_SOCKET), "/run/user/0/foreshadow.sock".into()]
        );
    }

    #[test]
    fn own_themes_are_the_toml_files_of_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths {
            themes: folder.path().to_owned(),
            ..Paths::from_folders(Folders::default())
        };
        for name in ["sea.toml", "ash.toml", "notes.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(paths.own_themes(), ["ash", "sea"]);
    }
}
