//! What a change does to a metric, by several forms of the answer.

use super::{
    super::{
        chance::by_chance,
        moves::Moved,
        past::{REACH, ratio},
    },
    Case, Learnt,
};
use crate::domain::{SettingChange, Value};

/// Standard deviation of what doubling a number, or another word, does before anything is known: the part of the metric's level.
const PRIOR: f64 = 0.4;

/// What was seen of a metric on one resource.
pub(super) struct Site<'a> {
    pub learnt: &'a Learnt,
    pub cases: &'a [Case<'a>],
    /// Part of the effect by which it differs from one time to the next.
    pub varies: f64,
}

/// What a change does, and P(as much by chance).
pub(super) struct Told<'a> {
    /// 10, 50 and 90 %, in the metric's unit.
    pub by: [f64; 3],
    pub chance: f64,
    /// The changes that it rests on, and the metric as it was seen there.
    pub seen: Vec<(&'a Learnt, &'a Case<'a>)>,
    /// Whether the change is larger than it is carried.
    pub far: bool,
}

/// A change with how far the metric moved at it, and its logarithm.
struct Row<'a> {
    site: &'a Site<'a>,
    case: &'a Case<'a>,
    plain: Moved,
    log: Option<Moved>,
}

/// One form of the answer: by how much the metric moves, how unsure that is, how well the form tells what was seen, and how clear that is.
struct Form {
    log: bool,
    by: f64,
    unsure: f64,
    evidence: f64,
    chance: f64,
    far: bool,
}

/// What the change does to the metric learnt `here`: forms of the answer, in the metric or its logarithm, by
/// a number, its logarithm or its reciprocal, each weighed by how well it tells what was seen (Bayesian model averaging: Hoeting, Madigan,
/// Raftery & Volinsky 1999, *Statistical Science* 14, 382-417). It rests on changes that were made alone, or on those that were `shared`: then its own part is between
/// none and all.
///
/// P(as much by chance) is that of all forms together: the harmonic mean of theirs, which holds for such as depend on each other (Wilson 2019, *PNAS* 116,
/// 1195-1200). Forms that say the same count as one, and one clear one among many that see nothing for as much less.
pub(super) fn effect<'a>(
    sites: &'a [Site<'a>],
    asked: (Option<&Value>, Option<&Value>),
    here: &Learnt,
    shared: bool,
) -> Option<Told<'a>> {
    let mut rows = rows(sites, shared);
    let forms = forms(&mut rows, asked);
    let best = forms.iter().max_by(|a, b| a.evidence.total_cmp(&b.evidence))?;
    let (least, most) = here
        .past
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| {
            (low.min(*value), high.max(*value))
        });
    let (level, share) = (here.level, least >= 0.0 && most <= 1.0);
    let parts: &[f64] = if shared {
        &[0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]
    } else {
        &[1.0]
    };
    let mut draws: Vec<(f64, f64)> = Vec::new();
    for form in &forms {
        for z in -23..=23 {
            let z = f64::from(z) / 10.0;
            let moved = form.by + z * form.unsure;
            let mut after = match form.log {
                true => level * moved.min(5.0).exp(),
                false => level + moved * level.abs(),
            };
            if least >= 0.0 {
                after = after.max(0.0);
            }
            if share {
                after = after.min(1.0);
            }
            let weight = (form.evidence - best.evidence - 0.5 * z * z).exp();
            draws.extend(parts.iter().map(|part| (part * (after - level), weight)));
        }
    }
    draws.retain(|(by, weight)| by.is_finite() && weight.is_finite());
    draws.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = draws.iter().map(|draw| draw.1).sum();
    let at = |share: f64| {
        let mut sum = 0.0;
        let found = draws.iter().find(|draw| {
            sum += draw.1;
            sum >= share * total
        });
        found.map(|draw| draw.0)
    };
    Some(Told {
        by: [at(0.1)?, at(0.5)?, at(0.9)?],
        chance: forms.len() as f64 / forms.iter().map(|form| 1.0 / form.chance).sum::<f64>(),
        far: best.far,
        seen: rows.iter().map(|row| (row.site.learnt, row.case)).collect(),
    })
}

/// The changes that were made alone, or those that were not, at which it is known how far the metric moved.
fn rows<'a>(sites: &'a [Site<'a>], shared: bool) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for site in sites {
        let cases = site.cases.iter().filter(|case| case.shared == shared);
        rows.extend(cases.filter_map(|case| {
            Some(Row {
                site,
                case,
                plain: site.learnt.plain.moved(case)?,
                log: site.learnt.log.as_ref().and_then(|view| view.moved(case)),
            })
        }));
    }
    rows
}

