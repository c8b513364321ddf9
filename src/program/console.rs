//! The console on this terminal.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use crate::{
    cli::{Replay, Setup, Usage},
    config::Paths,
    domain::{Options, text::visible},
    engine::{AnyLink, Engine, Sources, listen},
    tui::{
        driver::{self, Exit, Found, PanicIn, Want},
        look::Look,
        theme::Env,
        walk::Walk,
    },
};
use anyhow::{Result, bail};

use super::{host, library};

/// Theme and characters for this terminal.
///
/// # Errors
/// What is wrong with the theme, and in which line.
pub fn look(options: &Options, paths: &Paths) -> Result<Look, String> {
    env().look(&options.ui.theme, &options.ui.charset, &own_themes(paths))
}

fn env() -> Env {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    Env {
        no_color: var("NO_COLOR"),
        term: var("TERM"),
        colorterm: var("COLORTERM"),
        colorfgbg: var("COLORFGBG"),
        lc_all: var("LC_ALL"),
        lc_ctype: var("LC_CTYPE"),
        lang: var("LANG"),
    }
}

fn own_themes(paths: &Paths) -> Vec<(String, String)> {
    let read = |name: String| {
        let text = std::fs::read_to_string(paths.themes.join(format!("{name}.toml"))).ok()?;
        Some((name, text))
    };
    paths.own_themes().into_iter().filter_map(read).collect()
}

/// Runs the console until the user leaves it: attached to a running engine, else with one of its own.
///
/// # Errors
/// When there is no terminal, no engine can be had, or a part of the program panicked.
pub async fn run(setup: &Setup, replay: Option<&Replay>) -> Result<()> {
    library::ensure(&setup.options.store);
    let panic = match std::env::var("FORESHADOW_PANIC").as_deref() {
        Ok("ui") => Some(PanicIn::Ui),
        Ok("worker") => Some(PanicIn::Worker),
        _ => None,
    };
    let console = driver::Setup {
        look: look(&setup.options, &setup.paths).map_err(Usage)?,
        env: env(),
        themes: own_themes(&setup.paths),
        place: match replay {
            None => host::resource().name().to_owned(),
            Some(Replay {
                scenario: Some(scenario),
                ..
            }) => scenario.name.clone(),
            Some(replay) => visible(&replay.file.file_name().unwrap_or_default().to_string_lossy()).into_owned(),
        },
        walk: replay.and_then(|replay| replay.scenario.as_deref()).map(Walk::new),
        who: host::who(),
        operate: setup.operate,
        here: replay.is_none().then(host::resource),
        in_tmux: std::env::var_os("TMUX").is_some(),
        mouse: setup.options.ui.mouse,
        panic,
        patience: None,
    };
    // An engine of this process that ended is replaced by another. Where someone else's ended, only theirs is waited for: an engine
    // started here would hold the store when theirs comes back.
    let own = Cell::new(false);
    let connect = async |want| {
        let refused = RefCell::new(String::new());
        let hear = |why: &str| refused.replace(visible(why).into_owned());
        let link = match (want, replay) {
            (_, Some(replay)) => host::play(setup, replay, replay.speed).map(Some),
            (Want::Again, None) if !own.get() => host::attach(&setup.paths.attach, |why| drop(hear(why))).await,
            (_, None) => engine(setup, |why| drop(hear(why))).await.map(Some),
        };
        if let Ok(Some(link)) = &link {
            own.set(matches!(link, AnyLink::Local(_)));
        }
        let found = |link: Option<AnyLink>| {
            link.map(|link| Found {
                link,
                refused: refused.take(),
            })
        };
        link.map(found).map_err(|error| error.to_string())
    };
    match driver::run(console, connect).await? {
        Exit::Quit => Ok(()),
        Exit::WorkerPanicked(text) => bail!("a part of the program panicked: {text}"),
    }
}

/// A running engine, else one of this process, at which others can attach. `refused` hears of those that say no.
async fn engine(setup: &Setup, refused: impl Fn(&str)) -> Result<AnyLink> {
    if let Some(link) = host::attach(&setup.paths.attach, refused).await? {
        return Ok(link);
    }
    // Without a socket the console still works; others then cannot attach.
    let listening = listen(&setup.paths.socket, !setup.options.allow.is_empty())
        .map_err(|error| tracing::warn!("{error}"))
        .ok();
    let engine = Engine::start(host::engine_setup(setup, Sources::Live), listening)?;
    Ok(AnyLink::Local(Arc::new(engine)))
}
