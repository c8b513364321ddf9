//! `alerts`: the whole pipeline on a stream of values, settings and changes; out come its findings as they begin and get worse.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::{
    cli::{Exit, Out, Usage, stdin},
    domain::{
        Batch, Finding, FindingId, Limit, MetricKind, MetricMeta, Observation, Options, Point, ResourceId, Seen,
        SeriesId, SettingChange, SettingSnapshot, Severity, Side, Span, Timestamp, Unit, Value,
    },
    observe::unit,
    pipeline::{State, step},
};

/// How full of 100 % what is used may be.
const FULL: f64 = 97.0;

/// A line as it is written.
#[derive(Deserialize)]
struct Raw {
    t: Number,
    event: Option<Kind>,
    series: Option<String>,
    v: Option<f64>,
    resource: Option<String>,
    setting: Option<String>,
    #[serde(default)]
    value: serde_json::Value,
    id: Option<String>,
    #[serde(default)]
    old: serde_json::Value,
    #[serde(default)]
    new: serde_json::Value,
    who: Option<String>,
    via: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Setting,
    Change,
}

/// What a line says, and when.
#[derive(Deserialize)]
#[serde(try_from = "Raw")]
struct Line {
    t: Number,
    at: Timestamp,
    says: Says,
}

enum Says {
    /// A value of a series, `web-1/cpu.busy_pct`; without one that there is none.
    Value(String, Option<f64>),
    /// A setting as it is when watching begins: resource, name, value.
    Setting(String, String, Value),
    Change(String, String, Box<Changed>),
}

struct Changed {
    id: Option<String>,
    from: Value,
    to: Value,
    by: Option<Arc<str>>,
}

impl TryFrom<Raw> for Line {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let want = |field: Option<String>, name: &str| {
            let field = field.filter(|field| !field.is_empty());
            field.ok_or_else(|| format!("missing field `{name}`"))
        };
        let secs = raw.t.as_f64().filter(|secs| secs.abs() < 1e12);
        let at = Timestamp((secs.ok_or("`t` is no time")? * 1e6) as i64);
        let says = match raw.event {
            None => Says::Value(want(raw.series, "series")?, raw.v),
            Some(Kind::Setting) => {
                let (resource, setting) = (want(raw.resource, "resource")?, want(raw.setting, "setting")?);
                Says::Setting(resource, setting, typed(&raw.value))
            }
            Some(Kind::Change) => {
                let (resource, setting) = (want(raw.resource, "resource")?, want(raw.setting, "setting")?);
                let by = match (raw.who, raw.via) {
                    (Some(who), Some(via)) => Some(format!("{who} via {via}")),
                    (Some(one), None) | (None, Some(one)) => Some(one),
                    (None, None) => None,
                };
                let changed = Changed {
                    id: raw.id,
                    from: typed(&raw.old),
                    to: typed(&raw.new),
                    by: by.map(Into::into),
                };
                Says::Change(resource, setting, Box::new(changed))
            }
        };
        Ok(Self { t: raw.t, at, says })
    }
}

fn typed(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => Value::infer(text),
        other => Value::infer(&other.to_string()),
    }
}

#[derive(Serialize)]
struct Alert<'a> {
    t: &'a Number,
    /// As it was handed over.
    series: String,
    severity: Severity,
    /// P(it is real), 0 to 1.
    score: f64,
    /// The changes to blame by their ids, likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<&'a str>,
    what: &'a str,
}

/// Takes every line of `input`, and tells after each time what is off anew, or worse than it was. A line that makes no sense is told on stderr.
///
/// # Errors
/// [`Usage`] when there is none at all.
pub(super) fn run(input: impl BufRead, out: &mut Out) -> anyhow::Result<Exit> {
    let like = r#"{"series":"web-1/cpu.busy_pct","t":1441008960,"v":84}"#;
    let mut watch = Watch::default();
    let (exit, lines) = stdin::each(input, like, out, |line: Line, out| watch.take(line, out))?;
    if lines == 0 {
        let what = "alerts of what? Hand over values, settings and changes on stdin, one a line";
        return Err(Usage(format!("{what}: {like}")).into());
    }
    watch.step(out)?;
    Ok(exit)
}

/// The pipeline, and what of the stream it was not handed yet.
#[derive(Default)]
struct Watch {
    state: State,
    options: Options,
    /// The time of the values that wait, as it was written and as it is.
    now: Option<(Number, Timestamp)>,
    values: Vec<(SeriesId, Point)>,
    /// Settings from before the first values, and changes.
    settings: Vec<(String, String, Timestamp, Value)>,
    changes: Vec<(String, String, Timestamp, Changed)>,
    /// The least time between two of the stream.
    cadence: Option<Span>,
    /// What has values is a host. Whatever else has settings is the service as a whole.
    hosts: BTreeSet<String>,
    metrics: BTreeSet<SeriesId>,
    /// Changes by what they changed and when.
    ids: BTreeMap<(SeriesId, Timestamp), String>,
    /// How bad each finding was when it was told.
    told: BTreeMap<FindingId, Severity>,
}

