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
