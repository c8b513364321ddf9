//! `doctor`: what the program finds of its files, terminal, store, engine and sources.

mod rules;

use std::{env, path::Path, sync::Arc};

use serde::Serialize;

use crate::{
    cli::{Columns, Exit, Need, Out, Runtime, Setup, When, exit::one_line, status},
    config::{ConfigErrors, Paths},
    domain::{Options, Timestamp, Unit, text::count},
    engine::{Link, Snapshot},
};

/// What the console makes of this terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Terminal {
    /// The theme it would take.
    pub theme: String,
    /// `utf8` or `ascii`.
    pub charset: String,
    /// `truecolor`, `256`, `16` or `mono`.
    pub colours: String,
}

#[derive(Serialize)]
struct Doctor<'a> {
    version: &'static str,
    system: System,
    config: Config,
    paths: PathsView,
    terminal: TerminalView,
    engine: Engine,
    store: Option<Store<'a>>,
    sources: Vec<Source<'a>>,
}

#[derive(Serialize)]
struct System {
    host: Option<String>,
    os: Option<String>,
    kernel: Option<String>,
    uid: u32,
}

#[derive(Serialize)]
struct Config {
    path: String,
    found: bool,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct PathsView {
    themes: String,
    store: String,
    socket: String,
    attach: Vec<String>,
}

#[derive(Serialize)]
struct TerminalView {
    term: Option<String>,
    colorterm: Option<String>,
    no_color: Option<String>,
    locale: Option<String>,
    #[serde(flatten)]
    chosen: Terminal,
}

#[derive(Serialize)]
struct Engine {
    attached: bool,
    pid: Option<u32>,
    says: String,
}

#[derive(Serialize)]
struct Store<'a> {
    ok: bool,
    path: &'a str,
    says: &'a str,
    bytes: u64,
    max_bytes: u64,
    lost: u64,
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    ok: bool,
    /// Whether this system has nothing of the kind: no fault.
    #[serde(skip)]
    absent: bool,
    says: &'a str,
    read: Option<Timestamp>,
    every_secs: f64,
    next: Option<Timestamp>,
    cost_ms: f64,
    /// Why it is read more or less often than asked; empty when it is read as asked.
    why: &'a str,
    /// Pieces of the past that it has read, and of how many.
    progress: Option<(u64, u64)>,
}

/// Arguments of `doctor`.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum What {
    /// Try every rule of known issues on its examples, and tell which match here.
    Rules,
}

/// Examines and reports; what is wrong is told, and is no error of this command.
pub(super) async fn run<R: Runtime>(
    args: &Args,
    setup: anyhow::Result<Setup>,
    runtime: &R,
    json: bool,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    if matches!(args.what, Some(What::Rules)) {
        return rules::run(&setup?, runtime, json, out).await;
    }
    let (config, setup) = match setup {
        Ok(setup) => (
            Config {
                path: shown(&setup.file.path),
                found: setup.file.found,
                faults: setup.rule_faults.iter().map(ToString::to_string).collect(),
            },
            Some(setup),
        ),
        Err(error) => (
            Config {
                path: shown(&Paths::of_user().config),
                found: true,
                faults: match error.downcast_ref() {
                    Some(ConfigErrors::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
                    _ => vec![one_line(&error)],
                },
            },
            None,
        ),
    };
    let (engine, snapshot) = match &setup {
        None => (unreached("not looked for: put the settings file right first"), None),
        Some(setup) => match runtime.connect(setup, Need::Fresh).await {
            Ok(link) => {
                let snapshot = link.snapshots().borrow().clone();
                (reached(&snapshot), Some(snapshot))
            }
            Err(error) => (unreached(&one_line(&error)), None),
        },
    };
    let paths = setup.as_ref().map_or_else(Paths::of_user, |setup| setup.paths.clone());
    let options = setup.map_or_else(Options::default, |setup| setup.options);
    let report = Doctor {
        version: env!("CARGO_PKG_VERSION"),
        system: System {
            host: sysinfo::System::host_name().ok(),
            os: sysinfo::System::long_os_version().ok(),
            kernel: sysinfo::System::kernel_version().ok(),
            uid: rustix::process::geteuid().as_raw(),
        },
        config,
        paths: PathsView {
            themes: shown(&paths.themes),
            store: shown(&paths.store),
            socket: shown(&paths.socket),
            attach: paths.attach.iter().map(|path| shown(path)).collect(),
        },
        terminal: TerminalView {
            term: env::var("TERM").ok(),
            colorterm: env::var("COLORTERM").ok(),
            no_color: env::var("NO_COLOR").ok(),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"]
                .iter()
                .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty())),
            chosen: runtime.terminal(&options),
        },
        engine,
        store: snapshot.as_ref().map(store),
        sources: snapshot.as_ref().map(sources).unwrap_or_default(),
    };
    if json {
        out.json(&report)?;
    } else {
        page(&report, &runtime.when(), out)?;
    }
    Ok(Exit::Done)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn unreached(says: &str) -> Engine {
    Engine {
        attached: false,
        pid: None,
        says: says.to_owned(),
    }
}

