//! This host as the commands need it: its clock, its engines, its terminal.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use super::console;
use crate::tui::look::{Charset, Depth};
use crate::{
    cli::{EngineRun, Need, Record, Replay, Runtime, Setup, Terminal, Usage, When},
    config::{Paths, Scenario, sample_data},
    domain::{Options, ResourceId, Span, text::visible},
    engine::{
        self, AnyLink, Engine, Link as _, Pace, Player, Scraped, SocketError, SourceRow, Sources, StoreRow,
        clock::{self, Stopwatch},
        connect, listen,
    },
    observe::recording::{self, Header, Recorder, Recording, Redaction},
    store::random_key,
};
use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// An engine that listens and does not answer within this is passed over: a busy one answers at once, so it is stopped, or the host is choked.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How long an engine that is to run waits for a store that another process holds, and how long a command does that only asks: the other may be
/// such a command, which holds it for seconds, and on a busy host for longer. How long between two looks, and when it is said.
const LOCKED_FOR: Duration = Duration::from_secs(10);
const ASKS_FOR: Duration = Duration::from_secs(60);
const LOCKED_LOOKS: Duration = Duration::from_millis(200);
const LOCKED_SAID: Duration = Duration::from_secs(2);

/// What an engine tells is old after this and after three steps, and how long a newer word is waited for.
const OLD: Span = Span::from_secs(5);
const TELLS_WITHIN: Duration = Duration::from_secs(3);

/// How long a recording of a given length goes on for sources that were not read by then.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// A recording that is played has its store in memory, for as many days as it holds, bytes.
const REPLAY_MEMORY: u64 = 1 << 30;

/// The host this process runs on.
pub struct ThisHost;

/// Logs to stderr what `FORESHADOW_LOG` asks for (`warn`, `foreshadow=debug`); nothing when it is not set, because a log
/// line would stand in the middle of the console.
pub fn log() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("FORESHADOW_LOG") {
        // What goes over the wire holds passwords.
        let quiet = ["ureq=warn", "ureq_proto=warn", "rustls=warn"];
        let filter = quiet
            .iter()
            .filter_map(|directive| directive.parse().ok())
            .fold(filter, tracing_subscriber::EnvFilter::add_directive);
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
    // A unit of the system has none of them.
    let id = rustix::process::geteuid().as_raw();
    let user = user
        .or_else(|| engine::user_name(id))
        .unwrap_or_else(|| format!("uid{id}"));
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
        play: None,
        recorder: None,
        who: who(),
        unseen: false,
    }
}

/// Attaches to the first engine that listens at one of `sockets`; `None` when none does. `refused` hears of those that say no.
pub async fn attach(sockets: &[impl AsRef<Path>], refused: impl Fn(&str)) -> Result<Option<AnyLink>> {
    for socket in sockets {
        match tokio::time::timeout(ANSWERS_WITHIN, connect(socket.as_ref(), &who())).await {
            Ok(Ok(link)) => return Ok(Some(AnyLink::Socket(link))),
            Ok(Err(SocketError::Nobody(_))) => {}
            // The system's engine may be closed to this user, who then has one of their own.
            Ok(Err(SocketError::Refused(why))) if sockets.len() > 1 => refused(&why),
            Ok(Err(error)) => return Err(Usage(error.to_string()).into()),
            Err(_) => refused(&format!(
                "the engine at {} is there, but did not answer within {} s",
                socket.as_ref().display(),
                ANSWERS_WITHIN.as_secs()
            )),
        }
    }
    Ok(None)
}

/// Waits until the engine tells what is now: while nobody looked it told nothing new, and does so at once, unless it is in a long step. What is
/// told is old then, and that is said.
async fn fresh(link: &AnyLink) {
    let mut snapshots = link.snapshots();
    let age = |snapshot: &engine::Snapshot| snapshot.at.map(|at| clock::now() - at);
    let new = |snapshot: &Arc<engine::Snapshot>| {
        let old = OLD.max(snapshot.options.interval * 3);
        snapshot.replay.is_some() || age(snapshot).is_none_or(|age| age <= old)
    };
    let waited = tokio::time::timeout(TELLS_WITHIN, snapshots.wait_for(new))
        .await
        .is_err();
    if let Some(age) = age(&link.snapshots().borrow()).filter(|_| waited) {
        eprintln!("foreshadow: the engine is busy: what it tells is {age} old");
    }
}

