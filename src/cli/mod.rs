//! The subcommands: what is typed, what it means, and what it prints. Says nothing of how an engine is had: see [`Runtime`].

mod alerts;
mod baseline;
mod columns;
mod completions;
mod config;
mod context;
mod demo;
mod detect;
mod doctor;
mod drift;
mod exit;
mod export;
mod fail_on;
mod findings;
#[cfg(test)]
mod fixture;
mod forecast;
mod import;
mod man;
mod metrics;
mod out;
mod plain;
mod proposals;
mod record;
mod replay;
mod runtime;
mod series;
mod settings;
mod settings_bench;
mod setup;
mod sql;
mod status;
mod stdin;
mod tasks;
#[cfg(test)]
mod tests;
mod timeline;
mod whatif;
mod whatif_bench;
mod when;

use std::{
    ffi::OsString,
    io::IsTerminal,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

pub use columns::Columns;
pub use context::{Context, Report};
pub use doctor::Terminal;
pub use exit::{Exit, Usage, code};
pub use fail_on::FailOn;
pub use out::{Out, OutError};
pub use record::Args as Record;
pub use replay::Args as Replay;
pub use runtime::{EngineRun, Need, Runtime};
pub use setup::Setup;
pub use when::When;

use crate::{
    config::{Paths, SYSTEM_STORE, rules},
    domain::Span,
    engine::{Link as _, clock},
    shadow::Members,
};

/// Learns a shadow of every metric and setting of a host, and shows what drifted, what will, and what to do about it.
///
/// Without a subcommand it opens the console; where stdout is no terminal, it prints the status report.
#[derive(Clone, Debug, Parser)]
#[command(name = "foreshadow", version, about, long_about, max_term_width = 100)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub flags: Flags,
    /// What to do; nothing is the console.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Flags of every command")]
pub struct Flags {
    /// Settings file (default: foreshadow/config.toml in the user's configuration folder).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// DuckDB file to keep everything in; its engine listens beside it, at FILE.sock.
    #[arg(long, global = true, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Unix socket to listen on or attach to.
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Time between two readings of the metrics: 1s, 500ms.
    #[arg(long, global = true, value_name = "SPAN")]
    pub interval: Option<String>,
    /// Theme of the console: auto, or a name.
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Characters of the console: auto, utf8 or ascii.
    #[arg(long, global = true, value_name = "SET")]
    pub charset: Option<String>,
    /// Capture the mouse in the console.
    #[arg(long, global = true)]
    pub mouse: bool,
    /// Let the console apply proposals, after typed confirmation; without it nothing is ever changed.
    #[arg(long, global = true)]
    pub operate: bool,
    /// Print data as JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the engine without a console, for systemd; consoles attach to its socket.
    Engine {
        /// Read every source once, store and judge it, and end.
        #[arg(long)]
        once: bool,
        /// End after this long: 90s, 10m.
        #[arg(long = "for", value_name = "SPAN", value_parser = span, conflicts_with = "once")]
        length: Option<Span>,
        /// Tell a Prometheus what it knows, at http://ADDR/metrics: a port of this machine alone (9105), or IP:PORT.
        #[arg(long, value_name = "ADDR", value_parser = address, conflicts_with = "once")]
        metrics: Option<SocketAddr>,
    },
    /// Record everything the sources of this host say, for `replay`, or with --from what the store holds of the past; disturbs no engine.
    Record(record::Args),
    /// Open a recording in the console as if it happened now; without a terminal, print the status at its end.
    Replay(replay::Args),
    /// Walk through a recorded incident; without a terminal, list those there are.
    Demo(demo::Args),
    /// How things are, on one page.
    Status(status::Args),
    /// What is off, or will be; worst first.
    Findings(findings::Args),
    /// What to change about it; best first.
    Proposals(proposals::Args),
    /// What a metric will be, and when it passes its limit.
    Forecast(forecast::Args),
    /// What a change would do: `whatif vm.swappiness=10 "cpu x2" "traffic x1.5"`.
    Whatif(whatif::Args),
    /// What happened in a time: changes, events, findings, notes.
    Timeline(timeline::Args),
    /// Settings and their values.
    Settings(settings::Args),
    /// Metrics, their values and shadows.
    Metrics(metrics::Args),
    /// What is not as declared, by files of both sides or what a tool found.
    Drift(drift::Args),
    /// What a file of another tool declares, found drifted or will change.
    Import(import::Args),
    /// The values accepted as good.
    Baseline(baseline::Args),
    /// Write a table of the store to a file.
    Export(export::Args),
    /// Run a statement that only reads the store.
    Sql(sql::Args),
    /// What this program finds of its files, terminal, store, engine and sources.
    Doctor(doctor::Args),
    /// The settings file.
    Config(config::Args),
    /// Say how surprising each value of a stream is: JSON lines of series, t (Unix seconds) and v in, of series, t and score (bits) out.
    Detect,
    /// Say what is off or about to be, and since which change: JSON lines of values, settings and changes in, of alerts out.
    Alerts,
    /// Say which settings change next, to what, and which changes are undone: JSON lines of events and questions in, of answers out.
    SettingsBench(settings_bench::Args),
    /// Say what changes would do to recorded services: JSON lines of questions in, of effects out.
    WhatifBench(whatif_bench::Args),
    /// Print a shell's completion script.
    Completions(completions::Args),
    /// Print the manual page.
    Man,
}

/// Why no command was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Help or version was asked for: print this and end with 0.
    Show(String),
    /// It makes no sense: end with 2.
    Wrong(Usage),
}

