//! A Prometheus server as a source and as a past: its targets are resources, its series metrics.

mod answer;
mod client;
mod name;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    answer::{Data, Metadata, Series, Targets},
    client::{Client, Fault},
    name::{Template, resource, server},
};
use super::{Group, ObserveError, Source};
use crate::domain::{
    Batch, Event, EventKind, Limit, MetricMeta, Observation, PrometheusOptions, ResourceId, SeriesId, Side, Span,
    Timestamp, matches,
};

pub use self::name::{selected, unit};

/// The name of the source, and of what says where its metrics come from.
pub const PROMETHEUS: &str = "prometheus";
/// Series that are taken; what is beyond is counted and told.
const MOST_SERIES: usize = 1_000;
/// Values that one page of the past should hold: about what the engine learns in a fifth of a second.
const PAGE: usize = 20_000;
/// Most steps of a page. Prometheus itself refuses more than 11,000.
const MOST_STEPS: i64 = 10_000;
/// Time between two pages of the past.
const BETWEEN_PAGES: Span = Span::from_secs(1);
/// Pages of the past in a reading that is the only one.
const PAGES_AT_ONCE: usize = 10;
/// How often it is asked what the metrics are; one that was not told for this long is told of anew.
const AGAIN: Span = Span::from_hours(1);
/// A series that gave no value for this long makes room.
const GONE: Span = Span::from_days(1);
/// A hole of so many steps is a past, and its reading is told.
const HOLE: i64 = 20;
/// Labels that say where a series comes from, and not which of several it is.
const ORIGIN: [&str; 3] = [METRIC, "instance", "job"];
/// The label that names the metric.
const METRIC: &str = "__name__";

/// The source that reads the server of `options`; `None` when they name none.
///
/// `known` says of each of its metrics up to when it was learnt: reading goes on from there. What was never learnt begins
/// as far back as the options say, or now when there is only this `once`.
#[must_use]
pub fn prometheus_group(
    options: &PrometheusOptions,
    known: &BTreeMap<SeriesId, Timestamp>,
    once: bool,
) -> Option<Group> {
    (!options.url.is_empty()).then(|| Group {
        name: PROMETHEUS,
        sources: vec![Box::new(Prometheus::new(options, known, once))],
    })
}

/// One query of the options.
struct Query {
    template: Template,
    promql: String,
    /// The metric's own name, when nothing but that is selected.
    selects: Option<String>,
    /// Whether that is a counter: then its rate is asked for.
    counter: bool,
    /// The first time that was not read yet; `None` before the first reading.
    next: Option<Timestamp>,
    /// What the server has against it, and how many of its series had no room, when it was last asked.
    wrong: Option<String>,
    left_out: usize,
}

/// When a series was last told of, and when it last had a value.
struct Told {
    meta: Timestamp,
    seen: Timestamp,
}

struct Prometheus {
    options: PrometheusOptions,
    own: ResourceId,
    client: Option<Client>,
    queries: Vec<Query>,
    /// Labels that are told by the resource.
    taken: BTreeSet<String>,
    told: BTreeMap<SeriesId, Told>,
    /// When it was last asked what its metrics are.
    asked: Option<Timestamp>,
    /// Values of the past that are being read, from when; `None` when all is read.
    past: Option<(Timestamp, usize)>,
    /// Whether there is more to read before now.
    behind: bool,
    /// Up to when the newest reading was to go.
    end: Option<Timestamp>,
    /// Series of the newest page.
    width: usize,
    once: bool,
}

impl Prometheus {
    fn new(options: &PrometheusOptions, known: &BTreeMap<SeriesId, Timestamp>, once: bool) -> Self {
        let queries = options.queries.iter().map(|(name, promql)| {
            let template = Template::new(name);
            let patterns = template.patterns();
            let ours = known
                .iter()
                .filter(|(id, _)| patterns.iter().any(|pattern| matches(pattern, &id.name)));
            Query {
                next: ours.map(|(_, at)| *at + Span(1)).max(),
                selects: selected(promql).map(str::to_owned),
                promql: promql.to_string(),
                counter: false,
                wrong: None,
                left_out: 0,
                template,
            }
        });
        Self {
            own: server(&options.url),
            queries: queries.collect(),
            options: PrometheusOptions {
                // Prometheus counts in milliseconds.
                step: Span((options.step.0 / 1_000).max(1) * 1_000),
                ..options.clone()
            },
            client: None,
            taken: ORIGIN.map(String::from).into(),
            told: BTreeMap::new(),
            asked: None,
            past: None,
            behind: true,
            end: None,
            width: MOST_SERIES,
            once,
        }
    }

