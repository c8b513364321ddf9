//! Applying a proposal: the box with its commands, the run on this host, and what is kept of it in the audit.

use std::sync::Arc;

use super::{ask, show, tag};
use crate::{
    act::{self, End},
    domain::{Proposal, ProposalStatus},
    engine::Query,
    tui::state::{Effect, Overlay, Purpose, State},
};

/// What the audit is told of commands: enough to read, and the hash of all.
const TOLD: usize = 2_000;

/// A proposal whose commands are about to run, or run.
#[derive(Debug)]
pub(super) struct Applying {
    proposal: Arc<Proposal>,
    /// Whether the audit has taken that they are run: before that nothing runs.
    runs: bool,
    /// The last lines of their output.
    lines: Vec<String>,
    /// Whether someone wants to leave when they have ended.
    leave: bool,
}

/// A step of commands that run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The last lines of output, made visible.
    Lines(Vec<String>),
    /// They ended; or could not be started, or not be waited for.
    Ended(Result<(End, Vec<String>), String>),
}

/// Whether the proposal's commands can be run in this session.
pub(super) fn can(state: &State, proposal: &Proposal) -> bool {
    state.operate && act::commands(proposal, state.here.as_ref()).is_ok()
}

fn title(proposal: &Proposal) -> String {
    format!("apply #{} to {}", proposal.id.0, proposal.resource.name())
}

/// Opens the box: the exact commands and the way back above the line in which the name is typed. Without `--operate` the commands are
/// copied instead.
pub(super) fn open(state: &mut State, proposal: &Arc<Proposal>) -> Vec<Effect> {
    let number = proposal.id.0;
    if proposal.status == ProposalStatus::Stale {
        state.message = Some(format!("#{number} rests on old data: it cannot be applied"));
        return Vec::new();
    }
    if !state.operate {
        state.message = Some(format!(
            "read-only session: the commands of #{number} go to the terminal's clipboard instead"
        ));
        return vec![Effect::Copy(proposal.artefact.text.clone())];
    }
    if state.at.is_some() {
        state.message = Some("this is the past: 0 goes back to now, then a applies what is proposed now".into());
        return Vec::new();
    }
    if let Some(running) = &state.proposals.applying {
        state.message = Some(format!("the commands of #{} still run", running.proposal.id.0));
        return Vec::new();
    }
    if let Err(why) = act::commands(proposal, state.here.as_ref()) {
        state.message = Some(format!("#{number} cannot be applied here: {why}; y copies"));
        return Vec::new();
    }
    let mut lines: Vec<String> = proposal.artefact.text.lines().map(str::to_owned).collect();
    lines.extend([
        String::new(),
        format!("undo: {}", proposal.undo),
        format!(
            "as {} with /bin/sh -e, for at most {} s",
            state.who,
            act::LIMIT.as_secs()
        ),
    ]);
    show(state, title(proposal), lines);
    state.proposals.boxed = Some(Arc::clone(proposal));
    ask(state, Purpose::Apply, proposal, "");
    Vec::new()
}

/// The name was typed: what was shown is told to the audit; it runs when that is kept.
pub(super) fn typed(state: &mut State, now: &Arc<Proposal>, text: &str) -> Vec<Effect> {
    let Some(shown) = state.proposals.boxed.take() else {
        return Vec::new();
    };
    if text != shown.resource.name() && text != shown.resource.as_str() {
        state.message = Some(format!(
            "that is not the name of {}: nothing was done",
            shown.resource.name()
        ));
        return Vec::new();
    }
    if shown.artefact != now.artefact || shown.undo != now.undo {
        state.message = Some(format!("#{} changed while you typed: a shows what it is now", now.id.0));
        return Vec::new();
    }
    let commands = &shown.artefact.text;
    let told = format!(
        "#{} {}; commands (blake3 {}): {}; undo: {}",
        shown.id.0,
        shown.title,
        &blake3::hash(commands.as_bytes()).to_hex()[..16],
        crate::tui::text::cut(&commands.trim_end().replace('\n', "; "), TOLD),
        shown.undo
    );
    let asked = keep(&shown, "apply", told);
    state.proposals.applying = Some(Applying {
        proposal: shown,
        runs: false,
        lines: Vec::new(),
        leave: false,
    });
    draw(state, "the audit takes it first");
    vec![asked]
}

