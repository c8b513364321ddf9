//! The DuckDB library, which is loaded when it is first called: by then the console has the terminal.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{domain::StoreOptions, store::Store};

/// Makes sure that DuckDB can be loaded later. Usually a look at a file's size; a library that is elsewhere, or another one than the
/// program was built with, is loaded now, and where that fails the process ends with one line on stderr and code 3.
pub fn ensure(options: &StoreOptions) {
    // Set by build.rs where the library is loaded late.
    let (Some(folder), Some(bytes)) = (
        option_env!("FORESHADOW_DUCKDB_FOLDER"),
        option_env!("FORESHADOW_DUCKDB_BYTES"),
    ) else {
        return;
    };
    let first = places(folder)
        .iter()
        .find_map(|place| fs::metadata(place.join("libduckdb.so")).ok());
    if first.is_none_or(|file| file.len().to_string() != bytes) {
        // What fails here besides loading is the store's affair, which says so in its time.
        drop(Store::in_memory(options));
    }
}

/// Where the dynamic loader looks first, in its order: the user's folders, then the run path that build.rs wrote.
fn places(folder: &str) -> Vec<PathBuf> {
    let users = env::var_os("LD_LIBRARY_PATH").filter(|users| !users.is_empty());
    let users = users.iter().flat_map(|users| env::split_paths(users));
    let beside = env::current_exe().ok();
    let beside = beside.as_deref().and_then(Path::parent).unwrap_or(Path::new("/"));
    let run_path = [folder.into(), beside.to_owned(), beside.join("../lib")];
    users.chain(run_path).collect()
}