impl Cli {
    /// Reads the arguments, program name first.
    ///
    /// # Errors
    /// [`Unread`] with what to print instead.
    pub fn read(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Self, Unread> {
        Self::try_parse_from(arguments).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Unread::Show(error.to_string()),
            _ => Unread::Wrong(Usage(one_line(&error.to_string()))),
        })
    }
}

/// clap's paragraphs in one line, without its usage text.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        let gap = match line.chars().last() {
            None => "",
            Some(':' | ',') => " ",
            Some(_) => "; ",
        };
        line.push_str(gap);
        line.push_str(part.strip_prefix("error: ").unwrap_or(part));
    }
    line + "; `foreshadow help` says more"
}

/// Reads a length of time that is above zero.
fn span(text: &str) -> Result<Span, String> {
    match text.parse::<Span>() {
        Ok(span) if span > Span::ZERO => Ok(span),
        _ => Err("write a length of time such as 30s, 10m or 6h".into()),
    }
}

/// Reads a place to listen: a port is one of this machine alone.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':'));
    match port.unwrap_or(text).parse() {
        Ok(port) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        Err(_) => text
            .parse()
            .map_err(|_| "write a port, such as 9105, or an address with one, such as 0.0.0.0:9105".into()),
    }
}

/// Runs what was read to its end, tells what went wrong, and gives the exit code. `terminal` says whether stdout is one.
pub async fn run<R: Runtime>(read: Result<Cli, Unread>, runtime: &R, terminal: bool, out: &mut Out) -> u8 {
    let result = match read {
        Ok(cli) => dispatch(&cli, runtime, terminal, out).await,
        Err(Unread::Show(text)) => out.lines(&text).map(|()| Exit::Done).map_err(Into::into),
        Err(Unread::Wrong(usage)) => Err(usage.into()),
    };
    code(result, out)
}

