//! Settings that say how far a metric may go: `slo.p95_ms` of `http.p95_ms`, `db.pool.max` of `db.pool_in_use`.
//!
//! A name is read as its words. A setting bounds a metric when, but for the word that makes it a bound, all its words are the metric's, it counts
//! in the same unit, and what the metric's name says besides is only that so much is in use. So `cache.max_mb` is no bound of `cache.hit_pct`, nor
//! `http.max_body_mb` of anything that counts requests.

use crate::domain::{Limit, ResourceId, SeriesId, Side, is_left};
use crate::shadow::SettingShadow;

/// Words that make a setting the most, and the least, there may be.
const MOST: [&str; 4] = ["max", "maximum", "limit", "ceiling"];
const LEAST: [&str; 3] = ["min", "minimum", "floor"];
/// Words that make it what was promised.
const PROMISED: [&str; 3] = ["slo", "sla", "objective"];
/// Words that say no more than that something is in use, or how much of it.
const IN_USE: [&str; 20] = [
    "active",
    "busy",
    "connected",
    "count",
    "current",
    "depth",
    "established",
    "in",
    "length",
    "level",
    "now",
    "num",
    "number",
    "occupied",
    "open",
    "running",
    "size",
    "total",
    "use",
    "used",
];
/// Words of units.
const UNITS: [&str; 30] = [
    "b", "bytes", "celsius", "gb", "gib", "hertz", "kb", "kib", "mb", "mbs", "mib", "min", "mins", "ms", "pct", "per",
    "percent", "ps", "qps", "ratio", "rps", "s", "sec", "second", "seconds", "secs", "tb", "tib", "us", "cores",
];

/// What the name of a setting says that it bounds.
#[derive(Debug, PartialEq)]
struct Bound {
    of: Vec<Box<str>>,
    unit: Vec<Box<str>>,
    least: bool,
    promised: bool,
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(['.', '_', '-', '/', ':', ' '])
        .filter(|word| !word.is_empty())
}

/// The words of a name, and behind the last dot those of its unit at its end.
fn parted(name: &str) -> (Vec<&str>, Vec<&str>) {
    let mut all: Vec<&str> = words(name).collect();
    let units = all.iter().rev().take_while(|word| UNITS.contains(word)).count();
    // A name of nothing but units would be about nothing.
    let unit = all.split_off(all.len() - units.min(all.len().saturating_sub(1)));
    (all, unit)
}

impl Bound {
    fn of(setting: &str) -> Option<Self> {
        // Most settings are none; this is asked of thousands.
        let any = |all: &[&str]| all.iter().any(|word| setting.contains(word));
        if !(any(&MOST) || any(&LEAST) || any(&PROMISED)) {
            return None;
        }
        let (mut of, mut unit) = parted(setting);
        // `min` at the end is the least, not a time.
        if unit.last() == Some(&"min") {
            unit.pop();
            of.push("min");
        }
        let promised = of.first().is_some_and(|word| PROMISED.contains(word));
        let before = of.len();
        let least = of.iter().any(|word| LEAST.contains(word));
        of.retain(|word| !(MOST.contains(word) || LEAST.contains(word) || PROMISED.contains(word)));
        let owned = |words: Vec<&str>| words.into_iter().map(Box::from).collect();
        (of.len() < before && !of.is_empty()).then(|| Self {
            of: owned(of),
            unit: owned(unit),
            least,
            promised,
        })
    }

    /// The side on which the metric of these words, and these of its unit, breaks it; `None` where it does not bound that.
    fn side(&self, (theirs, unit): &(Vec<&str>, Vec<&str>)) -> Option<Side> {
        let own = |word: &str| self.of.iter().any(|own| **own == *word);
        if !self.of.iter().all(|word| theirs.contains(&&**word))
            || !unit.iter().copied().eq(self.unit.iter().map(AsRef::as_ref))
        {
            return None;
        }
        let rest: Vec<&str> = theirs.iter().filter(|word| !own(word)).copied().collect();
        // What is promised may leave out what it is measured on, the first words of the metric's name.
        let scope = rest.len() < theirs.len() && theirs.starts_with(&rest);
        if !(rest.iter().all(|word| IN_USE.contains(word)) || (self.promised && scope)) {
            return None;
        }
        // Of what grows by itself nothing but a promise makes less of it worse.
        let goes_well = |word: &str| is_left(word) || word == "uptime";
        let below = self.least || (self.promised && theirs.iter().any(|word| goes_well(word)));
        Some(if below { Side::Below } else { Side::Above })
    }
}

