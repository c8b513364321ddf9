//! What is said of one proposal.

use crate::{
    domain::{Artefact, Change, Effect, Evidence, Finding, Proposal, SeriesId, SettingChange, Timestamp, Value},
    engine::SettingRow,
    tui::{
        page::{Fine, labelled},
        state::State,
        text::{began, fit_name, is_vague, minute, telling, when, width, wrap},
    },
};

/// Where the numbers of an effect come from, in one or two words.
#[must_use]
pub fn evidence(effect: &Effect) -> String {
    match effect.evidence {
        Evidence::Identity => "by a law".into(),
        Evidence::PastChange => match effect.cases {
            0 => "seen before".into(),
            1 => "seen once".into(),
            cases => format!("seen {cases}x"),
        },
        Evidence::Network => "learnt link".into(),
        Evidence::None => "a guess".into(),
    }
}

/// The last part of a dotted name: `available_pct`.
#[must_use]
pub fn last_part(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// The metric that suffers and that the proposal is to help: the one its finding is about, else the worst that the change is a likely cause
/// of.
pub(super) fn suffering<'a>(state: &'a State, proposal: &Proposal) -> Option<&'a SeriesId> {
    let findings = &state.shown.findings;
    let metric = |finding: &'a Finding| finding.series.first().filter(|id| state.metric(id).is_some());
    let own = findings.iter().find(|finding| finding.id == proposal.finding);
    let changed = |id: &SeriesId| {
        let mut changes = proposal.changes.active();
        changes.any(|change| matches!(change, Change::Setting { id: changed, .. } if changed == id))
    };
    let caused = findings.iter().filter(|finding| {
        let mut causes = finding.causes.iter().filter_map(|cause| cause.series.as_ref());
        causes.any(changed)
    });
    own.into_iter().chain(caused).find_map(|finding| metric(finding))
}

/// What the list says of its effect, in at most `cells` where it is not known: on the metric that suffers.
pub(super) fn told(state: &State, proposal: &Proposal, cells: usize) -> String {
    let effects = &proposal.effects;
    match suffering(state, proposal).filter(|_| !effects.is_empty()) {
        Some(id) => match effects.iter().find(|effect| effect.series == *id) {
            Some(effect) => short_effect(effect, cells),
            // The mark is what it says.
            None => format!("{} -?", short_name(id, cells.saturating_sub(3))),
        },
        None => effects
            .first()
            .map_or_else(|| "not known".into(), |effect| short_effect(effect, cells)),
    }
}

/// `+6.9 points available_pct`, in `cells` at most where the name can be shortened so far.
pub(super) fn short_effect(effect: &Effect, cells: usize) -> String {
    let fine = Fine::of(effect.unit, effect.before[1], effect.after[1]);
    let change = fine.signed(effect.difference[1]);
    let name = short_name(&effect.series, cells.saturating_sub(width(&change) + 1));
    format!("{change} {name}")
}

/// What tells a series; of one too long for `cells` enough to know it by.
fn short_name(id: &SeriesId, cells: usize) -> String {
    let name = telling(&[&id.name]).concat();
    if width(&name) <= cells {
        return name;
    }
    fit_name(&name, cells).trim_end().to_owned()
}

/// Whether an effect can be told from none by the digits shown.
fn shows(effect: &Effect) -> bool {
    let fine = Fine::of(effect.unit, effect.before[1], effect.after[1]);
    let chance = |share: f64| (share * 100.0).round();
    fine.show(effect.before[1]) != fine.show(effect.after[1])
        || effect
            .crossing
            .is_some_and(|(without, with)| chance(without) != chance(with))
}

/// `mem.available_pct 4.1 -> 11 % (80 %: 9.8-12.2 %), seen before`.
fn effect(effect: &Effect) -> String {
    let unit = effect.unit;
    let fine = Fine::of(unit, effect.before[1], effect.after[1]);
    let mut text = format!(
        "{} {} -> {} (80 %: {})",
        effect.series.name,
        fine.show(effect.before[1]),
        fine.show(effect.after[1]),
        fine.between(effect.after[0], effect.after[2]),
    );
    if let Some((without, with)) = effect.crossing {
        text += &format!(", limit passed {:.0} -> {:.0} %", without * 100.0, with * 100.0);
    }
    format!("{text}, {}", evidence(effect))
}

