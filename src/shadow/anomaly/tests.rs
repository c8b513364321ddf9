//! The detector as its callers meet it.

use proptest::prelude::*;

use super::*;

const STEP: i64 = 300;
const DAY: i64 = 86_400 / STEP;

fn at(place: i64) -> Timestamp {
    Timestamp::from_secs(1_400_000_000 + place * STEP)
}

/// A normal draw, by twelve uniform ones.
fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// A day's wave with noise, five minutes a value; `change` makes something of the value at a place.
fn wave(days: i64, seed: u64, change: impl Fn(i64, f64) -> f64) -> Vec<Verdict> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut detector = Detector::default();
    (0..days * DAY)
        .map(|place| {
            let phase = place as f64 / DAY as f64 * std::f64::consts::TAU;
            let value = 50.0 + 20.0 * phase.sin() + normal(&mut random);
            detector.observe(at(place), change(place, value))
        })
        .collect()
}

fn told(verdicts: &[Verdict], budget: f64) -> Vec<usize> {
    let threshold = Detector::threshold(budget, 1);
    (0..verdicts.len())
        .filter(|place| verdicts[*place].news >= threshold)
        .collect()
}

#[test]
fn a_budget_of_false_alarms_is_kept() {
    let weeks = 6;
    let alarms: usize = (0..12)
        .map(|seed| told(&wave(7 * (weeks + 1), seed, |_, value| value)[7 * DAY as usize..], 1.0).len())
        .sum();
    assert!(alarms <= 12 * weeks as usize, "{alarms} in {} series-weeks", 12 * weeks);
}

#[test]
fn a_spike_is_told_at_once_and_once() {
    let spike = (10 * DAY + 40) as usize;
    let verdicts = wave(
        11,
        1,
        |place, value| if place as usize == spike { 150.0 } else { value },
    );
    assert_eq!(told(&verdicts[3 * DAY as usize..], 1.0), [spike - 3 * DAY as usize]);
    assert!(verdicts[spike].bits > 10.0);
}

#[test]
fn a_new_level_is_told_within_the_hour_and_becomes_normal() {
    let moved = 10 * DAY;
    let verdicts = wave(30, 2, |place, value| if place >= moved { value + 60.0 } else { value });
    let told = told(&verdicts, 1.0);
    let first = *told.iter().find(|place| **place as i64 >= moved).unwrap() as i64;
    assert!(first < moved + 12, "{told:?}");
    assert!(told.iter().all(|place| (*place as i64) < moved + 2 * DAY), "{told:?}");
}

#[test]
fn it_tells_again_after_a_new_level() {
    let (moved, spike) = (10 * DAY, (25 * DAY) as usize);
    let verdicts = wave(26, 3, |place, value| match place {
        place if place as usize == spike => value + 150.0,
        place if place >= moved => value + 60.0,
        _ => value,
    });
    assert!(told(&verdicts, 1.0).contains(&spike));
}

#[test]
fn a_nightly_job_is_a_habit_after_ten_days() {
    let verdicts = wave(20, 4, |place, value| if place % DAY < 3 { value + 60.0 } else { value });
    assert_eq!(told(&verdicts[10 * DAY as usize..], 1.0), [0_usize; 0]);
}

#[test]
fn silence_of_noise_is_seen() {
    let stuck = 10 * DAY;
    let mut random = fastrand::Rng::with_seed(5);
    let mut detector = Detector::default();
    let bits = (0..stuck + 100).map(|place| {
        let value = if place < stuck { normal(&mut random) } else { 0.0 };
        detector.observe(at(place), value)
    });
    let bits: Vec<Verdict> = bits.collect();
    let silent = bits
        .iter()
        .position(|verdict| verdict.news > 7.4 && verdict.view == View::Stuck)
        .unwrap() as i64;
    assert!((stuck..stuck + 72).contains(&silent), "{silent}");
}

#[test]
fn no_value_for_long_is_told_while_it_lasts_and_gaps_of_a_series_that_has_them_are_not() {
    let told = |gaps: bool| {
        let mut random = fastrand::Rng::with_seed(9);
        let mut detector = Detector::default();
        let verdicts = (0..21 * DAY).map(|place| {
            let silent = (14 * DAY..14 * DAY + 100).contains(&place) || gaps && place % DAY < 80;
            let value = if silent { f64::NAN } else { normal(&mut random) };
            detector.observe(at(place), value)
        });
        let threshold = Detector::threshold(1.0, 1);
        let odd = verdicts.enumerate().skip(7 * DAY as usize);
        odd.filter(|(_, verdict)| verdict.news >= threshold)
            .map(|(place, verdict)| (place as i64 - 14 * DAY, verdict.view))
            .collect::<Vec<_>>()
    };
    let silence = told(false);
    assert!(
        silence
            .iter()
            .all(|(place, view)| (12..100).contains(place) && *view == View::Silence),
        "{silence:?}"
    );
    assert!((1..=4).contains(&silence.len()), "{silence:?}");
    assert_eq!(told(true), []);
}

