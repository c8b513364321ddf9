//! More or less load: what depends on it grows with it, until something is full.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan,
    capacity::up_to,
    concerns,
    law::{FULL, Law, crowd_growth, pressure_growth, waiting_growth},
    processor::{CEILING, Processor, cores, expected},
};
use crate::{
    domain::{Evidence, ResourceId, SeriesId, Span, Timestamp, matches},
    shadow::{Metric, Minute, Shadows},
};

/// Shares of the processors that work takes.
const PROCESSOR: [&str; 4] = ["cpu.busy_pct", "cpu.user_pct", "cpu.system_pct", "cpu.softirq_pct"];
/// Minutes a relation must be seen in before it is believed.
const MINUTES: usize = 20;
/// Least share of a metric's variance that the load must explain.
const EXPLAINED: f64 = 0.25;
/// Standard deviation of ln(factor) where proportion to the load is only assumed: 80 % within a factor of 1.5.
const ASSUMED: f64 = 0.32;

/// Adds what `factor` times the load does to the metrics of `resource`.
///
/// Throughput and connections are the load (Little's law: N = λR at an unchanged response time R). Busy shares follow the
/// utilisation law U = U₀ + λD, with U₀ by regression on network throughput where the minutes allow it. Load averages count those
/// who are served and those who wait, as M/M/c has them at the utilisation before and after.
pub(super) fn plan(plan: &mut Plan, shadows: &Shadows, resource: &ResourceId, factor: f64, from: Timestamp) {
    plan.load = plan.times_the_load() * factor;
    let load = throughput(shadows, resource);
    let mut assumed = Vec::new();
    let mut touched = false;
    let here = shadows.metrics.iter().filter(|(id, _)| concerns(resource, id));
    for (id, metric) in here {
        let name = &*id.name;
        let by_load = PROCESSOR.contains(&name)
            || (matches("disk.*", name) && (name.ends_with("s_per_s") || name.ends_with("util_pct")));
        let law = if (matches("net.*", name) && name.ends_with("_per_s")) || name == "tcp.established" {
            Some((scale(0.0, factor, 0.0), Evidence::Identity))
        } else if let Some(less) = less_asked(plan, shadows, id, factor) {
            Some((less, Evidence::Identity))
        } else if by_load {
            let learnt = learnt_floor(shadows, metric, &load);
            if learnt.is_none() {
                assumed.push(name);
            }
            let law = learnt.map_or_else(|| scale(0.0, factor, ASSUMED), |floor| scale(floor, factor, 0.1));
            let evidence = if learnt.is_some() {
                Evidence::Identity
            } else {
                Evidence::None
            };
            Some((law, evidence))
        } else {
            queue(shadows, id, factor, &load, plan.horizon)
        };
        if let Some((law, evidence)) = law {
            touched = true;
            plan.add(id, law, evidence, from);
        }
    }
    if !assumed.is_empty() {
        let (first, more) = (assumed[0], assumed.len() - 1);
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        plan.note(format!(
            "{first}{more}: no relation to the load was learnt; proportion to it is assumed, with a wide band"
        ));
    }
    if touched {
        plan.note("Little's law: connections grow with the load while response times stay; near full they grow more");
    } else {
        plan.note("no metric that depends on load is watched there: no effect can be told");
    }
    full(plan, shadows, resource, factor);
}

fn scale(floor: f64, factor: f64, unsure: f64) -> Law {
    let unsure = if factor == 1.0 { 0.0 } else { unsure };
    Law::Scale { floor, factor, unsure }
}

/// What less load does to processors for which work waits: as long as more is asked than there is, as much is done as now. Were all that is
/// asked done already, it would be less in proportion.
fn less_asked(plan: &mut Plan, shadows: &Shadows, id: &SeriesId, factor: f64) -> Option<Law> {
    if factor >= 1.0 {
        return None;
    }
    let mut processor = || plan.processor(shadows, id).filter(Processor::saturated);
    match &*id.name {
        name if PROCESSOR.contains(&name) => {
            let processor = processor()?;
            Some(up_to(factor, processor.busy_at(factor) / processor.busy))
        }
        name if matches("load.*", name) => processor().map(|_| scale(0.0, factor, 0.0)),
        name if matches("psi.cpu.*", name) => {
            let after = processor()?.asked_at(factor).min(1.0);
            Some(scale(
                0.0,
                pressure_growth(1.0, after),
                if after < FULL { 0.3 } else { 0.0 },
            ))
        }
        _ => None,
    }
}

