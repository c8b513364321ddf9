//! Services that are to run from the start and always, against those that do (systemd.service(5)).

use super::{Here, SETTLES, Unmet};
use crate::{
    domain::{SeriesId, Timestamp, Value},
    drift::rule::Scene as _,
};

/// A start takes up to this long (`DefaultTimeoutStartSec=` is a minute and a half).
const STARTS: i64 = 5;

/// Enabled services with `Restart=always` that stand still. Of others nobody can tell: many do their work and end. One with a condition may
/// have been left out for it, and one that failed is told as that.
pub(super) fn unmet(here: &Here<'_>, now: Timestamp) -> Vec<Unmet> {
    let mut found = Vec::new();
    for (name, value) in here.settings("unit.") {
        let Some(unit) = name.strip_suffix(":enabled").filter(|unit| unit.ends_with(".service")) else {
            continue;
        };
        let is = |part: &str, word: &str| {
            let value = here.setting(&format!("{unit}:{part}"));
            value.is_some_and(|value| value.to_string() == word)
        };
        let enabled = matches!(value, Value::Enum(state) if **state == *"enabled");
        if !enabled || !is("Service.Restart", "always") || !is("state", "inactive") {
            continue;
        }
        let bound = ["Condition", "Assert"].iter().any(|start| {
            let all = here.settings(&format!("{unit}:Unit.{start}"));
            !all.is_empty()
        });
        let of = SeriesId::new(here.resource, &format!("{unit}:state"));
        let state = here.shadows.settings.get(&of);
        if bound || state.is_none_or(|state| now - state.since < SETTLES * STARTS) {
            continue;
        }
        found.push(Unmet {
            by: SeriesId::new(here.resource, name),
            of,
            declared: Value::Enum("active".into()),
            actual: Some(Value::Enum("inactive".into())),
            says: [
                unit.trim_start_matches("unit.").to_owned(),
                "it is enabled and to run always".into(),
                "it is stopped".into(),
            ],
        });
    }
    found
}