#[test]
fn what_goes_on_is_told_once_however_rarely_values_come() {
    let mut random = fastrand::Rng::with_seed(8);
    let mut detector = Detector::default();
    let told = (0..40 * 24).filter(|hour| {
        let value = if *hour < 30 * 24 { normal(&mut random) } else { 0.0 };
        let verdict = detector.observe(Timestamp::from_secs(hour * 3_600), value);
        *hour > 30 * 24 && verdict.view == View::Stuck && verdict.news == verdict.bits
    });
    // Two bits more each time, to the most that being stuck is worth.
    assert!((1..=5).contains(&told.count()));
}

#[test]
fn a_bit_is_a_bit_at_any_scale() {
    let run = |scale: f64| {
        wave(8, 6, |place, value| {
            scale * if place == 7 * DAY { 200.0 } else { value }
        })
    };
    for (one, other) in run(1.0).iter().zip(run(1e9)) {
        assert!((one.bits - other.bits).abs() < 0.05, "{one:?} {other:?}");
    }
}

#[test]
fn constants_are_no_surprise_and_leaving_one_is() {
    for constant in [0.0, -0.0, 7.0, 1e18, f64::MIN_POSITIVE / 4.0, f64::MAX] {
        let mut detector = Detector::default();
        for place in 0..3 * DAY {
            let verdict = detector.observe(at(place), constant);
            assert!(verdict.bits < 1e-9, "{constant} at {place}: {verdict:?}");
        }
        let left = detector.observe(at(3 * DAY), constant.abs().min(1e20) * 2.0 + 1.0);
        let same = constant == f64::MAX;
        assert!(same || left.news > 10.0, "{constant}: {left:?}");
    }
}

#[test]
fn late_values_and_no_numbers_change_nothing() {
    let mut detector = Detector::default();
    for place in 0..500 {
        detector.observe(at(place), (place % 5) as f64);
    }
    let before = detector.clone();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(detector.observe(at(501), value), Verdict::NONE);
    }
    assert_eq!(detector.observe(at(400), 1e9), Verdict::NONE);
    assert_eq!(detector, before);
    // A clock set back by a month is believed.
    assert!(detector.observe(at(499 - 30 * DAY), 1e9).bits > 10.0);
    assert!(detector.observe(at(500 - 30 * DAY), 2.0).news < 1.0);
}

#[test]
fn its_state_survives_a_restart_bit_for_bit() {
    let mut detector = Detector::default();
    let mut random = fastrand::Rng::with_seed(8);
    for place in 0..20 * DAY {
        detector.observe(at(place), normal(&mut random));
    }
    let stored = crate::domain::packed::pack(&detector).unwrap();
    let mut again: Detector = crate::domain::packed::unpack(&stored).unwrap();
    assert_eq!(detector, again);
    for place in 20 * DAY..21 * DAY {
        let value = normal(&mut random);
        assert_eq!(detector.observe(at(place), value), again.observe(at(place), value));
    }
    assert!(stored.len() < 6_144, "{} bytes", stored.len());
}

/// Values of every kind, near and far.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..10.0,
        2 => Just(3.0),
        1 => any::<f64>(),
        1 => prop_oneof![Just(-0.0), Just(f64::MIN_POSITIVE / 8.0), Just(1e18), Just(f64::MAX), Just(f64::MIN)],
    ]
}

/// Microseconds from value to value: duplicates, gaps, late ones, a clock gone mad.
fn since() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(60_000_000),
        2 => 0_i64..4_000_000_000,
        1 => -90_000_000_000_i64..90_000_000_000,
        1 => any::<i64>(),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_the_bits_are_numbers(stream in prop::collection::vec((since(), value()), 1..400)) {
        let mut detector = Detector::default();
        let mut now = Timestamp::from_secs(1_400_000_000);
        for (since, value) in stream {
            now = Timestamp(now.0.saturating_add(since));
            let verdict = detector.observe(now, value);
            prop_assert!(verdict.bits.is_finite() && verdict.bits >= 0.0, "{:?}", verdict);
            prop_assert!(verdict.news == 0.0 || verdict.news == verdict.bits);
            prop_assert!(verdict.z.is_finite());
        }
    }
}
