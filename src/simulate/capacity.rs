//! More or less of a capacity: identities that hold by construction.

use super::{
    Plan, concerns,
    law::{FULL, Law, pressure_growth},
    processor::Processor,
};
use crate::{
    domain::{Capacity, Evidence, ResourceId, SeriesId, Timestamp, matches},
    shadow::Shadows,
};

/// Adds what `factor` times as much of `what` does to the metrics of `resource`; of disk that of the file system at `mount`, or of all.
pub(super) fn plan(
    plan: &mut Plan,
    shadows: &Shadows,
    resource: &ResourceId,
    (what, mount): (Capacity, Option<&str>),
    factor: f64,
    from: Timestamp,
) {
    let used = mount.map(|mount| format!("fs.{mount}.used_pct"));
    let grows = |name: &str| match &used {
        Some(used) => used == name,
        None => matches("fs.*.used_pct", name),
    };
    let share = 1.0 / factor;
    let mut touched = false;
    let here = shadows.metrics.iter().filter(|(id, _)| concerns(resource, id));
    for (id, _) in here {
        let law = match what {
            Capacity::Cpu => cpu(plan, shadows, id, share),
            Capacity::Memory => memory(id, share),
            Capacity::Disk => grows(&id.name).then_some(scaled(share)),
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
        Capacity::Disk => plan.note(match mount {
            Some(mount) => format!("{mount} alone grows; inodes are left as they are"),
            None => "every file system grows alike; inodes are left as they are".into(),
        }),
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
fn cpu(plan: &mut Plan, shadows: &Shadows, id: &SeriesId, share: f64) -> Option<Law> {
    let of_cpu = &*id.name == "cpu.busy_pct" || matches("psi.cpu.*", &id.name) || matches("load.*", &id.name);
    if !of_cpu {
        return None;
    }
    let Some(processor) = plan.processor(shadows, id) else {
        return matches("load.*", &id.name).then(|| scaled(share));
    };
    let times_the_load = plan.times_the_load();
    let factor = times_the_load * share;
    let full = processor.full_at(factor) && processor.asked_at(times_the_load) > 1.0;
    match &*id.name {
        // What the load made of the share before may be beyond all there is.
        "cpu.busy_pct" if processor.saturated() || processor.asked_at(times_the_load) > 1.0 => {
            let now = (processor.busy * times_the_load).max(0.01);
            let likely = processor.busy_at(factor) / now;
            // Of more processor all may be busy: what is asked is not seen, only that it is at least what is done.
            Some(match share < 1.0 && processor.saturated() {
                true => Law::Times([share, likely.max(share), likely.max(1.0 / now)]),
                false => up_to(share, likely),
            })
        }
        "cpu.busy_pct" => Some(scaled(share)),
        name if matches("load.*", name) && processor.crowded == 1.0 && full => None,
        name if matches("load.*", name) && processor.saturated() => {
            Some(up_to(share, processor.crowd_at(factor, share)))
        }
        name if matches("load.*", name) => (!full).then(|| scaled(share)),
        _ if processor.busy == 0.0 => None,
        _ => Some(Law::Scale {
            floor: 0.0,
            factor: pressure_growth(
                processor.asked_at(times_the_load).min(1.0),
                processor.asked_at(factor).min(1.0),
            ),
            unsure: if full { 0.0 } else { 0.3 },
        }),
    }
}

/// `most` times as much, were as much asked as runs or waits now; were no more asked than is done, `least` times.
pub(super) fn up_to(least: f64, most: f64) -> Law {
    match least < most {
        true => Law::Times([least, most, most]),
        false => scaled(most),
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

/// What can be said of processors for which work waits: what is asked is not seen there, only that it is at least what is done. So of `factor` times
/// as many a share of at least 1/factor of that of now is busy, and at most all of them (utilisation law), and between these the load average
/// alone says where.
fn full(plan: &mut Plan, shadows: &Shadows, id: &SeriesId, factor: f64) {
    if &*id.name != "cpu.busy_pct" {
        return;
    }
    let Some(processor) = plan.processor(shadows, id).filter(Processor::saturated) else {
        return;
    };
    let (there, at_ceiling) = (f64::from(processor.cores), processor.crowded == 1.0);
    let load = processor.load.map(|load| load * plan.times_the_load());
    let is = match at_ceiling {
        true => "cpu.busy_pct is at its ceiling".to_owned(),
        false => format!(
            "work waits for a processor {:.0} % of the time",
            100.0 * processor.crowded
        ),
    };
    if factor <= 1.0 {
        return plan.note(format!(
            "{is}, and stays so: less is done in the same time, and more waits"
        ));
    }
    let busy = if at_ceiling { 1.0 } else { processor.busy };
    let least = 100.0 * busy / factor;
    plan.note(match load {
        Some(load) if load / (there * factor) >= FULL => format!(
            "{is}, and most likely stays so: {load:.1} run or wait (the load) where {there} can run at once, then {}; up to \
             x{factor} the work is done. Were no more asked than is done now, it would be {least:.0} %: it is between that and 100 %",
            there * factor
        ),
        Some(load) => format!(
            "{is}: what is asked is not seen, only that it is at least what is done. cpu.busy_pct is then between {least:.0} and \
             100 %. The figure takes what runs or waits now ({load:.1}, the load) for what is asked"
        ),
        None => format!(
            "{is}: what is asked is not seen, only that it is at least what is done. cpu.busy_pct is then between {least:.0} and \
             100 %, and the figure is the least"
        ),
    });
}
