//! Claims, and what became of them.

use proptest::prelude::*;

use super::*;
use crate::domain::Value;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn id() -> SeriesId {
    "host:web-1/fs./.used_pct".parse().unwrap()
}

fn point(secs: i64, value: f64) -> Point {
    Point { at: at(secs), value }
}

fn prediction(made: i64, due: i64, claim: Claim) -> Prediction {
    Prediction {
        series: id(),
        made_at: at(made),
        due: at(due),
        claim,
    }
}

fn crosses(probability: f64, from: i64, to: i64) -> Claim {
    Claim::Crosses {
        limit: 90.0,
        side: Side::Above,
        probability,
        at: Some((at(from), at(to))),
    }
}

fn change(secs: i64, from: i64, to: i64) -> SettingChange {
    SettingChange {
        id: id(),
        at: at(secs),
        from: Some(Value::Int(from)),
        to: Some(Value::Int(to)),
        by: None,
        after: None,
        backfilled: false,
    }
}

#[test]
fn a_value_is_scored_when_its_time_has_come_against_staying_as_it_was() {
    let mut ledger = Ledger::default();
    ledger.observe(&id(), point(0, 10.0));
    let said = Quantiles(LEVELS.map(|level| 19.0 + 2.0 * level));
    ledger.predict(prediction(0, 60, Claim::Value(said)));
    assert!(ledger.observe(&id(), point(58, 20.0)).is_empty());
    assert!(ledger.settle(at(61)).is_empty());
    let scored = ledger.observe(&id(), point(62, 20.0));
    assert_eq!((scored.len(), scored[0].outcome, ledger.open()), (1, 20.0, 0));
    // Staying at 10 is 10 off at each of the levels, whose mean is a half.
    assert!(
        (scored[0].naive_loss - 5.0).abs() < 1e-9 && scored[0].loss < 0.3,
        "{scored:?}"
    );
    let records = ledger.records();
    assert_eq!(
        (&*records[0].sort, records[0].ahead, records[0].scored),
        ("value", Span::from_mins(1), 1)
    );
    assert_eq!((records[0].held80, records[0].held95), (1.0, 1.0));
}

#[test]
fn a_value_that_never_came_is_not_scored() {
    let mut ledger = Ledger::default();
    ledger.predict(prediction(0, 60, Claim::Value(Quantiles::certain(1.0))));
    assert!(ledger.observe(&id(), point(100_000, 5.0)).is_empty());
    assert!(ledger.settle(at(100_000)).is_empty());
    assert_eq!((ledger.open(), ledger.records().len()), (0, 0));
}

#[test]
fn a_crossing_comes_true_inside_its_interval_or_does_not() {
    let mut ledger = Ledger::default();
    ledger.predict(prediction(0, 600, crosses(0.9, 100, 200)));
    ledger.predict(prediction(0, 700, crosses(0.2, 300, 400)));
    assert!(ledger.observe(&id(), point(50, 89.0)).is_empty());
    let scored = ledger.observe(&id(), point(150, 91.0));
    assert_eq!(scored.len(), 2);
    assert!((scored[0].loss - 0.01).abs() < 1e-9 && (scored[1].loss - 0.64).abs() < 1e-9);
    assert_eq!(ledger.crossings(&id()), (1, 2));
    ledger.predict(prediction(160, 800, crosses(0.5, 200, 300)));
    let settled = ledger.settle(at(801));
    assert_eq!((settled.len(), settled[0].outcome, settled[0].loss), (1, 0.0, 0.25));
    assert_eq!(ledger.crossings(&id()), (1, 3));
}

#[test]
fn a_change_fulfils_what_was_said_of_it() {
    let mut ledger = Ledger::default();
    let undone = Claim::Undone {
        to: Some(Value::Int(60)),
        probability: 0.4,
    };
    ledger.predict(prediction(0, 600, undone));
    ledger.predict(prediction(0, 600, Claim::Changes(0.1)));
    let scored = ledger.changed(&change(10, 1, 30));
    assert_eq!(scored.len(), 1, "changed, and not undone");
    let scored = ledger.changed(&change(20, 30, 60));
    assert_eq!((scored.len(), scored[0].outcome), (1, 1.0));
    assert_eq!(ledger.open(), 0);
}

