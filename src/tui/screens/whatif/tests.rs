//! Screen 5 as a user meets it.

mod changes;
mod outcome;
mod running;

use crossterm::event::KeyModifiers;

use super::*;
use crate::{
    domain::{Evidence, Forecast, Quantiles, Unit, Value},
    engine::{Answer, LinkError, Query, STOPPED},
    simulate::Outcome,
    tui::{fixture, look::Charset},
};

/// An outcome of two effects over six hours.
pub(in crate::tui::screens) fn outcome(changes: ChangeSet) -> Outcome {
    let forecast = |low: f64, high: f64| Forecast {
        start: fixture::now(),
        step: Span::from_mins(6),
        steps: (1..=60)
            .map(|step| fixture::band(low - 0.02 * f64::from(step), high + 0.02 * f64::from(step)))
            .collect::<Vec<Quantiles>>(),
        points: 89_280,
        tested: Span::from_days(2),
    };
    let effect = |name: &str, unit, before: [f64; 3], after: [f64; 3], crossing, evidence| crate::domain::Effect {
        series: fixture::id(name),
        unit,
        before,
        after,
        difference: [0, 1, 2].map(|level| after[level] - before[level]),
        crossing,
        evidence,
        cases: 0,
    };
    Outcome {
        changes,
        at: fixture::now(),
        horizon: Span::from_hours(6),
        seed: SEED,
        runs: 400,
        effects: vec![
            effect(
                "db-01/mem.available_pct",
                Unit::Percent,
                [3.9, 4.1, 4.4],
                [9.1, 10.9, 12.2],
                Some((0.97, 0.02)),
                Evidence::PastChange,
            ),
            effect(
                "web-01/http.p99_ms",
                Unit::None,
                [205.0, 212.0, 220.0],
                [165.0, 178.0, 196.0],
                None,
                Evidence::Network,
            ),
        ],
        bands: vec![
            (
                fixture::id("db-01/mem.available_pct"),
                forecast(3.9, 4.4),
                forecast(9.1, 12.2),
            ),
            (
                fixture::id("web-01/http.p99_ms"),
                forecast(205.0, 220.0),
                forecast(165.0, 196.0),
            ),
        ],
        no_evidence: Vec::new(),
        notes: vec!["no evidence for web-07 net.eth0.retrans".into()],
        inside_seen: true,
        actual: false,
    }
}

fn state(width: u16, height: u16) -> State {
    fixture::on(Screen::WhatIf, Charset::Ascii, width, height)
}

fn drawn(state: &State, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view(state, area, &mut buffer);
    fixture::text(&buffer)
}

fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    key(state, KeyEvent::new(code, KeyModifiers::NONE))
}

/// Answers every what-if asked.
fn reply(state: &mut State, effects: Vec<Effect>) -> usize {
    let mut count = 0;
    for effect in effects {
        let Effect::Ask(
            tag,
            Query::WhatIf {
                changes, horizon, seed, ..
            },
        ) = effect
        else {
            continue;
        };
        assert_eq!(seed, SEED);
        let outcome = Outcome {
            horizon,
            ..outcome(changes)
        };
        answer(state, &tag, Ok(Box::new(Answer::WhatIf(Box::new(outcome)))));
        count += 1;
    }
    count
}

fn seeded(width: u16, height: u16) -> State {
    let mut state = state(width, height);
    let seeds = [
        "db-01/pg.shared_buffers",
        "db-01/vm.swappiness",
        "db-01/mem.available_pct",
    ];
    let effects = open(&mut state, seeds.map(fixture::id).to_vec());
    assert_eq!(reply(&mut state, effects), 1);
    state
}
