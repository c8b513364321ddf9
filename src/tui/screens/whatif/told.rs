//! The outcome in lines: all that is behind it, and as plain text.

use super::{
    draw::{NO_EVIDENCE, named},
    list::parts,
};
use crate::tui::{
    page::between,
    screens::proposals::evidence,
    state::State,
    text::{clock, fit_right},
};

/// Everything behind the outcome, a line each.
pub(super) fn explanation(state: &State) -> Vec<String> {
    let scenario = state.whatif.current();
    let Some(outcome) = &scenario.outcome else {
        return vec![scenario.failed.clone().unwrap_or_else(|| "nothing has run yet".into())];
    };
    let mut lines = vec![
        format!(
            "{} paths over {}, seed {}, on what was known at {}",
            outcome.runs,
            outcome.horizon,
            outcome.seed,
            clock(outcome.at)
        ),
        "the same changes, time and seed give the same figures".into(),
        String::new(),
    ];
    for effect in &outcome.effects {
        lines.push(format!("{}: {}", effect.series, evidence(effect)));
        let of =
            |name: &str, [low, middle, high]: [&String; 3]| format!("  {name:<10} {middle} (80 %: {low} to {high})");
        let ([a, b, c], [d, e, f]) = (effect.before, effect.after);
        let [a, b, c, d, e, f] = &effect.unit.apart([a, b, c, d, e, f]);
        lines.push(of("without", [a, b, c]));
        lines.push(of("with", [d, e, f]));
        let differences = effect.difference;
        let shown = effect.unit.apart(differences);
        let shown: Vec<String> = differences
            .into_iter()
            .zip(shown)
            .map(|(value, shown)| effect.unit.as_difference(value, shown))
            .collect();
        lines.push(of("difference", [&shown[0], &shown[1], &shown[2]]));
    }
    for id in &outcome.no_evidence {
        lines.push(format!("{id}: {NO_EVIDENCE}"));
    }
    lines.push(String::new());
    lines.push(
        "by a law: it holds by construction (work, capacity, queues); seen once, or Nx: what so many such changes did here;".into(),
    );
    lines.push("learnt link: what moves together here; a guess: nothing alike was seen.".into());
    lines.extend(outcome.notes.iter().map(|note| format!("- {note}")));
    lines
}

/// Changes and outcome as plain text, for the clipboard.
pub(super) fn as_text(state: &State) -> String {
    let scenario = state.whatif.current();
    let mut text = String::new();
    for step in &scenario.changes.steps {
        let (name, was, then) = parts(step);
        text += &format!("{} {name} {was} -> {then}\n", if step.on { "[on] " } else { "[off]" });
    }
    if let Some(outcome) = &scenario.outcome {
        text += &format!("over {} from {}, seed {}\n", outcome.horizon, outcome.at, outcome.seed);
        for id in &outcome.no_evidence {
            text += &format!("{} {NO_EVIDENCE}\n", fit_right(&named(id), 40));
        }
        for effect in &outcome.effects {
            text += &format!(
                "{} {} -> {} ({}) {}\n",
                fit_right(&named(&effect.series), 40),
                effect.unit.show(effect.before[1]),
                effect.unit.show(effect.after[1]),
                between(effect.unit, effect.after[0], effect.after[2]),
                evidence(effect)
            );
        }
    }
    text
}