/// Steps to be done by hand that are told beside the rest.
const SHOWN: usize = 3;

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
    for (place, why) in proposal.why.iter().enumerate() {
        say(if place == 0 { "WHY" } else { " " }, why);
    }
    let finding = state.shown.findings.iter().find(|row| row.id == proposal.finding);
    if let (Some(finding), Some(now)) = (finding, state.shown.at) {
        let since = began(finding.earliest, finding.since, now);
        say(
            "ANSWERS",
            &format!("{} since {since}: {}", finding.mark, finding.summary),
        );
    }
    let anew = state.proposals.anew(proposal.id);
    let effects = anew.map_or(&proposal.effects, |outcome| &outcome.effects);
    let it = suffering(state, proposal);
    let (on_it, mut besides): (Vec<&Effect>, Vec<&Effect>) =
        effects.iter().partition(|effect| Some(&effect.series) == it);
    besides.retain(|effect| shows(effect));
    let unknown = match it {
        _ if effects.is_empty() => Some(match it {
            Some(id) => format!("{}: not known, nor any other effect", id.name),
            None => "not known: nothing alike was ever seen".to_owned(),
        }),
        Some(id) if on_it.is_empty() => Some(format!("{}: not known; what moves besides:", id.name)),
        _ => None,
    };
    let told = unknown.into_iter().chain(on_it.into_iter().chain(besides).map(effect));
    for (place, told) in told.enumerate() {
        say(if place == 0 { "EFFECT" } else { " " }, &told);
    }
    say("COST", &proposal.cost);
    say("SURE", &format!("{}{}", proposal.sure, replays(state, effects)));
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
    let by_hand = proposal.artefact.text.lines();
    let by_hand: Vec<&str> = by_hand.filter_map(|line| line.strip_prefix("# by hand: ")).collect();
    for (place, step) in by_hand.iter().take(SHOWN).enumerate() {
        say(if place == 0 { "BY HAND" } else { " " }, step);
    }
    if by_hand.len() > SHOWN {
        say(" ", &format!("and {} more: Enter shows all", by_hand.len() - SHOWN));
    }
    say("SEEN", &seen(state, proposal));
    say("WHEN", &best_time(state, proposal));
    say("NOT", &not(state, proposal));
    if let Some(now) = state.shown.at {
        let (made, anew) = (when(proposal.made_at, now), anew.map(|outcome| when(outcome.at, now)));
        let anew = anew.map_or_else(String::new, |at| format!(", computed anew {at}"));
        let stale = match proposal.status {
            crate::domain::ProposalStatus::Stale => "; - stale: its data are too old, it cannot be applied",
            _ => "",
        };
        if !(anew.is_empty() && stale.is_empty()) {
            say("MADE", &format!("{made}{anew}{stale}"));
        }
    }
    lines
}

/// How often what changes were to do came true, where `effects` rest on what changes did before: what is foretold by a law alone was not
/// held against anything.
#[must_use]
pub fn replays(state: &State, effects: &[Effect]) -> String {
    let by_past = effects.iter().any(|effect| effect.evidence == Evidence::PastChange);
    match state.shown.health.promises() {
        _ if !by_past => String::new(),
        (_, 0) => "; no such promise came due yet".into(),
        (right, all) => format!("; replays right before: {right} of {all}"),
    }
}

/// The settings that a proposal changes, with what they are now.
fn touched<'a>(state: &'a State, proposal: &'a Proposal) -> impl Iterator<Item = (&'a Option<Value>, &'a SettingRow)> {
    proposal.changes.active().filter_map(|change| match change {
        Change::Setting { id, from, .. } => {
            let row = state.shown.settings.iter().find(|row| row.id == *id)?;
            Some((from, row))
        }
        Change::Capacity { .. } | Change::Traffic { .. } => None,
    })
}

/// When a setting of the proposal changed again since it was made.
pub(super) fn outdated(state: &State, proposal: &Proposal) -> Option<Timestamp> {
    touched(state, proposal).find_map(|(from, row)| {
        let change = row.last_change.as_ref()?;
        (from.is_some() && *from != row.value && change.at > proposal.made_at).then_some(change.at)
    })
}

