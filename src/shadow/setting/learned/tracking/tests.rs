//! Which settings are looked at, and when.

use super::{
    super::{Class, Edit, Op, Place},
    *,
};

fn learner() -> Learner {
    let mut learner = Learner::default();
    for key in 0..400_u64 {
        let resource = format!("folder-{}/file-{}", key / 100, key / 10);
        let place = Place {
            resource: &resource,
            path: &format!("/spec/k{key}"),
            class: Class::Number,
        };
        let edit = Edit {
            at: 0.0,
            commit: None,
            who: None,
            op: Op::Init,
            new: Some("1"),
            added: 0,
            removed: 0,
            length: 0,
        };
        learner.observe(key, &place, &edit);
    }
    learner
}

/// The looks from one minute to another, days; nothing is found.
fn looks(tracker: &mut Tracker, learner: &Learner, minutes: std::ops::Range<i32>) -> Vec<u32> {
    let mut looks = Vec::new();
    for minute in minutes {
        let at = f64::from(minute) / 1_440.0;
        tracker.begin(learner, at, 20.0);
        while let Some(place) = tracker.next(learner, at) {
            tracker.found(learner, place, None);
            looks.push(place);
        }
    }
    looks
}

#[test]
fn no_more_is_looked_at_than_is_granted() {
    let (learner, mut tracker) = (learner(), Tracker::default());
    let week = looks(&mut tracker, &learner, 0..7 * 1_440).len();
    assert!((20 * 24 * 5..=20 * 24 * 7 + 20).contains(&week), "{week}");
}

#[test]
fn what_stays_likely_is_looked_at_within_the_hour_however_much_is_added() {
    let (learner, mut tracker) = (learner(), Tracker::default());
    let (mut last, mut hours) = (BTreeMap::new(), [0; 24]);
    for minute in 0..24 * 60 {
        for place in looks(&mut tracker, &learner, minute..minute + 1) {
            hours[minute as usize / 60] += 1;
            let before = last.insert(place, minute).unwrap_or(minute);
            // One of before that was not in the last hour's plan is new.
            assert!(
                minute - before <= 60 || minute / 60 - before / 60 > 1,
                "{place}: {before}, {minute}"
            );
        }
    }
    assert!(hours[23] > hours[2], "{hours:?}");
}

#[test]
fn what_stands_near_a_change_or_what_came_is_looked_at_at_once() {
    let learner = learner();
    for came in [false, true] {
        let (mut tracker, when) = (Tracker::default(), 359.5 / 1_440.0);
        looks(&mut tracker, &learner, 0..6 * 60);
        if came {
            tracker.came(&learner, 35, when);
        } else {
            tracker.found(&learner, 35, Some((when, 0)));
        }
        let next = looks(&mut tracker, &learner, 360..361);
        let near = (30..40).filter(|place| *place != 35 && next.contains(place)).count();
        assert_eq!(near, 9, "{next:?}");
    }
}
