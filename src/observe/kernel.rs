//! Tables of the kernel that can fill: open files, process numbers, tracked connections, entropy.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};

use super::{
    Host, ObserveError, Source,
    file::{Again, small},
    meter::{COUNT, Channel, Origin, Sort, percent},
};
use crate::domain::{Batch, Span, Timestamp};

/// From here on a limit is none: systemd sets `fs.file-max` to the largest number there is.
const UNBOUNDED: f64 = i64::MAX as f64;

/// Reads the fill of the kernel's tables under `/proc/sys`.
pub(super) struct Tables {
    origin: Origin,
    files: Again,
    loads: Again,
    pid_max: PathBuf,
    entropy: PathBuf,
    tracked: [PathBuf; 2],
    fd_used: Channel,
    fd_pct: Channel,
    pid_pct: Channel,
    entropy_avail: Channel,
    tracked_count: Channel,
    tracked_pct: Channel,
}

impl Tables {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "kernel", host.interval);
        let sys = |path: &str| host.root.join("proc/sys").join(path);
        Self {
            files: Again::new(&host.root, "proc/sys/fs/file-nr"),
            loads: Again::new(&host.root, "proc/loadavg"),
            pid_max: sys("kernel/pid_max"),
            entropy: sys("kernel/random/entropy_avail"),
            tracked: [
                sys("net/netfilter/nf_conntrack_count"),
                sys("net/netfilter/nf_conntrack_max"),
            ],
            fd_used: origin.channel("fd.used", COUNT),
            fd_pct: origin.channel("fd.used_pct", Sort::Percent),
            pid_pct: origin.channel("pid.used_pct", Sort::Percent),
            entropy_avail: origin.channel("entropy.avail", COUNT),
            tracked_count: origin.channel("conntrack.used", COUNT),
            tracked_pct: origin.channel("conntrack.used_pct", Sort::Percent),
            origin,
        }
    }
}

fn number(path: &Path) -> Option<f64> {
    small(path)?.parse().ok()
}

impl Source for Tables {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        // fs.file-nr: allocated, allocated but unused (0 since 2.6), the most there may be.
        let text = self.files.text()?.into_owned();
        let mut words = text.split_ascii_whitespace().map(str::parse::<f64>);
        let (Some(Ok(used)), Some(Ok(unused)), Some(Ok(most))) = (words.next(), words.next(), words.next()) else {
            return Err(self.files.malformed("not three numbers"));
        };
        self.fd_used.tell(now, used - unused, out);
        if let Some(share) = percent(used - unused, most).filter(|_| most < UNBOUNDED) {
            self.fd_pct.tell(now, share, out);
        }
        // Threads take numbers of the same range as processes; loadavg's `2/93` counts both.
        let text = self.loads.text().unwrap_or_default();
        let threads = text
            .split_ascii_whitespace()
            .nth(3)
            .and_then(|part| part.split_once('/')?.1.parse::<f64>().ok());
        if let Some(share) = threads
            .zip(number(&self.pid_max))
            .and_then(|(n, most)| percent(n, most))
        {
            self.pid_pct.tell(now, share, out);
        }
        if let Some(bits) = number(&self.entropy) {
            self.entropy_avail.tell(now, bits, out);
        }
        if let (Some(count), Some(most)) = (number(&self.tracked[0]), number(&self.tracked[1])) {
            self.tracked_count.tell(now, count, out);
            if let Some(share) = percent(count, most) {
                self.tracked_pct.tell(now, share, out);
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
    fn fill_of_the_tables() {
        let tree = Tree::new();
        let mut source = Tables::new(&tree.host());
        tree.write("proc/sys/fs/file-nr", "250\t0\t1000\n");
        tree.write("proc/sys/kernel/pid_max", "200\n");
        tree.write("proc/loadavg", "0.0 0.0 0.0 1/50 99\n");
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(value(&batch, "fd.used_pct"), Some(25.0));
        assert_eq!(value(&batch, "pid.used_pct"), Some(25.0));
        assert_eq!(value(&batch, "conntrack.used"), None);
        // A table without an end has no fill.
        for most in ["9223372036854775807", "18446744073709551615"] {
            tree.write("proc/sys/fs/file-nr", format!("250\t0\t{most}\n"));
            let batch = tree.read(&mut source, 1).unwrap();
            assert_eq!(value(&batch, "fd.used"), Some(250.0));
            assert_eq!(value(&batch, "fd.used_pct"), None);
        }
        tree.write("proc/sys/fs/file-nr", "250\n");
        assert!(matches!(tree.read(&mut source, 2), Err(ObserveError::Malformed { .. })));
    }
}
