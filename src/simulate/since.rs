//! What would have been, had changes been made at their times: the counterfactual of what was measured.

use super::{Outcome, Plan, draw::SCORES, law::Applied};
use crate::{
    domain::{ChangeSet, Effect, Evidence, Forecast, LEVELS, Quantiles, SeriesId, Span, Timestamp},
    shadow::{Metric, Shadows},
};

/// Steps that the time shown is cut into at most.
const STEPS: i64 = 120;
/// Time shown before the first change: a quarter of that since, within these.
const LEAD: (Span, Span) = (Span::from_mins(5), Span::from_mins(30));

/// Applies the changes of `changes` that lie before `now`, each from its time on, to what was measured since then.
///
/// What happened is kept with all its noise, and only what the changes do is put on top (abduction, action, prediction: Pearl 2009,
/// *Causality*, 7.1); the band is the doubt about that alone. Of a change that is undone it is what it did in the quarter of an hour after it,
/// taken to have lasted. What is said of the metrics `about` is as in [`super::what_if`]. Changes that are not yet made do nothing here.
#[must_use]
pub fn since(shadows: &Shadows, changes: &ChangeSet, about: &[SeriesId], now: Timestamp, seed: u64) -> Outcome {
    let begin = changes.begins_before(now).unwrap_or(now);
    let lead = Span((now - begin).0 / 4).clamp(LEAD.0, LEAD.1);
    let from = (begin - lead).floor(Span::from_mins(1));
    let mut plan = Plan::default().of(shadows, changes, about, now, |at| at.filter(|at| *at < now));
    if changes
        .steps
        .iter()
        .any(|step| step.on && step.at.is_none_or(|at| at >= now))
    {
        plan.note("changes that are not made yet do nothing to what has been");
    }
    let mut outcome = Outcome {
        changes: changes.clone(),
        at: from,
        horizon: now - from,
        seed,
        runs: 0,
        effects: Vec::new(),
        bands: Vec::new(),
        no_evidence: Vec::new(),
        notes: Vec::new(),
        inside_seen: !plan.outside_seen,
        actual: true,
    };
    let mut found: Vec<(f64, Effect, (SeriesId, Forecast, Forecast))> = Vec::new();
    let mut gaps = 0;
    for (id, laws) in plan.laws.clone() {
        let Some(metric) = shadows.metrics.get(&id) else {
            continue;
        };
        let Some((before, missing)) = measured(metric, from, now) else {
            continue;
        };
        gaps = gaps.max(missing);
        if let Some((effect, after)) = undone(metric, &before, &laws, begin) {
            let size = effect.before[1].abs().max(effect.after[1].abs()).max(1e-9);
            found.push((effect.difference[1].abs() / size, effect, (id, before, after)));
        }
    }
    if gaps > 0 {
        plan.note(format!("no data for {gaps} steps: the value before stands in for them"));
    }
    outcome.no_evidence = plan.unanswered(about, shadows, |id| {
        found.iter().any(|(_, effect, _)| effect.series == *id)
    });
    found.sort_by(|a, b| {
        let besides = |effect: &Effect| !about.contains(&effect.series);
        besides(&a.1)
            .cmp(&besides(&b.1))
            .then_with(|| b.0.total_cmp(&a.0))
            .then_with(|| a.1.series.cmp(&b.1.series))
    });
    for (_, effect, band) in found {
        outcome.effects.push(effect);
        outcome.bands.push(band);
    }
    outcome.notes = plan.notes;
    outcome
}

/// What was measured from `from` to `now`, in steps of whole minutes, and how many of them have no value; `None` without any.
fn measured(metric: &Metric, from: Timestamp, now: Timestamp) -> Option<(Forecast, usize)> {
    let minute = Span::from_mins(1);
    // The minute that is on counts.
    let minutes = ((now - from).0 + minute.0 - 1) / minute.0;
    let step = minute * ((minutes + STEPS - 1) / STEPS);
    let mut values: Vec<Option<f64>> = vec![None; ((minutes + step.0 / minute.0 - 1) / (step.0 / minute.0)) as usize];
    for known in metric.minutes.iter().filter(|known| known.at >= from) {
        let place = usize::try_from((known.at - from).0 / step.0).ok();
        if let Some(value) = place.and_then(|place| values.get_mut(place)) {
            *value = Some(known.last);
        }
    }
    // Before the first value nothing is known.
    let first = values.iter().position(Option::is_some)?;
    let values = values.split_off(first);
    let mut last = values[0]?;
    let missing = values.iter().filter(|value| value.is_none()).count();
    let steps = values.into_iter().map(|value| {
        last = value.unwrap_or(last);
        Quantiles::certain(last)
    });
    let forecast = Forecast {
        start: from + step * first as i64,
        step,
        steps: steps.collect(),
        points: metric.shadow.points(),
        tested: Span::ZERO,
    };
    Some((forecast, missing))
}

/// The same with `laws`, and its mean since `begin` beside that measured; `None` where nothing differs.
fn undone(metric: &Metric, before: &Forecast, laws: &[Applied], begin: Timestamp) -> Option<(Effect, Forecast)> {
    let (lo, hi) = metric.meta.range();
    let with = |at: Timestamp, value: f64, z: f64| {
        let laws = laws.iter().filter(|applied| at > applied.from);
        let after = laws.fold(value, |value, applied| applied.law.apply(value, z));
        if after.is_nan() {
            value
        } else {
            after.clamp(lo.max(f64::MIN), hi.min(f64::MAX))
        }
    };
    let (mut sum, mut sums, mut count) = (0.0, [0.0; LEVELS.len()], 0.0);
    let mut after = before.clone();
    for (place, step) in after.steps.iter_mut().enumerate() {
        let at = before.start + before.step * (place as i64 + 1);
        let value = step.median();
        let mut values = SCORES.0.map(|z| with(at, value, z));
        values.sort_unstable_by(f64::total_cmp);
        *step = Quantiles(values);
        if at > begin {
            (sum, count) = (sum + value, count + 1.0);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
    }
    let count: f64 = count;
    if count == 0.0 {
        return None;
    }
    let (mean, means) = (sum / count, [2, 6, 10].map(|level: usize| sums[level] / count));
    let difference = means.map(|with| with - mean);
    if difference.iter().all(|difference| *difference == 0.0) {
        return None;
    }
    let effect = Effect {
        series: metric.meta.id.clone(),
        unit: metric.meta.unit,
        before: [mean; 3],
        after: means,
        difference,
        crossing: None,
        evidence: laws
            .iter()
            .map(|applied| applied.evidence)
            .max()
            .unwrap_or(Evidence::None),
        cases: laws.iter().map(|applied| applied.cases).max().unwrap_or(0),
    };
    Some((effect, after))
}
