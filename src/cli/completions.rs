//! `completions`: a shell's completion script, from the same definition as the help.

use clap::Command;
use clap_complete::Shell;

use crate::cli::{Exit, Out};

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &Args, mut command: Command, out: &mut Out) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "foreshadow", &mut script);
    out.script(&script)?;
    Ok(Exit::Done)
}
