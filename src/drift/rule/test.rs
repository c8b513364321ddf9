//! Whether a value is as a condition wants it.

use std::{cmp::Ordering, collections::VecDeque};

use super::{
    glob::{Bound, filled},
    scene::Scene,
};
use crate::{
    domain::{Condition, Operand, Quantity, Test, Timestamp, Unit, Value, Version, matches},
    shadow::Minute,
};

/// Whether `value` (`None` where it is not set) passes all tests.
pub(super) fn passes(condition: &Condition, value: Option<&Value>, scene: &dyn Scene, bound: &Bound) -> bool {
    let word;
    let value = match (condition.word, value) {
        (Some(place), Some(value)) => {
            let text = value.to_string();
            let Some(found) = text.split_ascii_whitespace().nth(place - 1) else {
                return false;
            };
            word = Value::infer(found);
            Some(&word)
        }
        _ => value,
    };
    let absent = value.is_none();
    let value = value.or(condition.default.as_ref());
    if condition.tests.is_empty() {
        return value.is_some();
    }
    condition.tests.iter().all(|test| match (test, value) {
        (Test::Absent(wanted), _) => absent == *wanted,
        (Test::Not(_) | Test::Unlike(_), None) => false,
        (Test::Is(wanted), Some(value)) => wanted.iter().any(|wanted| means(value, wanted)),
        (Test::Not(unwanted), Some(value)) => !unwanted.iter().any(|unwanted| means(value, unwanted)),
        (Test::Above(than), Some(value)) => order(value, than, scene, bound) == Some(Ordering::Greater),
        (Test::Below(than), Some(value)) => order(value, than, scene, bound) == Some(Ordering::Less),
        (Test::Least(than), Some(value)) => order(value, than, scene, bound).is_some_and(Ordering::is_ge),
        (Test::Like(patterns), Some(value)) => like(value, patterns),
        (Test::Unlike(patterns), Some(value)) => !like(value, patterns),
        // Behaviour is asked of metrics, see `behaves`.
        (Test::Rising(_) | Test::Surprising(_), _) | (_, None) => false,
    })
}

fn means(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Version(version), wanted) => *version == Version::new(&wanted.to_string()),
        (value, wanted) => !value.differs(wanted),
    }
}

fn order(value: &Value, than: &Operand, scene: &dyn Scene, bound: &Bound) -> Option<Ordering> {
    match than {
        Operand::Value(wanted) => match value {
            Value::Version(version) => Some(version.cmp(&Version::new(&wanted.to_string()))),
            value => value.order(wanted),
        },
        Operand::Setting { name, times } => {
            let other = scene.setting(&filled(name, bound))?.number()?;
            value.number()?.partial_cmp(&(other * times))
        }
    }
}

fn like(value: &Value, patterns: &[std::sync::Arc<str>]) -> bool {
    let one = |text: &str| patterns.iter().any(|pattern| matches(pattern, text));
    match value {
        Value::List(items) => items.keys().any(|item| one(item)),
        value => one(&value.to_string()),
    }
}

/// Whether a metric behaved so for as long as the condition asks, up to `now`.
pub(super) fn behaves(
    condition: &Condition,
    minutes: &VecDeque<Minute>,
    now: Timestamp,
    scene: &dyn Scene,
    bound: &Bound,
) -> bool {
    let from = now - condition.lasts;
    let Some(newest) = minutes.back() else {
        return false;
    };
    // A metric that is no longer told of says nothing; neither does one that was not told of for so long.
    let stale = now - newest.at > crate::domain::Span::from_mins(10);
    if stale
        || minutes
            .front()
            .is_none_or(|first| first.at > from + crate::domain::Span::from_mins(1))
    {
        return false;
    }
    let within: Vec<&Minute> = minutes
        .iter()
        .filter(|minute| minute.at >= from || minute.at == newest.at)
        .collect();
    let number = |value: f64| Quantity::new(value, Unit::None).map(Value::Quantity);
    let all = |of: fn(&Minute) -> f64, wanted: fn(Ordering) -> bool, than: &Operand| {
        within.iter().all(|minute| {
            let value = number(of(minute));
            value.is_some_and(|value| numbers(&value, than, scene, bound).is_some_and(wanted))
        })
    };
    condition.tests.iter().all(|test| match test {
        Test::Above(than) => all(|minute| minute.min, Ordering::is_gt, than),
        Test::Least(than) => all(|minute| minute.min, Ordering::is_ge, than),
        Test::Below(than) => all(|minute| minute.max, Ordering::is_lt, than),
        Test::Rising(least) => rise(&within).is_some_and(|rise| rise >= *least),
        Test::Surprising(bits) => within.iter().any(|minute| f64::from(minute.bits) >= *bits),
        Test::Absent(absent) => !absent,
        Test::Is(_) | Test::Not(_) | Test::Like(_) | Test::Unlike(_) => false,
    })
}

/// The order by plain numbers: a metric has its own unit, which the rule's number is taken to be in.
fn numbers(value: &Value, than: &Operand, scene: &dyn Scene, bound: &Bound) -> Option<Ordering> {
    match than {
        Operand::Value(wanted) => value.number()?.partial_cmp(&wanted.number()?),
        Operand::Setting { .. } => order(value, than, scene, bound),
    }
}

/// The median of the last third of the minutes less that of the first.
fn rise(minutes: &[&Minute]) -> Option<f64> {
    let third = minutes.len() / 3;
    let median = |part: &[&Minute]| {
        let mut values: Vec<f64> = part.iter().map(|minute| minute.last).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some(median(minutes.get(minutes.len() - third..)?)? - median(minutes.get(..third)?)?)
}
