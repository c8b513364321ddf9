//! Tempos from figures.

use proptest::prelude::*;

use super::*;

fn source(name: &str, every: i64, cost_ms: f64) -> Measured {
    Measured {
        name: name.into(),
        every: Span::from_secs(every),
        cost: cost_ms / 1e3,
        changed: None,
        settings: false,
        stepped: false,
    }
}

fn seen(all: &[(&str, f64)]) -> BTreeMap<Arc<str>, (f64, &'static str)> {
    all.iter()
        .map(|(name, rate)| ((*name).into(), (*rate, "test")))
        .collect()
}

/// Percent of a core that `sources` take at the tempo in force.
fn taken(tempo: &Tempo, sources: &[Measured]) -> f64 {
    let share = |source: &Measured| {
        let doublings = tempo.paces.get(&source.name).map_or(0, |pace| pace.doublings);
        100.0 * source.cost / Pace::of(doublings, source.every).secs_f64()
    };
    sources.iter().map(share).sum()
}

fn doublings(tempo: &Tempo, name: &str) -> i8 {
    tempo.paces[name].doublings
}

#[test]
fn what_drifts_is_read_oftener_and_what_is_stable_and_dear_more_rarely() {
    let sources = [
        source("cheap", 2, 0.05),
        source("dear", 2, 6.0),
        source("drifting", 2, 0.3),
    ];
    let mut tempo = Tempo::default();
    let rates = seen(&[("cheap", 0.25), ("dear", 0.25), ("drifting", 16.0)]);
    for _ in 0..60 {
        let used = taken(&tempo, &sources) + 0.2;
        tempo.decide(&sources, &rates, used, 1.0, Timestamp(0));
    }
    assert_eq!(
        ["cheap", "dear", "drifting"].map(|name| doublings(&tempo, name)),
        [0, 2, -1]
    );
    assert!(
        tempo.paces["drifting"]
            .why
            .starts_with("read every 1 s instead of 2 s: test")
    );
    assert_eq!(&*tempo.paces["cheap"].why, "");
    // It is over: back to as asked.
    for _ in 0..60 {
        tempo.decide(&sources, &seen(&[("drifting", 1.0)]), 0.3, 1.0, Timestamp(0));
    }
    assert_eq!(doublings(&tempo, "drifting"), 0);
}

#[test]
fn the_budget_is_kept_and_nothing_flaps() {
    let sources: Vec<Measured> = (0..20).map(|n| source(&n.to_string(), 2, 0.2 * f64::from(n))).collect();
    let rates: BTreeMap<_, _> = sources
        .iter()
        .map(|source| (source.name.clone(), (1.0, "test")))
        .collect();
    let mut tempo = Tempo::default();
    assert!(taken(&tempo, &sources) > 1.5);
    let mut turns = 0;
    for minute in 0..300 {
        let used = taken(&tempo, &sources);
        let other = tempo.decide(&sources, &rates, used, 1.0, Timestamp(0));
        turns += usize::from(other && minute > 100);
    }
    assert!(taken(&tempo, &sources) <= 1.0, "{}", taken(&tempo, &sources));
    assert!(taken(&tempo, &sources) > 0.3);
    assert!(turns <= 3, "{turns}");
    // The dear ones pay.
    assert!(doublings(&tempo, "19") > doublings(&tempo, "2"));
}

#[test]
fn settings_that_just_changed_are_looked_at_again_soon() {
    let mut source = source("etc", 60, 4.0);
    source.settings = true;
    let now = Timestamp::from_secs(1_000_000);
    source.changed = Some(now - Span::from_mins(1));
    let mut tempo = Tempo::default();
    assert!(tempo.decide(std::slice::from_ref(&source), &seen(&[]), 0.1, 1.0, now));
    assert_eq!(doublings(&tempo, "etc"), -1);
    for minute in 0..30 {
        tempo.decide(
            std::slice::from_ref(&source),
            &seen(&[]),
            0.1,
            1.0,
            now + Span::from_mins(30 + minute),
        );
    }
    assert_eq!(doublings(&tempo, "etc"), 0);
}

#[test]
fn what_has_steps_of_its_own_is_never_read_oftener() {
    let sources = [
        source("host", 5, 0.3),
        Measured {
            stepped: true,
            ..source("prometheus", 5, 0.3)
        },
    ];
    let mut tempo = Tempo::default();
    tempo.decide(
        &sources,
        &seen(&[("host", 16.0), ("prometheus", 16.0)]),
        0.2,
        1.0,
        Timestamp(0),
    );
    assert_eq!(["host", "prometheus"].map(|name| doublings(&tempo, name)), [-1, 0]);
    assert_eq!(&*tempo.paces["prometheus"].why, "");
    let why = &tempo.paces["host"].why;
    assert!(why.starts_with("read every 2.5 s instead of 5 s: "), "{why}");
}

