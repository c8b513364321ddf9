//! The program: puts clock, engine, console and commands together. It stands in the library and not in `main.rs`, so that what it shares
//! with the rooms is compiled once.

mod console;
mod host;
mod library;

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use crate::cli::{self, Cli, Out};

/// Does what the command line says; the code is its exit code: 0 done, 1 found, 2 refused, 3 failed.
#[must_use]
pub fn run() -> ExitCode {
    host::log();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("foreshadow: cannot start: {error}");
            return ExitCode::from(3);
        }
    };
    let read = Cli::read(std::env::args_os());
    let mut out = Out::stdio();
    let code = runtime.block_on(cli::run(read, &host::ThisHost, stdout().is_terminal(), &mut out));
    // A busy engine holds up nobody's exit.
    runtime.shutdown_background();
    ExitCode::from(code)
}