#[test]
fn the_first_claim_for_a_time_stands() {
    let mut ledger = Ledger::default();
    ledger.predict(prediction(0, 60, Claim::Value(Quantiles::certain(1.0))));
    ledger.predict(prediction(50, 60, Claim::Value(Quantiles::certain(2.0))));
    ledger.predict(prediction(70, 60, Claim::Changes(0.5)));
    assert_eq!(ledger.open(), 1);
    let scored = ledger.observe(&id(), point(60, 2.0));
    assert_eq!(scored[0].prediction.claim, Claim::Value(Quantiles::certain(1.0)));
}

#[test]
fn claims_due_last_give_way_when_there_are_too_many() {
    let mut ledger = Ledger::default();
    for due in 1..=Ledger::MOST_OPEN as i64 + 10 {
        ledger.predict(prediction(0, 10 * due, Claim::Changes(0.5)));
    }
    assert_eq!(ledger.open(), Ledger::MOST_OPEN);
    ledger.predict(prediction(0, 15, Claim::Changes(0.5)));
    assert_eq!(ledger.open(), Ledger::MOST_OPEN);
    assert_eq!(ledger.settle(at(16)).len(), 2);
}

proptest! {
    #[test]
    fn any_values_give_finite_scores_and_all_claims_end(
        steps in prop::collection::vec((prop::num::f64::ANY, -50..500i64, 0..4u8, 1..5_000i64), 0..100),
    ) {
        let (mut ledger, mut now) = (Ledger::default(), 0);
        for (value, secs, sort, ahead) in steps {
            now += secs;
            let number = Quantiles([value; 13]).tidy(-1e9, 1e9);
            let claim = match sort {
                0 => Claim::Value(number),
                1 => crosses(0.5, now, now + ahead),
                2 => Claim::Changes(0.2),
                _ => Claim::Undone { to: None, probability: 0.7 },
            };
            ledger.predict(prediction(now, now + ahead, claim));
            let mut scored = ledger.observe(&id(), point(now, value));
            scored.extend(ledger.settle(at(now)));
            prop_assert!(scored.iter().all(|scored| scored.loss.is_finite() && scored.naive_loss.is_finite()));
        }
        let stored: Ledger = crate::domain::packed::unpack(&crate::domain::packed::pack(&ledger).unwrap()).unwrap();
        prop_assert_eq!(stored.open(), ledger.open());
        prop_assert_eq!(stored.records(), ledger.records());
        ledger.settle(at(now + 1_000_000));
        prop_assert_eq!(ledger.open(), 0);
    }
}

#[test]
fn what_a_change_moved_is_held_against_the_promise_and_the_error_of_measuring() {
    let mut ledger = Ledger::default();
    let moves = |low: f64, by: f64, high: f64| Claim::Moves {
        setting: "host:web-1/sysctl.net.core.somaxconn".parse().unwrap(),
        by: [low, by, high],
    };
    for (place, claim) in [moves(-40.0, -31.0, -22.0), moves(5.0, 6.0, 7.0), moves(1.0, 2.0, 3.0)]
        .into_iter()
        .enumerate()
    {
        ledger.predict(prediction(place as i64, 1_000 + place as i64, claim));
    }
    assert!(ledger.settle(at(5_000)).is_empty(), "nothing measured it yet");
    let measured = |made: &Prediction| match (made.made_at - at(0)).0 / 1_000_000 {
        0 => Some((-28.0, 1.0)),
        // Beyond the promise, and measured well.
        1 => Some((9.0, 0.5)),
        _ => None,
    };
    let scored = ledger.verify(at(5_000), measured);
    let outcomes: Vec<f64> = scored.iter().map(|scored| scored.outcome).collect();
    assert_eq!((outcomes, ledger.open()), (vec![-28.0, 9.0], 0));
    assert_eq!((scored[0].loss, scored[0].naive_loss), (3.0, 28.0));
    let record = &ledger.records()[0];
    assert_eq!((&*record.sort, record.scored, record.held80), ("moves", 2, 0.5));
    // Measured badly it says nothing against the promise.
    assert!(kept(&[5.0, 6.0, 7.0], (9.0, 3.0), OUTER[0]) && !kept(&[5.0, 6.0, 7.0], (9.0, 0.5), OUTER[0]));
}
