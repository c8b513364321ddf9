//! Writes the folder of the prebuilt DuckDB library into the run path of every binary, test and benchmark.

use std::{env, path::Path, process};

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
    let folder = env::var("DUCKDB_LIB_DIR").unwrap_or_default();
    if !Path::new(&folder).join(library).exists() {
        println!("cargo:warning=no {library} in DUCKDB_LIB_DIR ({folder:?})");
        println!("cargo:warning=run `make setup`, or build with `--features bundled` (about 40 CPU minutes)");
        process::exit(1); // a sentence here, not a linker error later
    }
    // Beside the binary comes last: a package may ship the library there.
    for place in [folder, beside.to_owned(), format!("{beside}/../lib")] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{place}");
    }
}
