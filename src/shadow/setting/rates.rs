//! How often settings change, and to what.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::SettingModel;
use crate::domain::{SeriesId, SettingChange, Span, Timestamp, Value};

/// Decayed change rates, shrunk in three stages, and the values seen.
///
/// A setting's changes are taken as a Poisson process whose rate has a Gamma prior (empirical Bayes; Robbins 1956; Gelman et al.,
/// Bayesian Data Analysis, 3rd ed., 2.7 and 5.1): the prior's mean is the rate of its group (the settings of one kind on one resource),
/// whose own prior is the rate of that kind on all resources, whose prior is one change in 90 days. Counts and time at risk fade with a
/// time constant of 30 days, so that a setting that calmed down counts as calm again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangeRates {
    /// By resource and kind (the first part of the name).
    groups: BTreeMap<SeriesId, Exposure>,
    /// By kind, over all resources.
    kinds: BTreeMap<Arc<str>, Exposure>,
    /// Settings that ever changed.
    changed: BTreeMap<SeriesId, Changed>,
}

/// Fading time constant.
const MEMORY: Span = Span::from_days(30);
/// Prior mean time between two changes of one setting, days.
const PRIOR_DAYS: f64 = 90.0;
/// Days of one setting's history that a kind's prior weighs; as many changes as come in that time at the prior's rate.
const KIND_DAYS: f64 = 900.0;
/// Days that the kind's rate weighs against the group's own.
const GROUP_DAYS: f64 = 900.0;
/// Days that the group's rate weighs against the setting's own.
const SETTING_DAYS: f64 = 30.0;
/// Most values remembered of one setting.
const VALUES: usize = 8;

/// Changes and time at risk, both fading.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Exposure {
    settings: u64,
    first: Option<Timestamp>,
    newest: Option<Timestamp>,
    changes: f64,
    days: f64,
}

impl Exposure {
    /// Lets the time until `at` pass for all its settings.
    fn advance(&mut self, at: Timestamp) {
        let newest = *self.newest.get_or_insert(at);
        self.first.get_or_insert(at);
        if at > newest {
            let keep = fading(at - newest);
            self.changes *= keep;
            self.days = self.days * keep + self.settings as f64 * days(MEMORY) * (1.0 - keep);
        }
        // Resources of one kind may be seconds apart; a clock that was set back by more goes on from where it stands.
        if at > newest || newest - at > Span::from_hours(1) {
            self.newest = Some(at);
        }
    }

    /// Changes a day, drawn to `prior` (changes a day) with the weight of `strength` days.
    fn rate(&self, prior: f64, strength: f64) -> f64 {
        (prior * strength + self.changes) / (strength + self.days)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Changed {
    first: Timestamp,
    newest: Timestamp,
    changes: f64,
    /// Values it was changed to, likeliest last, and how often (fading); `None` is "gone".
    values: Vec<(Option<Value>, f64)>,
    /// The value now.
    now: Option<Value>,
}

fn days(span: Span) -> f64 {
    span.secs_f64() / 86_400.0
}

fn fading(span: Span) -> f64 {
    (-days(span).max(0.0) / days(MEMORY)).exp()
}

/// The kind of a setting: the part of its name before the first dot.
pub(super) fn kind(id: &SeriesId) -> Arc<str> {
    id.name.split('.').next().unwrap_or_default().into()
}

fn group(id: &SeriesId) -> SeriesId {
    SeriesId {
        resource: id.resource.clone(),
        name: kind(id),
    }
}

/// Whether two values, present or not, mean the same.
pub(super) fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => !a.differs(b),
        (None, None) => true,
        _ => false,
    }
}

impl ChangeRates {
    /// Notes that one more setting like `id` is watched since `at`, or (with `gone`) one less.
    pub fn watch(&mut self, id: &SeriesId, at: Timestamp, gone: bool) {
        let kind = self.kinds.entry(kind(id)).or_default();
        let group = self.groups.entry(group(id)).or_default();
        for exposure in [kind, group] {
            exposure.advance(at);
            exposure.settings = if gone {
                exposure.settings.saturating_sub(1)
            } else {
                exposure.settings + 1
            };
        }
    }

    /// Notes that time has passed until `at` for the settings of `scope` (a resource, and the name its settings begin with).
    pub fn confirm(&mut self, scope: &SeriesId, at: Timestamp) {
        if let Some(exposure) = self.groups.get_mut(&group(scope)) {
            exposure.advance(at);
        }
        if let Some(exposure) = self.kinds.get_mut(&kind(scope)) {
            exposure.advance(at);
        }
    }

    /// Whether `id` was there, and its last change took it away.
    #[must_use]
    pub fn gone(&self, id: &SeriesId) -> bool {
        self.changed.get(id).is_some_and(|own| own.now.is_none())
    }