/// The forms that some of the changes speak for, all of the same ones; those that say nothing of such a step are left out of `rows`.
fn forms(rows: &mut Vec<Row<'_>>, asked: (Option<&Value>, Option<&Value>)) -> Vec<Form> {
    let steps = steps(rows, asked);
    // What is not always above 0 somewhere is told of as it is alone.
    let logs = rows.iter().all(|row| row.log.is_some());
    let mut found = Vec::new();
    for log in [true, false].into_iter().filter(|log| logs || !log) {
        for (want, steps) in &steps {
            let (mut sum, mut plain) = (Sum::default(), Sum::default());
            for (row, step) in rows.iter().zip(steps) {
                let moved = row.log.as_ref().filter(|_| log).unwrap_or(&row.plain);
                plain.take(*step, moved, moved.variance);
                sum.take(*step, moved, moved.variance + (row.site.varies * moved.by).powi(2));
            }
            let most = REACH * steps.iter().fold(0.0, |most: f64, step| most.max(step.abs()));
            if !rows.is_empty() {
                found.push(Form {
                    far: want.abs() > most,
                    ..sum.form(log, want.clamp(-most, most), plain.chance())
                });
            }
        }
    }
    found
}

/// For each form how far the change goes that is asked about, and each of `rows`, in one unit; those that are no such step go out of `rows`.
fn steps(rows: &mut Vec<Row<'_>>, asked: (Option<&Value>, Option<&Value>)) -> Vec<(f64, Vec<f64>)> {
    const FORMS: [fn(f64) -> f64; 3] = [|v| v, |v| v.ln(), |v| -1.0 / v];
    let ends = |change: &SettingChange| number(change.from.as_ref()).zip(number(change.to.as_ref()));
    let seen: Option<Vec<(f64, f64)>> = rows.iter().map(|row| ends(row.case.change)).collect();
    let Some((want, seen)) = number(asked.0).zip(number(asked.1)).zip(seen) else {
        let step = |row: &Row<'_>| ratio(row.case.change, asked.0, asked.1).map(f64::recip);
        rows.retain(|row| step(row).is_some_and(f64::is_finite));
        return vec![(1.0, rows.iter().filter_map(step).collect())];
    };
    let numbers = seen.iter().chain([&want]).flat_map(|(from, to)| [from.ln(), to.ln()]);
    let middle = (numbers.sum::<f64>() / (2 * seen.len() + 2) as f64).exp();
    let form = |form: &fn(f64) -> f64| {
        let unit = (form(2.0 * middle) - form(middle)).abs();
        let step = |(from, to): &(f64, f64)| (form(*to) - form(*from)) / unit;
        (step(&want), seen.iter().map(step).collect())
    };
    FORMS.iter().map(form).collect()
}

/// A number above 0.
fn number(value: Option<&Value>) -> Option<f64> {
    value.and_then(Value::number).filter(|number| *number > 0.0)
}

/// Weighted least squares through the origin: how far the metric moves for a step of one.
#[derive(Default)]
struct Sum {
    rr: f64,
    rd: f64,
    dd: f64,
    dets: f64,
    free: f64,
}

impl Sum {
    fn take(&mut self, step: f64, moved: &Moved, variance: f64) {
        self.rr += step * step / variance;
        self.rd += step * moved.by / variance;
        self.dd += moved.by * moved.by / variance;
        self.dets += variance.ln();
        self.free += moved.free;
    }

    /// P(so much where the setting does nothing).
    fn chance(&self) -> f64 {
        by_chance(self.rd / self.rr.max(f64::MIN_POSITIVE).sqrt(), self.free)
    }

    fn form(&self, log: bool, want: f64, chance: f64) -> Form {
        let precision = self.rr + 1.0 / (PRIOR * PRIOR);
        let slope = self.rd / precision;
        // Moves are parts of the level in every form, so their densities are of one unit.
        let evidence = -0.5 * (self.dd - self.rd * slope + self.dets + (1.0 + PRIOR * PRIOR * self.rr).ln());
        Form {
            log,
            by: want * slope,
            unsure: want.abs() / precision.sqrt(),
            evidence,
            chance,
            far: false,
        }
    }
}