/// Runs a command to its end. `terminal` says whether stdout is one.
///
/// # Errors
/// What [`code`] tells the user.
pub async fn dispatch<R: Runtime>(cli: &Cli, runtime: &R, terminal: bool, out: &mut Out) -> anyhow::Result<Exit> {
    let setup = || Setup::new(&cli.flags, &runtime.themes());
    // What watches goes on without the rules that make no sense.
    let watching = |out: &mut Out| {
        let setup = setup()?;
        for fault in &setup.rule_faults {
            out.note(&format!("foreshadow: {fault}"));
        }
        anyhow::Ok(setup)
    };
    let json = cli.flags.json;
    match &cli.command {
        None if terminal && !json => runtime.console(&watching(out)?, None).await.map(|()| Exit::Done),
        None => report(&status::Args::default(), cli, runtime, out).await,
        Some(Command::Engine { once, length, metrics }) => {
            let run = match (once, length) {
                (true, _) => EngineRun::Once,
                (false, Some(length)) => EngineRun::For(*length),
                (false, None) => EngineRun::UntilStopped,
            };
            runtime
                .engine(&watching(out)?, run, *metrics)
                .await
                .map(|()| Exit::Done)
        }
        Some(Command::Record(args)) if args.from.is_some() => {
            let link = runtime.connect(&setup()?, Need::Stored).await?;
            let context = Context {
                link: &link,
                when: &runtime.when(),
                json,
            };
            args.past(&context, out).await
        }
        Some(Command::Record(args)) => {
            out.note(&runtime.record(&setup()?, args).await?);
            Ok(Exit::Done)
        }
        Some(Command::Replay(args)) => replay(args, cli, runtime, terminal, out).await,
        Some(Command::Demo(args)) => match args.find(&runtime.scenarios()?, terminal && !json)? {
            Some(recording) => replay(&recording, cli, runtime, terminal, out).await,
            None => args.list(&runtime.scenarios()?, json, out),
        },
        Some(Command::Status(args)) => report(args, cli, runtime, out).await,
        Some(Command::Findings(args)) => report(args, cli, runtime, out).await,
        Some(Command::Proposals(args)) => report(args, cli, runtime, out).await,
        Some(Command::Forecast(args)) if args.series.is_none() => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                return Err(tasks::nothing().into());
            }
            let setup = setup()?;
            let members = Members::of(setup.options.members.iter().map(|name| &**name));
            tasks::run(stdin.lock(), members, out)
        }
        Some(Command::Forecast(args)) => report(args, cli, runtime, out).await,
        Some(Command::Whatif(args)) => report(args, cli, runtime, out).await,
        Some(Command::Timeline(args)) => report(args, cli, runtime, out).await,
        Some(Command::Settings(args)) => report(args, cli, runtime, out).await,
        Some(Command::Metrics(args)) => report(args, cli, runtime, out).await,
        Some(Command::Baseline(args)) => report(args, cli, runtime, out).await,
        Some(Command::Export(args)) => report(args, cli, runtime, out).await,
        Some(Command::Sql(args)) => report(args, cli, runtime, out).await,
        // A doctor that dies of what he is asked about is none.
        Some(Command::Doctor(args)) => doctor::run(args, setup(), runtime, json, out).await,
        Some(Command::Config(args)) => config::run(args, &cli.flags, &runtime.themes(), json, out),
        Some(Command::Drift(args)) => drift::run(args, &rules(&Paths::of_user().rules), clock::now(), json, out),
        Some(Command::Import(args)) if args.is_history() => import::git::run(args, &setup()?, runtime, json, out).await,
        Some(Command::Import(args)) => import::run(args, json, out),
        Some(Command::Detect) => detect::run(std::io::stdin().lock(), out),
        Some(Command::Alerts) => alerts::run(std::io::stdin().lock(), out),
        Some(Command::SettingsBench(args)) => settings_bench::run(args, std::io::stdin().lock(), out),
        Some(Command::WhatifBench(args)) => whatif_bench::run(args, std::io::stdin().lock(), out),
        Some(Command::Completions(args)) => completions::run(args, Cli::command(), out),
        Some(Command::Man) => man::run(Cli::command(), out),
    }
}

/// Opens a recording in the console, or prints the status at its end.
async fn replay<R: Runtime>(
    recording: &Replay,
    cli: &Cli,
    runtime: &R,
    terminal: bool,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let setup = Setup::new(&cli.flags, &runtime.themes())?;
    if terminal && !cli.flags.json {
        return runtime.console(&setup, Some(recording)).await.map(|()| Exit::Done);
    }
    let link = runtime.replayed(&setup, recording).await?;
    let context = Context {
        link: &link,
        when: &runtime.when(),
        json: cli.flags.json,
    };
    let cut = crate::engine::Player::remark(&link.snapshots().borrow());
    let exit = status::Args::default().run(&context, out).await?;
    let Some(cut) = cut else { return Ok(exit) };
    out.note(&format!("foreshadow: {cut}"));
    Ok(Exit::Faults)
}

/// Runs a command that asks an engine.
async fn report<C: Report, R: Runtime>(command: &C, cli: &Cli, runtime: &R, out: &mut Out) -> anyhow::Result<Exit> {
    let setup = Setup::new(&cli.flags, &runtime.themes())?;
    let link = runtime.connect(&setup, C::NEED).await?;
    let store = link.snapshots().borrow().store.path.clone();
    if *store == *SYSTEM_STORE && link.snapshots().borrow().usage.pid == 0 {
        out.note(&format!("foreshadow: no engine is running; read from {store}"));
    }
    let context = Context {
        link: &link,
        when: &runtime.when(),
        json: cli.flags.json,
    };
    command.run(&context, out).await
}
