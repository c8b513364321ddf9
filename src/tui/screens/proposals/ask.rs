//! What this screen asks the engine.

use super::{selected, tag};
use crate::{
    domain::{Change, ChangeSet, Proposal, ResourceId, SeriesId, Span},
    engine::Query,
    tui::{
        screens::whatif,
        state::{Effect, State},
    },
};

/// Whether there is room for a chart below the text.
fn wide(state: &State) -> bool {
    state.size.0 >= 110 && state.size.1 >= 32
}

/// What to ask when the screen is entered, or when the data it shows have changed.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let Some(proposal) = selected(state) else {
        return Vec::new();
    };
    let mut effects: Vec<Effect> = day(state, &proposal.resource).into_iter().collect();
    if wide(state) {
        effects.extend(chart(state, &proposal));
    }
    effects
}

/// Asks for a day of the resource's load, once.
fn day(state: &mut State, resource: &ResourceId) -> Option<Effect> {
    let load = SeriesId::new(resource, "cpu.busy_pct");
    if state.proposals.day_asked.as_ref() == Some(resource) || state.metric(&load).is_none() {
        return None;
    }
    state.proposals.day_asked = Some(resource.clone());
    let to = state.now();
    let query = Query::Chart {
        id: load,
        from: to - Span::from_days(1),
        to,
        step: Span::from_mins(30),
    };
    Some(Effect::Ask(tag("day"), query))
}

/// Asks what a proposal would do, for the chart below its text.
fn chart(state: &State, proposal: &Proposal) -> Option<Effect> {
    let known = state
        .proposals
        .outcome
        .as_ref()
        .is_some_and(|(id, _)| *id == proposal.id);
    if known || proposal.changes.active().next().is_none() {
        return None;
    }
    Some(ask_outcome(state, "outcome", proposal.changes.clone()))
}

fn ask_outcome(state: &State, what: &'static str, changes: ChangeSet) -> Effect {
    let query = Query::WhatIf {
        changes,
        horizon: state.shown.options.horizon,
        seed: whatif::SEED,
        at: state.at,
        job: None,
    };
    Effect::Ask(tag(what), query)
}

/// Computes a proposal anew, from what its settings are now.
pub(super) fn again(state: &mut State, proposal: &Proposal) -> Vec<Effect> {
    let mut changes = proposal.changes.clone();
    for step in &mut changes.steps {
        if let Change::Setting { id, from, .. } = &mut step.change
            && let Some(row) = state.shown.settings.iter().find(|row| row.id == *id)
        {
            from.clone_from(&row.value);
        }
    }
    if changes.active().next().is_none() {
        state.message = Some(format!(
            "#{} changes what is declared: there is nothing to compute",
            proposal.id.0
        ));
        return Vec::new();
    }
    state.proposals.anew_asked = Some(proposal.id);
    vec![ask_outcome(state, "anew", changes)]
}
