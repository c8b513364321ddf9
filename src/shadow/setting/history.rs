//! The models learnt again from the changes that are kept.

use std::collections::BTreeMap;

use super::{SettingState, learned::Learner, stream};
use crate::domain::{ResourceId, SeriesId, SettingChange, Timestamp, Value};

/// The scope of a setting on its resource.
fn scope(id: &SeriesId) -> (&ResourceId, &str) {
    let name = id.name.split('.').next().unwrap_or_default();
    (&id.resource, name)
}

/// Learns `changes` (oldest first) of the settings that are `all` now. What changed was there, as it was before, since the first change
/// of its scope; what never did since it was first seen. `each` is called with every change once it is learnt.
pub(super) fn learn<'a>(
    all: &BTreeMap<SeriesId, SettingState>,
    changes: impl IntoIterator<Item = &'a SettingChange> + Clone,
    each: &mut dyn FnMut(&SettingChange, &mut Learner),
) -> Learner {
    let mut began: BTreeMap<(&ResourceId, &str), Timestamp> = BTreeMap::new();
    let mut first: BTreeMap<&SeriesId, Option<&Value>> = BTreeMap::new();
    for change in changes.clone() {
        began.entry(scope(&change.id)).or_insert(change.at);
        first.entry(&change.id).or_insert(change.from.as_ref());
    }
    let begins = |id: &SeriesId, at, value: &Value| SettingChange {
        id: id.clone(),
        at,
        after: None,
        from: None,
        to: Some(value.clone()),
        by: None,
        backfilled: true,
    };
    let mut told: Vec<(bool, SettingChange)> = Vec::new();
    for (id, value) in &first {
        if let (Some(value), Some(at)) = (value, began.get(&scope(id))) {
            told.push((true, begins(id, *at, value)));
        }
    }
    let quiet = all.iter().filter(|(id, _)| !first.contains_key(id));
    told.extend(quiet.map(|(id, state)| (true, begins(id, state.since, &state.value))));
    told.extend(changes.into_iter().map(|change| (false, change.clone())));
    // What is there at a time comes before what changes then.
    told.sort_by_key(|(begins, change)| (change.at, !begins));
    let mut learner = Learner::default();
    for (begins, change) in &told {
        stream::tell(change, *begins, |key, place, edit| learner.observe(key, place, edit));
        if !begins {
            each(change, &mut learner);
        }
    }
    learner
}
