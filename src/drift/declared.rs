//! Declared against actual: settings that are not as the baseline has them, documents that are not as they were declared.

mod departure;
mod injected;
mod known;
mod list;
mod managed;
mod pair;
mod path;
mod peers;
mod scalar;
mod schema;
#[cfg(test)]
mod tests;
mod tool;
mod walk;
mod words;

pub use departure::{Departure, rank};
pub use pair::{Compared, compare, compare_states, told};
pub use path::{Path, Step};
pub use peers::Learnt;
pub use tool::{ToolReport, departures};
pub use words::value as shown;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    along::spreads,
    baseline::{Baseline, Difference},
    deed::{self, Item, deeds},
    group::finding_id,
    guard,
    habit::Habits,
    muted, report, score,
};
use crate::{
    domain::{
        Comparison, DriftOptions, Finding, FindingId, Options, ResourceId, Seen, SeriesId, SettingChange, Span,
        Subject, Timestamp, Value,
    },
    shadow::Shadows,
};

/// What is remembered of settings that drifted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Declared {
    began: BTreeMap<SeriesId, Began>,
    /// The findings of the last comparison; made anew when what they rest on changed.
    #[serde(skip)]
    findings: Vec<Finding>,
    #[serde(skip)]
    rests_on: Option<RestsOn>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Began {
    since: Timestamp,
    /// When the value before was last confirmed.
    after: Timestamp,
    finding: FindingId,
    /// Whether it was there when its finding began: what joins later does not change what a row is about.
    #[serde(default)]
    founder: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct RestsOn {
    generation: u64,
    taken_at: Option<Timestamp>,
    accepted: usize,
    mute: Vec<Arc<str>>,
    drift: DriftOptions,
}

impl Declared {
    /// The findings at `now`; the last look was at `judged`.
    pub fn look(
        &mut self,
        shadows: &Shadows,
        baseline: &Baseline,
        options: &Options,
        judged: Timestamp,
        now: Timestamp,
    ) -> Vec<Finding> {
        let rests_on = RestsOn {
            generation: shadows.settings.generation(),
            taken_at: baseline.taken_at,
            accepted: baseline.values.len(),
            mute: options.mute.clone(),
            drift: options.drift.clone(),
        };
        // A baseline accepted at the very time of the last look may have been accepted after it.
        let accepted_since = baseline.taken_at.is_some_and(|at| at >= judged);
        if accepted_since || self.rests_on.as_ref() != Some(&rests_on) {
            self.compare(shadows, baseline, options, now);
            self.rests_on = Some(rests_on);
        }
        for finding in &mut self.findings {
            finding.last = now;
        }
        self.findings.clone()
    }

    fn compare(&mut self, shadows: &Shadows, baseline: &Baseline, options: &Options, now: Timestamp) {
        let mut differences = baseline.diff(shadows);
        differences.retain(|difference| !muted(&difference.id, options));
        differences.retain(|difference| !idles(difference, baseline));
        differences.retain(|difference| !follows_from_running(difference, shadows, baseline));
        let differing: BTreeSet<&SeriesId> = differences.iter().map(|difference| &difference.id).collect();
        self.began.retain(|id, _| differing.contains(id));
        let changes = last_changes(shadows, &differing);
        let habits = Habits::of(&differing, shadows);
        self.begin(&differences, &changes, &habits, now);

        let mut groups: BTreeMap<FindingId, Vec<Member<'_>>> = BTreeMap::new();
        for difference in &differences {
            let Some(began) = self.began.get(&difference.id) else {
                continue;
            };
            groups.entry(began.finding).or_default().push(Member {
                difference,
                since: began.since,
                after: began.after,
                founder: began.founder,
                bits: bits_of(shadows, &difference.id, began.since),
            });
        }
        self.findings = groups
            .into_iter()
            .map(|(id, members)| finding(id, members, &changes, &habits, shadows, options, now))
            .collect();
    }

    /// Gives new differences their time, and a finding: that of the deed they belong to, else a new one.
    fn begin(
        &mut self,
        differences: &[Difference],
        changes: &BTreeMap<&SeriesId, &SettingChange>,
        habits: &Habits<'_>,
        now: Timestamp,
    ) {
        if differences
            .iter()
            .all(|difference| self.began.contains_key(&difference.id))
        {
            return;
        }
        let by = |difference: &Difference| changes.get(&difference.id).and_then(|change| change.by.as_deref());
        let items: Vec<Item<'_>> = differences
            .iter()
            .map(|difference| match self.began.get(&difference.id) {
                Some(began) => Item {
                    difference,
                    after: began.after,
                    at: began.since,
                    by: by(difference),
                    finding: Some(began.finding),
                },
                None => {
                    let change = changes.get(&difference.id);
                    Item {
                        difference,
                        after: change.map_or(now, |change| change.earliest()),
                        at: change.map_or(now, |change| change.at),
                        by: by(difference),
                        finding: None,
                    }
                }
            })
            .collect();
        for set in deeds(&items, habits) {
            let members = || set.iter().map(|place| &items[*place]);
            let first = members().min_by_key(|item| (item.finding.is_none(), item.at, deed::rank(item.difference)));
            let Some(first) = first else { continue };
            let founder = first.finding.is_none();
            let finding = first
                .finding
                .unwrap_or_else(|| finding_id(&first.difference.id, Comparison::DeclaredActual, first.at));
            for item in members().filter(|item| item.finding.is_none()) {
                let began = Began {
                    since: item.at,
                    after: item.after,
                    finding,
                    founder,
                };
                self.began.insert(item.difference.id.clone(), began);
            }
        }
    }
}

/// Whether the unit `name` was there when the baseline was taken.
fn known(baseline: &Baseline, resource: &ResourceId, name: &str) -> bool {
    ["state", "enabled"].iter().any(|part| {
        let id = SeriesId::new(resource, &format!("unit.{name}:{part}"));
        baseline.values.contains_key(&id)
    })
}

/// Whether it only tells that a unit stands still, which systemd remembers or not, or that one that comes and goes as it is needed runs, or
/// does not.
fn idles(difference: &Difference, baseline: &Baseline) -> bool {
    let Subject::Unit { name, part: "state" } = Subject::of(&difference.id.name) else {
        return false;
    };
    let is = |value: &Option<Value>, states: &[&str]| {
        let state = value.as_ref().map(ToString::to_string).unwrap_or_default();
        states.contains(&state.as_str())
    };
    let sides = [&difference.accepted, &difference.actual];
    let still = sides.iter().all(|side| is(side, &["", "inactive"]));
    let demanded = sides.iter().any(|side| is(side, &["on demand"])) && !sides.iter().any(|side| is(side, &["failed"]));
    (still || demanded) && known(baseline, &difference.id.resource, name)
}

/// Whether it is what a unit is made of, which is only read of units that run or start by themselves: all of it comes and goes as such a
/// one is started or stopped, and none of it was changed.
fn follows_from_running(difference: &Difference, shadows: &Shadows, baseline: &Baseline) -> bool {
    let Subject::Unit { name, part } = Subject::of(&difference.id.name) else {
        return false;
    };
    let resource = &difference.id.resource;
    let came = difference.accepted.is_none();
    if matches!(part, "state" | "enabled") || came != difference.actual.is_some() || !known(baseline, resource, name) {
        return false;
    }
    // On the side that has nothing of it, it was not read.
    let value = |id: &SeriesId| match came {
        true => baseline.values.get(id),
        false => shadows.settings.get(id).map(|state| &state.value),
    };
    let says = |part: &str, word: &str| {
        let text = value(&SeriesId::new(resource, &format!("unit.{name}:{part}"))).map(ToString::to_string);
        text.is_some_and(|text| text.starts_with(word))
    };
    if says("state", "active") || says("enabled", "enabled") {
        return false;
    }
    let from = SeriesId::new(resource, &format!("unit.{name}:"));
    let made_of = |id: &SeriesId| !id.name.ends_with(":state") && !id.name.ends_with(":enabled");
    let of_unit = |id: &&SeriesId| id.resource == *resource && id.name.starts_with(&*from.name);
    match came {
        true => !(baseline.values.range(&from..).map(|(id, _)| id))
            .take_while(of_unit)
            .any(made_of),
        false => !(shadows.settings.all().range(&from..).map(|(id, _)| id))
            .take_while(of_unit)
            .any(made_of),
    }
}

/// A difference of a finding.
struct Member<'a> {
    difference: &'a Difference,
    since: Timestamp,
    after: Timestamp,
    founder: bool,
    bits: f64,
}