/// The words of a metric's name, without its labels, and those of its unit.
fn of_metric(name: &str) -> (Vec<&str>, Vec<&str>) {
    parted(name.split('{').next().unwrap_or(name))
}

/// Whether a change of `setting` may move a limit.
pub(super) fn is_bound(setting: &SeriesId) -> bool {
    Bound::of(&setting.name).is_some()
}

/// The settings that bound something, found once for all metrics that are asked about.
#[derive(Debug, Default)]
pub struct Bounds(Vec<(SeriesId, Bound, f64)>);

impl Bounds {
    pub(super) fn of(settings: &SettingShadow) -> Self {
        let all = settings.all().iter().filter_map(|(id, state)| {
            let bound = Bound::of(&id.name)?;
            let value = state.value.number().filter(|value| value.is_finite() && *value > 0.0)?;
            Some((id.clone(), bound, value))
        });
        Self(all.collect())
    }

    /// The limit that the settings of its resource, or of the service as a whole, put on `metric`: the nearest of them.
    pub(super) fn limit(&self, metric: &SeriesId) -> Option<Limit> {
        let words = of_metric(&metric.name);
        let of = |whole: bool| {
            let here = |resource: &ResourceId| match whole {
                true => resource.is_service(),
                false => *resource == metric.resource,
            };
            let all = self.0.iter().filter(move |(id, ..)| here(&id.resource));
            let found = all.filter_map(|(id, bound, value)| {
                let side = bound.side(&words)?;
                let (value, by) = (*value, id.name.clone());
                Some(Limit { value, side, by })
            });
            found.min_by(|a, b| a.side.upright(a.value).total_cmp(&b.side.upright(b.value)))
        };
        of(false).or_else(|| of(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(setting: &str, metric: &str) -> Option<Side> {
        Bound::of(setting).and_then(|bound| bound.side(&of_metric(metric)))
    }

    #[test]
    fn a_setting_bounds_what_it_names_in_its_unit() {
        for (setting, metric) in [
            ("db.pool.max", "db.pool_in_use"),
            ("queue.max", "queue.depth"),
            ("slo.p95_ms", "http.p95_ms"),
            ("slo.error_pct", "http.error_pct"),
            ("max_connections", "connections.active"),
            ("heap.limit_bytes", "heap.used_bytes"),
            ("jobs.limit", "jobs.running"),
        ] {
            assert_eq!(side(setting, metric), Some(Side::Above), "{setting} of {metric}");
        }
        assert_eq!(side("slo.availability_pct", "http.availability_pct"), Some(Side::Below));
        assert_eq!(side("workers.min", "workers.running"), Some(Side::Below));
    }

    #[test]
    fn what_only_sounds_alike_is_no_bound() {
        for (setting, metric) in [
            ("cache.max_mb", "cache.hit_pct"),
            ("http.max_body_mb", "http.rps"),
            ("rate.limit_rps", "http.rps"),
            ("queue.max_age_s", "queue.depth"),
            ("slo.p95_ms", "http.p99_ms"),
            ("slo.error_pct", "http.p95_ms"),
            ("slo.error_pct", "net.err_ps"),
            ("db.pool.idle_s", "db.pool_in_use"),
            ("db.pool.max", "db.pool_wait_ms"),
            ("db.pool.max", "db.pool_errors"),
            ("maxwell.pool", "pool.used"),
            ("max", "queue.depth"),
            ("slo.ms", "http.p95_ms"),
            ("sysctl.fs.file-max", "fs./.used_pct"),
            ("sysctl.kernel.pid_max", "proc.count"),
        ] {
            assert_eq!(side(setting, metric), None, "{setting} of {metric}");
        }
    }
}