/// Starts an engine of this process by `begin`, and waits until it is known how its store is. One that another process holds is waited for as
/// long as `patience`, and the engine begun again: without what it knows nothing would be told as off.
async fn start(begin: impl Fn() -> Result<Engine>, patience: Duration) -> Result<(Engine, StoreRow)> {
    let began = Stopwatch::start();
    let mut said = false;
    loop {
        let engine = begin()?;
        let mut snapshots = engine.link().snapshots();
        let settled = |snapshot: &Arc<engine::Snapshot>| snapshot.number > 0 && &*snapshot.store.says != "opening";
        // Not held longer than it is looked at: the engine publishes into it while it ends.
        let store = snapshots
            .wait_for(settled)
            .await
            .context("the engine ended")?
            .store
            .clone();
        if !store.locked || began.elapsed() >= patience {
            return Ok((engine, store));
        }
        if !said && began.elapsed() >= LOCKED_SAID {
            said = true;
            eprintln!(
                "foreshadow: {}; trying again for up to {} s",
                store.says,
                patience.as_secs()
            );
        }
        drop(engine);
        tokio::time::sleep(LOCKED_LOOKS).await;
    }
}

/// The sources among `rows` that were not read yet, and whose first reading says how things are; those of the past take as long as it is.
fn unread(rows: &[SourceRow]) -> Vec<String> {
    let waits = |row: &&SourceRow| row.ok && row.read.is_none() && row.progress.is_none();
    rows.iter().filter(waits).map(|row| row.name.to_string()).collect()
}

/// What is said where no recorded incident lies beside `program`.
fn no_demo(program: &Path) -> String {
    let folder = program.parent().unwrap_or(program).display();
    format!(
        "no demo is installed: no sample-data/ above {folder} nor here; `make install` brings it, or run it in a clone"
    )
}

/// Plays a recording at `speed` on an engine of this process that keeps nothing; one that comes with a story is held at its scenes.
pub fn play(setup: &Setup, replay: &Replay, speed: f64) -> Result<AnyLink> {
    let recording = Recording::open(&replay.file).map_err(|error| Usage(error.to_string()))?;
    let resource = recording.header().resources.first().cloned();
    let interval = recording.header().interval;
    let mut player = Player::new(recording, Pace::new(speed));
    let mut setup = setup.clone();
    if let Some(scenario) = &replay.scenario {
        if speed.is_finite() {
            player = player.with_scenes(scenario.steps.iter().map(|step| step.at));
        }
        // A story is told with its own limits, and looks as its reader likes.
        setup.options = Options {
            ui: setup.options.ui,
            ..scenario.options.clone()
        };
    }
    let mut engine = engine_setup(&setup, Sources::None);
    engine.play = Some(player);
    engine.store = None;
    engine.options.store.memory_bytes = engine.options.store.memory_bytes.max(REPLAY_MEMORY);
    engine.options.interval = interval;
    engine.resource = resource.unwrap_or(engine.resource);
    let engine = Engine::start(engine, None).context("the engine cannot start")?;
    Ok(AnyLink::Local(Arc::new(engine)))
}

/// Listens for scrapes at `address`, and says so.
async fn scraped(address: SocketAddr) -> Result<Scraped> {
    let failed = |error| Usage(format!("--metrics {address}: {error}"));
    let scraped = Scraped::at(address).await.map_err(failed)?;
    let address = scraped.address().map_err(failed)?;
    let open = if address.ip().is_loopback() {
        ""
    } else {
        "; whoever reaches this address can read them"
    };
    eprintln!("foreshadow: metrics at http://{address}/metrics{open}");
    Ok(scraped)
}

/// The signals that ask for an end in order; from here on they do not end the process themselves.
struct Stop([Signal; 3]);

