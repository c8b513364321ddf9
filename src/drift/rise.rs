//! A limit that is being run at: a rise too short for a shadow, and too plain to wait for one.

use crate::{
    domain::{Crossing, Forecast, LEVELS, Limit, Side, Span, Timestamp},
    shadow::{Metric, Seen, lasts},
};

/// Steps that must lead towards the limit, one after the other; one less where each is as long as all of them must be.
const STEPS: usize = 3;
/// Least time they span.
const LEAST: Span = Span::from_secs(20);
/// Least share of the way to the limit that was gone.
const PART: f64 = 0.1;

/// Readings in a row at which a rise may stand still.
const STILL: usize = 3;

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
/// It is as likely as a rise that has lasted for so long is to last for the way that is left, at the mean speed so far. One that came
/// hardly farther than `metric` was before, and came back from below the limit, is a habit: a log that fills up and is rotated.
pub(super) fn crossing(metric: &Metric, limit: &Limit, horizon: Span) -> Option<Crossing> {
    let newest = metric.newest()?;
    let Run { lasted, gone, left } = run(metric, limit)?;
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

/// What is drawn beside what [`super::crossing`] tells: the `forecast` of `metric`'s shadow; where a rise is as likely as not to pass `limit`
/// by its end, of both the one farther on the way there, level by level.
///
/// A rise that has lasted for so long goes on, with a probability of q, for no longer than lasted × q / (1 − q) (see [`lasts`]); where it
/// ends it stays. So the share of what is drawn beyond the limit is as likely as its passing.
#[must_use]
pub fn drawn(metric: &Metric, limit: &Limit, mut forecast: Forecast) -> Forecast {
    let end = forecast.step * forecast.steps.len() as i64;
    let told = crossing(metric, limit, end).is_some_and(|crossing| crossing.at[1].is_some());
    let (Some(run), Some(newest)) = (run(metric, limit).filter(|_| told), metric.newest()) else {
        return forecast;
    };
    let (side, now) = (limit.side, limit.side.upright(newest.value));
    let (lo, hi) = metric.meta.range();
    let since = (forecast.start - newest.at).secs_f64();
    for (place, step) in (1..).zip(&mut forecast.steps) {
        let after = since + forecast.step.secs_f64() * f64::from(place);
        for (value, level) in step.0.iter_mut().zip(LEVELS) {
            let level = if side == Side::Above { level } else { 1.0 - level };
            let goes_on = after.min(run.lasted * level / (1.0 - level));
            let risen = now + run.gone / run.lasted * goes_on;
            if side.upright(*value) < risen {
                *value = side.upright(risen);
            }
        }
        *step = step.tidy(lo, hi);
    }
    forecast
}

/// A rise towards a limit.
struct Run {
    /// Seconds since it began.
    lasted: f64,
    /// How far it has come, and how far it is from there to the limit; both more than 0.
    gone: f64,
    left: f64,
}

/// The rise towards `limit` that `metric` is in: long enough, far enough, and farther than it was before.
fn run(metric: &Metric, limit: &Limit) -> Option<Run> {
    let towards = |value: f64| limit.side.upright(value);
    let newest = metric.recent.back()?;
    let Rise { first, steps, .. } = rise(metric, limit.side)?;
    let (gone, left) = (
        towards(newest.value) - towards(first.value),
        towards(limit.value) - towards(newest.value),
    );
    let enough = if metric.meta.cadence >= LEAST { STEPS - 1 } else { STEPS };
    if steps < enough || newest.at - first.at < LEAST || left <= 0.0 || gone < PART * (gone + left) {
        return None;
    }
    let lasted = (newest.at - first.at).secs_f64();
    (!comes_again(metric, limit, &first)).then_some(Run { lasted, gone, left })
}

/// Whether `metric` is in a rise that comes hardly farther than one before it.
pub(super) fn repeats(metric: &Metric, limit: &Limit) -> bool {
    rise(metric, limit.side).is_some_and(|rise| comes_again(metric, limit, &rise.first))
}

/// Whether `metric` was hardly lower in the three hours before `first`, the begin of a rise, than it is now, and had not passed `limit`.
fn comes_again(metric: &Metric, limit: &Limit, first: &Seen) -> bool {
    let towards = |value: f64| limit.side.upright(value);
    let minutes = metric.minutes.iter();
    let before = minutes.filter(|minute| minute.at + Span::from_mins(1) <= first.at);
    let highest = before
        .map(|minute| towards(minute.min).max(towards(minute.max)))
        .fold(f64::NEG_INFINITY, f64::max);
    let clearly = highest + PART * (highest - towards(first.value)).max(0.0);
    let now = metric.newest().map_or(f64::INFINITY, |newest| towards(newest.value));
    highest < towards(limit.value) && now <= clearly
}

/// Whether `metric` was as near `limit` within the last three hours as it is now, went back by a tenth of the way that is left, and never
/// passed it: builds that take memory and give it back.
pub(super) fn swings(metric: &Metric, limit: &Limit) -> bool {
    let towards = |value: f64| limit.side.upright(value);
    let Some(now) = metric.newest().map(|newest| towards(newest.value)) else {
        return false;
    };
    let back = now - PART * (towards(limit.value) - now);
    let (mut near, mut found) = (false, false);
    for minute in &metric.minutes {
        let (one, other) = (towards(minute.min), towards(minute.max));
        if one.max(other) >= towards(limit.value) {
            return false;
        }
        found |= near && one.min(other) <= back;
        near |= one.max(other) >= now;
    }
    found
}

/// Whether `metric` comes nearer `limit` still: all but one of its newest steps lead there.
pub(super) fn nears(metric: &Metric, limit: f64) -> bool {
    let away = |seen: &Seen| (limit - seen.value).abs();
    let recent = metric.recent.iter().rev();
    let steps = recent.clone().zip(recent.skip(1)).take(STEPS + 1);
    steps.filter(|(later, earlier)| away(later) < away(earlier)).count() >= STEPS
}

/// Whether `metric` is nearer `limit` than it was before the last `within`.
pub(super) fn moved(metric: &Metric, limit: f64, within: Span) -> bool {
    let Some(newest) = metric.newest() else { return false };
    let before = metric.recent.iter().rev().find(|seen| newest.at - seen.at >= within);
    before.is_some_and(|before| (limit - newest.value).abs() < (limit - before.value).abs())
}

/// When the first of the newest values that lead towards the limit was read.
pub(super) fn since(metric: &Metric, side: Side) -> Option<Timestamp> {
    rise(metric, side).map(|rise| rise.begins)
}

/// Values that lead one way.
struct Rise {
    /// The last one before it.
    first: Seen,
    /// When the one after that was read.
    begins: Timestamp,
    /// Values that are nearer the limit than those before them.
    steps: usize,
}

/// The rise that the newest value is the end of. What is written out in pieces stands still in between: for [`STILL`] readings at most,
/// and at its end for no longer than it did before.
fn rise(metric: &Metric, side: Side) -> Option<Rise> {
    let recent = metric.recent.iter().rev();
    let (mut found, mut still, mut longest) = (None::<Rise>, 0, None::<usize>);
    let mut at_the_end = 0;
    for (later, earlier) in recent.clone().zip(recent.skip(1)) {
        let by = side.upright(later.value) - side.upright(earlier.value);
        if later.at - earlier.at > metric.meta.cadence * 3 || by < 0.0 || still > STILL {
            break;
        }
        if by == 0.0 {
            still += 1;
            continue;
        }
        match &mut found {
            Some(rise) => {
                longest = longest.max(Some(still));
                (rise.first, rise.begins, rise.steps) = (*earlier, later.at, rise.steps + 1);
            }
            None => {
                at_the_end = still;
                found = Some(Rise {
                    first: *earlier,
                    begins: later.at,
                    steps: 1,
                });
            }
        }
        still = 0;
    }
    found.filter(|_| at_the_end <= longest.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Quantiles, Unit},
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
    fn what_is_drawn_passes_the_limit_when_and_as_likely_as_is_told() {
        let flat = || Forecast {
            start: sample::at(40),
            step: Span::from_secs(10),
            steps: vec![Quantiles::certain(30.0); 60],
            points: 5,
            tested: Span::ZERO,
        };
        let limit = above(90.0).unwrap();
        let rising = mount(&[0.0, 20.0, 40.0, 60.0, 80.0]);
        let told = crossing(&rising, &limit, Span::from_mins(10)).unwrap();
        let drawn = super::drawn(&rising, &limit, flat());
        let first = drawn.steps.iter().position(|step| step.median() >= 90.0).unwrap();
        let at = drawn.start + drawn.step * (first as i64 + 1);
        assert!((at - told.at[1].unwrap()).0.abs() <= drawn.step.0, "{at} {told:?}");
        let beyond = 1.0 - drawn.steps[59].cdf(90.0);
        assert!((beyond - told.probability).abs() < 0.05, "{beyond} {told:?}");
        assert!(drawn.steps.iter().all(|step| step.0[12] <= 100.0 && step.0[0] >= 80.0));
        // Where none is told nothing else is drawn than the shadow says.
        let short = mount(&[0.0, 10.0, 20.0, 30.0]);
        assert!(crossing(&short, &limit, Span::from_mins(10)).unwrap().at[1].is_none());
        assert_eq!(super::drawn(&short, &limit, flat()), flat());
    }

    #[test]
    fn what_is_written_out_in_pieces_rises_and_a_copy_that_has_ended_does_not() {
        let pieces = [0.0, 0.0, 0.0, 0.0, 0.0, 15.0, 15.0, 30.0, 30.0, 45.0];
        let found = ask(&pieces).unwrap();
        assert!((found.probability - 0.5).abs() < 1e-9, "{found:?}");
        assert_eq!(found.at[1], Some(sample::at(90 + 50)), "from the last of the zeros");
        assert!(
            ask(&[&pieces[..], &[45.0]].concat()).is_some(),
            "the next piece may come"
        );
        assert!(ask(&[&pieces[..], &[45.0, 45.0]].concat()).is_none());
        assert!(ask(&[0.0, 0.0, 30.0, 60.0, 60.0, 60.0]).is_none(), "one burst");
    }

    #[test]
    fn a_level_that_it_came_back_from_is_one_it_swings_to() {
        let swings = |levels: &[f64]| {
            let minutes: Vec<f64> = levels.iter().flat_map(|level| [*level; 12]).collect();
            super::swings(&mount(&minutes), &above(90.0).unwrap())
        };
        assert!(swings(&[40.0, 60.0, 40.0, 55.0]));
        assert!(!swings(&[40.0, 60.0]), "the first time");
        assert!(!swings(&[40.0, 60.0, 40.0, 65.0]), "farther than ever");
        assert!(!swings(&[40.0, 60.0, 58.0, 59.0]), "hardly back");
        assert!(!swings(&[40.0, 95.0, 40.0, 55.0]), "it did pass");
    }

    #[test]
    fn what_is_read_rarely_needs_fewer_steps() {
        let mut metric = mount(&[]);
        metric.meta.cadence = Span::from_secs(20);
        for (place, value) in [14.0, 42.0, 70.0].into_iter().enumerate() {
            sample::seen(&mut metric, place as i64 * 20, value, 0.0);
        }
        let found = crossing(&metric, &above(90.0).unwrap(), Span::from_hours(6)).unwrap();
        assert!((found.probability - 56.0 / 76.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn what_filled_up_and_was_emptied_before_is_told_only_beyond_that() {
        let ramp = |to: i64| (0..=to / 5).map(|step| step as f64 * 5.0);
        // Twice the same, each longer than a minute.
        let twice = |to: i64| {
            ramp(75)
                .chain(std::iter::repeat_n(0.0, 9))
                .chain(ramp(to))
                .collect::<Vec<_>>()
        };
        assert!(
            ask(&ramp(75).collect::<Vec<_>>()).is_some(),
            "nobody knows of the first"
        );
        assert!(ask(&twice(75)).is_none());
        assert!(ask(&twice(80)).is_none(), "hardly more");
        assert!(ask(&twice(85)).is_some());
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
