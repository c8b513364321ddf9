//! `whatif-bench`: what the live what-if says of changes to recorded services.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use crate::{
    cli::{Exit, Out, Usage, stdin},
    domain::{
        Batch, Change, ChangeSet, Evidence, MetricKind, MetricMeta, Observation, Options, Point, ResourceId, SeriesId,
        SettingChange, SettingSnapshot, Span, Timestamp, Unit, Value,
    },
    pipeline::{State, step},
    simulate::{Ask, what_if},
};

/// Arguments of `whatif-bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The folder of the streams that questions name.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// The same draws at every run.
const SEED: u64 = 7;

#[derive(Deserialize)]
struct Question {
    id: String,
    stream: String,
    at: f64,
    horizon_s: f64,
    resource: String,
    change: Asked,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    Traffic {
        traffic: f64,
        load: String,
    },
    Setting {
        setting: String,
        #[serde(default)]
        from: serde_json::Value,
        to: serde_json::Value,
    },
}

/// A line of a stream.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Value {
        series: String,
        t: f64,
        #[serde(default)]
        v: Option<f64>,
    },
    Setting {
        t: f64,
        resource: String,
        setting: String,
        #[serde(default)]
        value: serde_json::Value,
        #[serde(default)]
        old: serde_json::Value,
        #[serde(default)]
        new: serde_json::Value,
        event: Event,
    },
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Event {
    Setting,
    Change,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    effect: BTreeMap<String, Moved>,
}

/// What a change does to the mean, in the metric's unit.
#[derive(Serialize)]
struct Moved {
    q10: f64,
    q50: f64,
    q90: f64,
    evidence: Evidence,
}

/// Answers every question of `input` from what its stream says before it is asked. A line that is no question is told on stderr and has no answer.
///
/// # Errors
/// [`Usage`] when there is no question, or a stream cannot be read.
pub(super) fn run(args: &Args, input: impl BufRead, out: &mut Out) -> anyhow::Result<Exit> {
    let like = r#"{"id":"a","stream":"FILE","at":1773640800,"horizon_s":21600,"resource":"svc:a","change":{"setting":"replicas","from":2,"to":3}}"#;
    let mut streams: BTreeMap<String, Vec<Question>> = BTreeMap::new();
    let (exit, lines) = stdin::each(input, like, out, |question: Question, _| {
        streams.entry(question.stream.clone()).or_default().push(question);
        Ok(())
    })?;
    if lines == 0 {
        return Err(Usage(format!(
            "what if what? Hand over questions on stdin, one a line: {like}"
        ))
        .into());
    }
    for (name, mut questions) in streams {
        questions.sort_by(|a, b| a.at.total_cmp(&b.at));
        let mut stream = Stream::read(&args.dir.join(&name))?;
        for question in &questions {
            stream.play(time(question.at));
            out.record(&stream.answer(question))?;
        }
    }
    Ok(exit)
}

/// A stream, played up to a time.
struct Stream {
    state: State,
    options: Options,
    batches: std::iter::Peekable<std::collections::btree_map::IntoIter<Timestamp, Batch>>,
}

