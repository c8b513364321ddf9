//! Putting settings back, or making what is the declared.

use super::{
    Candidate,
    artefact::{self, Wanted},
    known, lasting, seen, stake,
    title::{shown, title},
    trust::{Trust, coincides},
};
use crate::{
    domain::{
        Change, ChangeSet, Comparison, Factors, Finding, Options, ProposalKind, SeriesId, SettingChange, Step, Subject,
        Timestamp, Value, by_thing, tells,
    },
    drift::{Baseline, along},
    shadow::{SettingShadow, Shadows},
};

/// P(a change is undone) where nothing is known of it.
const USUALLY: f64 = 0.1;
/// P(a command that sets a value does so), where nothing is done by hand.
const WORKS: f64 = 0.95;
/// Settings of one finding that are written out.
const SHOWN: usize = 5;

/// One setting with its value now and the value it would get.
pub(super) struct Target {
    pub id: SeriesId,
    pub actual: Option<Value>,
    pub wanted: Option<Value>,
}

impl Target {
    /// The way from what is to what is wanted.
    fn back(&self) -> Wanted<'_> {
        Wanted {
            id: &self.id,
            was: self.actual.as_ref(),
            value: self.wanted.as_ref(),
        }
    }

    /// The way from there to what is now.
    fn again(&self) -> Wanted<'_> {
        let back = self.back();
        Wanted {
            was: back.value,
            value: back.was,
            ..back
        }
    }
}