/// The newest change of each of `ids` that changed within memory.
fn last_changes<'a>(shadows: &'a Shadows, ids: &BTreeSet<&'a SeriesId>) -> BTreeMap<&'a SeriesId, &'a SettingChange> {
    let mut last = BTreeMap::new();
    for id in ids {
        if let Some(change) = shadows.settings.get(id).and_then(|state| state.last_change.as_deref()) {
            last.insert(*id, change);
        }
    }
    // A setting that is gone has no state; its change is found among all.
    for change in shadows.settings.changes().iter().rev() {
        if last.len() == ids.len() {
            break;
        }
        if change.to.is_none()
            && let Some(id) = ids.get(&change.id)
        {
            last.entry(*id).or_insert(change);
        }
    }
    last
}

/// Surprise of the difference: of the change that made it, or, where none was seen, of any change within a week.
fn bits_of(shadows: &Shadows, id: &SeriesId, since: Timestamp) -> f64 {
    let seen = shadows.settings.get(id).filter(|state| state.last_change.is_some());
    let bits = match seen {
        Some(state) => state.bits,
        None => -shadows.settings.hazard(id, since, Span::from_days(7)).log2(),
    };
    if bits.is_nan() { 0.0 } else { bits.clamp(0.0, 30.0) }
}

/// Puts the member that tells what was done first: one that was there from the beginning or explains those, of packages the one
/// whose name most others bear, else the least likely change.
fn put_head_first(members: &mut [Member<'_>], by: &dyn Fn(&Difference) -> bool) {
    // What the kernel set along with a parameter stands behind it. Of two names of one variable the one that somebody wrote leads, else the
    // shorter one.
    let written: Vec<&Difference> = (members.iter().map(|member| member.difference))
        .filter(|difference| spreads(&difference.id))
        .collect();
    let order = |difference: &Difference| (!by(difference), difference.id.name.len());
    let follows = |member: &Member<'_>| {
        let own = member.difference;
        let mut written = written.iter().filter(|other| deed::sets_along(other, own));
        written.any(|other| !deed::sets_along(own, other) || order(other) < order(own))
    };
    let borne = |member: &Member<'_>| {
        let name = &*member.difference.id.name;
        let stem = name.strip_prefix("pkg.").filter(|_| members.len() <= 500);
        stem.map_or(0, |stem| {
            members
                .iter()
                .filter(|other| other.difference.id.name.contains(stem))
                .count()
        })
    };
    let keys: BTreeMap<SeriesId, (bool, bool, u8, bool, usize)> = members
        .iter()
        .map(|member| {
            // What a server makes of its file follows from the line, whichever was seen first.
            let made = matches!(Subject::of(&member.difference.id.name), Subject::Sshd(_));
            let late = made || !member.founder && !deed::explains(member.difference);
            let rank = if follows(member) {
                deed::LAST
            } else {
                deed::rank(member.difference)
            };
            // That something failed matters more than what was done, and who may get in more than what stands beside it.
            let (failed, guards) = (
                is_now(member.difference, "failed"),
                guard::concerns(&[member.difference]),
            );
            let key = (!failed, late, rank, !guards, usize::MAX - borne(member));
            (member.difference.id.clone(), key)
        })
        .collect();
    members.sort_by(|a, b| {
        keys[&a.difference.id]
            .cmp(&keys[&b.difference.id])
            .then_with(|| b.bits.total_cmp(&a.bits))
            .then_with(|| a.difference.id.cmp(&b.difference.id))
    });
}

