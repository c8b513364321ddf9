//! What is out of all that was usual, and what is not.

use crate::{
    domain::Unit,
    drift::{sample, surprise::SurpriseWatch},
    shadow::Metric,
};

#[test]
fn what_was_usual_within_hours_is_not_a_departure() {
    let mut metric = sample::calm("cpu.busy_pct", 400);
    for minute in metric.minutes.iter_mut().step_by(4) {
        minute.last = 95.0;
    }
    let mut watch = SurpriseWatch::default();
    for second in 400..420 {
        sample::seen(&mut metric, second * 2, 90.0, 40.0);
        watch.look(&metric, 20.0, || 0.0);
    }
    assert!(watch.told().is_none());
}

#[test]
fn a_departure_kept_without_its_farthest_value_makes_no_depth_fine() {
    let mut metric = sample::metric("cpu.busy_pct", Unit::Percent);
    for place in 0..1_200 {
        sample::judged(&mut metric, place * 2, 60.0 + (place % 5) as f64);
    }
    let mut watch = SurpriseWatch::default();
    watch.look(&metric, 20.0, || 0.0);
    let mut second = 2_400;
    let mut go = |metric: &mut Metric, watch: &mut SurpriseWatch, value: f64, count: usize| {
        for _ in 0..count {
            sample::judged(metric, second, value);
            second += 2;
            watch.look(metric, 20.0, || 0.0);
        }
        watch.told().is_some()
    };
    assert!(go(&mut metric, &mut watch, 30.0, 20));
    // As a store of before had it.
    let mut kept = serde_json::to_value(&watch).unwrap();
    kept["departure"].as_object_mut().unwrap().remove("far").unwrap();
    let mut watch: SurpriseWatch = serde_json::from_value(kept).unwrap();
    assert!(go(&mut metric, &mut watch, 30.0, 1));
    watch.accept();
    assert!(!go(&mut metric, &mut watch, 30.0, 3));
    assert!(!go(&mut metric, &mut watch, 62.0, 60));
    assert!(go(&mut metric, &mut watch, 5.0, 30), "a deeper fall is news");
}
