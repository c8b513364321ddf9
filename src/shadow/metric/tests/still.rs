//! A series that stands still.

use super::*;

#[test]
fn what_stands_still_is_judged_as_if_it_were_asked_anew_each_time() {
    // Moving, then still for longer than the window, over an odd value, a gap and another level.
    let moving = noise(3, 300).into_iter();
    let still = std::iter::repeat_n(7.3, 400);
    let values = moving.chain(still.clone()).chain([9.0]).chain(still.clone());
    let values = values
        .chain([f64::NAN, f64::NAN])
        .chain(still)
        .chain([7.3; 300].map(|value| value + 1.0));
    let (mut kept, mut asked) = (shadow(MetricKind::Gauge, 2), shadow(MetricKind::Gauge, 2));
    let mut stood = 0;
    for (place, value) in values.enumerate() {
        let at = at(2 * place as i64);
        asked.still = None;
        stood += usize::from(kept.still.is_some());
        assert_eq!(
            kept.observe(Point { at, value }),
            asked.observe(Point { at, value }),
            "{place}"
        );
        for shadow in [&mut kept, &mut asked] {
            if shadow.refit_due(at) {
                shadow.refit(at);
            }
        }
        assert_eq!(kept.next(), asked.next());
    }
    assert!(stood > 100, "{stood}");
}
