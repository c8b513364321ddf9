//! More or less of a capacity: identities that hold by construction.

use super::{
    Plan, concerns,
    law::{FULL, Law, pressure_growth},
    traffic::cores,
};
use crate::{
    domain::{Capacity, Evidence, ResourceId, SeriesId, Timestamp, matches},
    shadow::Shadows,
};

/// Busy share from which the demand is not seen, only that it is at least so much.
const CEILING: f64 = 0.95;

/// Adds what `factor` times as much of `what` does to the metrics of `resource`.
pub(super) fn plan(
    plan: &mut Plan,
    shadows: &Shadows,
    resource: &ResourceId,
    what: Capacity,
    factor: f64,
    from: Timestamp,
) {
    let share = 1.0 / factor;
    let mut touched = false;
    let here = shadows.metrics.iter().filter(|(id, _)| concerns(resource, id));
    for (id, _) in here {
        let law = match what {
            Capacity::Cpu => cpu(shadows, id, share, plan.times_the_load()),
            Capacity::Memory => memory(id, share),
            Capacity::Disk => matches("fs.*.used_pct", &id.name).then_some(scaled(share)),
            Capacity::Network => (matches("net.*.util_pct", &id.name)).then_some(scaled(share)),
        };
        if let Some(law) = law {
            touched = true;
            plan.add(id, law, Evidence::Identity, from);
            if what == Capacity::Cpu {
                full(plan, shadows, id, factor);
            }
        }
    }
    match what {
        Capacity::Cpu => {
            plan.note("utilisation law: the same work on more processor is a smaller share; load falls as with faster cores, with more cores its running part stays");
            plan.note("waiting for disks and time stolen by the host are not changed by more processor");
        }
        Capacity::Memory => {
            plan.note("what programs use stays; what more of it they or the page cache would take is not known")
        }
        Capacity::Disk => plan.note("every file system grows alike; inodes are left as they are"),
        Capacity::Network => plan.note("throughput stays as it is, only its share of the capacity changes"),
    }
    if !touched {
        plan.note(format!("no metric of {what} is watched there: no effect can be told"));
    }
}

fn scaled(factor: f64) -> Law {
    Law::Scale {
        floor: 0.0,
        factor,
        unsure: 0.0,
    }
}

/// Busy share, pressure and load by one demand for processor, so that they do not contradict each other: while the demand is more
/// than there is, the processors stay busy, work goes on waiting for them, and nobody says how much shorter the queue gets.
fn cpu(shadows: &Shadows, id: &SeriesId, share: f64, times_the_load: f64) -> Option<Law> {
    let of_cpu = &*id.name == "cpu.busy_pct" || matches("psi.cpu.*", &id.name) || matches("load.*", &id.name);
    if !of_cpu {
        return None;
    }
    let busy = level(shadows, id, "cpu.busy_pct").map_or(0.0, |busy| busy / 100.0);
    let demand = demand(shadows, id, busy) * times_the_load;
    let (before, after) = (demand.min(1.0), (demand * share).min(1.0));
    let full = after >= FULL && demand > 1.0;
    match &*id.name {
        // What the load made of the share before may be beyond all there is.
        "cpu.busy_pct" if full || demand > 1.0 => Some(scaled(after / (busy * times_the_load).max(0.01))),
        "cpu.busy_pct" => Some(scaled(share)),
        name if matches("load.*", name) => (!full).then(|| scaled(share)),
        _ if busy == 0.0 => None,
        _ => Some(Law::Scale {
            floor: 0.0,
            factor: pressure_growth(before, after),
            unsure: if full { 0.0 } else { 0.3 },
        }),
    }
}

/// Demand for processor as a share of what there is. Where all is taken the busy share does not show it: then those who run or wait
/// (the load average) tell how many processors would be busy.
fn demand(shadows: &Shadows, id: &SeriesId, busy: f64) -> f64 {
    if busy < CEILING {
        return busy;
    }
    let load = level(shadows, id, "load.1").or_else(|| level(shadows, id, "load.5"));
    let asked = load.map_or(0.0, |load| load / f64::from(cores(shadows, &id.resource)));
    busy.max(asked)
}

fn memory(id: &SeriesId, share: f64) -> Option<Law> {
    match &*id.name {
        "mem.used_pct" => Some(scaled(share)),
        "mem.available_pct" => Some(Law::ScaleFree {
            top: 100.0,
            factor: share,
        }),
        _ => None,
    }
}

/// The level of another metric of the same resource: the median of its newest quarter of an hour.
pub(super) fn level(shadows: &Shadows, beside: &SeriesId, name: &str) -> Option<f64> {
    let metric = shadows.metrics.get(&SeriesId::new(&beside.resource, name))?;
    let mut newest: Vec<f64> = metric.minutes.iter().rev().take(15).map(|minute| minute.last).collect();
    newest.sort_by(f64::total_cmp);
    let middle = newest.get(newest.len() / 2).copied();
    middle.or_else(|| metric.newest().map(|seen| seen.value))
}

/// What can be said of a processor at its ceiling: the demand is not seen there, only that it is at least what is served. So `factor` times
/// as much is busy for at least 1/factor of the time, and for no more than all of it (utilisation law), and between these the load average
/// alone says where.
fn full(plan: &mut Plan, shadows: &Shadows, id: &SeriesId, factor: f64) {
    if &*id.name != "cpu.busy_pct" {
        return;
    }
    let newest = shadows.metrics.get(id).and_then(|metric| metric.newest());
    let high = |value: f64| value >= 100.0 * CEILING;
    let usual = level(shadows, id, &id.name);
    if !newest.is_some_and(|seen| high(seen.value)) && !usual.is_some_and(high) {
        return;
    }
    let there = f64::from(cores(shadows, &id.resource));
    let load = level(shadows, id, "load.1").or_else(|| level(shadows, id, "load.5"));
    let load = load.map(|load| load * plan.times_the_load());
    let least = (100.0 / factor).min(100.0);
    if factor <= 1.0 {
        return plan
            .note("cpu.busy_pct is at its ceiling and stays there: less is done in the same time, and more waits");
    }
    plan.note(match load {
        Some(load) if load / (there * factor) >= FULL => format!(
            "cpu.busy_pct is at its ceiling and most likely stays there: {load:.1} run or wait (the load) where {there} can run at once, then {}; up to \
             x{factor} the work is done. Were no more asked than is done now, it would be {least:.0} %: it is between that and 100 %",
            there * factor
        ),
        Some(load) => format!(
            "cpu.busy_pct is at its ceiling, where what is asked is not seen, only that it is at least what is done: then it is between {least:.0} and \
             100 %. The figure takes what runs or waits now ({load:.1}, the load) for what is asked"
        ),
        None => format!(
            "cpu.busy_pct is at its ceiling, where what is asked is not seen, only that it is at least what is done: then it is between {least:.0} and \
             100 %, and the figure is the least"
        ),
    });
}