    /// Changes of `id` a day, as known at `at`.
    fn rate(&self, id: &SeriesId, at: Timestamp) -> f64 {
        let prior = 1.0 / PRIOR_DAYS;
        let kind = self
            .kinds
            .get(&kind(id))
            .map_or(prior, |kind| kind.rate(prior, KIND_DAYS));
        let group = self.groups.get(&group(id));
        let mean = group.map_or(kind, |group| group.rate(kind, GROUP_DAYS));
        let since = |first: Timestamp| days(MEMORY) * (1.0 - fading(at - first));
        match self.changed.get(id) {
            Some(own) => {
                (mean * SETTING_DAYS + own.changes * fading(at - own.newest)) / (SETTING_DAYS + since(own.first))
            }
            None => {
                let own = group.and_then(|group| group.first).map_or(0.0, since);
                mean * SETTING_DAYS / (SETTING_DAYS + own)
            }
        }
    }

    /// Surprise of a change, bits, 0 to 40: −log2 of P(it changes on a day) times P(a value no likelier than this one, given that it changes).
    ///
    /// The day is a yardstick: without one the surprise would depend on how often the setting is read.
    #[must_use]
    pub fn bits(&self, change: &SettingChange) -> f64 {
        let day = self.hazard(&change.id, change.at, Span::from_days(1));
        let value = self
            .changed
            .get(&change.id)
            .map_or(1.0, |own| own.no_likelier(change.to.as_ref()));
        (1.0 / (day * value)).log2().clamp(0.0, 40.0)
    }
}

impl Changed {
    /// P(a change leads to a value no likelier than `to`): values by their counts, one count for a value never seen (Laplace).
    fn no_likelier(&self, to: Option<&Value>) -> f64 {
        let others = || {
            self.values
                .iter()
                .filter(|(value, _)| !same(value.as_ref(), self.now.as_ref()))
        };
        let total: f64 = 1.0 + others().map(|(_, count)| count).sum::<f64>();
        let mine = others()
            .find(|(value, _)| same(value.as_ref(), to))
            .map_or(1.0, |(_, count)| *count);
        let less: f64 = others()
            .map(|(_, count)| *count)
            .chain([1.0])
            .filter(|count| *count <= mine)
            .sum();
        (less / total).min(1.0)
    }
}

impl SettingModel for ChangeRates {
    fn name(&self) -> &'static str {
        "change rates"
    }

    fn observe(&mut self, change: &SettingChange) {
        // One setting that flaps says little of the others: its n-th change counts as one n-th (so as ln n in all).
        let before = self
            .changed
            .get(&change.id)
            .map_or(0.0, |own| own.changes * fading(change.at - own.newest));
        let kind = self.kinds.entry(kind(&change.id)).or_default();
        let group = self.groups.entry(group(&change.id)).or_default();
        for exposure in [kind, &mut *group] {
            exposure.advance(change.at);
            exposure.changes += 1.0 / (1.0 + before);
        }
        let first = group.first.unwrap_or(change.at);
        let own = self.changed.entry(change.id.clone()).or_insert_with(|| Changed {
            first,
            newest: change.at,
            changes: 0.0,
            values: vec![(change.from.clone(), 0.5)],
            now: change.from.clone(),
        });
        let keep = fading(change.at - own.newest);
        own.changes = own.changes * keep + 1.0;
        own.values.iter_mut().for_each(|(_, count)| *count *= keep);
        match own
            .values
            .iter_mut()
            .find(|(value, _)| same(value.as_ref(), change.to.as_ref()))
        {
            Some((_, count)) => *count += 1.0,
            None => own.values.push((change.to.clone(), 1.0)),
        }
        own.values.sort_by(|a, b| a.1.total_cmp(&b.1));
        if own.values.len() > VALUES {
            own.values.remove(0);
        }
        own.newest = change.at;
        own.now = change.to.clone();
    }

    fn values(&self, id: &SeriesId, at: Timestamp) -> Vec<(Option<Value>, f64)> {
        let Some(own) = self.changed.get(id) else {
            return Vec::new();
        };
        // Until the newest reading it is known to have stayed.
        let read = self
            .groups
            .get(&group(id))
            .and_then(|group| group.newest)
            .map_or(own.newest, |read| read.max(own.newest));
        let moves = self.hazard(id, read, at - read);
        let others = || {
            own.values
                .iter()
                .rev()
                .filter(|(value, _)| !same(value.as_ref(), own.now.as_ref()))
        };
        let total: f64 = 1.0 + others().map(|(_, count)| count).sum::<f64>();
        let mut values = vec![(own.now.clone(), 1.0 - moves)];
        values.extend(others().map(|(value, count)| (value.clone(), moves * count / total)));
        values.sort_by(|a, b| b.1.total_cmp(&a.1));
        values
    }

    fn hazard(&self, id: &SeriesId, at: Timestamp, within: Span) -> f64 {
        1.0 - (-self.rate(id, at) * days(within).max(0.0)).exp()
    }
}
