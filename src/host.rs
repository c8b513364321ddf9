//! This host as the commands need it: its clock, its engines, its terminal.

use std::{path::Path, sync::Arc, time::Duration};

use crate::console;
use anyhow::{Context as _, Result, bail};
use foreshadow::tui::look::{Charset, Depth};
use foreshadow::{
    cli::{EngineRun, Need, Runtime, Setup, Terminal, Usage, When},
    config::Paths,
    domain::{Options, ResourceId, text::visible},
    engine::{self, AnyLink, Engine, Link as _, SocketError, Sources, clock, connect, listen},
};
use tokio::signal::unix::{SignalKind, signal};

/// An engine that listens and does not answer within this is passed over.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// The host this process runs on.
pub struct ThisHost;

/// Logs to stderr what `FORESHADOW_LOG` asks for (`warn`, `foreshadow=debug`); nothing when it is not set, because a log
/// line would stand in the middle of the console.
pub fn log() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("FORESHADOW_LOG") {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
}

/// The host's name, as a resource.
pub fn resource() -> ResourceId {
    let name = sysinfo::System::host_name().ok().filter(|name| !name.is_empty());
    ResourceId::new("host", &name.unwrap_or_else(|| "localhost".into()))
}

/// Who sits here: `user@tty`.
pub fn who() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let user = user.unwrap_or_else(|| format!("uid{}", rustix::process::geteuid().as_raw()));
    let terminal = rustix::termios::ttyname(std::io::stdin(), Vec::new())
        .ok()
        .and_then(|name| name.into_string().ok())
        .map_or_else(|| "no-tty".into(), |name| name.trim_start_matches("/dev/").to_owned());
    visible(&format!("{user}@{terminal}")).into_owned()
}

pub fn engine_setup(setup: &Setup, sources: Sources) -> engine::Setup {
    engine::Setup {
        options: setup.options.clone(),
        store: Some(setup.paths.store.clone()),
        resource: resource(),
        root: "/".into(),
        sources,
        who: who(),
    }
}

/// Attaches to the first engine that listens at one of `sockets`; `None` when none does.
pub async fn attach(sockets: &[impl AsRef<Path>]) -> Result<Option<AnyLink>> {
    for socket in sockets {
        match tokio::time::timeout(ANSWERS_WITHIN, connect(socket.as_ref(), &who())).await {
            Ok(Ok(link)) => return Ok(Some(AnyLink::Socket(link))),
            Ok(Err(SocketError::Nobody(_))) => {}
            // The system's engine may be closed to this user, who then has one of their own.
            Ok(Err(SocketError::Refused(why))) if sockets.len() > 1 => tracing::info!("{why}"),
            Ok(Err(error)) => return Err(Usage(error.to_string()).into()),
            Err(_) => tracing::warn!("the engine at {} does not answer", socket.as_ref().display()),
        }
    }
    Ok(None)
}

/// Starts an engine of this process, and waits for its first whole snapshot.
async fn start(setup: &Setup, sources: Sources) -> Result<AnyLink> {
    let engine = Engine::start(engine_setup(setup, sources), None).context("the engine cannot start")?;
    let link = AnyLink::Local(Arc::new(engine));
    let mut snapshots = link.snapshots();
    let snapshot = snapshots
        .wait_for(|snapshot| snapshot.number > 0)
        .await
        .context("the engine ended")?
        .clone();
    if !snapshot.store.ok && sources == Sources::None {
        bail!(Usage(snapshot.store.says.to_string()));
    }
    Ok(link)
}

impl Runtime for ThisHost {
    type Link = AnyLink;

    fn when(&self) -> When {
        When {
            now: clock::now(),
            zone: jiff::tz::TimeZone::system(),
        }
    }

    fn themes(&self) -> Vec<&'static str> {
        foreshadow::tui::theme::BUILT_IN.iter().map(|(name, _)| *name).collect()
    }

    fn terminal(&self, options: &Options) -> Terminal {
        let look = console::look(options, &Paths::of_user()).unwrap_or_default();
        let colours = match look.depth {
            Depth::Mono => "mono",
            Depth::Sixteen => "16",
            Depth::Indexed => "256",
            Depth::True => "truecolor",
        };
        let charset = if look.charset == Charset::Utf8 { "utf8" } else { "ascii" };
        Terminal {
            theme: look.theme,
            charset: charset.into(),
            colours: colours.into(),
        }
    }

    async fn connect(&self, setup: &Setup, need: Need) -> Result<AnyLink> {
        if let Some(link) = attach(&setup.paths.attach).await? {
            return Ok(link);
        }
        let stored = need == Need::Stored && setup.paths.store.exists();
        start(setup, if stored { Sources::None } else { Sources::Once }).await
    }

    async fn engine(&self, setup: &Setup, run: EngineRun) -> Result<()> {
        let listening = match run {
            EngineRun::Once => None,
            _ => Some(
                listen(&setup.paths.socket, !setup.options.allow.is_empty())
                    .map_err(|error| Usage(error.to_string()))?,
            ),
        };
        let sources = if run == EngineRun::Once {
            Sources::Once
        } else {
            Sources::Live
        };
        let engine = Engine::start(engine_setup(setup, sources), listening).context("the engine cannot start")?;
        let mut snapshots = engine.link().snapshots();
        let settled = snapshots
            .wait_for(|snapshot| snapshot.number > 0 && &*snapshot.store.says != "opening")
            .await;
        let store = settled.context("the engine ended")?.store.clone();
        if !store.ok {
            // Without a console to say so, an engine that keeps nothing is of no use.
            bail!(Usage(store.says.to_string()));
        }
        let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let length = match run {
            EngineRun::Once => return Ok(()),
            EngineRun::For(length) => length.into(),
            EngineRun::UntilStopped => Duration::MAX,
        };
        tokio::select! {
            () = tokio::time::sleep(length) => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
            // The engine's thread ended by itself: that is a fault.
            _ = snapshots.wait_for(|_| false) => bail!("the engine ended"),
        }
        Ok(())
    }

    async fn console(&self, setup: &Setup) -> Result<()> {
        console::run(setup).await
    }
}