impl Stop {
    fn new() -> Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
        let [terminate, hang_up, interrupt] = kinds.map(signal);
        Ok(Self([terminate?, hang_up?, interrupt?]))
    }

    /// Waits until `length` is over (`None` is for ever) or a signal asks for the end; whether it was the length.
    async fn within(&mut self, length: Option<Duration>) -> bool {
        let [terminate, hang_up, interrupt] = &mut self.0;
        tokio::select! {
            () = tokio::time::sleep(length.unwrap_or(Duration::MAX)) => true,
            _ = terminate.recv() => false,
            _ = hang_up.recv() => false,
            _ = interrupt.recv() => false,
        }
    }
}

impl Runtime for ThisHost {
    type Link = AnyLink;

    fn when(&self) -> When {
        When {
            now: clock::now(),
            zone: crate::observe::zone::local(),
        }
    }

    fn themes(&self) -> Vec<&'static str> {
        crate::tui::theme::BUILT_IN.iter().map(|(name, _)| *name).collect()
    }

    fn scenarios(&self) -> Result<Vec<Scenario>> {
        let program = std::env::current_exe().unwrap_or_default();
        let folders = sample_data(&program);
        let found = Scenario::all(&folders).map_err(Usage)?;
        if found.is_empty() {
            bail!(Usage(no_demo(&program)));
        }
        Ok(found)
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
        if let Some(link) = attach(&setup.paths.attach, |why| {
            eprintln!("foreshadow: {why}; this host is read without that engine");
        })
        .await?
        {
            fresh(&link).await;
            return Ok(link);
        }
        let own = Some(setup.paths.store.clone());
        let (store, sources) = match (setup.kept(), need) {
            (_, Need::Kept) => (own, Sources::Once),
            (Some(store), _) if store != setup.paths.store => (Some(store), Sources::OnlyRead),
            (Some(store), Need::Stored) => (Some(store), Sources::None),
            (Some(store), Need::Fresh) => (Some(store), Sources::Once),
            // Who only asks leaves nothing behind.
            (None, _) => (None, Sources::Once),
        };
        let begin = || {
            let setup = engine::Setup {
                store: store.clone(),
                ..engine_setup(setup, sources)
            };
            Engine::start(setup, None).context("the engine cannot start")
        };
        let (engine, store) = start(begin, ASKS_FOR).await?;
        if store.broken || store.locked || (!store.ok && sources != Sources::Once) {
            bail!(Usage(store.says.to_string()));
        }
        Ok(AnyLink::Local(Arc::new(engine)))
    }

    async fn engine(&self, setup: &Setup, run: EngineRun, metrics: Option<SocketAddr>) -> Result<()> {
        // Before the engine starts: it should not run when it cannot be scraped as was asked.
        let scraped = match metrics {
            Some(address) => Some(scraped(address).await?),
            None => None,
        };
        let sources = if run == EngineRun::Once {
            Sources::Once
        } else {
            Sources::Live
        };
        // Before there is anything to end: an engine that is stopped while it opens its store leaves no socket behind.
        let mut stop = Stop::new()?;
        let begin = || {
            let listening = match run {
                EngineRun::Once => None,
                _ => Some(
                    listen(&setup.paths.socket, !setup.options.allow.is_empty())
                        .map_err(|error| Usage(error.to_string()))?,
                ),
            };
            let setup = engine::Setup {
                unseen: metrics.is_none(),
                ..engine_setup(setup, sources)
            };
            Engine::start(setup, listening).context("the engine cannot start")
        };
        let (engine, store) = tokio::select! {
            started = start(begin, LOCKED_FOR) => started?,
            _ = stop.within(None) => match run {
                EngineRun::Once => bail!(Usage("stopped before it was done".into())),
                _ => return Ok(()),
            },
        };
        let link = engine.link();
        if !store.ok {
            // Without a console to say so, an engine that keeps nothing is of no use.
            bail!(Usage(store.says.to_string()));
        }
        let length = match run {
            EngineRun::Once => return Ok(()),
            EngineRun::For(length) => Some(length.into()),
            EngineRun::UntilStopped => None,
        };
        let scrapes = async {
            match scraped {
                Some(scraped) => scraped.serve(Arc::new(engine.link())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop.within(length) => {}
            () = scrapes => {}
            // The engine's thread ended by itself: that is a fault.
            () = link.ended() => bail!("the engine ended"),
        }
        Ok(())
    }

    async fn console(&self, setup: &Setup, replay: Option<&Replay>) -> Result<()> {
        console::run(setup, replay).await
    }

    async fn record(&self, setup: &Setup, record: &Record) -> Result<String> {
        let mut engine = engine_setup(setup, Sources::Live);
        engine.store = None;
        let header = Header {
            foreshadow_recording: recording::VERSION,
            program: env!("CARGO_PKG_VERSION").into(),
            resources: vec![engine.resource.clone()],
            from: clock::now(),
            interval: setup.options.interval,
            redacted: false,
        };
        let redaction = record.redact.then(random_key).transpose()?.map(Redaction::new);
        let recorder = Recorder::create(&record.file, &header, redaction).map_err(|error| Usage(error.to_string()))?;
        engine.recorder = Some(recorder);
        let mut stop = Stop::new()?;
        let engine = Engine::start(engine, None).context("the engine cannot start")?;
        let mut snapshots = engine.link().snapshots();
        let lost = async {
            let failed = |snapshot: &Arc<engine::Snapshot>| {
                let row = snapshot.sources.iter().find(|row| &*row.name == engine::RECORDER)?;
                Some(row.says.to_string())
            };
            match snapshots.wait_for(|snapshot| failed(snapshot).is_some()).await {
                Ok(snapshot) => failed(&snapshot).unwrap_or_default(),
                Err(_) => "the engine ended".into(),
            }
        };
        let mut looks = engine.link().snapshots();
        let ended = async {
            if stop.within(record.length.map(Into::into)).await {
                // On a busy host the first look at the settings takes longer than was asked for.
                tokio::select! {
                    _ = looks.wait_for(|snapshot| unread(&snapshot.sources).is_empty()) => {}
                    _ = stop.within(Some(FIRST_LOOK)) => {}
                }
            }
        };
        let failed = tokio::select! {
            () = ended => None,
            why = lost => Some(why),
        };
        let missing = unread(&snapshots.borrow().sources);
        // The file is whole once the engine has ended: what waited has come into it, and is counted, by then.
        drop(engine);
        let snapshot = snapshots.borrow().clone();
        if let Some(why) = failed {
            bail!(Usage(why));
        }
        let bytes = std::fs::metadata(&record.file).map_or(0, |file| file.len());
        let missing = if missing.is_empty() {
            String::new()
        } else {
            format!("; too short to read {}", missing.join(", "))
        };
        Ok(format!(
            "recorded {} metrics and {} settings over {} into {} ({:.1} kB){missing}",
            snapshot.metrics.len(),
            snapshot.settings.len(),
            snapshot.at.map_or(Span::ZERO, |at| (at - header.from).max(Span::ZERO)),
            record.file.display(),
            bytes as f64 / 1e3,
        ))
    }

    async fn replayed(&self, setup: &Setup, replay: &Replay) -> Result<AnyLink> {
        let link = play(setup, replay, f64::INFINITY)?;
        let mut snapshots = link.snapshots();
        let ended = snapshots
            .wait_for(|snapshot| snapshot.replay.as_ref().is_some_and(|replay| replay.ended))
            .await
            .context("the engine ended")?
            .clone();
        if let Some(row) = ended.sources.iter().find(|row| !row.ok) {
            bail!(Usage(row.says.to_string()));
        }
        Ok(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_that_is_not_installed_is_one_short_line() {
        let says = no_demo(Path::new("/usr/local/bin/foreshadow"));
        assert!(
            says.contains("/usr/local/bin") && says.contains("make install"),
            "{says}"
        );
        assert!(says.len() <= 120 && !says.contains('\n'), "{says}");
    }
}
