//! What this process costs.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::domain::{Span, Timestamp};

/// Measures this process, at most every ten seconds.
#[derive(Default)]
pub(super) struct Meter {
    system: Option<System>,
    last: Option<(Timestamp, u64)>,
}

impl Meter {
    /// CPU in percent of one core since the last measure, and resident bytes; `None` when it is too soon.
    pub(super) fn measure(&mut self, now: Timestamp) -> Option<(f64, u64)> {
        if self
            .last
            .is_some_and(|(at, _)| now >= at && now - at < Span::from_secs(10))
        {
            return None;
        }
        if self.system.is_none() {
            self.system = System::new().ok();
        }
        let system = self.system.as_mut()?;
        let pid = Pid::from_u32(std::process::id());
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
        let process = system.process(pid)?;
        let (used, rss) = (process.accumulated_cpu_time(), process.memory());
        let before = self.last.replace((now, used));
        let (at, used_before) = before?;
        Some((
            used.saturating_sub(used_before) as f64 / 10.0 / (now - at).secs_f64().max(1e-3),
            rss,
        ))
    }
}
