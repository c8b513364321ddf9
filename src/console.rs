//! The console on this terminal.

use anyhow::Result;
use foreshadow::{
    cli::Setup,
    config::Paths,
    domain::Options,
    tui::{look::Look, theme},
};

/// Theme and characters for this terminal.
pub fn look(options: &Options, paths: &Paths) -> Look {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let env = theme::Env {
        no_color: var("NO_COLOR"),
        term: var("TERM"),
        colorterm: var("COLORTERM"),
        colorfgbg: var("COLORFGBG"),
        lc_all: var("LC_ALL"),
        lc_ctype: var("LC_CTYPE"),
        lang: var("LANG"),
    };
    env.look(&options.ui.theme, &options.ui.charset, &own_themes(paths))
        .unwrap_or_default()
}

fn own_themes(paths: &Paths) -> Vec<(String, String)> {
    let read = |name: String| {
        let text = std::fs::read_to_string(paths.themes.join(format!("{name}.toml"))).ok()?;
        Some((name, text))
    };
    paths.own_themes().into_iter().filter_map(read).collect()
}

/// Runs the console until the user leaves it.
pub async fn run(setup: &Setup) -> Result<()> {
    let _ = setup;
    todo!()
}