/// Revert and adopt for settings that drifted.
pub(super) fn drifted(
    finding: &Finding,
    all: &[&Finding],
    shadows: &Shadows,
    baseline: &Baseline,
    options: &Options,
    now: Timestamp,
) -> Vec<Candidate> {
    let mut targets: Vec<Target> = finding
        .series
        .iter()
        .map(|id| Target {
            id: id.clone(),
            actual: shadows.settings.get(id).map(|state| state.value.clone()),
            wanted: baseline.values.get(id).cloned(),
        })
        .collect();
    leave_along(&mut targets);
    // What came with a new thing goes with it, whether it was told or not.
    for id in came_with(&finding.series[0], shadows) {
        if targets[0].wanted.is_none() && targets.iter().all(|target| target.id != id) {
            let actual = shadows.settings.get(&id).map(|state| state.value.clone());
            targets.push(Target {
                id,
                actual,
                wanted: None,
            });
        }
    }
    let undone = undone(shadows, &finding.series[0], now);
    // The strongest departure that names one of these settings as its cause.
    let blamed = all
        .iter()
        .filter(|other| other.comparison != Comparison::DeclaredActual)
        .filter_map(|other| {
            let named = |series: &Option<SeriesId>| {
                let mut id = series.iter();
                id.any(|id| targets.iter().any(|target| target.id == *id) && !is_mount_of(id, other))
            };
            let cause = other.causes.iter().find(|cause| named(&cause.series))?;
            Some((*other, cause.weight))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let (guilt, harm) = blamed.map_or((0.0, 0.0), |(other, weight)| (weight, stake(other)));
    let trust = Trust::of(finding, shadows, baseline, options, blamed.is_some());
    let wrong = 1.0 - (1.0 - undone) * (1.0 - guilt) * (1.0 - trust.doubt());

    let mut why = vec![finding.summary.to_string()];
    if let Some((other, weight)) = blamed {
        why.push(format!(
            "{}: this change is a {} cause ({:.0} %)",
            lasting(other),
            if weight < 0.5 { "possible" } else { "likely" },
            weight * 100.0
        ));
    } else if let Some(line) = coincides(finding) {
        why.push(format!("it {line}"));
    }
    why.extend(listener(finding, shadows));
    why.extend(trust.why(undone).map(str::to_owned));
    let sure = format!(
        "{:.0} % of changes like this one are undone within 14 days",
        undone * 100.0
    );
    let way_back = if fails(&targets) || trust.is_right() {
        None
    } else {
        back(targets, shadows, stake(finding) + harm, wrong, why.clone(), sure)
    };
    let mut accept = adopt(finding, wrong, undone, why);
    if let Some(back) = &way_back {
        accept.factors = trust.ranked(accept.factors, undone, back.factors.score());
    }
    // Of a finding that grows, or gets another head, the way back stays the same answer.
    let way_back = way_back.map(|back| Candidate {
        key: String::new(),
        ..back
    });
    way_back.into_iter().chain([accept]).collect()
}

/// The settings that came with `id` as one thing and are still there, with itself, the telling one first; itself alone where it did not come new.
fn came_with(id: &SeriesId, shadows: &Shadows) -> Vec<SeriesId> {
    let thing = Subject::of(&id.name).thing();
    let changes = || shadows.settings.changes().iter();
    let came = changes().rev().find(|change| change.id == *id);
    let Some(came) = came.filter(|change| change.from.is_none() && change.to.is_some()) else {
        return vec![id.clone()];
    };
    let with = changes().filter(|change| {
        change.at == came.at
            && change.id.resource == id.resource
            && shadows.settings.get(&change.id).is_some()
            && Subject::of(&change.id.name).thing() == thing
    });
    let with: Vec<SettingChange> = with.cloned().collect();
    let things = by_thing(&with);
    let whole = things.iter().find(|parts| parts.iter().any(|change| change.id == *id));
    // A property that is new makes no new thing: only what the thing is told by does.
    let whole = whole.filter(|parts| parts.first().is_some_and(|head| tells(&head.id.name)));
    let parts = whole.map(|parts| parts.iter().map(|change| change.id.clone()).collect());
    parts.unwrap_or_else(|| vec![id.clone()])
}

/// Leaves out what the kernel sets along with the first of `targets`, on the way there and back.
fn leave_along(targets: &mut Vec<Target>) {
    let Some((head, rest)) = targets.split_first() else {
        return;
    };
    let follows = |other: &Target| {
        let goes = along(&head.id, &other.id);
        goes.is_some_and(|along| {
            along.fits(head.actual.as_ref(), other.actual.as_ref())
                && along.fits(head.wanted.as_ref(), other.wanted.as_ref())
        })
    };
    let keep: Vec<bool> = rest.iter().map(|other| !follows(other)).collect();
    let mut keep = std::iter::once(true).chain(keep);
    targets.retain(|_| keep.next().unwrap_or(true));
}

/// Whether going back would be a unit's failure, which nobody wants.
fn fails(targets: &[Target]) -> bool {
    targets.first().is_some_and(|target| {
        matches!(Subject::of(&target.id.name), Subject::Unit { part: "state", .. })
            && matches!(&target.wanted, Some(Value::Enum(state)) if **state == *"failed")
    })
}

/// Which process of whom listens on a port that was opened, as it was seen then.
fn listener(finding: &Finding, shadows: &Shadows) -> Option<String> {
    let Subject::Port { name, .. } = Subject::of(&finding.series[0].name) else {
        return None;
    };
    let opened = format!("port {name} is open: ");
    let mut events = shadows.events.iter().rev();
    let event = events.find(|event| event.resource == finding.resource && event.what.starts_with(&opened))?;
    Some(format!("{} listens on it", event.what.strip_prefix(&opened)?))
}

/// Revert of a change that is named as the cause of a departure and is itself no finding (it was accepted meanwhile).
pub(super) fn causes(finding: &Finding, all: &[&Finding], shadows: &Shadows, now: Timestamp) -> Vec<Candidate> {
    // What is told of one part of a new thing is told of all of it.
    let told = |id: &SeriesId| {
        let with = came_with(id, shadows);
        all.iter().any(|other| {
            other.comparison == Comparison::DeclaredActual && with.iter().any(|id| other.series.contains(id))
        })
    };
    let named = finding.causes.iter().filter_map(|cause| {
        let id = cause
            .series
            .as_ref()
            .filter(|id| !told(id) && !is_mount_of(id, finding))?;
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
    let parts = match change.from {
        None => came_with(&change.id, shadows),
        Some(_) => vec![change.id.clone()],
    };
    let targets = parts.into_iter().map(|id| Target {
        actual: shadows.settings.get(&id).map(|state| state.value.clone()),
        wanted: change.from.clone(),
        id,
    });
    let undone = undone(shadows, &change.id, now);
    let wrong = 1.0 - (1.0 - undone) * (1.0 - cause.weight);
    let why = vec![
        lasting(finding),
        format!(
            "{}, {} ({:.0} % likely the cause)",
            cause.what,
            cause.ahead(),
            cause.weight * 100.0
        ),
    ];
    let sure = format!(
        "from the order and the surprise of what happened: {:.0} %",
        cause.weight * 100.0
    );
    let targets = targets.collect();
    back(targets, shadows, stake(finding), wrong, why, sure)
        .into_iter()
        .collect()
}

/// Whether a setting is of the very file system that `finding` is about: to unmount it makes no room on it.
pub(super) fn is_mount_of(id: &SeriesId, finding: &Finding) -> bool {
    let Subject::Mount { point, .. } = Subject::of(&id.name) else {
        return false;
    };
    let of = |metric: &SeriesId| {
        let rest = metric
            .name
            .strip_prefix("fs.")
            .and_then(|rest| rest.strip_prefix(point));
        metric.resource == id.resource && rest.is_some_and(|rest| rest.starts_with('.'))
    };
    finding.series.iter().any(of)
}

/// P(the last change of `id` is undone within 14 days), as the setting's own page says; where none is kept, as often as changes are at all.
fn undone(shadows: &Shadows, id: &SeriesId, now: Timestamp) -> f64 {
    let settings = &shadows.settings;
    let told = settings.get(id).and_then(|state| state.undoing.as_ref());
    let gone = || settings.changes().iter().rev().find(|change| change.id == *id);
    let undone = match told {
        Some(undoing) => undoing.probability,
        None => gone().map_or(USUALLY, |change| {
            settings.undone(change, now, SettingShadow::UNDONE_WITHIN)
        }),
    };
    if undone.is_finite() {
        undone.clamp(0.0, 1.0)
    } else {
        USUALLY
    }
}

fn back(
    targets: Vec<Target>,
    shadows: &Shadows,
    impact: f64,
    wrong: f64,
    mut why: Vec<String>,
    sure: String,
) -> Option<Candidate> {
    let settings: Vec<Wanted<'_>> = targets.iter().map(Target::back).collect();
    let way = artefact::set(&settings, &seen(shadows))?;
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
    let title = title(&targets, name);
    // What a new thing is made of goes with it, and says nothing besides.
    let thing = Subject::of(&head.id.name).thing();
    let besides = |target: &&Target| {
        let new = head.wanted.is_none() && target.wanted.is_none();
        !(new && Subject::of(&target.id.name).thing() == thing)
    };
    let besides: Vec<&Target> = targets.iter().skip(1).filter(besides).collect();
    for target in besides.iter().take(SHOWN - 1) {
        let (actual, wanted) = (shown(target.actual.as_ref()), shown(target.wanted.as_ref()));
        // As it came about, like all other reasons; what is done about it says the title.
        why.push(format!("{} {wanted} -> {actual}", target.id.name));
    }
    if besides.len() >= SHOWN {
        why.push(format!("and {} more", besides.len() + 1 - SHOWN));
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
        key: head.id.name.to_string(),
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
        undo: undo(&way, &targets, shadows),
        artefact: way.artefact,
        changes,
    })
}

fn adopt(finding: &Finding, wrong: f64, undone: f64, why: Vec<String>) -> Candidate {
    let title = match finding.series.len() {
        1 => format!("accept {}", finding.summary),
        _ => format!("accept: {}", finding.summary),
    };
    Candidate {
        kind: ProposalKind::Adopt,
        key: String::new(),
        title,
        changes: ChangeSet::default(),
        factors: Factors {
            success: 1.0 - wrong,
            // It takes the row away, and leaves the system as it is.
            impact: stake(finding) / 4.0,
            disruption: 0.0,
            effort: 0.5,
        },
        why,
        cost: "nothing changes on the system".into(),
        sure: format!(
            "{:.0} % of changes like this one stay, {:.0} % are undone within 14 days",
            100.0 - (undone * 100.0).round(),
            undone * 100.0
        ),
        risk: "a mistake becomes the declared value".into(),
        undo: "set the value back and accept again; the audit says what was accepted before".into(),
        artefact: artefact::accept(&finding.series),
    }
}

/// How `way` is itself undone: the commands, where one line holds them, else in words.
fn undo(way: &artefact::Way, targets: &[Target], shadows: &Shadows) -> String {
    let again: Vec<Wanted<'_>> = targets.iter().map(Target::again).collect();
    artefact::undo(way, &again, &seen(shadows)).unwrap_or_else(|| {
        format!(
            "set the {} settings to what they are now; the store keeps these values",
            targets.len()
        )
    })
}
