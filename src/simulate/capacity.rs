//! More or less of a capacity: identities that hold by construction.

use super::{
    Plan, concerns,
    law::{Law, pressure_growth},
};
use crate::{
    domain::{Capacity, Evidence, ResourceId, SeriesId, Timestamp, matches},
    shadow::{Metric, Shadows},
};

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
    for (id, metric) in here {
        let law = match what {
            Capacity::Cpu => cpu(shadows, id, share),
            Capacity::Memory => memory(id, share),
            Capacity::Disk => matches("fs.*.used_pct", &id.name).then_some(scaled(share)),
            Capacity::Network => (matches("net.*.util_pct", &id.name)).then_some(scaled(share)),
        };
        if let Some(law) = law {
            touched = true;
            plan.add(id, law, Evidence::Identity, from);
            saturated(plan, id, metric);
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

fn cpu(shadows: &Shadows, id: &SeriesId, share: f64) -> Option<Law> {
    match &*id.name {
        "cpu.busy_pct" => Some(scaled(share)),
        name if matches("load.*", name) => Some(scaled(share)),
        name if matches("psi.cpu.*", name) => {
            let busy = level(shadows, id, "cpu.busy_pct")? / 100.0;
            Some(Law::Scale {
                floor: 0.0,
                factor: pressure_growth(busy, busy * share),
                unsure: 0.3,
            })
        }
        _ => None,
    }
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

/// At the ceiling the demand is not seen, only that it is at least so much.
fn saturated(plan: &mut Plan, id: &SeriesId, metric: &Metric) {
    if id.name.ends_with("busy_pct") && metric.newest().is_some_and(|seen| seen.value > 95.0) {
        plan.note(format!(
            "{} is at its ceiling: demand may be greater than what is seen, and the relief smaller",
            id.name
        ));
    }
}
