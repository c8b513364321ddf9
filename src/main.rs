//! The program: puts clock, engine, console and commands together.

mod console;
mod host;
mod library;

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use foreshadow::cli::{self, Cli, Out};

fn main() -> ExitCode {
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