/// Waiting at a disk and for the processor, by the utilisation of what is waited for.
///
/// By what is expected over the horizon, as the figures are of that: near full a queue grows by far more than else, and the minutes of now may
/// be others.
fn queue(
    shadows: &Shadows,
    id: &SeriesId,
    factor: f64,
    load: &BTreeMap<i64, f64>,
    horizon: Span,
) -> Option<(Law, Evidence)> {
    let cores = cores(shadows, &id.resource);
    let crowd = |before, after| crowd_growth(before, after, cores);
    let (busy_name, growth): (String, &dyn Fn(f64, f64) -> f64) = match &*id.name {
        name if matches("disk.*.await_secs", name) => (name.replace("await_secs", "util_pct"), &waiting_growth),
        name if matches("psi.cpu.*", name) => ("cpu.busy_pct".into(), &pressure_growth),
        name if matches("load.*", name) => ("cpu.busy_pct".into(), &crowd),
        _ => return None,
    };
    let before = expected(shadows, id, &busy_name, horizon)?;
    let busy = shadows.metrics.get(&SeriesId::new(&id.resource, &busy_name))?;
    let floor = learnt_floor(shadows, busy, load).unwrap_or(0.0).min(before);
    let after = floor + (before - floor) * factor;
    // A share of time cannot grow beyond all of it; those who wait can.
    let share = matches("psi.*", &id.name);
    let grown = if !share && before >= 100.0 * FULL && factor > 1.0 {
        factor // nothing is served sooner: at least all that comes more waits more
    } else {
        growth(before / 100.0, after / 100.0)
    };
    let law = Law::Scale {
        floor: 0.0,
        factor: grown,
        unsure: if grown == 1.0 { 0.0 } else { 0.3 },
    };
    Some((law, Evidence::Identity))
}

fn full(plan: &mut Plan, shadows: &Shadows, resource: &ResourceId, factor: f64) {
    for id in shadows.metrics.keys().filter(|id| concerns(resource, id)) {
        let queue = &*id.name == "cpu.busy_pct" || matches("disk.*.util_pct", &id.name);
        let usual = || expected(shadows, id, &id.name, plan.horizon);
        if queue && factor > 1.0 && usual().is_some_and(|usual| usual * factor >= 100.0) {
            plan.note(format!(
                "{} would be full: waiting then has no bound, figures beyond it are least ones",
                id.name
            ));
        }
    }
}

/// Received bytes of all interfaces but the loopback, by minute.
fn throughput(shadows: &Shadows, resource: &ResourceId) -> BTreeMap<i64, f64> {
    let mut load = BTreeMap::new();
    for (id, metric) in &shadows.metrics {
        let counts = matches("net.*.rx_bytes_per_s", &id.name) && !id.name.starts_with("net.lo.");
        if counts && concerns(resource, id) {
            for minute in &metric.minutes {
                *load.entry(minute.at.0).or_insert(0.0) += minute.last;
            }
        }
    }
    load
}

/// What of `metric` stays without load: the intercept of its regression on `load`, between 0 and its mean; `None` when the
/// minutes show no such relation (fewer than 20, hardly any change of load, or less than a quarter of the variance explained). Minutes at
/// the ceiling are left out: there a share no longer goes with what is asked.
fn learnt_floor(shadows: &Shadows, metric: &Metric, load: &BTreeMap<i64, f64>) -> Option<f64> {
    let all = match PROCESSOR.contains(&&*metric.meta.id.name) {
        true => shadows
            .metrics
            .get(&SeriesId::new(&metric.meta.id.resource, "cpu.busy_pct")),
        false => Some(metric).filter(|metric| metric.meta.id.name.ends_with("_pct")),
    };
    let high = |minute: &&Minute| minute.last >= 100.0 * CEILING;
    let full: BTreeSet<Timestamp> = all
        .iter()
        .flat_map(|all| all.minutes.iter().filter(high))
        .map(|minute| minute.at)
        .collect();
    let pairs: Vec<(f64, f64)> = metric
        .minutes
        .iter()
        .filter(|minute| !full.contains(&minute.at))
        .filter_map(|minute| Some((*load.get(&minute.at.0)?, minute.last)))
        .collect();
    if pairs.len() < MINUTES {
        return None;
    }
    let n = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in &pairs {
        xx += (a - x).powi(2);
        xy += (a - x) * (b - y);
        yy += (b - y).powi(2);
    }
    let varies = (xx / n).sqrt() > 0.1 * x.abs();
    let slope = xy / xx;
    let explained = xy * xy / (xx * yy);
    (varies && slope > 0.0 && explained >= EXPLAINED).then(|| (y - slope * x).clamp(0.0, y.max(0.0)))
}