    /// Asks what the metrics are and what is scraped. A server that has no answer to that leaves it to their names.
    fn learn(&mut self, client: &Client, now: Timestamp) -> Result<(), ObserveError> {
        if self.asked.is_some_and(|asked| now >= asked && now - asked < AGAIN) {
            return Ok(());
        }
        for query in &mut self.queries {
            let Some(name) = &query.selects else { continue };
            let metadata: Metadata = answered(client.get("/api/v1/metadata", &[("metric", name)]))?;
            let told = metadata.get(name).and_then(|all| all.first()).map(|meta| &*meta.kind);
            let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
            query.counter = match told {
                Some("counter") => true,
                // Parts of histograms and summaries count, and have no metadata of their own. So it is with recording rules,
                // whose names have colons and which are rates already.
                None | Some("unknown" | "") => !name.contains(':') && ends(&["_total", "_bucket", "_count", "_sum"]),
                Some(_) => false,
            };
        }
        let targets: Targets = answered(client.get("/api/v1/targets", &[("state", "active")]))?;
        let labels = targets.active.into_iter().flat_map(|target| target.labels.into_keys());
        self.taken.extend(labels.take(10_000));
        self.told.retain(|_, told| now - told.seen < GONE);
        self.asked = Some(now);
        Ok(())
    }

    /// Reads one page: all queries, over a time that ends at `end` at the latest. Says what could not be read of it.
    fn page(&mut self, client: &Client, end: Timestamp, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let step = self.options.step;
        let first = self.queries.iter().filter_map(|query| query.next).min().unwrap_or(end);
        let steps = (PAGE / self.width.max(1)).clamp(1, MOST_STEPS as usize) as i64;
        let to = end.min(first.floor(step) + step * steps);
        let mut width = 0;
        for place in 0..self.queries.len() {
            let query = &self.queries[place];
            let from = ceiling(query.next.unwrap_or(end), step);
            if from > to {
                continue;
            }
            let (wrong, left_out) = match ask(client, query, from, to, step) {
                Ok(all) => {
                    width += all.len();
                    (None, self.tell(place, all, now, out))
                }
                Err(Fault::Server(error) | Fault::Missing(error)) => return Err(error),
                Err(Fault::Question(why)) => (Some(why), 0),
            };
            let query = &mut self.queries[place];
            (query.wrong, query.left_out, query.next) = (wrong, left_out, Some(to + Span(1)));
        }
        self.width = width;
        self.behind = to < end;
        self.verdict()
    }

    /// What is missing since the queries were last asked.
    fn verdict(&self) -> Result<(), ObserveError> {
        let name = |place: usize| &self.options.queries[place].0;
        let mut wrong =
            (self.queries.iter().enumerate()).filter_map(|(place, query)| Some((place, query.wrong.as_ref()?)));
        let mut said = Vec::new();
        if let Some((place, why)) = wrong.next() {
            let more = match wrong.count() {
                0 => String::new(),
                more => format!(" (and {more} more queries)"),
            };
            said.push(format!("queries.{}: {why}{more}", name(place)));
        }
        let left_out: usize = self.queries.iter().map(|query| query.left_out).sum();
        if left_out > 0 {
            said.push(format!(
                "{left_out} series beyond the first {MOST_SERIES} are left out; narrow the queries"
            ));
        }
        if said.is_empty() {
            return Ok(());
        }
        Err(ObserveError::Partly {
            what: self.options.url.to_string(),
            why: said.join("; "),
        })
    }

    /// Tells what a query gave; returns how many series had to be left out.
    fn tell(&mut self, place: usize, all: Vec<Series>, now: Timestamp, out: &mut Batch) -> usize {
        let query = &self.queries[place];
        let ids = |taken: &BTreeSet<String>| -> Vec<SeriesId> {
            let id = |series: &Series| {
                SeriesId::new(
                    &resource(&series.labels, &self.own),
                    &query.template.name(&series.labels, taken),
                )
            };
            all.iter().map(id).collect()
        };
        let mut named = ids(&self.taken);
        let mut times: BTreeMap<&SeriesId, u32> = BTreeMap::new();
        for id in &named {
            *times.entry(id).or_default() += 1;
        }
        if times.values().any(|count| *count > 1) {
            // Two jobs, two labels of targets, or two metrics under one name: then all labels tell them apart.
            let twice: Vec<bool> = named.iter().map(|id| times[id] > 1).collect();
            let metrics: BTreeSet<_> = all.iter().map(|series| series.labels.get(METRIC)).collect();
            let mut told = BTreeSet::from(["instance".into()]);
            if metrics.len() == 1 {
                told.insert(METRIC.into());
            }
            let full = ids(&told);
            for ((name, full), twice) in named.iter_mut().zip(full).zip(twice) {
                if twice {
                    *name = full;
                }
            }
        }
        let mut left_out = 0;
        for (id, series) in named.into_iter().zip(all) {
            let Some(newest) = series.points.last().map(|point| point.at) else {
                continue;
            };
            if !self.told.contains_key(&id) && self.told.len() >= MOST_SERIES {
                left_out += 1;
                continue;
            }
            let anew = self
                .told
                .get(&id)
                .is_none_or(|told| now < told.meta || now - told.meta > AGAIN);
            if anew {
                let (unit, kind) = unit(&id.name, query.counter);
                out.metrics.push(MetricMeta {
                    id: id.clone(),
                    unit,
                    kind,
                    cadence: self.options.step,
                    source: PROMETHEUS.into(),
                    // Prometheus' own word for whether a target answers: 1 or 0.
                    limit: (query.selects.as_deref() == Some("up")).then(|| Limit {
                        value: 0.5,
                        side: Side::Below,
                        by: "default".into(),
                    }),
                });
            }
            let meta = if anew { now } else { self.told[&id].meta };
            self.told.insert(
                id.clone(),
                Told {
                    meta,
                    seen: now.max(newest),
                },
            );
            if let Some((_, count)) = &mut self.past {
                *count += series.points.len();
            }
            out.observations.extend(
                series
                    .points
                    .into_iter()
                    .map(|point| Observation { id: id.clone(), point }),
            );
        }
        left_out
    }

