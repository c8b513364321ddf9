//! Limits that are passed, and those ahead.

use super::*;

#[test]
fn a_value_that_reads_as_its_limit_is_not_told_as_above_itself() {
    let mut world = World::new(&["fs./.used_pct"]);
    world.metric("fs./.used_pct").limit = above(94.9999);
    let findings = world.step(&["fs./.used_pct"], 1.0);
    assert_eq!(&*findings[0].summary, "fs./.used_pct is just above its limit of 95 %");
}

#[test]
fn a_limit_passed_is_a_breach_at_once_and_until_it_held_again() {
    let mut world = World::new(&["fs./.used_pct"]);
    world.metric("fs./.used_pct").limit = above(90.0);
    let findings = world.step(&["fs./.used_pct"], 1.0);
    assert_eq!(findings.len(), 1);
    let breach = &findings[0];
    assert_eq!(
        (breach.mark, breach.severity, breach.level, breach.comparison),
        (Mark::Breach, Severity::Critical, Level::High, Comparison::FutureLimit)
    );
    assert_eq!(&*breach.summary, "fs./.used_pct 95 % is above its limit of 90 %");
    assert_eq!(world.steps(3, &[], 0.0)[0].id, breach.id);
    let mut marks = Vec::new();
    for _ in 0..5 {
        marks.extend(
            world
                .step(&[], 0.0)
                .into_iter()
                .filter(|finding| finding.ended.is_none()),
        );
    }
    assert!(marks.len() < 5, "{marks:?}");
}

#[test]
fn a_limit_ahead_is_told_with_its_time() {
    let mut metric = sample::metric("fs./.used_pct", Unit::Percent);
    metric.limit = above(90.0);
    let mut second = 0;
    let mut noise = fastrand::Rng::with_seed(3);
    // 10 % an hour, from 50 % on: 90 % after four hours.
    while second < 3 * 3600 {
        let value = 50.0 + 10.0 * second as f64 / 3600.0 + 0.02 * (noise.f64() - 0.5);
        seen(&mut metric, second, value, 1.0);
        second += 10;
    }
    metric.meta.cadence = Span::from_secs(10);
    metric.shadow.refit(at(second));
    let shadows = sample::shadows([metric]);
    let mut state = DriftState::default();
    let judge =
        |state: &mut DriftState| state.judge(&shadows, &Baseline::default(), &Options::default(), at(second), 1);
    let findings = judge(&mut state);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let cross = &findings[0];
    assert_eq!((cross.mark, cross.comparison), (Mark::Cross, Comparison::FutureLimit));
    let median = cross.crossing.unwrap().at[1].unwrap();
    let hours = (median - at(second)).secs_f64() / 3600.0;
    assert!((0.5..2.0).contains(&hours), "{hours}");
    assert_eq!(judge(&mut state)[0].crossing, cross.crossing, "not looked anew at once");
}

#[test]
fn far_from_a_limit_nothing_is_told() {
    let mut world = World::new(&["fs./.used_pct"]);
    world.metric("fs./.used_pct").limit = above(90.0);
    assert_eq!(world.steps(60, &[], 0.0), []);
}