fn keep(proposal: &Proposal, what: &'static str, told: String) -> Effect {
    let resource = proposal.resource.name().to_owned();
    Effect::Ask(tag(what), Query::Apply { resource, told })
}

/// The audit has it, or not: only then anything runs.
pub(super) fn kept(state: &mut State, taken: Result<(), String>) -> Vec<Effect> {
    let Some(applying) = &mut state.proposals.applying else {
        return Vec::new();
    };
    match taken {
        Ok(()) => {
            applying.runs = true;
            let commands = applying.proposal.artefact.text.clone();
            draw(state, "running");
            vec![Effect::Run(commands)]
        }
        Err(why) => {
            state.proposals.applying = None;
            state.overlay = None;
            state.message = Some(format!("nothing was run: the audit did not take it ({why})"));
            Vec::new()
        }
    }
}

/// The commands wrote something, or ended.
pub fn step(state: &mut State, step: Step) -> Vec<Effect> {
    let Some(applying) = &mut state.proposals.applying else {
        return Vec::new();
    };
    let number = applying.proposal.id.0;
    let (said, lines) = match step {
        Step::Lines(lines) => {
            applying.lines = lines;
            draw(state, "running");
            return Vec::new();
        }
        Step::Ended(Ok((end, lines))) => (end.to_string(), lines),
        Step::Ended(Err(why)) => (format!("not run: {why}"), Vec::new()),
    };
    let last = lines
        .last()
        .map_or_else(String::new, |line| format!("; last line: {line}"));
    applying.lines = lines;
    let told = format!("#{number} {said}{last}");
    let effects = vec![keep(&applying.proposal, "applied", told)];
    let leaving = applying.leave;
    draw(state, &said);
    state.message = Some(format!("#{number}: {said}; 7 has it, 1 and 2 show what it did"));
    state.proposals.applying = None;
    state.proposals.leaving = leaving;
    effects
}

/// Asks before the console is left while commands run; `None` when nothing runs. Asked again, it ends them and then leaves.
pub fn leave(state: &mut State) -> Option<Vec<Effect>> {
    let applying = state.proposals.applying.as_mut()?;
    let number = applying.proposal.id.0;
    if !applying.runs {
        // Nothing has begun: leaving is all it takes.
        return None;
    }
    if std::mem::replace(&mut applying.leave, true) {
        state.message = Some(format!("ending the commands of #{number}"));
        return Some(vec![Effect::StopRun]);
    }
    state.message = Some(format!(
        "the commands of #{number} run: the console ends after them; q again ends them now"
    ));
    Some(Vec::new())
}

/// Whether the box of commands that are about to run, or run, is what lies over the screen.
#[must_use]
pub fn is_applying(state: &State) -> bool {
    let running = state.proposals.applying.as_ref().map(|applying| &applying.proposal);
    let asked = state.proposals.boxed.as_ref();
    running.or(asked).is_some_and(|proposal| is_open(state, proposal))
}

/// Whether the box of that proposal is what lies over the screen.
fn is_open(state: &State, proposal: &Proposal) -> bool {
    matches!(&state.overlay, Some(Overlay::Text { title: shown, .. }) if shown.starts_with(&title(proposal)))
}

/// The box with what is known of the run; one that was closed stays closed.
fn draw(state: &mut State, said: &str) {
    let Some(applying) = &state.proposals.applying else {
        return;
    };
    let proposal = Arc::clone(&applying.proposal);
    if applying.runs && !is_open(state, &proposal) {
        return;
    }
    let mut lines: Vec<String> = proposal.artefact.text.lines().map(|line| format!("$ {line}")).collect();
    lines.extend(applying.lines.iter().cloned());
    lines.extend([String::new(), said.to_owned(), format!("undo: {}", proposal.undo)]);
    show(state, format!("{}: {said}", title(&proposal)), lines);
}
