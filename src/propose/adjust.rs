//! Changes that keep a metric from passing its limit.

use super::{
    Candidate,
    artefact::{self, Wanted},
    known, lasting, seen,
    shell::quote,
    stake,
};
use crate::{
    domain::{
        Capacity, Change, ChangeSet, Factors, Finding, Limit, Mark, Options, ProposalKind, ResourceId, SeriesId, Side,
        Value, matches,
    },
    drift,
    shadow::{Metric, Shadows},
};

/// What a capacity is made larger by, in steps of a twentieth of it: at most four times as much. Steps that are finer than the doubt about
/// the hours to come, so that the amount follows the forecast and does not jump.
const STEP: (f64, usize) = (0.05, 60);
/// A capacity is enough when the limit is then passed with less than this probability.
const SAFE: f64 = 0.1;
/// The most a process id may be on 64 bits (kernel documentation, `kernel.pid_max`).
const PID_MAX: i64 = 4_194_304;

/// What answers a metric that has passed its limit or will.
pub(super) fn limit(finding: &Finding, shadows: &Shadows, options: &Options, seed: u64) -> Option<Candidate> {
    if !matches!(finding.mark, Mark::Breach | Mark::Cross) {
        return None;
    }
    let id = &finding.series[0];
    let metric = shadows.metrics.get(id)?;
    let limit = metric.limit.as_ref()?;
    // A breach is told until it has been over for some values; there is nothing left to make room for.
    let over = metric.newest().is_some_and(|seen| !limit.broken_by(seen.value));
    if finding.mark == Mark::Breach && over {
        return None;
    }
    let mut why = vec![lasting(finding)];
    let case = Case {
        finding,
        metric,
        limit,
        shadows,
    };
    let name = &*id.name;
    if let Some(mount) = name.strip_prefix("fs.").and_then(|rest| rest.strip_suffix(".used_pct")) {
        let factor = case.enough(options, seed, |limit, factor| limit * factor);
        return case.room(mount, factor, why);
    }
    if let Some(mount) = name
        .strip_prefix("fs.")
        .and_then(|rest| rest.strip_suffix(".inodes_used_pct"))
    {
        return case.inodes(mount, why);
    }
    match name {
        "fd.used_pct" => case.raise("fs.file-max", i64::MAX, why),
        "pid.used_pct" => case.raise("kernel.pid_max", PID_MAX, why),
        "mem.used_pct" | "mem.available_pct" | "swap.used_pct" => {
            let factor = case.enough(options, seed, |limit, factor| {
                if name == "mem.available_pct" {
                    100.0 - (100.0 - limit) * factor
                } else {
                    limit * factor
                }
            });
            why.extend(
                case.top("rss_bytes")
                    .map(|(who, shown)| format!("{who} holds most: {shown}")),
            );
            case.processes("memory", Capacity::Memory, factor, "-rss", "pid,rss,etime,args", why)
        }
        "cpu.busy_pct" => {
            let factor = case.enough(options, seed, |limit, factor| limit * factor);
            why.extend(
                case.top("cpu_pct")
                    .map(|(who, shown)| format!("{who} takes most: {shown}")),
            );
            case.processes("processor", Capacity::Cpu, factor, "-pcpu", "pid,pcpu,etime,args", why)
        }
        _ => None,
    }
}

/// The path below `mount` that a command names, not the mount itself.
fn written<'a>(command: &'a str, mount: &str) -> Option<&'a str> {
    let quotes: &[_] = &['\'', '"', ';'];
    let words = command.split_ascii_whitespace();
    let mut paths = words.filter_map(|word| word.rsplit(['=', '>']).next().map(|path| path.trim_matches(quotes)));
    paths.find(|path| {
        let rest = path.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/'));
        mount != "/" && rest.is_some_and(|rest| !rest.is_empty())
    })
}

struct Case<'a> {
    finding: &'a Finding,
    metric: &'a Metric,
    limit: &'a Limit,
    shadows: &'a Shadows,
}