fn reached(snapshot: &Snapshot) -> Engine {
    let pid = status::running(&snapshot.usage);
    Engine {
        attached: pid.is_some(),
        pid,
        says: match pid {
            Some(pid) => format!(
                "attached to pid {pid}, which serves {}",
                count(snapshot.usage.consoles as usize, "console")
            ),
            None => "none answers; everything was read once for this report".into(),
        },
    }
}

fn store(snapshot: &Arc<Snapshot>) -> Store<'_> {
    let row = &snapshot.store;
    Store {
        ok: row.ok,
        path: &row.path,
        says: &row.says,
        bytes: row.bytes,
        max_bytes: row.max_bytes,
        lost: row.lost,
    }
}

fn sources(snapshot: &Arc<Snapshot>) -> Vec<Source<'_>> {
    snapshot
        .sources
        .iter()
        .map(|source| Source {
            name: &source.name,
            ok: source.ok,
            absent: source.absent,
            says: &source.says,
            read: source.read,
            every_secs: source.every.secs_f64(),
            next: source.next,
            cost_ms: source.cost_ms,
            why: &source.why,
            progress: source.progress,
        })
        .collect()
}

fn page(report: &Doctor<'_>, when: &When, out: &mut Out) -> anyhow::Result<()> {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let mark = |ok: bool| if ok { "ok" } else { "!!" };
    let mut page = Columns::default();
    let system = &report.system;
    page.row(&[
        "ok",
        "system",
        &format!(
            "foreshadow {} on {}, {}, kernel {}, uid {}",
            report.version,
            word(&system.host),
            word(&system.os),
            word(&system.kernel),
            system.uid
        ),
    ]);
    for fault in &report.config.faults {
        page.row(&["!!", "config", fault]);
    }
    if report.config.faults.is_empty() {
        let there = if report.config.found {
            ""
        } else {
            ": not there; the defaults hold"
        };
        page.row(&["ok", "config", &format!("{}{there}", report.config.path)]);
    }
    let terminal = &report.terminal;
    page.row(&[
        "ok",
        "terminal",
        &format!(
            "TERM={} COLORTERM={} locale {}: theme {}, {} colours, {}",
            word(&terminal.term),
            word(&terminal.colorterm),
            word(&terminal.locale),
            terminal.chosen.theme,
            terminal.chosen.colours,
            terminal.chosen.charset
        ),
    ]);
    page.row(&["ok", "socket", &report.paths.socket]);
    page.row(&[
        mark(report.engine.attached || !report.sources.is_empty()),
        "engine",
        &report.engine.says,
    ]);
    match &report.store {
        None => page.row(&["-", "store", &report.paths.store]),
        // An engine of its own for one answer keeps all in memory.
        Some(store) if store.path.is_empty() => {
            page.row(&[
                "-",
                "store",
                &format!("{}, not open: no engine runs", report.paths.store),
            ]);
        }
        Some(store) if store.ok => {
            let bytes = |bytes: u64| Unit::Bytes.show(bytes as f64);
            page.row(&[
                "ok",
                "store",
                &format!("{}, {} of {}", store.path, bytes(store.bytes), bytes(store.max_bytes)),
            ]);
        }
        Some(store) => page.row(&["!!", "store", &format!("{}: {}", store.path, store.says)]),
    }
    for source in &report.sources {
        let says = match source.read {
            Some(at) if source.says.is_empty() => {
                format!(
                    "{}: every {} s{}, takes {:.1} ms, last {}",
                    source.name,
                    source.every_secs,
                    if source.why.is_empty() {
                        String::new()
                    } else {
                        format!(" ({})", source.why)
                    },
                    source.cost_ms,
                    when.show(at)
                ) + &source.progress.map_or_else(String::new, |(done, all)| {
                    format!(", {done} of {all} pieces of the past read")
                })
            }
            _ => {
                // An engine made for this command alone tries nothing again.
                let again = source.next.filter(|_| report.engine.attached && !source.ok);
                let again = again.map_or_else(String::new, |at| format!(" (tried again {})", when.show(at)));
                format!("{}: {}{again}", source.name, source.says)
            }
        };
        page.row(&[if source.absent { "-" } else { mark(source.ok) }, "source", &says]);
    }
    page.print(out)?;
    Ok(())
}
