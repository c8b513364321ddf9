//! The program; what it does stands in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    foreshadow::program::run()
}
