//! What speaks for a change that was made, and against it: whether accepting it or its way back is the first answer.

use super::PLAINLY;
use crate::{
    domain::{Factors, Finding, Options, SeriesId, Severity, Subject, Value},
    drift::{Baseline, opens, weakens},
    shadow::Shadows,
};

/// A change is let stand without a second look where it is undone no likelier than this: about as often as changes are at all.
const SELDOM: f64 = 0.1;

/// What was told of a metric that left its shadow close to it: `coincides with cpu.busy_pct, 4 s later`.
pub(super) fn coincides(finding: &Finding) -> Option<&str> {
    let mut lines = finding.evidence.iter().map(|line| &**line);
    lines.find(|line| line.starts_with("coincides with "))
}

/// What speaks for a change besides how often such changes are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is known who made it, nothing suffers, and it opens and weakens nothing.
    Known,
    /// Nobody knows who made it.
    Unknown,
    /// Something suffers since, which is told for itself.
    Suffers,
    /// It is known to do harm.
    Issue,
    /// It bears on who gets in.
    Opens,
    /// It takes away what protects the host.
    Weakens,
    /// It is what a known issue is put right by.
    Advised,
    /// It says what held before without it.
    Same,
    /// A service stands still that starts by itself with the machine: whoever stopped it did not decide that it stays so.
    Starts,
}

impl Trust {
    /// What is to be thought of the change that `finding` tells; `blamed` when it is a likely cause of a departure.
    pub fn of(finding: &Finding, shadows: &Shadows, baseline: &Baseline, options: &Options, blamed: bool) -> Self {
        if blamed || coincides(finding).is_some() {
            return Self::Suffers;
        }
        if finding.rule.is_some() {
            return Self::Issue;
        }
        let is_now = |id: &SeriesId| shadows.settings.get(id).map(|state| &state.value);
        let all = |right: &dyn Fn(&SeriesId, &Value) -> bool| {
            let mut each = finding.series.iter();
            each.all(|id| is_now(id).is_some_and(|value| right(id, value)))
        };
        if all(&|id, value| advised(id, value, options)) {
            return Self::Advised;
        }
        if all(&|id, value| !baseline.values.contains_key(id) && says_what_is(id, value, shadows, baseline)) {
            return Self::Same;
        }
        let mut settings = finding.series.iter();
        let package = settings.any(|id| matches!(Subject::of(&id.name), Subject::Package { part: "", .. }));
        let values = finding.series.iter().map(|id| {
            let now = shadows.settings.get(id).map(|state| &state.value);
            (id, now, baseline.values.get(id))
        });
        // Packages bring accounts and ports of their own, which let nobody in.
        if !package && (finding.series.iter().any(opens) || opened(finding, shadows)) {
            return Self::Opens;
        }
        let mut each = values.clone();
        if each.any(|(id, now, before)| weakens(id, now, before)) {
            return Self::Weakens;
        }
        // As urgent as that nothing else makes it.
        if finding.severity == Severity::Critical {
            return Self::Suffers;
        }
        let mut each = values;
        if !package && each.any(|(id, now, before)| starts(id, now, before, shadows)) {
            return Self::Starts;
        }
        let by = finding.series.iter().any(|id| {
            let state = shadows.settings.get(id);
            let change = state.and_then(|state| state.last_change.as_ref());
            change.is_some_and(|change| change.by.is_some())
        });
        // A line of a log that names what was changed tells who did it, too.
        let logged = finding
            .causes
            .iter()
            .any(|cause| cause.series.is_none() && cause.weight >= 0.5);
        if package || by || logged {
            Self::Known
        } else {
            Self::Unknown
        }
    }

    /// P(nobody wants it), by this alone; by hand, until the ledger can tell.
    pub fn doubt(self) -> f64 {
        match self {
            Self::Known | Self::Advised | Self::Same => 0.0,
            Self::Unknown | Self::Starts => 0.3,
            Self::Suffers | Self::Issue | Self::Opens | Self::Weakens => 0.6,
        }
    }

    /// Whether it is known who made the change, nothing suffers, and such a change is undone seldom.
    fn stands(self, undone: f64) -> bool {
        self.is_right() || self == Self::Known && undone <= SELDOM
    }

    /// Whether the change is for the better, or none at all: nobody is told to take it back.
    pub fn is_right(self) -> bool {
        matches!(self, Self::Advised | Self::Same)
    }

