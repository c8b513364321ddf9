//! What answers processor time or memory that one program takes.

use super::{Candidate, artefact, shell::quote, stake};
use crate::{
    domain::{ChangeSet, Factors, Finding, Mark, ProposalKind, Seen, SeriesId, Side},
    drift::{process::is_over, went},
    shadow::Shadows,
};

/// Processes that give way to others, and those that take less of a processor now, are let be.
const GIVES_WAY: u8 = 10;
const TAKES_PCT: u8 = 20;

/// A way to slow down or end the process that is named as the cause of a departure, or, where none is, to find it; none where it has ended.
pub(super) fn taker(finding: &Finding, shadows: &Shadows) -> Option<Candidate> {
    if !matches!(finding.mark, Mark::Odd | Mark::Drift) {
        return None;
    }
    let head = match finding.seen {
        Seen::Metric { band, .. } => band,
        Seen::Setting { .. } => None,
    };
    // What is taken less than expected takes nothing from others.
    let more = |id: &SeriesId| {
        shadows.metrics.get(id).is_none_or(|metric| {
            let worse = metric.meta.worse().unwrap_or(Side::Above);
            let band = head.filter(|_| finding.series.first() == Some(id));
            went(metric, band, finding.since).is_none_or(|side| side == worse)
        })
    };
    let taken: Vec<&str> = (finding.series.iter())
        .filter(|id| more(id))
        .map(|id| &*id.name)
        // What the hypervisor gives to others is taken by nobody here.
        .filter(|name| *name != "cpu.steal_pct")
        .collect();
    let concerns = |starts: &[&str]| {
        let mut names = taken.iter();
        names.any(|name| starts.iter().any(|start| name.starts_with(start)))
    };
    let (word, order, columns) = if concerns(&["cpu.", "load.", "psi.cpu"]) {
        ("processor time", "-pcpu", "pid,ppid,user,ni,pcpu,etime,args")
    } else if concerns(&["mem.", "swap.", "psi.mem"]) {
        ("memory", "-rss", "pid,ppid,user,rss,etime,args")
    } else {
        return None;
    };
    let named = finding.causes.iter().find_map(|cause| {
        let rest = cause.series.as_ref()?.name.strip_prefix("top.")?;
        let (name, _) = rest.rsplit_once('.')?;
        Some((cause, name.to_owned(), quote(name)?))
    });
    if named
        .as_ref()
        .is_some_and(|(cause, ..)| is_over(cause, shadows, finding.since))
    {
        return None;
    }
    // A lower priority gives back processor time only, and nothing where others go first already.
    let slows = word == "processor time" && !concerns(&["cpu.nice_pct"]);
    if named.is_none() && !finding.causes.is_empty() {
        return None; // it is something else, which is answered by itself
    }
    let mut why = vec![finding.summary.to_string()];
    let impact = stake(finding);
    let (title, lines, factors, sure) = match &named {
        Some((cause, name, word)) => {
            why.push(format!(
                "{} ({:.0} % likely the cause)",
                cause.what,
                cause.weight * 100.0
            ));
            let mut lines = vec![format!("ps -C {word} -o {columns} --sort={order}")];
            if slows {
                lines.push(format!(
                    "# if it may wait, others go first: those of it that take {TAKES_PCT} % of a processor now"
                ));
                lines.push(format!(
                    "HOME=/ LC_ALL=C top -b -n 2 -d 1 -w 512 | awk -v name={word} '/^top/ {{n++}} n == 2 && $12 == name && $4 < {GIVES_WAY} && $9 >= {TAKES_PCT} {{print $1}}' | xargs -r renice -n {GIVES_WAY} -p"
                ));
            }
            lines.push("# if it should not run, by its number in the list: kill PID".into());
            let factors = Factors {
                success: 0.8 * cause.weight,
                impact,
                disruption: 0.5,
                effort: 1.5,
            };
            let sure = format!("{:.0} %, from what it takes now and took before", cause.weight * 100.0);
            let title = if slows { "slow down or end" } else { "end" };
            (format!("{title} {name}"), lines, factors, sure)
        }
        None => {
            let factors = Factors {
                success: 0.3,
                impact,
                disruption: 0.5,
                effort: 2.0,
            };
            let lines = vec![format!("ps -eo {columns} --sort={order} | head -n 15")];
            let sure = "no single program explains it".into();
            (format!("find what takes the {word}"), lines, factors, sure)
        }
    };
    Some(Candidate {
        kind: ProposalKind::Adjust,
        key: named.map_or_else(|| word.to_owned(), |(_, name, _)| name),
        title,
        changes: ChangeSet::default(),
        factors,
        why,
        cost: if slows {
            "what is ended stops serving; what is slowed down takes longer"
        } else {
            "what is ended stops serving"
        }
        .into(),
        sure,
        risk: "it may be work that is wanted".into(),
        undo: if slows {
            "renice -n NI -p PID, with the NI of the list, gives it its turn back (as root); what was ended has to be started"
        } else {
            "what was ended has to be started"
        }
        .into(),
        artefact: artefact::shell(&lines),
    })
}