impl Stream {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let told = |error: std::io::Error| Usage(format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(told)?;
        let plain: Box<dyn Read> = match path.extension() {
            Some(end) if end == "gz" => Box::new(MultiGzDecoder::new(file)),
            _ => Box::new(file),
        };
        let mut batches: BTreeMap<Timestamp, Batch> = BTreeMap::new();
        let mut times: BTreeMap<SeriesId, Vec<Timestamp>> = BTreeMap::new();
        let mut settings: BTreeMap<ResourceId, BTreeMap<Arc<str>, Value>> = BTreeMap::new();
        for (place, line) in BufReader::new(plain).lines().enumerate() {
            let line = line.map_err(told)?;
            if line.trim().is_empty() {
                continue;
            }
            let wrong = || Usage(format!("{}:{}: no line of a stream", path.display(), place + 1));
            let line: Line = serde_json::from_str(&line).map_err(|_| wrong())?;
            match line {
                Line::Value { series, t, v } => {
                    let (there, name) = series.split_once('/').ok_or_else(wrong)?;
                    let (id, at) = (SeriesId::new(&resource(there), name), time(t));
                    times.entry(id.clone()).or_default().push(at);
                    let point = Point {
                        at,
                        value: v.unwrap_or(f64::NAN),
                    };
                    batches
                        .entry(at)
                        .or_default()
                        .observations
                        .push(Observation { id, point });
                }
                Line::Setting {
                    t,
                    resource: there,
                    setting,
                    value: first,
                    old,
                    new,
                    event,
                } => {
                    let (there, at) = (resource(&there), time(t));
                    let batch = batches.entry(at).or_default();
                    if event == Event::Change {
                        batch.changes.push(SettingChange {
                            id: SeriesId::new(&there, &setting),
                            at,
                            after: None,
                            from: value(&old),
                            to: value(&new),
                            by: None,
                            backfilled: false,
                        });
                        continue;
                    }
                    let known = settings.entry(there.clone()).or_default();
                    known.extend(value(&first).map(|value| (setting.into(), value)));
                    batch.snapshots.retain(|snapshot| snapshot.resource != there);
                    batch.snapshots.push(SettingSnapshot {
                        reach: None,
                        resource: there,
                        scope: "stream".into(),
                        at,
                        settings: Some(known.clone()),
                    });
                }
            }
        }
        for (id, times) in times {
            let meta = MetricMeta {
                unit: Unit::None,
                kind: MetricKind::Gauge,
                cadence: cadence(&times),
                source: "stream".into(),
                limit: None,
                id,
            };
            if let Some(batch) = times.first().and_then(|first| batches.get_mut(first)) {
                batch.metrics.push(meta);
            }
        }
        Ok(Self {
            state: State::default(),
            options: Options::default(),
            batches: batches.into_iter().peekable(),
        })
    }

    /// Takes all that comes before `at`, as the engine does.
    fn play(&mut self, at: Timestamp) {
        while let Some((time, batch)) = self.batches.next_if(|(time, _)| *time < at) {
            step(&mut self.state, &batch, &self.options, time, SEED);
        }
    }

    fn answer<'a>(&self, question: &'a Question) -> Answer<'a> {
        let there = resource(&question.resource);
        let change = match &question.change {
            Asked::Traffic { traffic, load } => Change::Traffic {
                resource: there.clone(),
                load: Some(load.as_str().into()),
                factor: *traffic,
            },
            Asked::Setting { setting, from, to } => Change::Setting {
                id: SeriesId::new(&there, setting),
                from: value(from),
                to: value(to),
            },
        };
        let ask = Ask {
            changes: &ChangeSet::of(change),
            about: &[],
            horizon: Span((question.horizon_s * 1e6) as i64),
            now: time(question.at),
            seed: SEED,
            weeks: true,
        };
        let outcome = what_if(&self.state.shadows, &ask);
        let here = outcome.effects.iter().filter(|effect| effect.series.resource == there);
        Answer {
            id: &question.id,
            effect: here
                .map(|effect| {
                    let [q10, q50, q90] = effect.difference;
                    let evidence = effect.evidence;
                    (
                        effect.series.name.to_string(),
                        Moved {
                            q10,
                            q50,
                            q90,
                            evidence,
                        },
                    )
                })
                .collect(),
        }
    }
}

fn time(secs: f64) -> Timestamp {
    Timestamp((secs * 1e6) as i64)
}

/// The resource of that name; one without a kind is a host.
fn resource(text: &str) -> ResourceId {
    text.parse().unwrap_or_else(|_| ResourceId::new("host", text))
}

fn value(json: &serde_json::Value) -> Option<Value> {
    match json {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(Value::infer(text)),
        other => Some(Value::infer(&other.to_string())),
    }
}

/// The middle of the times between values.
fn cadence(times: &[Timestamp]) -> Span {
    let mut apart: Vec<Span> = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|apart| *apart > Span::ZERO)
        .collect();
    apart.sort_unstable();
    apart.get(apart.len() / 2).copied().unwrap_or(Span::from_mins(1))
}
