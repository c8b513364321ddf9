//! Load averages and pressure stall information.
#![cfg(target_os = "linux")]

use procfs::{FromRead as _, LoadAverage, PressureRecord};

use super::{
    Host, ObserveError, Source,
    file::Again,
    meter::{COUNT, Column, Meter, Origin, Sort},
};
use crate::domain::{Batch, Span, Timestamp, Unit};

const LOADS: &[Column<LoadAverage>] = &[
    Column {
        name: "load.1",
        sort: Sort::Gauge(Unit::Count),
        of: |l| Some(f64::from(l.one)),
    },
    Column {
        name: "load.5",
        sort: Sort::Gauge(Unit::Count),
        of: |l| Some(f64::from(l.five)),
    },
    Column {
        name: "load.15",
        sort: Sort::Gauge(Unit::Count),
        of: |l| Some(f64::from(l.fifteen)),
    },
    Column {
        name: "threads.count",
        sort: COUNT,
        of: |l| Some(f64::from(l.max)),
    },
];

/// Reads `/proc/loadavg`.
pub(super) struct Load {
    file: Again,
    origin: Origin,
    meter: Meter<LoadAverage>,
}

impl Load {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "load", host.interval);
        Self {
            file: Again::new(&host.root, "proc/loadavg"),
            meter: Meter::new(&origin, "", LOADS),
            origin,
        }
    }
}

impl Source for Load {
    fn name(&self) -> &'static str {
        "load"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let load = match LoadAverage::from_read(self.file.bytes()?) {
            Ok(load) => load,
            Err(why) => return Err(self.file.malformed(why)),
        };
        self.meter.tell(now, &load, out);
        Ok(())
    }
}

/// The share of the last ten seconds in which some, or all, tasks waited for a resource.
const STALLED: &[Column<PressureRecord>] = &[Column {
    name: "_pct",
    sort: Sort::Percent,
    of: |p| Some(f64::from(p.avg10)),
}];

/// Reads `/proc/pressure/{cpu,memory,io}` (PSI, since Linux 4.20).
pub(super) struct Pressure {
    origin: Origin,
    resources: [Stall; 3],
}

/// One resource: its file, and the meters of the lines `some` and `full`.
struct Stall {
    file: Again,
    lines: [(&'static str, Meter<PressureRecord>); 2],
}

impl Pressure {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "pressure", host.interval);
        let meter = |resource: &str, line: &'static str| {
            (line, Meter::new(&origin, &format!("psi.{resource}.{line}"), STALLED))
        };
        Self {
            resources: ["cpu", "memory", "io"].map(|resource| {
                let file = Again::new(&host.root, &format!("proc/pressure/{resource}"));
                Stall {
                    file,
                    lines: [meter(resource, "some"), meter(resource, "full")],
                }
            }),
            origin,
        }
    }
}

impl Source for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        for Stall { file, lines } in &mut self.resources {
            let text = file.text()?.into_owned();
            for line in text.lines() {
                let Some((_, meter)) = lines
                    .iter_mut()
                    .find(|(word, _)| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(' ')))
                else {
                    continue;
                };
                let record = procfs::parse_pressure_record(line).map_err(|why| file.malformed(why))?;
                meter.tell(now, &record, out);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn load_and_threads() {
        let tree = Tree::new();
        let mut load = Load::new(&tree.host());
        tree.write("proc/loadavg", "0.07 0.02 0.08 2/93 22645\n");
        let batch = tree.read(&mut load, 0).unwrap();
        assert_eq!(value(&batch, "load.15").map(|v| (v * 100.0).round()), Some(8.0));
        assert_eq!(value(&batch, "threads.count"), Some(93.0));
        tree.write("proc/loadavg", "");
        assert!(tree.read(&mut load, 2).is_err());
    }

    #[test]
    fn pressure_of_a_kernel_that_has_no_full_line_for_cpu() {
        let tree = Tree::new();
        let record = "avg10=2.50 avg60=0.12 avg300=0.00 total=391926";
        tree.write("proc/pressure/cpu", format!("some {record}\n"));
        tree.write("proc/pressure/memory", format!("some {record}\nfull {record}\n"));
        tree.write("proc/pressure/io", "some\nfull \u{1b}\n");
        let mut pressure = Pressure::new(&tree.host());
        let mut batch = Batch::default();
        assert!(pressure.read(Timestamp(0), &mut batch).is_err(), "io makes no sense");
        assert_eq!(value(&batch, "psi.cpu.some_pct"), Some(2.5));
        assert_eq!(value(&batch, "psi.cpu.full_pct"), None);
        assert_eq!(value(&batch, "psi.memory.full_pct"), Some(2.5));
    }
}