fn finding(
    id: FindingId,
    mut members: Vec<Member<'_>>,
    changes: &BTreeMap<&SeriesId, &SettingChange>,
    habits: &Habits<'_>,
    shadows: &Shadows,
    options: &Options,
    now: Timestamp,
) -> Finding {
    put_head_first(&mut members, &|difference| {
        changes.get(&difference.id).is_some_and(|change| change.by.is_some())
    });
    let head = members[0].difference;
    let bits = members.iter().map(|member| member.bits).fold(0.0, f64::max);
    let first = members.iter().min_by_key(|member| (member.since, member.after));
    let (since, after) = first.map_or((now, now), |first| (first.since, first.after));
    let by = changes.get(&head.id).and_then(|change| change.by.as_deref());
    // What had failed and is well again differs from the baseline and harms nobody.
    let recovered = recovered(head);
    let all: Vec<&Difference> = members.iter().map(|member| member.difference).collect();
    // Who may do what on a host, and what protects it, is looked at however often it changes.
    let guards = guard::concerns(&all);
    let score = if recovered {
        0.0
    } else if guards {
        score::of_settings(bits, members.len()).max(options.drift.moderate)
    } else {
        score::of_settings(bits, members.len())
    };
    let sums = |value: &Option<Value>| value.as_ref().is_some_and(Value::is_sum);
    let mut evidence: Vec<Arc<str>> = vec![match sums(&head.accepted) && sums(&head.actual) {
        true => "its content is another than the baseline's".into(),
        false => report::line(format!(
            "baseline says {}, it is {}",
            report::value(head.accepted.as_ref()),
            report::value(head.actual.as_ref())
        )),
    }];
    if after < since {
        evidence.push(report::line(format!(
            "it came about within the {} before it was read",
            since - after
        )));
    }
    evidence.push(report::line(format!(
        "a change this unlikely carries {bits:.1} bits of surprise"
    )));
    if guards {
        evidence.push("it bears on who gets in or on what protects the host: MODERATE at least".into());
    }
    if recovered {
        evidence.push("it had failed when the baseline was taken, and is well again".into());
    }
    for other in members.iter().skip(1).take(5) {
        let became = report::became(other.difference.accepted.as_ref(), other.difference.actual.as_ref());
        let habit = habits.joins(&head.id, &other.difference.id, members[0].since.min(other.since));
        let habit = habit.map_or_else(String::new, |habit| {
            format!(
                "; the two changed together {} of {} times before",
                habit.both, habit.either
            )
        });
        evidence.push(report::line(format!("{} {became}{habit}", other.difference.id.name)));
    }
    if members.len() > 6 {
        evidence.push(report::line(format!("and {} more", members.len() - 6)));
    }
    let series = all.iter().map(|difference| difference.id.clone()).collect();
    let seen = Seen::Setting {
        now: head.actual.clone(),
        expected: head.accepted.clone(),
    };
    Finding {
        earliest: (after < since).then_some(after),
        bits,
        summary: report::settings_summary(&all, shadows, by),
        evidence,
        ..report::standing(id, series, seen, since, score, options, now)
    }
}

/// Whether a unit that had failed when the baseline was taken is well again.
fn recovered(difference: &Difference) -> bool {
    let failed = matches!(&difference.accepted, Some(Value::Enum(is)) if **is == *"failed");
    failed && ["active", "on demand"].iter().any(|state| is_now(difference, state))
}

/// Whether a unit's state is now `state`.
fn is_now(difference: &Difference, state: &str) -> bool {
    matches!(Subject::of(&difference.id.name), Subject::Unit { part: "state", .. })
        && matches!(&difference.actual, Some(Value::Enum(is)) if **is == *state)
}
