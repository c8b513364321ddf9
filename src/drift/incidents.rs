//! Findings close in time, told as one story.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::report;
use crate::domain::{Finding, Mark, SeriesId, Span, Timestamp};

/// Surprise from which findings make an incident, bits.
const WORTH_TELLING: f64 = 8.0;

/// An incident: linked findings close in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Counted from 1, oldest first.
    pub number: u32,
    /// When the first finding began.
    pub from: Timestamp,
    /// When the last one ended; `None` while it goes on.
    pub to: Option<Timestamp>,
    /// Worst surprise, bits.
    pub bits: f64,
    /// One line.
    pub title: Arc<str>,
    /// The findings' series in order of first departure.
    pub lanes: Vec<SeriesId>,
}

/// Groups findings (held and ended) into incidents, oldest first.
///
/// Findings are linked when one begins while another is active or within `coincide` after. A breach or a surprise is active
/// until it ends; drift and a limit ahead only as they begin, or one setting left as it is would link everything after it.
/// Linked findings are an incident when one is a breach or carries at least 8 bits.
#[must_use]
pub fn incidents(findings: &[Finding], coincide: Span) -> Vec<Incident> {
    // What stands as it stood is no part of what happened.
    let happened = |finding: &&Finding| finding.mark != Mark::Muted && !finding.stands();
    let mut ordered: Vec<&Finding> = findings.iter().filter(happened).collect();
    ordered.sort_by_key(|finding| (finding.since, finding.id));
    let mut linked: Vec<(Timestamp, Vec<&Finding>)> = Vec::new();
    for finding in ordered {
        let end = active_until(finding);
        match linked.last_mut() {
            Some((until, members)) if finding.since <= *until + coincide => {
                *until = end.max(*until);
                members.push(finding);
            }
            _ => linked.push((end, vec![finding])),
        }
    }
    linked
        .into_iter()
        .filter(|(_, members)| {
            members
                .iter()
                .any(|finding| finding.mark == Mark::Breach || finding.bits >= WORTH_TELLING)
        })
        .zip(1..)
        .map(|((until, members), number)| incident(number, until, &members))
        .collect()
}

fn goes_on(finding: &Finding) -> bool {
    matches!(finding.mark, Mark::Breach | Mark::Odd | Mark::Stale)
}

fn active_until(finding: &Finding) -> Timestamp {
    if goes_on(finding) {
        finding.ended.unwrap_or(finding.last).max(finding.since)
    } else {
        finding.since
    }
}

fn incident(number: u32, until: Timestamp, members: &[&Finding]) -> Incident {
    let mut seen = BTreeSet::new();
    let lanes: Vec<SeriesId> = members
        .iter()
        .flat_map(|finding| &finding.series)
        .filter(|id| seen.insert((*id).clone()))
        .cloned()
        .collect();
    let open = members
        .iter()
        .any(|finding| goes_on(finding) && finding.ended.is_none());
    let head = members
        .iter()
        .min_by(|a, b| a.mark.cmp(&b.mark).then_with(|| b.bits.total_cmp(&a.bits)));
    let title = head.map_or_else(String::new, |head| match lanes.len() - head.series.len() {
        0 => head.summary.to_string(),
        more => format!("{}; {more} more series", head.summary),
    });
    Incident {
        number,
        from: members.first().map_or(until, |first| first.since),
        to: (!open).then_some(until),
        bits: members.iter().map(|finding| finding.bits).fold(0.0, f64::max),
        title: report::line(title),
        lanes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::sample::{T0, finding};

    #[test]
    fn findings_close_in_time_are_one_incident() {
        let ten = Span::from_mins(10);
        let at = |minutes| T0 + Span::from_mins(minutes);
        let found = [
            finding("cpu.busy_pct", Mark::Odd, at(0), Some(at(20)), 30.0),
            finding("sysctl.vm.swappiness", Mark::Drift, at(-3), None, 9.0),
            finding("mem.available_pct", Mark::Breach, at(25), Some(at(40)), 12.0),
            finding("net.eth0.rx_bytes_per_s", Mark::Odd, at(120), None, 31.0),
            finding("fs./.used_pct", Mark::Cross, at(300), None, 0.0),
        ];
        let incidents = incidents(&found, ten);
        assert_eq!(incidents.len(), 2, "{incidents:?}");
        let names: Vec<_> = incidents[0].lanes.iter().map(|id| &*id.name).collect();
        assert_eq!(names, ["sysctl.vm.swappiness", "cpu.busy_pct", "mem.available_pct"]);
        assert_eq!(
            (incidents[0].from, incidents[0].to, incidents[0].bits),
            (at(-3), Some(at(40)), 30.0)
        );
        assert_eq!((incidents[1].number, incidents[1].to), (2, None));
    }

    #[test]
    fn small_surprises_make_no_incident() {
        let found = [finding("cpu.busy_pct", Mark::Odd, T0, None, 5.0)];
        assert!(incidents(&found, Span::from_mins(10)).is_empty());
    }
}
