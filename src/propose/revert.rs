//! Putting settings back, or making what is the declared.

use super::{
    Candidate,
    artefact::{self, Wanted},
    known,
};
use crate::{
    domain::{
        Change, ChangeSet, Comparison, Factors, Finding, ProposalKind, SeriesId, SettingChange, Severity, Span, Step,
        Subject, Timestamp, Value,
    },
    drift::Baseline,
    shadow::Shadows,
};

/// A change is taken as settled when it was not undone for this long.
const SETTLED: Span = Span::from_days(14);
/// P(a command that sets a value does so), where nothing is done by hand.
const WORKS: f64 = 0.95;
/// Settings of one finding that are written out.
const SHOWN: usize = 5;

/// One setting with its value now and the value it would get.
struct Target {
    id: SeriesId,
    actual: Option<Value>,
    wanted: Option<Value>,
}

/// Revert and adopt for settings that drifted.
pub(super) fn drifted(
    finding: &Finding,
    all: &[&Finding],
    shadows: &Shadows,
    baseline: &Baseline,
    now: Timestamp,
) -> Vec<Candidate> {
    let targets: Vec<Target> = finding
        .series
        .iter()
        .map(|id| Target {
            id: id.clone(),
            actual: shadows.settings.get(id).map(|state| state.value.clone()),
            wanted: baseline.values.get(id).cloned(),
        })
        .collect();
    let undone = undone(shadows, &finding.series[0], now);
    // The strongest departure that names one of these settings as its cause.
    let blamed = all
        .iter()
        .filter(|other| other.comparison != Comparison::DeclaredActual)
        .filter_map(|other| {
            let named = |series: &Option<SeriesId>| series.as_ref().is_some_and(|id| finding.series.contains(id));
            let cause = other.causes.iter().find(|cause| named(&cause.series))?;
            Some((*other, cause.weight))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let (guilt, harm) = blamed.map_or((0.0, 0.0), |(other, weight)| (weight, other.bits.max(other.score)));
    let wrong = 1.0 - (1.0 - undone) * (1.0 - guilt);

    let mut why = vec![finding.summary.to_string()];
    if let Some((other, weight)) = blamed {
        why.push(format!(
            "{}: this change is a likely cause ({:.0} %)",
            other.summary,
            weight * 100.0
        ));
    } else if finding.severity == Severity::Critical {
        why.push("it coincides with a metric that left its shadow".into());
    }
    let mut candidates = Vec::new();
    let sure = format!(
        "{:.0} % of changes like this one are undone within 14 days",
        undone * 100.0
    );
    candidates.extend(back(
        targets,
        finding.bits + harm,
        wrong,
        why.clone(),
        sure,
        &finding.summary,
    ));
    candidates.push(adopt(finding, wrong, why));
    candidates
}

/// Revert of a change that is named as the cause of a departure and is itself no finding (it was accepted meanwhile).
pub(super) fn causes(finding: &Finding, all: &[&Finding], shadows: &Shadows, now: Timestamp) -> Vec<Candidate> {
    let told = |id: &SeriesId| {
        all.iter()
            .any(|other| other.comparison == Comparison::DeclaredActual && other.series.contains(id))
    };
    let named = finding.causes.iter().filter_map(|cause| {
        let id = cause.series.as_ref().filter(|id| !told(id))?;
        let change = shadows
            .settings
            .changes()
            .iter()
            .rev()
            .find(|change| change.id == *id && change.earliest() <= cause.at)?;
        Some((cause, change))
    });
    let (cause, change) = match named.take(1).next() {
        Some(named) => named,
        None => return Vec::new(),
    };
    let actual = shadows.settings.get(&change.id).map(|state| state.value.clone());
    let already = match (&actual, &change.from) {
        (Some(actual), Some(from)) => !actual.differs(from),
        (actual, from) => actual.is_none() && from.is_none(),
    };
    if already {
        return Vec::new();
    }
    let target = Target {
        id: change.id.clone(),
        actual,
        wanted: change.from.clone(),
    };
    let undone = undone(shadows, &change.id, now);
    let wrong = 1.0 - (1.0 - undone) * (1.0 - cause.weight);
    let why = vec![
        finding.summary.to_string(),
        format!(
            "{}, {} before ({:.0} % likely the cause)",
            cause.what,
            cause.lead,
            cause.weight * 100.0
        ),
    ];
    let sure = format!(
        "from the order and the surprise of what happened: {:.0} %",
        cause.weight * 100.0
    );
    back(
        vec![target],
        finding.bits.max(finding.score),
        wrong,
        why,
        sure,
        &cause.what,
    )
    .into_iter()
    .collect()
}

/// P(the last change of `id` is undone within 14 days); one in ten where it is not known.
fn undone(shadows: &Shadows, id: &SeriesId, now: Timestamp) -> f64 {
    let gone = || shadows.settings.changes().iter().rev().find(|change| change.id == *id);
    let state = shadows.settings.get(id);
    let change: Option<&SettingChange> = state.and_then(|state| state.last_change.as_ref()).or_else(gone);
    let undone = change.map_or(0.1, |change| shadows.settings.undone(change, now, SETTLED));
    if undone.is_finite() {
        undone.clamp(0.0, 1.0)
    } else {
        0.1
    }
}

fn back(
    targets: Vec<Target>,
    impact: f64,
    wrong: f64,
    mut why: Vec<String>,
    sure: String,
    summary: &str,
) -> Option<Candidate> {
    let settings: Vec<Wanted<'_>> = targets
        .iter()
        .map(|target| Wanted {
            id: &target.id,
            was: target.actual.as_ref(),
            value: target.wanted.as_ref(),
        })
        .collect();
    let way = artefact::set(&settings)?;
    let changes = ChangeSet {
        steps: targets
            .iter()
            .map(|target| Step {
                change: Change::Setting {
                    id: target.id.clone(),
                    from: target.actual.clone(),
                    to: target.wanted.clone(),
                },
                at: None,
                on: true,
            })
            .collect(),
    };
    let head = &targets[0];
    let name = head.id.name.strip_prefix("sysctl.").unwrap_or(&head.id.name);
    let known = head.id.name.strip_prefix("sysctl.").and_then(known::sysctl);
    let title = title(&targets, name, summary);
    for target in targets.iter().skip(1).take(SHOWN - 1) {
        let (actual, wanted) = (shown(target.actual.as_ref()), shown(target.wanted.as_ref()));
        why.push(format!("{} {actual} -> {wanted}", target.id.name));
    }
    if targets.len() > SHOWN {
        why.push(format!("and {} more", targets.len() - SHOWN));
    }
    why.extend(known.map(|known| format!("{name} is {}", known.what)));
    let restart = known.map_or("", |known| known.restart);
    let cost = if restart.is_empty() {
        way.cost.into()
    } else {
        format!("needs a restart of {restart}")
    };
    let risk = known.map_or("", |known| known.risk);
    let risk = if risk.is_empty() {
        "whoever made the change may rely on it".into()
    } else {
        risk.to_owned()
    };
    Some(Candidate {
        kind: ProposalKind::Revert,
        key: changes.steps.iter().map(|step| format!("{}\n", step.change)).collect(),
        title,
        factors: Factors {
            // Putting a value back works; whether it was wanted decides what that is worth.
            success: WORKS,
            impact: impact * f64::midpoint(1.0, wrong),
            disruption: way.disruption + f64::from(u8::from(!restart.is_empty())),
            effort: way.effort,
        },
        why,
        cost,
        sure,
        risk,
        undo: undo(&targets, name),
        artefact: way.artefact,
        changes,
    })
}

fn adopt(finding: &Finding, wrong: f64, why: Vec<String>) -> Candidate {
    let title = match finding.series.len() {
        1 => format!("accept {}", finding.summary),
        _ => format!("accept: {}", finding.summary),
    };
    Candidate {
        kind: ProposalKind::Adopt,
        key: finding.series.iter().map(|id| format!("{id}\n")).collect(),
        title,
        changes: ChangeSet::default(),
        factors: Factors {
            success: 1.0 - wrong,
            // It takes the row away, and leaves the system as it is.
            impact: finding.bits / 4.0,
            disruption: 0.0,
            effort: 0.5,
        },
        why,
        cost: "nothing changes on the system".into(),
        sure: format!("{:.0} % of changes like this one stay", (1.0 - wrong) * 100.0),
        risk: "a mistake becomes the declared value".into(),
        undo: "set the value back and accept again; the audit keeps the accepted values".into(),
        artefact: artefact::accept(&finding.series),
    }
}

/// How a way back is itself undone.
fn undo(targets: &[Target], name: &str) -> String {
    let head = &targets[0];
    match (Subject::of(&head.id.name), &head.actual, &head.wanted) {
        (Subject::Package { name, part: "" }, Some(version), None) => format!("install {name} {version} again"),
        (Subject::Package { name, part: "" }, None, Some(_)) => format!("remove {name} again"),
        (Subject::Package { name, part: "" }, Some(version), Some(_)) => format!("install {name} {version} again"),
        (Subject::Mount { point, part: "device" }, Some(device), None) => format!("mount {device} on {point} again"),
        (Subject::Mount { point, part: "device" }, None, Some(_)) => format!("unmount {point} again"),
        _ if targets.len() == 1 => format!("set {name} to {} again", shown(head.actual.as_ref())),
        _ => format!(
            "set the {} settings to what they are now; the store keeps these values",
            targets.len()
        ),
    }
}

/// What is done, short: the deed undone where it has a word, else the values.
fn title(targets: &[Target], name: &str, summary: &str) -> String {
    let head = &targets[0];
    let more = targets.len() - 1;
    let and_what = if more == 0 { "" } else { " with what it brought" };
    match (Subject::of(&head.id.name), &head.actual, &head.wanted) {
        (Subject::Package { name, part: "" }, Some(_), None) => format!("remove package {name}{and_what}"),
        (Subject::Package { name, part: "" }, None, Some(version)) => format!("install package {name} {version} again"),
        (Subject::Package { name, part: "" }, Some(_), Some(version)) => format!("package {name} back to {version}"),
        (Subject::Mount { point, part: "device" }, Some(_), None) => format!("unmount {point}"),
        (Subject::Mount { point, part: "device" }, None, Some(device)) => format!("mount {device} on {point} again"),
        (Subject::HostName(name), ..) => {
            let (actual, wanted) = (shown(head.actual.as_ref()), shown(head.wanted.as_ref()));
            format!("/etc/hosts: {name} {actual} -> {wanted}")
        }
        _ if more == 0 => format!(
            "{name} {} -> {}",
            shown(head.actual.as_ref()),
            shown(head.wanted.as_ref())
        ),
        _ => format!("back to the baseline: {summary}"),
    }
}

fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(absent)".into() };
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}
