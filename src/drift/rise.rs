//! A limit that is being run at: a rise too short for a shadow, and too plain to wait for one.

use crate::{
    domain::{Crossing, Limit, Side, Span, Timestamp},
    shadow::{Metric, Seen, lasts},
};

/// Steps that must lead towards the limit, one after the other.
const STEPS: usize = 3;
/// Least time they span.
const LEAST: Span = Span::from_secs(20);
/// Least share of the way to the limit that was gone.
const PART: f64 = 0.1;

/// Share of the way from the value now to the limit that a fall must have taken back to be the end of a rise.
const FALL: f64 = 0.3;

/// Whether `metric` fell clearly below where it was: two values follow ones that had stood (for two values too) far nearer the limit.
/// What a shadow made of the rise before is no forecast then.
pub(super) fn fell(metric: &Metric, limit: &Limit) -> bool {
    let towards = |seen: &Seen| limit.side.upright(seen.value);
    let recent = &metric.recent;
    let Some(before) = recent.len().checked_sub(2) else {
        return false;
    };
    let now = towards(&recent[before]).max(towards(&recent[before + 1]));
    let pairs = recent.iter().zip(recent.iter().skip(1)).take(before.saturating_sub(1));
    let highest = pairs
        .map(|(a, b)| towards(a).min(towards(b)))
        .fold(f64::NEG_INFINITY, f64::max);
    let left = limit.side.upright(limit.value) - now;
    left > 0.0 && highest - now > FALL * left
}

/// When and how likely the steady rise that `metric` is in will pass `limit` within `horizon`; `None` when it is in none.
///
/// It is as likely as a rise that has lasted for so long is to last for the way that is left, at the mean speed so far.
pub(super) fn crossing(metric: &Metric, limit: &Limit, horizon: Span) -> Option<Crossing> {
    let towards = |value: f64| limit.side.upright(value);
    let recent = &metric.recent;
    let newest = recent.back()?;
    let rising = |pair: (&Seen, &Seen)| towards(pair.0.value) > towards(pair.1.value);
    let steps = recent.iter().rev().zip(recent.iter().rev().skip(1));
    let steps = steps
        .take_while(|pair| rising(*pair) && pair.0.at - pair.1.at <= metric.meta.cadence * 3)
        .count();
    let first = recent.get(recent.len() - 1 - steps)?;
    let lasted = (newest.at - first.at).secs_f64();
    let (gone, left) = (
        towards(newest.value) - towards(first.value),
        towards(limit.value) - towards(newest.value),
    );
    if steps < STEPS || newest.at - first.at < LEAST || left <= 0.0 || gone < PART * (gone + left) {
        return None;
    }
    let still = left * lasted / gone;
    if !still.is_finite() || still > horizon.secs_f64() {
        return None;
    }
    // A rise that passes the limit does so at about the mean speed; one that ends before does not.
    let probability = lasts(lasted, still);
    let after = |share: f64| newest.at + Span((still * share * 1e6) as i64);
    let at = |level: f64, share: f64| (probability >= level).then(|| after(share));
    Some(Crossing {
        limit: limit.value,
        probability,
        horizon,
        at: [at(0.1, 0.8), at(0.5, 1.0), at(0.9, 1.25)],
        // As much farther as a log-normal's outer levels lie.
        at95: [at(0.025, 0.71), at(0.975, 1.41)],
    })
}

/// When the newest values began to lead towards the limit.
pub(super) fn since(metric: &Metric, side: Side) -> Option<Timestamp> {
    let towards = |value: f64| side.upright(value);
    let recent = metric.recent.iter().rev();
    let steps = recent.clone().zip(recent.skip(1));
    steps
        .take_while(|(later, earlier)| towards(later.value) > towards(earlier.value))
        .last()
        .map(|(_, earlier)| earlier.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Unit,
        drift::sample::{self, above},
    };

    /// A small mount read every ten seconds.
    fn mount(values: &[f64]) -> Metric {
        let mut metric = sample::metric("fs./mnt.used_pct", Unit::Percent);
        metric.meta.cadence = Span::from_secs(10);
        for (place, value) in values.iter().enumerate() {
            sample::seen(&mut metric, place as i64 * 10, *value, 0.0);
        }
        metric
    }

    fn ask(values: &[f64]) -> Option<Crossing> {
        crossing(&mount(values), &above(90.0).unwrap(), Span::from_hours(6))
    }

    #[test]
    fn what_has_lasted_half_the_way_is_as_likely_as_not_to_go_the_rest() {
        assert_eq!(ask(&[0.0, 0.0, 10.0, 20.0]), None, "two steps are none");
        let half = ask(&[0.0, 15.0, 30.0, 45.0]).unwrap();
        assert!((half.probability - 0.5).abs() < 1e-9, "{half:?}");
        assert_eq!(half.at[1], Some(sample::at(60)));
        let near = ask(&[0.0, 20.0, 40.0, 60.0, 80.0]).unwrap();
        assert!(near.probability > 0.85 && near.at[2].is_none());
        // A copy that takes a small part of what is free is no run at the limit.
        assert!(ask(&[60.0, 60.5, 61.0, 61.5, 62.0]).is_none());
    }

    #[test]
    fn a_rise_ends_when_it_was_taken_back() {
        let fell = |values: &[f64]| super::fell(&mount(values), &above(90.0).unwrap());
        assert!(fell(&[0.0, 20.0, 40.0, 60.0, 67.0, 0.0, 0.0]));
        assert!(!fell(&[0.0, 20.0, 40.0, 60.0, 67.0]));
        assert!(!fell(&[60.0, 67.0, 67.0, 65.0, 66.0]), "noise is no fall");
        assert!(!fell(&[10.0, 80.0, 10.0, 10.0]), "nor is the end of a spike");
        assert!(!fell(&[]));
    }

    #[test]
    fn what_stands_still_or_turns_is_no_rise() {
        assert_eq!(ask(&[0.0, 15.0, 30.0, 45.0, 45.0]), None);
        assert_eq!(ask(&[45.0, 30.0, 15.0, 0.0]), None);
        assert_eq!(ask(&[]), None);
        assert_eq!(ask(&[95.0]), None);
    }
}
