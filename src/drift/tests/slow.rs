//! What days before say, and how quiet that is.

use super::*;
use crate::domain::{MetricKind, Point};

const STEP: Span = Span::from_mins(5);
const DAY: i64 = 288;

/// A host of metrics that are read every five minutes, and are what `value` says at each place.
struct Days {
    shadows: Shadows,
    state: DriftState,
    place: i64,
    /// What was told, with the place at which it began.
    told: Vec<(i64, Finding)>,
}

impl Days {
    fn new(names: &[(&str, Unit)]) -> Self {
        let metrics = names.iter().map(|(name, unit)| {
            let mut metric = sample::metric(name, *unit);
            metric.meta.cadence = STEP;
            metric.meta.kind = match unit {
                Unit::Percent => MetricKind::Bounded { lo: 0.0, hi: 100.0 },
                _ => MetricKind::Gauge,
            };
            metric.shadow = crate::shadow::MetricShadow::new(&metric.meta);
            metric
        });
        Self {
            shadows: sample::shadows(metrics),
            state: DriftState::default(),
            place: 0,
            told: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        T0 + STEP * self.place
    }

    /// Lives for `steps`, the fast scale having nothing to say; gives what holds at the end.
    fn live(&mut self, steps: i64, mut value: impl FnMut(&str, i64) -> f64) -> Vec<Finding> {
        let mut held: Vec<Finding> = Vec::new();
        for _ in 0..steps {
            let at = self.now();
            for metric in self.shadows.metrics.values_mut() {
                let value = value(&metric.meta.id.name, self.place);
                metric.shadow.observe(Point { at, value });
                metric.slow.observe(Point { at, value }, STEP);
                metric.recent.push_back(crate::shadow::Seen {
                    at,
                    value,
                    band: None,
                    bits: 0.0,
                });
                if metric.recent.len() > Metric::RECENT {
                    metric.recent.pop_front();
                }
            }
            self.shadows.newest = Some(at);
            let all = self
                .state
                .judge(&self.shadows, &Baseline::default(), &Options::default(), at, 1);
            let holds: Vec<Finding> = all.into_iter().filter(|finding| finding.ended.is_none()).collect();
            for finding in &holds {
                if !held.iter().any(|old| old.id == finding.id) {
                    self.told.push((self.place, finding.clone()));
                }
            }
            held = holds;
            self.place += 1;
        }
        held
    }
}

/// A normal draw, by twelve uniform ones.
fn normal(draw: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| draw.f64()).sum::<f64>() - 6.0
}

fn wave(place: i64) -> f64 {
    50.0 + 20.0 * (place as f64 / DAY as f64 * std::f64::consts::TAU).sin()
}

#[test]
fn a_value_that_got_stuck_is_told_within_hours_and_over_when_it_moves() {
    let mut draw = fastrand::Rng::with_seed(4);
    let mut days = Days::new(&[
        ("sensor.temperature", Unit::Celsius),
        ("idle.free_pct", Unit::Percent),
        ("app.errors_per_s", Unit::PerSec),
        ("worker.threads", Unit::Count),
    ]);
    let usual = |draw: &mut fastrand::Rng, name: &str| match name {
        "worker.threads" => 40.0,
        _ => 40.0 + normal(draw),
    };
    assert_eq!(days.live(14 * DAY, |name, _| usual(&mut draw, name)), []);
    let held = days.live(5 * 12, |name, _| match name {
        // At rest is not stuck, less trouble is none, and what never moved does not get stuck.
        "idle.free_pct" => 0.0,
        "worker.threads" => 40.0,
        _ => 41.5,
    });
    let stuck: Vec<&Finding> = held
        .iter()
        .filter(|finding| finding.summary.contains("stuck"))
        .collect();
    assert_eq!(stuck.len(), 1, "{held:?}");
    assert_eq!(
        &*stuck[0].summary,
        "sensor.temperature is stuck at 41.5 C for 4h55: it moves every 5 min usually"
    );
    assert_eq!((stuck[0].mark, stuck[0].since), (Mark::Drift, T0 + STEP * (14 * DAY)));
    let held = days.live(1, |name, _| usual(&mut draw, name));
    assert!(
        !held.iter().any(|finding| finding.summary.contains("stuck")),
        "{held:?}"
    );
}

#[test]
fn a_night_that_is_as_busy_as_a_day_is_told_and_what_is_accepted_is_not() {
    let mut draw = fastrand::Rng::with_seed(5);
    let mut days = Days::new(&[("app.requests_pct", Unit::Percent)]);
    assert_eq!(
        days.live(14 * DAY + 204, |_, place| wave(place) + normal(&mut draw)),
        []
    );
    // At its lowest it is as it is on other days at noon.
    let held = days.live(2 * 12, |_, _| 50.0 + normal(&mut draw));
    assert_eq!(held.len(), 1, "{held:?}");
    let summary = &held[0].summary;
    assert!(
        summary.contains("higher than at this hour on other days: "),
        "{summary}"
    );
    let mut accepted = days.state.clone();
    assert_eq!(accepted.accept(&[setting("app.requests_pct")]), 1);
    std::mem::swap(&mut days.state, &mut accepted);
    assert_eq!(days.live(6, |_, _| 50.0 + normal(&mut draw)), []);
    std::mem::swap(&mut days.state, &mut accepted);
    assert_eq!(days.live(6, |_, _| 50.0 + normal(&mut draw)).len(), 1);
    // Back where it should be, it is over within the hour.
    assert_eq!(days.live(12, |_, place| wave(place) + normal(&mut draw)), []);
}

#[test]
fn two_weeks_of_noise_are_quiet() {
    let mut draw = fastrand::Rng::with_seed(6);
    let kinds = ["white", "slow", "wave", "bursts", "count", "still", "weekly", "heavy"];
    let names: Vec<String> = (0..4)
        .flat_map(|number| kinds.map(|kind| format!("app{number}.{kind}")))
        .collect();
    let names: Vec<(&str, Unit)> = names.iter().map(|name| (&**name, Unit::Count)).collect();
    let mut days = Days::new(&names);
    let mut wander = BTreeMap::<String, f64>::new();
    days.live(14 * DAY, |name, place| {
        let noise = normal(&mut draw);
        match name.split_once('.').unwrap().1 {
            "white" => 500.0 + 50.0 * noise,
            "slow" => {
                let at = wander.entry(name.into()).or_default();
                *at = 0.98 * *at + 0.2 * noise;
                500.0 + 50.0 * *at
            }
            "wave" => 10.0 * wave(place) + 20.0 * noise,
            "bursts" if draw.u32(..150) == 0 => 200.0 * draw.f64(),
            "bursts" => 0.0,
            "count" => (20.0 + 3.0 * noise).round().max(0.0),
            "weekly" if place / DAY % 7 < 2 => 300.0 + 20.0 * noise,
            "weekly" => 10.0 * wave(place) + 20.0 * noise,
            "heavy" => 100.0 * (0.8 * noise).exp(),
            _ => 7.0,
        }
    });
    assert_eq!(
        days.told
            .iter()
            .map(|(place, finding)| format!("{} {}", place / DAY, finding.summary))
            .collect::<Vec<_>>(),
        Vec::<String>::new()
    );
}
