//! Writes the folder of the prebuilt DuckDB library into the run path of every binary, test and benchmark: where it is loaded from.

use std::{env, fs, path::PathBuf, process};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return; // DuckDB is compiled in: nothing to find at run time
    }
    let macos = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "macos");
    let (library, beside) = if macos {
        ("libduckdb.dylib", "@executable_path")
    } else {
        ("libduckdb.so", "$ORIGIN")
    };
    let linked = PathBuf::from(env::var_os("DUCKDB_LIB_DIR").unwrap_or_default());
    // An archive that loads the library late stands in a folder of its own below the library's.
    let lazy = linked.join("libduckdb.a").exists() && !linked.join(library).exists();
    let folder = if lazy {
        linked.parent().unwrap_or(&linked)
    } else {
        &linked
    };
    let Ok(about) = fs::metadata(folder.join(library)) else {
        println!("cargo:warning=no {library} in DUCKDB_LIB_DIR ({linked:?})");
        println!("cargo:warning=run `make setup`, or build with `--features bundled` (about 40 CPU minutes)");
        process::exit(1); // a sentence here, not a linker error later
    };
    let folder = folder.display().to_string();
    if lazy {
        // What src/library.rs looks for before the console takes the terminal.
        println!("cargo:rustc-env=FORESHADOW_DUCKDB_FOLDER={folder}");
        println!("cargo:rustc-env=FORESHADOW_DUCKDB_BYTES={}", about.len());
    }
    // Beside the binary comes last: a package may ship the library there.
    for place in [folder, beside.to_owned(), format!("{beside}/../lib")] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{place}");
    }
}
