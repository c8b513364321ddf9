//! `status`: how things are, on one page.

use serde::Serialize;

use crate::{
    cli::{Columns, Context, Exit, FailOn, Need, Out, Report, findings},
    domain::{Finding, Level, Mark, Severity, Timestamp, Unit},
    engine::{Link, Snapshot, Usage},
};

/// Findings shown on the page; the rest are counted.
const SHOWN: usize = 10;

/// Arguments of `status`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// End with 1 when a finding is at or above this.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
}

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    at: Option<Timestamp>,
    /// The recording that was played in place of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<Recording<'a>>,
    resources: usize,
    metrics: usize,
    settings: usize,
    findings: BySeverity,
    levels: ByLevel,
    proposals: usize,
    shadow: Shadow,
    engine: Engine,
    store: Store<'a>,
    sources: Sources<'a>,
}

#[derive(Default, Serialize)]
struct BySeverity {
    critical: usize,
    warning: usize,
    notice: usize,
}

#[derive(Default, Serialize)]
struct ByLevel {
    high: usize,
    moderate: usize,
    low: usize,
}

#[derive(Serialize)]
struct Shadow {
    learnt: u32,
    learning: u32,
    ready: Option<Timestamp>,
    held80: Option<f64>,
    held95: Option<f64>,
    open_predictions: u32,
    baseline: Option<Timestamp>,
}

#[derive(Serialize)]
struct Engine {
    pid: Option<u32>,
    started: Option<Timestamp>,
    interval_secs: f64,
    lag_secs: f64,
    cpu_pct: f64,
    rss_bytes: u64,
    dropped: u64,
    consoles: u32,
}

#[derive(Serialize)]
struct Store<'a> {
    ok: bool,
    says: &'a str,
    path: &'a str,
    bytes: u64,
    max_bytes: u64,
    waiting: u64,
    lost: u64,
    from: Option<Timestamp>,
}

#[derive(Serialize)]
struct Sources<'a> {
    total: usize,
    /// Pasts that are being read.
    past: Vec<Past<'a>>,
    failing: Vec<Failing<'a>>,
    /// Sources that are read more rarely than asked.
    slowed: Vec<Slowed<'a>>,
}

#[derive(Serialize)]
struct Slowed<'a> {
    name: &'a str,
    every_secs: f64,
    why: &'a str,
}

/// How far a source has read what happened before watching began, in pieces.
#[derive(Serialize)]
struct Past<'a> {
    name: &'a str,
    done: u64,
    all: u64,
}

#[derive(Serialize)]
struct Failing<'a> {
    name: &'a str,
    says: &'a str,
}

#[derive(Serialize)]
struct Recording<'a> {
    file: &'a str,
    from: Timestamp,
}

impl<'a> Status<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let held = held(snapshot);
        let severity = |severity| held.iter().filter(|finding| finding.severity == severity).count();
        let level = |level| held.iter().filter(|finding| finding.level == level).count();
        let (health, usage, store) = (&snapshot.health, &snapshot.usage, &snapshot.store);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            at: snapshot.at,
            recording: snapshot.replay.as_ref().map(|replay| Recording {
                file: &replay.file,
                from: replay.from,
            }),
            resources: snapshot.resources.len(),
            metrics: snapshot.metrics.len(),
            settings: snapshot.settings.len(),
            findings: BySeverity {
                critical: severity(Severity::Critical),
                warning: severity(Severity::Warning),
                notice: severity(Severity::Notice),
            },
            levels: ByLevel {
                high: level(Level::High),
                moderate: level(Level::Moderate),
                low: level(Level::Low),
            },
            proposals: snapshot.proposals.len(),
            shadow: Shadow {
                learnt: health.learnt,
                learning: health.learning,
                ready: health.ready,
                held80: health.held.map(|(held80, _)| held80),
                held95: health.held.map(|(_, held95)| held95),
                open_predictions: health.open,
                baseline: health.baseline,
            },
            engine: Engine {
                pid: running(usage),
                started: usage.started,
                interval_secs: snapshot.options.interval.secs_f64(),
                lag_secs: usage.lag_secs,
                cpu_pct: usage.cpu_pct,
                rss_bytes: usage.rss_bytes,
                dropped: usage.dropped,
                consoles: usage.consoles,
            },
            store: Store {
                ok: store.ok,
                says: &store.says,
                path: &store.path,
                bytes: store.bytes,
                max_bytes: store.max_bytes,
                waiting: store.waiting,
                lost: store.lost,
                from: store.from,
            },
            sources: Sources {
                total: snapshot.sources.len(),
                past: snapshot
                    .sources
                    .iter()
                    .filter_map(|source| {
                        let (done, all) = source.progress?;
                        Some(Past {
                            name: &source.name,
                            done,
                            all,
                        })
                    })
                    .collect(),
                failing: snapshot
                    .sources
                    .iter()
                    .filter(|source| !source.ok)
                    .map(|source| Failing {
                        name: &source.name,
                        says: &source.says,
                    })
                    .collect(),
                slowed: snapshot
                    .sources
                    .iter()
                    .filter(|source| source.pace > 0)
                    .map(|source| Slowed {
                        name: &source.name,
                        every_secs: source.every.secs_f64(),
                        why: &source.why,
                    })
                    .collect(),
            },
        }
    }
}

