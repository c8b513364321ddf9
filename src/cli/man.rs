//! `man`: the manual page, from the same definition as the help.

use clap::Command;

use crate::cli::{Exit, Out};

/// Prints the page of the program and, after it, one of each subcommand.
pub(super) fn run(mut command: Command, out: &mut Out) -> anyhow::Result<Exit> {
    command.build();
    let mut pages = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut pages)?;
    for subcommand in command
        .get_subcommands()
        .filter(|subcommand| subcommand.get_name() != "help")
    {
        clap_mangen::Man::new(subcommand.clone()).render(&mut pages)?;
    }
    out.script(&pages)?;
    Ok(Exit::Done)
}