impl Watch {
    fn take(&mut self, line: Line, out: &mut Out) -> anyhow::Result<()> {
        let Line { t, at, says } = line;
        match says {
            Says::Setting(resource, setting, value) => self.settings.push((resource, setting, at, value)),
            Says::Change(resource, setting, changed) => self.changes.push((resource, setting, at, *changed)),
            Says::Value(series, value) => {
                if let Some((_, before)) = self.now.as_ref().filter(|(_, before)| *before < at) {
                    let apart = at - *before;
                    if self.cadence.is_none_or(|cadence| apart < cadence) {
                        self.cadence = Some(apart);
                        self.metrics.clear();
                    }
                    self.step(out)?;
                    self.now = Some((t, at));
                } else if self.now.is_none() {
                    self.now = Some((t, at));
                }
                let (host, name) = series.split_once('/').unwrap_or(("", &series));
                let id = SeriesId::new(&ResourceId::new("host", host), name);
                self.hosts.insert(host.to_owned());
                let value = value.unwrap_or(f64::NAN);
                self.values.push((id, Point { at, value }));
            }
        }
        Ok(())
    }

    fn resource(&self, name: &str) -> ResourceId {
        let kind = if self.hosts.contains(name) {
            "host"
        } else {
            ResourceId::SERVICE
        };
        ResourceId::new(kind, name)
    }

    /// Hands over what waits, up to the time of its values, and tells what is new of it.
    fn step(&mut self, out: &mut Out) -> anyhow::Result<()> {
        let Some((t, now)) = self.now.take() else {
            return Ok(());
        };
        let mut batch = Batch::default();
        for (id, point) in std::mem::take(&mut self.values) {
            if self.metrics.insert(id.clone()) {
                batch
                    .metrics
                    .push(meta(&id, self.cadence.unwrap_or(Span::from_mins(1))));
            }
            batch.observations.push(Observation { id, point });
        }
        batch.snapshots = self.snapshots(now);
        let (due, later) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|(_, _, at, _)| *at <= now);
        self.changes = later;
        let mut known: Vec<SeriesId> = Vec::new();
        for (resource, setting, at, changed) in due {
            let id = SeriesId::new(&self.resource(&resource), &setting);
            if let Some(change) = changed.id {
                self.ids.insert((id.clone(), at), change);
            }
            known.push(id.clone());
            batch.changes.push(SettingChange {
                id,
                at,
                after: None,
                from: Some(changed.from),
                to: Some(changed.to),
                by: changed.by,
                backfilled: false,
            });
        }
        step(&mut self.state, &batch, &self.options, now, 0);
        // Who tells of a change knows of it: that the setting is another now is no news.
        if !known.is_empty() {
            self.state.accept(&known, now);
        }
        self.tell(&t, out)
    }

    /// The settings that wait, by the first word of their names.
    fn snapshots(&mut self, now: Timestamp) -> Vec<SettingSnapshot> {
        let mut scopes: BTreeMap<(ResourceId, Arc<str>), BTreeMap<Arc<str>, Value>> = BTreeMap::new();
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.settings)
            .into_iter()
            .partition(|(_, _, at, _)| *at <= now);
        self.settings = later;
        for (resource, setting, _, value) in due {
            let id = SeriesId::new(&self.resource(&resource), &setting);
            let scope = id.name.split('.').next().unwrap_or(&id.name);
            let key = (id.resource.clone(), Arc::from(scope));
            scopes.entry(key).or_default().insert(id.name, value);
        }
        let snapshot = |((resource, scope), settings)| SettingSnapshot {
            resource,
            scope,
            at: now,
            settings: Some(settings),
            reach: None,
        };
        scopes.into_iter().map(snapshot).collect()
    }

    fn tell(&mut self, t: &Number, out: &mut Out) -> anyhow::Result<()> {
        let findings = &self.state.findings;
        self.told
            .retain(|id, _| findings.iter().any(|finding| finding.id == *id));
        // Of settings the stream itself says what they are.
        for finding in findings
            .iter()
            .filter(|finding| matches!(finding.seen, Seen::Metric { .. }))
        {
            let before = self.told.get(&finding.id);
            if before.is_some_and(|before| *before >= finding.severity) {
                continue;
            }
            self.told.insert(finding.id, finding.severity);
            out.record(&Alert {
                t,
                series: shown(&finding.series[0]),
                severity: finding.severity,
                score: finding.confidence,
                causes: causes(finding, &self.ids),
                what: &finding.summary,
            })?;
            // Whoever waits for it has nothing else to wait for.
            out.flush()?;
        }
        Ok(())
    }
}

fn shown(id: &SeriesId) -> String {
    match id.resource.name() {
        "" => id.name.to_string(),
        host => format!("{host}/{}", id.name),
    }
}

/// The ids of the changes that brought `finding` about.
fn causes<'a>(finding: &Finding, ids: &'a BTreeMap<(SeriesId, Timestamp), String>) -> Vec<&'a str> {
    let changes = finding.causes.iter().filter_map(|cause| {
        let key = (cause.series.clone()?, cause.at);
        ids.get(&key).map(String::as_str)
    });
    changes.collect()
}

/// What the name of a metric says of it.
fn meta(id: &SeriesId, cadence: Span) -> MetricMeta {
    let (unit, kind) = unit(&id.name, false);
    let share = unit == Unit::Percent;
    let full = share && id.name.ends_with("used_pct");
    MetricMeta {
        id: id.clone(),
        unit,
        kind: if share {
            MetricKind::Bounded { lo: 0.0, hi: 100.0 }
        } else {
            kind
        },
        cadence,
        source: "stream".into(),
        limit: full.then(|| Limit {
            value: FULL,
            side: Side::Above,
            by: "default".into(),
        }),
    }
}
