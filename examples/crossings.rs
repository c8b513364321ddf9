//! How well the probabilities of crossings hold: `crossings < stream.jsonl`, lines `{"series":"a","t":1441008960,"v":84}` as of `detect`.
//!
//! Each series is learnt value by value, as the engine does; at 36 origins after its first sixth it is asked at three distances (12, 60
//! and 288 steps; ten minutes, an hour and six hours of what comes more often than twice a minute) whether three limits will be passed: the
//! ninth decile and the most of the last 288 values (7,200), and three tenths of their range beyond. Then it is looked what came. With
//! `made` as argument, 24 series made at two seconds are asked instead of a stream.

use std::{
    collections::BTreeMap,
    io::{BufRead, stdin},
};

use anyhow::Result;
use foreshadow::{
    domain::{LEVELS, Limit, MetricKind, MetricMeta, Point, ResourceId, SeriesId, Side, Span, Timestamp, Unit},
    shadow::MetricShadow,
};

type Values = Vec<(i64, f64)>;

fn main() -> Result<()> {
    let series: Vec<Values> = match std::env::args().nth(1) {
        Some(_) => (0..8)
            .flat_map(|kind| (0..3).map(move |seed| made(kind, seed)))
            .collect(),
        None => read()?,
    };
    let mut found: [Vec<Answer>; 3] = Default::default();
    series.iter().for_each(|values| ask(values, &mut found));
    println!("{} series\n", series.len());
    println!(
        "| ahead | asked | said | came | Brier | 0–.1 | .1–.5 | .5–.9 | .9–1 | 80 % of the times hold | no band there |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (ahead, answers) in ["12 steps, 10 min", "60 steps, 1 h", "288 steps, 6 h"]
        .iter()
        .zip(&found)
    {
        println!("| {ahead} {}", row(answers));
    }
    println!("| all {}", row(&found.concat()));
    Ok(())
}

/// What was said of a crossing, and what came.
#[derive(Clone, Copy)]
struct Answer {
    said: f64,
    came: bool,
    /// Whether it came within the 80 % interval of times; of those that came.
    inside: Option<bool>,
    /// The most that a band of the time asked for says of being beyond the limit.
    band: f64,
}

/// A share with how many it is of.
fn share(of: &[bool]) -> String {
    match of.len() {
        0 => "–".into(),
        all => format!(
            "{:.2} of {all}",
            of.iter().filter(|is| **is).count() as f64 / all as f64
        ),
    }
}

fn row(answers: &[Answer]) -> String {
    let count = answers.len().max(1) as f64;
    let mean = |of: &dyn Fn(&Answer) -> f64| answers.iter().map(of).sum::<f64>() / count;
    let came = |answer: &Answer| f64::from(u8::from(answer.came));
    let came_of = |low: f64, high: f64| {
        let those = answers.iter().filter(|answer| (low..high).contains(&answer.said));
        share(&those.map(|answer| answer.came).collect::<Vec<_>>())
    };
    let likely = || answers.iter().filter(|answer| answer.said >= 0.5);
    let inside: Vec<bool> = likely().filter_map(|answer| answer.inside).collect();
    format!(
        "| {} | {:.3} | {:.3} | {:.3} | {} | {} | {} | {} | {} | {} of {} |",
        answers.len(),
        mean(&|answer| answer.said),
        mean(&came),
        mean(&|answer| (answer.said - came(answer)).powi(2)),
        came_of(0.0, 0.1),
        came_of(0.1, 0.5),
        came_of(0.5, 0.9),
        came_of(0.9, 1.1),
        share(&inside),
        likely().filter(|answer| answer.band <= 0.0).count(),
        likely().count(),
    )
}

fn read() -> Result<Vec<Values>> {
    let mut series: BTreeMap<String, Values> = BTreeMap::new();
    for line in stdin().lock().lines() {
        let line: serde_json::Value = serde_json::from_str(&line?)?;
        if let (Some(name), Some(at), Some(value)) = (line["series"].as_str(), line["t"].as_i64(), line["v"].as_f64()) {
            series.entry(name.into()).or_default().push((at, value));
        }
    }
    Ok(series.into_values().collect())
}

fn ask(values: &Values, found: &mut [Vec<Answer>; 3]) {
    let mut steps: Vec<i64> = values
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .filter(|step| *step > 0)
        .collect();
    steps.sort_unstable();
    let Some(cadence) = steps.get(steps.len() / 2).copied() else {
        return;
    };
    let quick = cadence < 30;
    let ahead = if quick {
        [600, 3_600, 21_600]
    } else {
        [12, 60, 288].map(|steps| steps * cadence)
    };
    let mut shadow = MetricShadow::new(&MetricMeta {
        id: SeriesId::new(&ResourceId::new("host", "a"), "a.b"),
        unit: Unit::None,
        kind: MetricKind::Gauge,
        cadence: Span::from_secs(cadence),
        source: "crossings".into(),
        limit: None,
    });
    let (all, last) = (values.len(), values[values.len() - 1].0);
    let every = (all * 8 / 10 / 36).max(1);
    for (place, (secs, value)) in values.iter().enumerate() {
        let at = Timestamp::from_secs(*secs);
        shadow.observe(Point { at, value: *value });
        if shadow.refit_due(at) {
            shadow.refit(at);
        }
        if place < all / 6 || (place - all / 6) % every != 0 {
            continue;
        }
        let mut lately: Vec<f64> = values[place.saturating_sub(if quick { 7_200 } else { 288 })..=place]
            .iter()
            .map(|it| it.1)
            .collect();
        lately.sort_by(f64::total_cmp);
        let (least, most) = (lately[0], lately[lately.len() - 1]);
        let limits = [lately[lately.len() * 9 / 10], most, most + 0.3 * (most - least)];
        for (ahead, found) in ahead.into_iter().zip(&mut *found) {
            let horizon = Span::from_secs(ahead);
            let Some(forecast) = shadow
                .forecast(horizon, 24)
                .filter(|_| last >= secs + ahead && most > least)
            else {
                continue;
            };
            for limit in limits.into_iter().filter(|limit| value <= limit) {
                // As far beyond as a number can tell, so that what only reaches it does not pass it.
                let limit = Limit {
                    value: limit + 1e-9,
                    side: Side::Above,
                    by: "".into(),
                };
                let Some(crossing) = shadow.crossing(&limit, horizon, 7) else {
                    continue;
                };
                let future = values[place + 1..].iter().take_while(|(then, _)| *then <= secs + ahead);
                let came = future
                    .into_iter()
                    .find(|(_, value)| limit.broken_by(*value))
                    .map(|(then, _)| Timestamp::from_secs(*then));
                let within = |came: Timestamp| {
                    crossing.at[0].is_some_and(|from| from <= came) && crossing.at[2].is_none_or(|to| came <= to)
                };
                let beyond = |quantiles: &[f64; 13]| {
                    let above = quantiles.iter().position(|value| *value > limit.value);
                    above.map_or(0.0, |place| 1.0 - LEVELS[place])
                };
                found.push(Answer {
                    said: crossing.probability,
                    came: came.is_some(),
                    inside: came.map(within),
                    band: forecast.steps.iter().map(|step| beyond(&step.0)).fold(0.0, f64::max),
                });
            }
        }
    }
}

/// Twenty hours at two seconds: noise, a walk, a wave, bursts, fills that begin, a sawtooth, steps, and a walk that comes back.
fn made(kind: u64, seed: u64) -> Values {
    let mut draw = fastrand::Rng::with_seed(seed * 8 + kind);
    let (mut level, mut filled, mut left, mut rate) = (0.0, 0.0, 0_u32, 0.0);
    let value = |place: i64| {
        let noise = (0..6).map(|_| draw.f64() - 0.5).sum::<f64>();
        let value = match kind {
            0 => 40.0 + noise,
            1 => {
                level += noise * 0.2;
                40.0 + level
            }
            2 => 40.0 + 15.0 * (place as f64 * 2.0 / 3_600.0 * 2.1).sin() + noise,
            3 => {
                if draw.u32(..600) == 0 {
                    left = 60 + draw.u32(..600);
                }
                left = left.saturating_sub(1);
                noise + if left > 0 { 80.0 } else { 20.0 }
            }
            4 => {
                if left == 0 && draw.u32(..9_000) == 0 {
                    left = 3_600 + draw.u32(..5_400);
                    rate = 10.0 / 1_800.0 * (0.3 + draw.f64());
                }
                if left > 0 {
                    left -= 1;
                    filled += rate;
                }
                30.0 + filled + 0.05 * noise
            }
            5 => {
                filled = if filled > 40.0 { 0.0 } else { filled + 30.0 / 1_800.0 };
                20.0 + filled + 0.3 * noise
            }
            6 => {
                if draw.u32(..3_000) == 0 {
                    level = draw.f64() * 40.0;
                }
                20.0 + level + noise
            }
            _ => {
                level = 0.999 * level + noise * 0.5;
                40.0 + level
            }
        };
        (1_700_000_000 + 2 * place, value)
    };
    (0..36_000).map(value).collect()
}