/// What is known of earlier changes of the same settings.
fn seen(state: &State, proposal: &Proposal) -> String {
    let Some(now) = state.shown.at else {
        return String::new();
    };
    let told: Vec<String> = touched(state, proposal)
        .map(|(_, row)| match &row.last_change {
            Some(change) => {
                let by = change.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
                let from = change
                    .from
                    .as_ref()
                    .map_or_else(|| "(absent)".into(), ToString::to_string);
                let to = change
                    .to
                    .as_ref()
                    .map_or_else(|| "(absent)".into(), ToString::to_string);
                format!("{} went {from} -> {to} {}{by}", row.id.name, made(change, now))
            }
            None => format!("{} never changed since {}", row.id.name, when(row.since, now)),
        })
        .collect();
    told.join("; ")
}

/// When a change was made: `at 14:32`, `on 12 Mar at 14:32`; `14:30-14:32` where that is known to lie between the two.
fn made(change: &SettingChange, now: Timestamp) -> String {
    let told = began(change.after, change.at, now);
    match told.rsplit_once(' ') {
        _ if is_vague(change.after, change.at) => format!("within {told}"),
        Some((day, time)) => format!("on {day} at {time}"),
        None => format!("at {told}"),
    }
}

/// When it is best done: a change that holds up the service waits for the quietest half hour of the day.
fn best_time(state: &State, proposal: &Proposal) -> String {
    const HARMLESS: f64 = 0.2;
    if proposal.factors.disruption < HARMLESS {
        return "now: it holds up nothing".into();
    }
    match state.proposals.quiet(&proposal.resource) {
        Some((from, to, load, usual)) => format!(
            "now, or in the quiet {}-{} (cpu.busy_pct {load:.0} % yesterday, {usual:.0} % over the day)",
            minute(from),
            minute(to)
        ),
        None => "now, or at a quiet hour (known after a day of data)".into(),
    }
}

/// What else would answer the finding and is not worth it.
fn not(state: &State, proposal: &Proposal) -> String {
    let others = state
        .shown
        .proposals
        .iter()
        .map(|other| &**other)
        .filter(|other| other.finding == proposal.finding && other.id != proposal.id);
    let (worse, better): (Vec<&Proposal>, Vec<&Proposal>) =
        others.partition(|other| other.factors.score() < proposal.factors.score());
    let title = |other: &&Proposal| format!("{} (score {:.1})", other.title, other.factors.score());
    let told: Vec<String> = worse.iter().take(2).map(title).collect();
    match (told.is_empty(), better.first()) {
        (false, _) => told.join("; "),
        (true, Some(better)) => format!("{} is the better answer", title(better)),
        (true, None) => "no other change is known that answers it".into(),
    }
}

/// What is to be known before anything else is read: that a setting changed since, and that its figures are old ones.
pub(super) fn remarks(state: &State, proposal: &Proposal, width: usize) -> Vec<String> {
    let mut told = Vec::new();
    if let Some((at, now)) = outdated(state, proposal).zip(state.shown.at) {
        told.push(format!(
            "#{} is out of date: the setting changed again at {}. r computes it anew.",
            proposal.id.0,
            when(at, now)
        ));
    }
    if !state.shown.live {
        let at = when(proposal.made_at, state.now());
        told.push(format!("Score and effect are as first told at {at}."));
    }
    let lines = told.iter().flat_map(|text| wrap(text, width.saturating_sub(2)));
    lines.map(|line| format!(" {line}")).collect()
}

/// Everything, with the text to run as it is.
pub(super) fn whole(state: &State, proposal: &Proposal) -> Vec<String> {
    let mut lines = vec![format!("{} {}", proposal.resource, proposal.title), String::new()];
    // Narrow enough to be read in any overlay.
    let width = usize::from(state.size.0).clamp(30, 100) - 2;
    lines.extend(remarks(state, proposal, width));
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
        format!(
            " success    {:>6.2}  chance that it does what it says, 0 to 1",
            factors.success
        ),
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