#[test]
fn settings_are_read_as_asked_while_the_budget_is_kept() {
    let now = Timestamp::from_secs(1_000_000);
    let settings = |name: &str, cost_ms: f64| Measured {
        settings: true,
        ..source(name, 60, cost_ms)
    };
    // Stable for a day, and dear: no reason to see a change later.
    let dear = [settings("sysctl", 12.3), settings("unit", 90.0)];
    let mut tempo = Tempo::default();
    for _ in 0..60 {
        tempo.decide(&dear, &seen(&[]), 0.6, 1.0, now);
    }
    assert_eq!(["sysctl", "unit"].map(|name| doublings(&tempo, name)), [0, 0]);
    // Beyond the budget what is worth sparing is spared, and says so; a fiftieth of it is not.
    let rest = |tempo: &Tempo| 1.3 - 0.15 + taken(tempo, &dear);
    for _ in 0..60 {
        let used = rest(&tempo);
        tempo.decide(&dear, &seen(&[]), used, 1.0, now);
    }
    assert_eq!(doublings(&tempo, "sysctl"), 0);
    assert!(doublings(&tempo, "unit") > 0);
    let why = &tempo.paces["unit"].why;
    assert!(
        why.contains("min instead of 60 s: the budget of 1 % is used up"),
        "{why}"
    );
    // What uses it up is not they: no change waits for a quarter of an hour.
    for _ in 0..60 {
        tempo.decide(&dear, &seen(&[]), 3.0, 1.0, now);
    }
    assert_eq!(["sysctl", "unit"].map(|name| doublings(&tempo, name)), [0, RAREST]);
    let heavy = [settings("sysctl", 8.0), settings("unit", 900.0)];
    for _ in 0..60 {
        tempo.decide(&heavy, &seen(&[]), 3.0, 1.0, now);
    }
    assert_eq!(doublings(&tempo, "unit"), RAREST_BEYOND);
    // As soon as it would be kept again, they are read as asked, however long the price takes to fall.
    for _ in 0..3 {
        let used = 0.6 + taken(&tempo, &dear);
        tempo.decide(&dear, &seen(&[]), used, 1.0, now);
    }
    assert_eq!((doublings(&tempo, "unit"), &*tempo.paces["unit"].why), (0, ""));
}

#[test]
fn the_dearest_settings_yield_first_and_what_is_cheap_never_does() {
    let now = Timestamp::from_secs(1_000_000);
    let settings = |name: &str, cost_ms: f64| Measured {
        settings: true,
        ..source(name, 60, cost_ms)
    };
    // First sight of all files, beside parameters, units and metrics of which the last are cheap.
    let all = [
        settings("integrity", 900.0),
        settings("sysctl", 40.0),
        settings("unit", 90.0),
        source("load", 2, 0.3),
    ];
    let names = ["sysctl", "unit", "load"];
    let mut tempo = Tempo::default();
    let mut asked = None;
    for minute in 0..90 {
        // As the engine measures itself: the mean of what it would take with nothing slowed.
        let whole = 0.3 + taken(&tempo, &all) + tempo.spared(&all);
        let mean = asked.map_or(whole, |before| before + 0.3 * (whole - before));
        asked = Some(mean);
        tempo.decide(&all, &seen(&[("load", 1.0)]), mean - tempo.spared(&all), 1.0, now);
        assert_eq!(names.map(|name| doublings(&tempo, name)), [0; 3], "minute {minute}");
    }
    assert!(doublings(&tempo, "integrity") >= RAREST);
    assert!(0.3 + taken(&tempo, &all) <= 1.0);
    // What takes less than a twentieth of the budget is read as asked, however far beyond it the engine is, and however stable it is.
    let cheap = [settings("sysctl", 11.0), source("load", 2, 0.3)];
    for _ in 0..60 {
        tempo.decide(&cheap, &seen(&[("load", 0.25)]), 9.0, 1.0, now);
    }
    assert_eq!(["sysctl", "load"].map(|name| doublings(&tempo, name)), [0, 0]);
}

#[test]
fn nothing_yields_to_a_budget_that_is_half_used() {
    let sources = [source("prometheus", 5, 3.5)];
    let rates = seen(&[("prometheus", 1.0)]);
    let mut tempo = Tempo::default();
    let minutes = |tempo: &mut Tempo, rest: f64, count: usize| {
        for _ in 0..count {
            let used = rest + taken(tempo, &sources);
            tempo.decide(&sources, &rates, used, 1.0, Timestamp(0));
        }
        doublings(tempo, "prometheus")
    };
    // A hard start, as where a past is read: then it is over, and the engine takes half of what it may.
    assert_eq!(minutes(&mut tempo, 3.0, 10), RAREST_BEYOND);
    assert!(minutes(&mut tempo, 0.5, 12) <= 1, "{tempo:?}");
    // Where it would not fit, it stays slowed.
    minutes(&mut tempo, 3.0, 10);
    assert_eq!(minutes(&mut tempo, 0.95, 60), RAREST_BEYOND);
}

proptest! {
    #[test]
    fn any_figures_give_a_tempo_within_its_bounds(
        cost in prop::num::f64::ANY, every in any::<i64>(), rate in 0.25..16.0, used in prop::num::f64::ANY,
        budget in 0.0..100.0_f64, changed in any::<i64>(), settings in any::<bool>(), times in 1_usize..40,
    ) {
        let source = Measured { name: "a".into(), every: Span(every), cost, changed: Some(Timestamp(changed)), settings, stepped: false };
        let mut tempo = Tempo::default();
        for _ in 0..times {
            tempo.decide(std::slice::from_ref(&source), &seen(&[("a", rate)]), used, budget, Timestamp(0));
            prop_assert!((OFTENEST..=RAREST_BEYOND).contains(&doublings(&tempo, "a")));
            prop_assert!((1.0..=Tempo::DEAREST).contains(&tempo.price));
        }
        prop_assert!(Pace::of(doublings(&tempo, "a"), Span(every.max(1))).0 > 0);
    }
}