/// The process id of the engine that answered, when it runs apart from this process.
pub(super) fn running(usage: &Usage) -> Option<u32> {
    (usage.pid != 0 && usage.pid != std::process::id()).then_some(usage.pid)
}

/// Findings that hold and that nobody muted.
fn held(snapshot: &Snapshot) -> Vec<&Finding> {
    let findings = snapshot.findings.iter().map(AsRef::as_ref);
    findings
        .filter(|finding: &&Finding| finding.ended.is_none() && finding.mark != Mark::Muted)
        .collect()
}

impl Report for Args {
    const NEED: Need = Need::Fresh;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let snapshot = context.snapshot();
        let status = Status::of(&snapshot);
        if context.json {
            out.json(&status)?;
        } else {
            page(&status, &snapshot, context, out)?;
        }
        Ok(findings::exit(self.fail_on, held(&snapshot)))
    }
}

fn page<L: Link>(
    status: &Status<'_>,
    snapshot: &Snapshot,
    context: &Context<'_, L>,
    out: &mut Out,
) -> anyhow::Result<()> {
    let when = |at: Option<Timestamp>| at.map_or_else(|| "-".into(), |at| context.when.show(at));
    let mut page = Columns::default();
    let engine = match (status.engine.pid, &status.recording) {
        (_, Some(recording)) => format!("played {} from {}", recording.file, when(Some(recording.from))),
        // What it costs is known after some seconds.
        (Some(pid), _) if status.engine.rss_bytes == 0 => {
            format!("pid {pid}, every {}, just started", snapshot.options.interval)
        }
        (Some(pid), _) => format!(
            "pid {pid}, every {}, {:.1} % of a core, {}, lag {}",
            snapshot.options.interval,
            status.engine.cpu_pct,
            Unit::Bytes.show(status.engine.rss_bytes as f64),
            Unit::Secs.show(status.engine.lag_secs)
        ),
        (None, None) if status.at.is_some() && snapshot.usage.pid == 0 => {
            "none answers; this is what the store held".into()
        }
        (None, None) => "none answers; this was read for this page".into(),
    };
    page.row(&["engine", &engine]);
    page.row(&["data of", &when(status.at)]);
    let learning = match (status.shadow.learning, status.shadow.ready) {
        (0, _) => String::new(),
        (some, ready) => format!(", {some} learning (ready {})", when(ready)),
    };
    page.row(&[
        "metrics",
        &format!("{}: {} learnt{learning}", status.metrics, status.shadow.learnt),
    ]);
    page.row(&[
        "settings",
        &format!("{}, baseline of {}", status.settings, when(status.shadow.baseline)),
    ]);
    if let (Some(held80), Some(held95)) = (status.shadow.held80, status.shadow.held95) {
        let held = format!(
            "{:.1} % inside the 80 % band, {:.1} % inside the 95 % band",
            held80 * 100.0,
            held95 * 100.0
        );
        page.row(&["held", &held]);
    }
    let store = if status.store.ok && status.store.path.is_empty() {
        "there is none; nothing was kept".to_owned()
    } else if status.store.ok {
        let bytes = |bytes: u64| Unit::Bytes.show(bytes as f64);
        format!(
            "{}, {} of {}",
            status.store.path,
            bytes(status.store.bytes),
            bytes(status.store.max_bytes)
        )
    } else {
        status.store.says.to_owned()
    };
    if status.recording.is_none() {
        page.row(&["store", &store]);
    }
    // What was never there is no loss; `doctor` and `--json` name all that give nothing.
    let lost = snapshot.sources.iter().filter(|source| source.lost()).count();
    let lost = match lost {
        0 => String::new(),
        some => format!(", {some} lost: `foreshadow doctor` says why"),
    };
    let ok = snapshot.sources.iter().filter(|source| source.ok).count();
    let there = snapshot.sources.iter().filter(|source| source.there()).count();
    page.row(&["sources", &format!("{ok} of {there} give values{lost}")]);
    for source in &status.sources.slowed {
        page.row(&["slowed", &format!("{}: {}", source.name, source.why)]);
    }
    let counts = &status.findings;
    page.row(&[
        "findings",
        &format!(
            "{} critical, {} warning, {} notice; proposals {}",
            counts.critical, counts.warning, counts.notice, status.proposals
        ),
    ]);
    page.print(out)?;
    let held = held(snapshot);
    if !held.is_empty() {
        out.line("")?;
        findings::list(held.iter().copied().take(SHOWN), snapshot, context.when).print(out)?;
    }
    if held.len() > SHOWN {
        out.line(&format!("{} more: `foreshadow findings`", held.len() - SHOWN))?;
    }
    Ok(())
}
