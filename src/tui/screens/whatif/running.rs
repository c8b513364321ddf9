//! What-ifs on their way: asked, watched, answered, stopped.

use super::{POLL, Pane, SEED, scenario::Scenario, tag};
use crate::{
    engine::{Answer, LinkError, Query, STOPPED},
    tui::state::{Effect, State, Tag},
};

/// What to ask when the screen is entered, or when the data it shows have changed: what was not asked yet. A what-if keeps
/// the time it was run at; `r` runs it anew.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let (at, now) = (state.at, state.now());
    let pane = &mut state.whatif;
    let horizon = pane.horizon;
    let mut effects = Vec::new();
    // Side by side both are of one time: what else moved meanwhile is no difference between them.
    let due = |scenario: &Scenario| {
        let told = scenario.outcome.as_ref();
        let answered = told.is_some_and(|told| told.changes == scenario.changes && scenario.answers == horizon);
        let waits = scenario.job.is_some() || scenario.failed.is_some();
        !answered && !waits && scenario.changes.active().next().is_some()
    };
    let of_now = |scenario: &Scenario| at.is_none() && scenario.changes.begins_before(now).is_none();
    let both = pane
        .b
        .as_ref()
        .is_some_and(|b| [&pane.a, b].into_iter().all(of_now) && (due(&pane.a) || due(b)));
    for (what, scenario) in [("a", Some(&mut pane.a)), ("b", pane.b.as_mut())] {
        let Some(scenario) = scenario else { continue };
        if scenario.at != at {
            effects.extend(scenario.halt());
            (scenario.at, scenario.outcome, scenario.failed) = (at, None, None);
        }
        let answered = !due(scenario) && !both;
        if scenario.changes.active().next().is_none() {
            scenario.outcome = None;
            effects.extend(scenario.halt());
        } else if !answered && scenario.job.is_none() && scenario.failed.is_none() {
            pane.next_job += 1;
            scenario.job = Some(pane.next_job);
            scenario.long = at.is_some() || scenario.changes.begins_before(now).is_some();
            effects.push(Effect::Ask(
                tag(what),
                Query::WhatIf {
                    changes: scenario.changes.clone(),
                    horizon,
                    seed: SEED,
                    at,
                    job: scenario.job,
                },
            ));
        }
    }
    // Only what is read again from the past takes long enough to be watched.
    if !pane.polling && running(&state.whatif) {
        state.whatif.polling = true;
        effects.push(Effect::PollAfter(POLL));
    }
    effects
}

/// An answer to a question of this screen.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    let now = state.now();
    let pane = &mut state.whatif;
    let horizon = pane.horizon;
    let scenario = match tag.what {
        "b" => pane.b.as_mut(),
        _ => Some(&mut pane.a),
    };
    let Some(scenario) = scenario else {
        return Vec::new();
    };
    match answer.map(|answer| *answer) {
        _ if tag.what == "stop" => {}
        // An answer to what is no longer asked comes too late and is dropped.
        Ok(Answer::WhatIf(outcome))
            if outcome.changes == scenario.changes && (outcome.actual || outcome.horizon <= horizon) =>
        {
            (scenario.job, scenario.progress, scenario.failed) = (None, None, None);
            (scenario.outcome, scenario.answers, scenario.ran) = (Some(outcome), horizon, now);
        }
        Ok(Answer::Progress(progress)) => scenario.progress = progress.or(scenario.progress),
        Ok(_) => {}
        // Of one that someone stopped, or that nobody waits for any more.
        Err(_) if scenario.job.is_none() => {}
        Err(LinkError::Refused(why)) if why == STOPPED => {}
        Err(error) => {
            (scenario.job, scenario.progress, scenario.outcome) = (None, None, None);
            scenario.failed = Some(error.to_string());
        }
    }
    Vec::new()
}

/// Whether an answer is awaited that takes long.
fn running(pane: &Pane) -> bool {
    [Some(&pane.a), pane.b.as_ref()]
        .into_iter()
        .flatten()
        .any(|scenario| scenario.job.is_some() && scenario.long)
}

/// Time to ask how far the what-ifs are.
pub fn poll(state: &mut State) -> Vec<Effect> {
    let pane = &mut state.whatif;
    pane.polling = running(pane);
    if !pane.polling {
        return Vec::new();
    }
    let jobs = [("a", Some(&pane.a)), ("b", pane.b.as_ref())].into_iter();
    let asks = jobs.filter_map(|(what, scenario)| Some(Effect::Ask(tag(what), Query::Progress(scenario?.job?))));
    asks.chain([Effect::PollAfter(POLL)]).collect()
}

/// Esc while a what-if runs: ends it. `None` when none runs.
pub fn stop(state: &mut State) -> Option<Vec<Effect>> {
    let pane = &mut state.whatif;
    if !running(pane) {
        return None;
    }
    let mut effects = Vec::new();
    for scenario in std::iter::once(&mut pane.a).chain(&mut pane.b) {
        if scenario.job.is_some() {
            effects.extend(scenario.halt());
            scenario.failed = Some("stopped: r runs it again".into());
        }
    }
    Some(effects)
}