impl Case<'_> {
    fn resource(&self) -> &ResourceId {
        &self.finding.resource
    }

    /// The smallest factor (in steps of [`STEP`]) with which the limit is hardly passed; `None` where none is enough. A metric that scales by 1/factor
    /// passes its limit when the metric as it is passes the limit that `moved` gives.
    fn enough(&self, options: &Options, seed: u64, moved: impl Fn(f64, f64) -> f64) -> Option<f64> {
        let newest = self.metric.newest()?.value;
        let factor = |step: usize| 1.0 + STEP.0 * step as f64;
        let enough = |step: usize| {
            let limit = Limit {
                value: moved(self.limit.value, factor(step)),
                ..self.limit.clone()
            };
            let near = match limit.side {
                Side::Above => newest * 1.02 >= limit.value,
                Side::Below => newest * 0.98 <= limit.value,
            };
            let crossing = || drift::crossing(self.metric, &limit, options.horizon, seed);
            !near && crossing().is_none_or(|crossing| crossing.probability < SAFE)
        };
        // A farther limit is passed no oftener.
        let (mut short, mut most) = (0, STEP.1);
        if !enough(most) {
            return None;
        }
        while most - short > 1 {
            let middle = usize::midpoint(short, most);
            if enough(middle) { most = middle } else { short = middle }
        }
        // Twentieths are no exact binary fractions.
        Some((factor(most) * 100.0).round() / 100.0)
    }

    /// What is at stake: HIGH for a limit passed, by its probability for one ahead.
    fn impact(&self) -> f64 {
        let certain = self.finding.crossing.map_or(1.0, |crossing| crossing.probability);
        stake(self.finding) * certain
    }

    fn candidate(&self, key: &str, title: String, why: Vec<String>) -> Candidate {
        Candidate {
            kind: ProposalKind::Adjust,
            key: key.into(),
            title,
            changes: ChangeSet::default(),
            factors: Factors {
                success: 0.5,
                impact: self.impact(),
                disruption: 0.0,
                effort: 2.0,
            },
            why,
            cost: "reading costs nothing; what is cleared or restarted costs what it did".into(),
            sure: "what to clear is for a person to say; the capacity is by identity".into(),
            risk: "what is cleared is gone".into(),
            undo: "nothing is changed before you choose".into(),
            artefact: artefact::shell(&[]),
        }
    }

    fn capacity(&self, what: Capacity, mount: Option<&str>, factor: Option<f64>) -> ChangeSet {
        factor.map_or_else(ChangeSet::default, |factor| {
            ChangeSet::of(Change::Capacity {
                resource: self.resource().clone(),
                what,
                mount: mount.map(Into::into),
                factor,
            })
        })
    }

    fn room(&self, mount: &str, factor: Option<f64>, mut why: Vec<String>) -> Option<Candidate> {
        let path = quote(mount)?;
        let mut lines = Vec::new();
        for cause in self.finding.causes.iter().filter(|cause| cause.series.is_none()) {
            why.push(format!(
                "{}, {} ({:.0} % likely the cause)",
                cause.what,
                cause.ahead(),
                cause.weight * 100.0
            ));
            if let Some(file) = written(&cause.what, mount).and_then(quote) {
                lines.push(format!("ls -lh -- {file}"));
            }
        }
        lines.push(format!("du -axh --max-depth=2 {path} | sort -h | tail -n 20"));
        let system = matches!(mount, "/" | "/var");
        if system {
            lines.push("journalctl --disk-usage".into());
            lines.push("apt-get clean".into());
            lines.push("# what is older is lost then: journalctl --vacuum-size=500M".into());
        }
        let title = match factor {
            Some(factor) => {
                let free = (1.0 - 1.0 / factor) * 100.0;
                why.push(format!(
                    "{factor} times the space, or {free:.0} % of what is used cleared, keeps it under the limit"
                ));
                format!("make room on {mount}: x{factor} or clear {free:.0} %")
            }
            None => format!("make room on {mount}"),
        };
        let base = self.candidate("room", title, why);
        Some(Candidate {
            changes: self.capacity(Capacity::Disk, Some(mount), factor),
            factors: Factors {
                success: if system { 0.6 } else { 0.45 },
                ..base.factors
            },
            artefact: artefact::shell(&lines),
            ..base
        })
    }

    fn inodes(&self, mount: &str, why: Vec<String>) -> Option<Candidate> {
        let path = quote(mount)?;
        let base = self.candidate("inodes", format!("find the many small files on {mount}"), why);
        Some(Candidate {
            artefact: artefact::shell(&[format!("du --inodes -x --max-depth=3 {path} | sort -n | tail -n 20")]),
            ..base
        })
    }

    fn processes(
        &self,
        word: &str,
        what: Capacity,
        factor: Option<f64>,
        order: &str,
        columns: &str,
        mut why: Vec<String>,
    ) -> Option<Candidate> {
        let title = match factor {
            Some(factor) => {
                why.push(format!("{factor} times the {word} keeps it off the limit"));
                format!("free {word}, or {what} x{factor}")
            }
            None => format!("free {word}"),
        };
        let base = self.candidate(word, title, why);
        Some(Candidate {
            changes: self.capacity(what, None, factor),
            factors: Factors {
                success: 0.5,
                disruption: 1.0,
                ..base.factors
            },
            cost: "a restart of what takes most, or of the machine for more capacity".into(),
            artefact: artefact::shell(&[format!("ps -eo {columns} --sort={order} | head -n 15")]),
            ..base
        })
    }

    /// Twice the limit of a kernel table.
    fn raise(&self, sysctl: &str, most: i64, mut why: Vec<String>) -> Option<Candidate> {
        let id = SeriesId::new(self.resource(), &format!("sysctl.{sysctl}"));
        let now = self.shadows.settings.get(&id)?.value.clone();
        let Value::Int(number) = now else { return None };
        let raised = number.checked_mul(2).filter(|raised| *raised <= most && number > 0)?;
        let to = Value::Int(raised);
        let wanted = Wanted {
            id: &id,
            was: Some(&now),
            value: Some(&to),
        };
        let back = Wanted {
            was: wanted.value,
            value: wanted.was,
            ..wanted
        };
        let seen = seen(self.shadows);
        let way = artefact::set(&[wanted], &seen)?;
        let undo = artefact::in_a_line(&[back], &seen).unwrap_or_default();
        why.extend(known::sysctl(sysctl).map(|known| format!("{sysctl} is {}", known.what)));
        let base = self.candidate(sysctl, format!("{sysctl} {number} -> {raised}"), why);
        Some(Candidate {
            changes: ChangeSet::of(Change::Setting {
                id,
                from: Some(now),
                to: Some(to),
            }),
            factors: Factors {
                success: 0.9,
                disruption: way.disruption,
                effort: way.effort,
                ..base.factors
            },
            cost: way.cost.into(),
            sure: "the share used is halved by identity".into(),
            risk: "what leaks goes on leaking, with more room".into(),
            undo,
            artefact: way.artefact,
            ..base
        })
    }

    /// The process with the greatest newest value of `what`, and that value in words.
    fn top(&self, what: &str) -> Option<(String, String)> {
        let pattern = format!("top.*.{what}");
        let here = self.shadows.metrics.iter();
        let (id, value) = here
            .filter(|(id, _)| id.resource == *self.resource() && matches(&pattern, &id.name))
            .filter_map(|(id, metric)| Some((id, metric, metric.newest()?)))
            .filter(|(_, _, seen)| {
                self.metric
                    .newest()
                    .is_none_or(|now| now.at - seen.at < crate::domain::Span::from_mins(2))
            })
            .max_by(|a, b| a.2.value.total_cmp(&b.2.value))
            .map(|(id, metric, seen)| (id, metric.meta.unit.show(seen.value)))?;
        let name = id.name.strip_prefix("top.")?.strip_suffix(what)?.trim_end_matches('.');
        Some((name.to_owned(), value))
    }
}
