//! `record`: keeps everything the sources say in a file, from now on or out of the store's past.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    cli::{Context, Exit, Out, Usage},
    domain::{Batch, SeriesId, Span, Timestamp},
    engine::{Answer, Link, Query},
    observe::recording::{Header, Recorder, Redaction, VERSION},
    store::random_key,
};

/// How much of what was before a past is recorded with it: from it a shadow knows what was usual.
const LEAD: Span = Span::from_hours(1);
/// What is asked for at a time.
const PIECE: Span = Span::from_mins(1);
/// Most empty steps that stand for one silence.
const MOST_EMPTY: i64 = 10_000;

/// Arguments of `record`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The file, which must not exist yet (name it *.jsonl.gz).
    pub file: PathBuf,
    /// End after this long: 90s, 1h (default: until ctrl-c).
    #[arg(long = "for", value_name = "SPAN", value_parser = super::span)]
    pub length: Option<Span>,
    /// Record what the store holds of the past from this time on, and the hour before it: -2h, 13:00, or as `timeline` takes it.
    #[arg(long, value_name = "TIME", conflicts_with = "length", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// To when, likewise.
    #[arg(
        long,
        value_name = "TIME",
        requires = "from",
        default_value = "now",
        allow_hyphen_values = true
    )]
    pub to: String,
    /// Replace host names, people, addresses, texts of settings and words of log lines by hashes nobody can undo.
    #[arg(long)]
    pub redact: bool,
}

impl Args {
    /// Records the past from `--from` to `--to`, which the engine of `context` reads from its store.
    pub(super) async fn past<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let from = context.when.read(self.from.as_deref().unwrap_or("now"))?;
        let to = context.when.read(&self.to)?;
        if from >= to {
            return Err(Usage(format!(
                "--from {} is not before --to {}",
                context.when.show(from),
                context.when.show(to)
            ))
            .into());
        }
        let snapshot = context.snapshot();
        let begin = from - LEAD;
        let first = piece(context, begin, true).await?;
        let header = Header {
            foreshadow_recording: VERSION,
            program: env!("CARGO_PKG_VERSION").into(),
            resources: snapshot.resources.iter().map(|row| row.id.clone()).collect(),
            from: begin,
            interval: snapshot.options.interval,
            redacted: false,
        };
        let redaction = self.redact.then(random_key).transpose()?.map(Redaction::new);
        let recorder = Recorder::create(&self.file, &header, redaction).map_err(|error| Usage(error.to_string()))?;
        let mut writing = Writing {
            recorder,
            silence: snapshot.options.interval * 3 + Span::from_secs(1),
            told: BTreeSet::new(),
            last: None,
            values: 0,
        };
        let written = writing.pieces(context, first, begin, to).await;
        let values = writing.values;
        let finished = written.and_then(|()| writing.recorder.finish().map_err(Into::into));
        if values == 0 || finished.is_err() {
            // A file without a step plays nothing.
            let _ = std::fs::remove_file(&self.file);
        }
        finished?;
        if values == 0 {
            return Err(Usage(format!(
                "the store holds no value between {} and {}",
                context.when.show(from),
                context.when.show(to)
            ))
            .into());
        }
        out.note(&format!(
            "recorded {values} values from {} to {} into {}",
            context.when.show(begin),
            context.when.show(to),
            self.file.display()
        ));
        Ok(Exit::Done)
    }
}

async fn piece<L: Link>(context: &Context<'_, L>, from: Timestamp, begin: bool) -> anyhow::Result<Batch> {
    let query = Query::Recorded {
        from,
        to: from + PIECE,
        begin,
    };
    context
        .ask(query, |answer| match answer {
            Answer::Recorded(batch) => Some(*batch),
            _ => None,
        })
        .await
}

/// A past that is being written.
struct Writing {
    recorder: Recorder,
    /// Without news for this long an engine judges the silence.
    silence: Span,
    told: BTreeSet<SeriesId>,
    last: Option<Timestamp>,
    values: u64,
}

impl Writing {
    async fn pieces<L: Link>(
        &mut self,
        context: &Context<'_, L>,
        first: Batch,
        begin: Timestamp,
        to: Timestamp,
    ) -> anyhow::Result<()> {
        let (mut from, mut batch) = (begin, first);
        loop {
            for (now, step) in steps(batch, &mut self.told) {
                if now > to {
                    return Ok(());
                }
                self.step(&step, now)?;
            }
            from += PIECE;
            if from >= to {
                return Ok(());
            }
            batch = piece(context, from, false).await?;
        }
    }

