//! Constructed shadows for the tests of this room.

use std::sync::Arc;

use crate::{
    domain::{
        Comparison, Finding, FindingId, Level, Limit, Mark, MetricKind, MetricMeta, Point, ResourceId, Seen as Shown,
        SeriesId, SettingChange, SettingSnapshot, Severity, Side, Span, Timestamp, Unit, Value,
    },
    shadow::{Metric, MetricShadow, Minute, Seen, Shadows},
};

pub const T0: Timestamp = Timestamp::from_secs(1_700_000_040);
pub const MINUTE: Span = Span::from_mins(1);
pub const CADENCE: Span = Span::from_secs(2);

/// Shares at values far below and far above their usual, and whether that is worse.
pub const SIDES: [(&str, f64, bool); 4] = [
    ("cpu.busy_pct", 0.5, false),
    ("cpu.busy_pct", 95.0, true),
    ("mem.available_pct", 95.0, false),
    ("mem.available_pct", 0.5, true),
];

pub fn host() -> ResourceId {
    ResourceId::new("host", "a")
}

pub fn setting(name: &str) -> SeriesId {
    SeriesId::new(&host(), name)
}

pub fn at(seconds: i64) -> Timestamp {
    T0 + Span::from_secs(seconds)
}

/// A metric without values.
pub fn metric(name: &str, unit: Unit) -> Metric {
    let kind = match unit {
        Unit::Percent => MetricKind::Bounded { lo: 0.0, hi: 100.0 },
        _ => MetricKind::Rate,
    };
    let meta = MetricMeta {
        id: setting(name),
        unit,
        kind,
        cadence: CADENCE,
        source: "proc".into(),
        limit: None,
    };
    Metric {
        shadow: MetricShadow::new(&meta),
        meta,
        limit: None,
        recent: Default::default(),
        minutes: Default::default(),
        slow: Default::default(),
    }
}

/// Adds a value as its own shadow judges it.
pub fn judged(metric: &mut Metric, second: i64, value: f64) {
    let at = at(second);
    let judged = metric.shadow.observe(Point { at, value });
    if metric.shadow.refit_due(at) {
        metric.shadow.refit(at);
    }
    let band = judged
        .expected
        .map(|q| [0, 2, 6, 10, 12].map(|level| q.0[level] as f32));
    add(metric, at, value, band, judged.bits);
}

/// Adds a value that was expected between 4.5 and 5.5 (95 % band), judged with `bits`.
pub fn seen(metric: &mut Metric, second: i64, value: f64, bits: f32) {
    let at = at(second);
    metric.shadow.observe(Point { at, value });
    add(metric, at, value, Some([4.5, 4.7, 5.0, 5.3, 5.5]), bits);
}

fn add(metric: &mut Metric, at: Timestamp, value: f64, band: Option<[f32; 5]>, bits: f32) {
    metric.recent.push_back(Seen { at, value, band, bits });
    if metric.recent.len() > Metric::RECENT {
        metric.recent.pop_front();
    }
    let start = at.floor(MINUTE);
    match metric.minutes.back_mut() {
        Some(minute) if minute.at == start => {
            minute.count += 1;
            minute.min = minute.min.min(value);
            minute.max = minute.max.max(value);
            minute.last = value;
            minute.bits = minute.bits.max(bits);
        }
        _ => metric.minutes.push_back(Minute {
            at: start,
            count: 1,
            min: value,
            max: value,
            last: value,
            bits,
            band,
        }),
    }
}

/// A percentage with `values` calm values about 5, one every two seconds from T0 on.
pub fn calm(name: &str, values: i64) -> Metric {
    let mut metric = metric(name, Unit::Percent);
    for place in 0..values {
        seen(&mut metric, place * 2, 5.0 + 0.1 * ((place * 7 % 5) as f64 - 2.0), 1.0);
    }
    metric
}

pub fn above(value: f64) -> Option<Limit> {
    Some(Limit {
        value,
        side: Side::Above,
        by: "default".into(),
    })
}

/// Shadows of the metrics given.
pub fn shadows(metrics: impl IntoIterator<Item = Metric>) -> Shadows {
    let metrics: std::collections::BTreeMap<_, _> = metrics
        .into_iter()
        .map(|metric| (metric.meta.id.clone(), metric))
        .collect();
    Shadows {
        newest: metrics
            .values()
            .filter_map(|metric| metric.newest().map(|seen| seen.at))
            .max(),
        metrics,
        ..Shadows::default()
    }
}

/// Shadows of settings as they were first seen at T0.
pub fn settings(values: &[(&str, &str)]) -> Shadows {
    let mut shadows = Shadows::default();
    add_settings(&mut shadows, values);
    shadows
}

pub fn add_settings(shadows: &mut Shadows, values: &[(&str, &str)]) {
    let mut scopes: std::collections::BTreeMap<&str, std::collections::BTreeMap<Arc<str>, Value>> = Default::default();
    for (name, value) in values {
        let scope = name.split('.').next().unwrap();
        scopes
            .entry(scope)
            .or_default()
            .insert((*name).into(), Value::infer(value));
    }
    for (scope, settings) in scopes {
        shadows.settings.snapshot(&SettingSnapshot {
            reach: None,
            resource: host(),
            scope: scope.into(),
            at: T0,
            settings: Some(settings),
        });
    }
}

/// One setting gets another value.
pub fn change(shadows: &mut Shadows, name: &str, to: Option<&str>, at: Timestamp) {
    let id = setting(name);
    let from = shadows.settings.get(&id).map(|state| state.value.clone());
    shadows.settings.observe(&SettingChange {
        id,
        at,
        from,
        to: to.map(Value::infer),
        by: Some("root".into()),
        after: None,
        backfilled: false,
    });
}

/// A finding with what incidents look at.
pub fn finding(name: &str, mark: Mark, since: Timestamp, ended: Option<Timestamp>, bits: f64) -> Finding {
    Finding {
        id: FindingId(since.0 as u64),
        mark,
        level: Level::Moderate,
        severity: Severity::Warning,
        comparison: Comparison::ShadowActual,
        resource: host(),
        series: vec![setting(name)],
        seen: Shown::Metric { now: None, band: None },
        since,
        last: since,
        ended,
        bits,
        score: bits,
        confidence: 0.9,
        crossing: None,
        summary: name.into(),
        evidence: Vec::new(),
        causes: Vec::new(),
        rule: None,
        over: false,
        began: None,
        earliest: None,
    }
}
