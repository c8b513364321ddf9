//! How much there is of what a metric counts, where a setting of the host tells it.

use crate::{
    domain::{SeriesId, Unit, matches},
    shadow::{Metric, Shadows},
};

/// What a metric can come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Room {
    /// All there is, in the metric's unit.
    pub end: f64,
    /// The part of it that matters to a person.
    pub matters: f64,
}

/// Settings, with what one of theirs is worth in the metric's unit.
type Bounds = &'static [(&'static str, f64)];

/// Metrics, the settings that bound them with what one of theirs is worth in the metric's unit, and the share that matters: of memory two
/// hundredths, as for a percentage; of a table that the kernel keeps, two thousandths of its size; of a load no more than its unit says.
///
/// The first limit that is reached counts, so the least does: where the kernel's count of open files is left without a bound, a file
/// still takes a kilobyte of memory (kernel documentation, `file-max`).
const ROOMS: [(&str, Unit, Bounds, f64); 9] = [
    ("mem.*", Unit::Bytes, &[("hw.memory.total", 1.0)], 0.02),
    ("swap.*", Unit::Bytes, &[("hw.memory.total", 1.0)], 0.02),
    ("load.*", Unit::Count, &[("hw.cpu.count", 1.0)], 0.0),
    ("threads.count", Unit::Count, TASKS, 0.002),
    ("proc.count", Unit::Count, TASKS, 0.002),
    (
        "fd.used",
        Unit::Count,
        &[("sysctl.fs.file-max", 1.0), ("hw.memory.total", 1.0 / 1024.0)],
        0.002,
    ),
    (
        "tcp.time_wait",
        Unit::Count,
        &[("sysctl.net.ipv4.tcp_max_tw_buckets", 1.0)],
        0.002,
    ),
    (
        "tcp.orphan",
        Unit::Count,
        &[("sysctl.net.ipv4.tcp_max_orphans", 1.0)],
        0.002,
    ),
    (
        "conntrack.used",
        Unit::Count,
        &[("sysctl.net.netfilter.nf_conntrack_max", 1.0)],
        0.002,
    ),
];
/// What bounds all that runs.
const TASKS: Bounds = &[("sysctl.kernel.threads-max", 1.0), ("sysctl.kernel.pid_max", 1.0)];

/// The room of `metric`; `None` where no setting tells it.
pub(super) fn of(shadows: &Shadows, metric: &Metric) -> Option<Room> {
    let id = &metric.meta.id;
    let mut rooms = ROOMS.iter();
    let (.., bounds, share) =
        rooms.find(|(pattern, unit, ..)| *unit == metric.meta.unit && matches(pattern, &id.name))?;
    let known = bounds.iter().filter_map(|(setting, worth)| {
        let state = shadows.settings.get(&SeriesId::new(&id.resource, setting))?;
        let number = state.value.number()? * worth;
        (number.is_finite() && number > 0.0).then_some(number)
    });
    let end = known.reduce(f64::min)?;
    Some(Room {
        end,
        matters: share * end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::sample;

    #[test]
    fn the_first_bound_of_a_table_is_its_end() {
        let shadows = sample::settings(&[
            ("hw.memory.total", "8Gi"),
            ("sysctl.kernel.threads-max", "63000"),
            ("sysctl.kernel.pid_max", "32768"),
            ("sysctl.fs.file-max", "9223372036854775807"),
        ]);
        let end = |name: &str| of(&shadows, &sample::metric(name, Unit::Count)).map(|room| room.end);
        assert_eq!(end("threads.count"), Some(32_768.0));
        assert_eq!(end("fd.used"), Some(8.0 * 1024.0 * 1024.0), "a file takes memory");
        assert_eq!((end("conntrack.used"), end("tcp.established")), (None, None));
    }
}