    fn step(&mut self, batch: &Batch, now: Timestamp) -> anyhow::Result<()> {
        if let Some(last) = self.last {
            let silent = ((now - last).0 - 1) / self.silence.0.max(1);
            for number in 1..=silent.min(MOST_EMPTY) {
                self.recorder.step(&Batch::default(), last + self.silence * number)?;
            }
        }
        self.recorder.step(batch, now)?;
        self.last = Some(now);
        self.values += batch.observations.len() as u64;
        Ok(())
    }
}

/// What came at each time as a step of its own; metrics not `told` of before are told with their first value.
fn steps(batch: Batch, told: &mut BTreeSet<SeriesId>) -> BTreeMap<Timestamp, Batch> {
    let mut steps: BTreeMap<Timestamp, Batch> = BTreeMap::new();
    let metas: BTreeMap<&SeriesId, _> = batch.metrics.iter().map(|meta| (&meta.id, meta)).collect();
    for observation in &batch.observations {
        let step = steps.entry(observation.point.at).or_default();
        if let Some(meta) = metas.get(&observation.id)
            && told.insert(observation.id.clone())
        {
            step.metrics.push((*meta).clone());
        }
        step.observations.push(observation.clone());
    }
    for snapshot in batch.snapshots {
        steps.entry(snapshot.at).or_default().snapshots.push(snapshot);
    }
    for change in batch.changes {
        steps.entry(change.at).or_default().changes.push(change);
    }
    for change in batch.past {
        steps.entry(change.at).or_default().past.push(change);
    }
    for event in batch.events {
        steps.entry(event.at).or_default().events.push(event);
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        cli::When,
        domain::{
            Event, EventKind, Limit, MetricKind, MetricMeta, Observation, Options, Point, ResourceId, SettingChange,
            SettingSnapshot, Side, Unit, Value,
        },
        engine::{Engine, Pace, Player, Setup, Sources},
        observe::recording::Recording,
    };

    fn begin() -> Timestamp {
        "2026-03-14T13:00:00Z".parse().unwrap()
    }

    fn host() -> ResourceId {
        ResourceId::new("host", "a")
    }

    /// An hour in which a setting is changed and a metric passes its limit five minutes later.
    fn incident(file: &Path) {
        let meta = |name: &str, limit: Option<f64>| MetricMeta {
            id: SeriesId::new(&host(), name),
            unit: Unit::Percent,
            kind: MetricKind::Bounded { lo: 0.0, hi: 100.0 },
            cadence: Span::from_secs(10),
            source: "t".into(),
            limit: limit.map(|value| Limit {
                value,
                side: Side::Above,
                by: "default".into(),
            }),
        };
        let metas = [meta("cpu.busy_pct", None), meta("fs./.used_pct", Some(90.0))];
        let header = Header {
            foreshadow_recording: VERSION,
            program: "0".into(),
            resources: vec![host()],
            from: begin(),
            interval: Span::from_secs(10),
            redacted: false,
        };
        let mut recorder = Recorder::create(file, &header, None).unwrap();
        let setting = |to: i64| (std::sync::Arc::from("sysctl.vm.x"), Value::Int(to));
        for number in 0..360 {
            let at = begin() + Span::from_secs(10) * number;
            let swing = (number % 7) as f64;
            let values = [20.0 + swing, if number < 300 { 50.0 } else { 95.0 } + swing / 10.0];
            let observation = |(meta, value): (&MetricMeta, f64)| Observation {
                id: meta.id.clone(),
                point: Point { at, value },
            };
            let mut batch = Batch {
                metrics: if number == 0 { metas.to_vec() } else { Vec::new() },
                observations: metas.iter().zip(values).map(observation).collect(),
                ..Batch::default()
            };
            if number == 0 {
                batch.snapshots.push(SettingSnapshot {
                    resource: host(),
                    scope: "sysctl".into(),
                    at,
                    settings: Some([setting(60)].into()),
                });
            }
            if number == 270 {
                batch.changes.push(SettingChange {
                    id: SeriesId::new(&host(), "sysctl.vm.x"),
                    at,
                    after: None,
                    from: Some(Value::Int(60)),
                    to: Some(Value::Int(1)),
                    by: Some("ana".into()),
                    backfilled: false,
                });
                batch.events.push(Event {
                    at,
                    resource: host(),
                    kind: EventKind::Login,
                    what: "sudo: sysctl".into(),
                    who: Some("ana".into()),
                    backfilled: false,
                });
            }
            // An engine takes what was read a little later.
            recorder.step(&batch, at + Span(5_000)).unwrap();
        }
        recorder.finish().unwrap();
    }

    /// An engine that has played `file` to its end.
    async fn played(file: &Path) -> Engine {
        let setup = Setup {
            options: Options {
                interval: Span::from_secs(10),
                ..Options::default()
            },
            store: None,
            resource: host(),
            root: "/".into(),
            sources: Sources::None,
            play: Some(Player::new(Recording::open(file).unwrap(), Pace::new(f64::INFINITY))),
            recorder: None,
            who: "t".into(),
            unseen: false,
        };
        let engine = Engine::start(setup, None).unwrap();
        let mut snapshots = engine.link().snapshots();
        let ended = |snapshot: &std::sync::Arc<crate::engine::Snapshot>| {
            snapshot.replay.as_ref().is_some_and(|replay| replay.ended)
        };
        snapshots.wait_for(ended).await.unwrap();
        engine
    }

    /// Mark, series, and the second it began, of all that was found.
    async fn found(engine: &Engine) -> BTreeSet<(String, String, i64)> {
        let query = Query::Timeline {
            from: begin(),
            to: begin() + Span::from_hours(2),
        };
        let Ok(Answer::Timeline(timeline)) = engine.link().ask(query).await else {
            panic!("no timeline");
        };
        let one = |finding: &crate::domain::Finding| {
            let series = finding.series.first().map(ToString::to_string).unwrap_or_default();
            (finding.mark.to_string(), series, finding.since.secs())
        };
        timeline.findings.iter().map(one).collect()
    }

    #[tokio::test]
    async fn a_past_out_of_the_store_plays_to_the_same_findings() {
        let folder = tempfile::tempdir().unwrap();
        let (live, past) = (folder.path().join("live.jsonl"), folder.path().join("past.jsonl.gz"));
        incident(&live);
        let engine = played(&live).await;
        let when = When {
            now: begin() + Span::from_hours(2),
            zone: jiff::tz::TimeZone::UTC,
        };
        let link = engine.link();
        let context = Context {
            link: &link,
            when: &when,
            json: false,
        };
        let args = |from: &str, to: &str| Args {
            file: past.clone(),
            length: None,
            from: Some(from.into()),
            to: to.into(),
            redact: false,
        };
        let mut out = Out::new(std::io::sink(), std::io::sink());
        // Where nothing is kept, nothing is left behind.
        for (from, to) in [("2001-01-01", "2001-01-02"), ("14:00", "13:00")] {
            assert!(args(from, to).past(&context, &mut out).await.is_err());
            assert!(!past.exists());
        }
        let whole = args("2026-03-14 13:00", "2026-03-14 14:30");
        whole.past(&context, &mut out).await.unwrap();
        let again = played(&past).await;
        let (first, second) = (found(&engine).await, found(&again).await);
        assert!(
            first
                .iter()
                .any(|(mark, series, _)| mark.contains("breach") && series.ends_with("used_pct"))
        );
        assert!(
            first.iter().any(|(_, series, _)| series.ends_with("sysctl.vm.x")),
            "{first:?}"
        );
        assert_eq!(first, second);
        let snapshot = again.link().snapshots().borrow().clone();
        assert_eq!((snapshot.metrics.len(), snapshot.settings.len()), (2, 1));
        // It is not written over.
        assert!(whole.past(&context, &mut out).await.is_err());
    }

    #[test]
    fn a_recording_of_the_first_format_plays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old.jsonl");
        let head = |version: u32| {
            format!(
                "{{\"foreshadow_recording\":{version},\"program\":\"0.1.0\",\"resources\":[\"host:a\"],\"from\":\"2026-03-14T13:00:00Z\",\"interval\":2.0,\"redacted\":false}}\n"
            )
        };
        let step = "{\"now\":\"2026-03-14T13:00:01Z\",\"changes\":[{\"id\":\"host:a/etc.x\",\"at\":\"2026-03-14T13:00:01Z\",\"from\":null,\"to\":{\"int\":1},\"by\":null}],\
            \"events\":[{\"at\":\"2026-03-14T13:00:00Z\",\"resource\":\"host:a\",\"kind\":\"log\",\"what\":\"x\",\"who\":null}]}\n";
        std::fs::write(&file, head(1) + step).unwrap();
        let (batch, _) = Recording::open(&file).unwrap().next().unwrap().unwrap();
        assert_eq!((batch.changes.len(), batch.events.len()), (1, 1));
        assert!(!batch.changes[0].backfilled && !batch.events[0].backfilled && batch.archives.is_empty());
        for (version, says) in [(0, "no recording"), (3, "formats up to 2")] {
            std::fs::write(&file, head(version) + step).unwrap();
            let why = Recording::open(&file).err().unwrap().to_string();
            assert!(why.contains(says) && !why.contains('\n'), "{why}");
        }
    }
}