    /// Where each query begins at the first reading, and after a pause or a clock that went back.
    fn begin(&mut self, end: Timestamp, now: Timestamp, out: &mut Batch) {
        let step = self.options.step;
        let oldest = if self.once && self.told.is_empty() && self.queries.iter().all(|query| query.next.is_none()) {
            end
        } else {
            ceiling(end - self.options.backfill, step)
        };
        // A query that never gave anything is no hole.
        let known = self.queries.iter().any(|query| query.next.is_some());
        let mut first = end;
        for query in &mut self.queries {
            let next = query.next.unwrap_or(oldest);
            let next = if next > end + step * 2 { end } else { next.max(oldest) };
            if query.next.replace(next).is_some() || !known {
                first = first.min(next);
            }
        }
        if self.past.is_none() && end - first > step * HOLE {
            self.past = Some((first, 0));
            self.collector(now, format!("prometheus: reading its values since {first}"), out);
        }
    }

    fn collector(&self, at: Timestamp, what: String, out: &mut Batch) {
        out.events.push(Event {
            at,
            resource: self.own.clone(),
            kind: EventKind::Collector,
            what: what.into(),
            who: None,
            backfilled: false,
        });
    }
}

/// The first multiple of `step` that is not before `at`.
fn ceiling(at: Timestamp, step: Span) -> Timestamp {
    let floor = at.floor(step);
    if floor == at { at } else { floor + step }
}

/// Seconds since the epoch, as Prometheus takes them.
fn secs(at: Timestamp) -> String {
    format!(
        "{}.{:03}",
        at.0.div_euclid(1_000_000),
        at.0.rem_euclid(1_000_000) / 1_000
    )
}

/// The series of `query` from `from` to `to`, both multiples of `step`: one instant is asked for as such.
fn ask(client: &Client, query: &Query, from: Timestamp, to: Timestamp, step: Span) -> Result<Vec<Series>, Fault> {
    // Four steps hold at least two values when the step is not less than half the time between two scrapes.
    let window = format!("{}ms", step.0 * 4 / 1_000);
    let promql = if query.counter {
        format!("rate({}[{window}])", query.promql.trim())
    } else {
        query.promql.replace("$__rate_interval", &window)
    };
    let data: Data = if from == to {
        client.get("/api/v1/query", &[("query", &promql), ("time", &secs(to))])?
    } else {
        let (start, end, step) = (secs(from), secs(to), format!("{}ms", step.0 / 1_000));
        let parameters = [("query", &*promql), ("start", &start), ("end", &end), ("step", &step)];
        client.get("/api/v1/query_range", &parameters)?
    };
    Ok(data.series(from, to))
}

/// The answer to a question that a server need not know.
fn answered<T: Default>(answer: Result<T, Fault>) -> Result<T, ObserveError> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(Fault::Question(_) | Fault::Missing(_)) => Ok(T::default()),
        Err(Fault::Server(error)) => Err(error),
    }
}

impl Source for Prometheus {
    fn name(&self) -> &'static str {
        PROMETHEUS
    }

    fn every(&self) -> Span {
        if self.behind { BETWEEN_PAGES } else { self.options.step }
    }

    fn stepped(&self) -> bool {
        true
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let (from, _) = self.past.filter(|_| self.behind)?;
        let next = self.queries.iter().filter_map(|query| query.next).min()?;
        let hours = |to: Timestamp| u64::try_from((to - from).0 / Span::from_hours(1).0).unwrap_or(0);
        Some((hours(next), hours(self.end?).max(1)))
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        // A reading that fails reads the files with secrets anew the next time: they may have been renewed.
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::new(&self.options)?,
        };
        self.learn(&client, now)?;
        let end = now.floor(self.options.step);
        self.end = Some(end);
        self.begin(end, now, out);
        let mut read = Ok(());
        for _ in 0..if self.once { PAGES_AT_ONCE } else { 1 } {
            match self.page(&client, end, now, out) {
                Err(error @ ObserveError::Partly { .. }) => read = Err(error),
                other => other?,
            }
            if !self.behind {
                break;
            }
        }
        if let Some((from, count)) = self.past.take_if(|_| !self.behind) {
            let series = self.told.len();
            let what = format!("prometheus: read {count} values of {series} series since {from}");
            self.collector(now, what, out);
        }
        self.client = Some(client);
        read
    }
}
