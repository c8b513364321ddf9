//! What was accepted as good.

use std::{cmp::Ordering, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{SeriesId, Timestamp, Value},
    shadow::{SettingState, Shadows},
};

/// The values that should be: what was accepted as good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// When it was taken or last accepted; `None` before the first full snapshot.
    pub taken_at: Option<Timestamp>,
    /// Value by setting.
    pub values: BTreeMap<SeriesId, Value>,
}

/// One setting that is not as the baseline has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Which.
    pub id: SeriesId,
    /// The accepted value; `None` when it is new.
    pub accepted: Option<Value>,
    /// The value now; `None` when it is gone.
    pub actual: Option<Value>,
}

impl fmt::Display for Difference {
    /// `NAME ACCEPTED -> NOW`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "(absent)".into(), ToString::to_string);
        write!(f, "{} {} -> {}", self.id, shown(&self.accepted), shown(&self.actual))
    }
}

impl Baseline {
    /// Takes all of `shadows`' settings as they are.
    #[must_use]
    pub fn take(shadows: &Shadows, now: Timestamp) -> Self {
        let values = shadows.settings.all().iter();
        Self {
            taken_at: Some(now),
            values: values.map(|(id, state)| (id.clone(), state.value.clone())).collect(),
        }
    }

    /// Accepts the values now of the settings named (all when `ids` is empty).
    pub fn accept(&mut self, shadows: &Shadows, ids: &[SeriesId], now: Timestamp) {
        if ids.is_empty() {
            *self = Self::take(shadows, now);
            return;
        }
        for id in ids {
            // What only a history tells of is not watched, and so nothing to accept.
            match shadows.settings.all().get(id) {
                Some(state) => self.values.insert(id.clone(), state.value.clone()),
                None => self.values.remove(id),
            };
        }
        self.taken_at = Some(now);
    }

    /// Takes over settings that were first looked for after the baseline was taken (a source that came late, a newer version), and lets go
    /// of those that nobody looks for any more. Settings that appeared where they were looked for are drift.
    pub fn follow(&mut self, first: &[(SeriesId, Value)], left: &[SeriesId]) {
        for id in left {
            self.values.remove(id);
        }
        if self.taken_at.is_some() {
            for (id, value) in first {
                self.values.entry(id.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// What differs, by name. Nothing differs before a baseline was taken.
    ///
    /// A setting that the baseline lacks is new only when it was seen to appear; one that was there at its scope's first
    /// reading is merely unknown.
    #[must_use]
    pub fn diff(&self, shadows: &Shadows) -> Vec<Difference> {
        let mut differences = Vec::new();
        if self.taken_at.is_none() {
            return differences;
        }
        let (mut accepted, mut actual) = (self.values.iter().peekable(), shadows.settings.all().iter().peekable());
        loop {
            let order = match (accepted.peek(), actual.peek()) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return differences,
            };
            let theirs = if order.is_le() { accepted.next() } else { None };
            let ours = if order.is_ge() { actual.next() } else { None };
            let difference = match (theirs, ours) {
                (Some((_, value)), Some((_, state))) if !value.differs(&state.value) => None,
                (None, Some((_, state))) if !appeared(state) => None,
                (theirs, ours) => theirs
                    .map(|(id, _)| id)
                    .or(ours.map(|(id, _)| id))
                    .map(|id| Difference {
                        id: id.clone(),
                        accepted: theirs.map(|(_, value)| value.clone()),
                        actual: ours.map(|(_, state)| state.value.clone()),
                    }),
            };
            differences.extend(difference);
        }
    }
}

fn appeared(state: &SettingState) -> bool {
    state.last_change.is_some()
}

/// The part of a setting's name before the first dot: what is read and changed together.
pub(super) fn scope_of(id: &SeriesId) -> &str {
    id.name.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::sample::{self, T0, host, setting};

    #[test]
    fn a_baseline_differs_from_nothing_but_changes() {
        let mut shadows = sample::settings(&[("sysctl.vm.swappiness", "60"), ("sysctl.kernel.panic", "0")]);
        assert!(
            Baseline::default().diff(&shadows).is_empty(),
            "no baseline, no difference"
        );
        let mut baseline = Baseline::take(&shadows, T0);
        assert!(baseline.diff(&shadows).is_empty());

        sample::change(&mut shadows, "sysctl.vm.swappiness", Some("10"), T0 + sample::MINUTE);
        sample::change(&mut shadows, "sysctl.vm.new", Some("1"), T0 + sample::MINUTE);
        sample::change(&mut shadows, "sysctl.kernel.panic", None, T0 + sample::MINUTE);
        let diff = baseline.diff(&shadows);
        let names: Vec<_> = diff.iter().map(|d| &*d.id.name).collect();
        assert_eq!(names, ["sysctl.kernel.panic", "sysctl.vm.new", "sysctl.vm.swappiness"]);
        assert_eq!((&diff[0].actual, &diff[1].accepted), (&None, &None));
        assert_eq!(
            (&diff[2].accepted, &diff[2].actual),
            (&Some(Value::Int(60)), &Some(Value::Int(10)))
        );

        baseline.accept(
            &shadows,
            &[setting("sysctl.vm.swappiness"), setting("sysctl.kernel.panic")],
            T0,
        );
        assert_eq!(baseline.diff(&shadows).len(), 1);
        baseline.accept(&shadows, &[], T0);
        assert!(baseline.diff(&shadows).is_empty());
    }

    #[test]
    fn a_scope_read_late_is_taken_over_and_is_no_drift() {
        let first = sample::settings(&[("sysctl.a", "1")]);
        let mut baseline = Baseline::take(&first, T0);
        let both = sample::settings(&[("sysctl.a", "1"), ("pkg.bash", "5.2.15")]);
        assert!(baseline.diff(&both).is_empty());
        let bash = SeriesId::new(&host(), "pkg.bash");
        let version = both.settings.get(&bash).unwrap().value.clone();
        baseline.follow(&[(bash.clone(), version)], &[]);
        assert!(baseline.values.contains_key(&bash) && baseline.diff(&both).is_empty());
        baseline.follow(&[], &[bash]);
        assert!(baseline.diff(&first).is_empty(), "what is no longer read is not gone");
    }
}