    /// What it says of a change that is undone with probability `undone`.
    pub fn why(self, undone: f64) -> Option<&'static str> {
        match self {
            Self::Known if self.stands(undone) => {
                Some("it is known who made it, nothing suffers, and few such changes are undone")
            }
            Self::Known => Some("such changes are undone often"),
            Self::Advised => Some("a known issue is put right by just that"),
            Self::Same => Some("it says what held before without it"),
            Self::Suffers => None,
            Self::Unknown => Some("nobody knows who made the change"),
            Self::Issue => Some("what it is set to is a known issue"),
            Self::Opens => Some("it bears on who gets in"),
            Self::Weakens => Some("it takes away what protects the host"),
            Self::Starts => Some("it is enabled: it starts again with the machine, unless it is disabled too"),
        }
    }

    /// The factors of accepting a change that is undone with probability `undone` and whose way back scores `back`: before it where the
    /// change is trusted and hardly ever undone, else behind it.
    pub fn ranked(self, mut accept: Factors, undone: f64, back: f64) -> Factors {
        let score = accept.score();
        let wanted = if self.stands(undone) {
            score.max(back * PLAINLY)
        } else {
            score.min(back / PLAINLY)
        };
        if score > 0.0 && wanted.is_finite() {
            accept.impact *= wanted / score;
        }
        accept
    }
}

/// Whether a rule says that a known issue is put right by giving the setting that value.
fn advised(id: &SeriesId, value: &Value, options: &Options) -> bool {
    let mut fixes = options.rules.rules.iter().flat_map(|rule| &rule.fix);
    fixes.any(|(name, right)| **name == *id.name && !right.differs(value))
}

/// Whether a line of a file leaves what it is about as it was accepted: of the ssh server as it understands its files, of the kernel
/// what the line says, too, for nobody loads it before the next start.
fn says_what_is(id: &SeriesId, value: &Value, shadows: &Shadows, baseline: &Baseline) -> bool {
    let Subject::File { path, key } = Subject::of(&id.name) else {
        return false;
    };
    let of = match path {
        path if path.starts_with("ssh/sshd_config") => format!("sshd.{}", key.to_ascii_lowercase()),
        path if path.starts_with("sysctl") => format!("sysctl.{}", key.replace('/', ".")),
        _ => return false,
    };
    let of = SeriesId::new(&id.resource, &of);
    let is = shadows.settings.get(&of).map(|state| &state.value);
    is.zip(baseline.values.get(&of)).is_some_and(|(is, was)| {
        let loads = path.starts_with("ssh/") || !is.differs(value);
        !is.differs(was) && loads
    })
}

/// Whether it is a port, and no more, that is now listened on for others than the host itself.
fn opened(finding: &Finding, shadows: &Shadows) -> bool {
    let Some(id) = finding.series.first() else { return false };
    let Subject::Port { name, .. } = Subject::of(&id.name) else {
        return false;
    };
    let address = name.split_once('/').map_or(name, |(_, address)| address);
    let own = address.starts_with("127.") || address.starts_with("[::1]");
    !own && shadows.settings.get(id).is_some()
}

/// Whether a unit stands still that runs by what was accepted, and starts by itself with the machine.
fn starts(id: &SeriesId, now: Option<&Value>, before: Option<&Value>, shadows: &Shadows) -> bool {
    let Subject::Unit { name, part: "state" } = Subject::of(&id.name) else {
        return false;
    };
    let is = |value: Option<&Value>, word: &str| value.is_some_and(|value| value.to_string() == word);
    let enabled = SeriesId::new(&id.resource, &format!("unit.{name}:enabled"));
    let enabled = shadows.settings.get(&enabled).map(|state| &state.value);
    is(now, "inactive") && is(before, "active") && is(enabled, "enabled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_accepted_first_only_where_such_changes_are_seldom_undone() {
        let accept = Factors {
            success: 0.9,
            impact: 3.0,
            disruption: 0.0,
            effort: 0.5,
        };
        let first = |trust: Trust, undone: f64| trust.ranked(accept, undone, 4.0).score() > 4.0;
        assert!(first(Trust::Known, 0.08));
        assert!(!first(Trust::Known, 0.3));
        assert!(!first(Trust::Suffers, 0.01) && !first(Trust::Unknown, 0.01));
        assert_eq!(Trust::Known.why(0.3), Some("such changes are undone often"));
    }
}
