//! What is said of one proposal.

use crate::{
    domain::{Artefact, Effect, Evidence, Proposal},
    tui::{
        page::{between, labelled, signed},
        state::State,
        text::when,
    },
};

/// Where a number comes from, in one or two words.
#[must_use]
pub fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Identity => "identity",
        Evidence::PastChange => "past-change",
        Evidence::Network => "network",
        Evidence::None => "none",
    }
}

/// The last part of a dotted name: `available_pct`.
#[must_use]
pub fn last_part(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// `available_pct +6.9 %`.
pub(super) fn short_effect(effect: &Effect) -> String {
    let change = signed(effect.unit, effect.difference[1]);
    format!("{change} {}", last_part(&effect.series.name))
}

/// `mem.available_pct 4.1 -> 11 % (80 %: 9.8-12.2 %), past-change`.
fn effect(effect: &Effect) -> String {
    let unit = effect.unit;
    let mut text = format!(
        "{} {} -> {} (80 %: {})",
        effect.series.name,
        unit.show(effect.before[1]),
        unit.show(effect.after[1]),
        between(unit, effect.after[0], effect.after[2]),
    );
    if let Some((without, with)) = effect.crossing {
        text += &format!(", limit passed {:.0} -> {:.0} %", without * 100.0, with * 100.0);
    }
    format!("{text} [{}]", evidence(effect.evidence))
}

/// The lines of an artefact that do something: no blank ones, no comments.
fn commands(artefact: &Artefact) -> Vec<&str> {
    artefact
        .text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// The proposal in labelled lines of at most `width` cells.
pub(super) fn sections(state: &State, proposal: &Proposal, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |label: &str, text: &str| {
        if !text.is_empty() {
            lines.extend(labelled(label, text, width));
        }
    };
    say("WHY", &proposal.why.join(" "));
    let finding = state.shown.findings.iter().find(|row| row.id == proposal.finding);
    if let (Some(finding), Some(now)) = (finding, state.shown.at) {
        let since = when(finding.since, now);
        say(
            "ANSWERS",
            &format!("{} since {since}: {}", finding.mark, finding.summary),
        );
    }
    for (place, told) in proposal.effects.iter().enumerate() {
        say(if place == 0 { "EFFECT" } else { " " }, &effect(told));
    }
    if proposal.effects.is_empty() {
        say("EFFECT", "not known: nothing alike was ever seen [none]");
    }
    say("COST", &proposal.cost);
    say("SURE", &proposal.sure);
    say("RISK", &proposal.risk);
    say("UNDO", &proposal.undo);
    let steps = commands(&proposal.artefact);
    let numbered: Vec<String> = steps
        .iter()
        .enumerate()
        .map(|(place, step)| format!("{} {step}", place + 1))
        .collect();
    let copies = match steps.len() {
        0 => String::new(),
        1 => "  (y copies the command)".into(),
        more => format!("  (y copies all {more})"),
    };
    say("STEPS", &format!("{}{copies}", numbered.join("  ")));
    if let Some(now) = state.shown.at {
        let made = when(proposal.made_at, now);
        let stale = match proposal.status {
            crate::domain::ProposalStatus::Stale => "; - stale: its data are too old, it cannot be applied",
            _ => "",
        };
        say(
            "MADE",
            &format!("{made}, answers finding {}{stale}", proposal.finding.0),
        );
    }
    lines
}

/// Everything, with the text to run as it is.
pub(super) fn whole(state: &State, proposal: &Proposal) -> Vec<String> {
    let mut lines = vec![format!("{} {}", proposal.resource, proposal.title), String::new()];
    // Narrow enough to be read in any overlay.
    let width = usize::from(state.size.0).clamp(30, 100) - 2;
    lines.extend(sections(state, proposal, width));
    lines.push(String::new());
    lines.extend(score(proposal));
    lines.push(String::new());
    lines.push(format!(" {} text:", proposal.artefact.format));
    lines.extend(proposal.artefact.text.lines().map(|line| format!("   {line}")));
    lines
}

/// The sum behind a score.
pub(super) fn score(proposal: &Proposal) -> Vec<String> {
    let factors = &proposal.factors;
    vec![
        format!(
            " score {:.1} = success {:.2} x impact {:.1} / (disruption {:.2} + effort {:.2})",
            factors.score(),
            factors.success,
            factors.impact,
            factors.disruption,
            factors.effort
        ),
        format!(" success    {:>6.2}  chance that it works, 0 to 1", factors.success),
        format!(
            " impact     {:>6.1}  bits of surprise or breach it takes away",
            factors.impact
        ),
        format!(
            " disruption {:>6.2}  cost to the service, 1 is a restart",
            factors.disruption
        ),
        format!(
            " effort     {:>6.2}  cost to the person, 1 is one command",
            factors.effort
        ),
    ]
}
