//! What the Resource screen says to press next.

use super::{finding, focus, lag, related, replayed};
use crate::{
    domain::Mark,
    tui::{
        screens::{answers, setting},
        state::State,
        text,
    },
};

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    if state.resource.settings.open {
        return "x says what speaks for it; w tries another value; o orders; Tab goes back".into();
    }
    let Some(id) = focus(state) else {
        return "no metric yet: the first values are being read".into();
    };
    if state.frozen {
        return "f shows what came since; nothing is sent until then".into();
    }
    if let Some(id) = setting::focus(state) {
        return setting::next(state, id);
    }
    let rows = related(state, &id);
    let leading = rows
        .iter()
        .take(3)
        .position(|row| lag(state, &id, &row.id).starts_with("leads"));
    let replay = replayed(state, &id).map(|at| format!("w replays the change of {}", text::minute(at)));
    if state.resource.in_list {
        return "Enter opens the metric under the cursor; Esc comes back here".into();
    }
    // What answers it comes before what would tell more of it.
    if let Some(finding) = finding(state, &id)
        && let Some(answers) = answers(state, finding)
    {
        let why = match finding.mark {
            Mark::Breach => "its limit is passed",
            Mark::Cross => "it will pass its limit",
            mark => &format!("it is {}", mark.word()),
        };
        let then = replay.unwrap_or_else(|| "x says where the number comes from".into());
        return format!("{why}: {answers}; {then}");
    }
    const PASSED: &str = "its limit is passed; { goes to where it began, 3 shows what comes next";
    let passed = finding(state, &id).is_some_and(|finding| finding.mark == Mark::Breach);
    if state.metric(&id).is_some_and(|row| row.expected.is_none()) {
        if passed {
            return PASSED.into();
        }
        return "its shadow is being learnt: l shows the next metric, 1 what is off".into();
    }
    match (leading, replay, finding(state, &id)) {
        (Some(row), Some(replay), _) => {
            format!(
                "row {} {}: Tab, then Enter opens it; {replay}",
                row + 1,
                lag(state, &id, &rows[row].id).replace("leads", "leads by")
            )
        }
        (Some(row), None, _) => {
            format!(
                "row {} {}: Tab, then Enter opens it",
                row + 1,
                lag(state, &id, &rows[row].id).replace("leads", "leads by")
            )
        }
        (None, Some(replay), Some(_)) if passed => format!("its limit is passed; {replay}"),
        (None, Some(replay), Some(_)) => format!("{replay}; x says where the number comes from"),
        (None, _, Some(finding)) if finding.mark == Mark::Cross => {
            "3 shows when it passes its limit; x says what that rests on".into()
        }
        (None, _, Some(_)) if passed => PASSED.into(),
        (None, _, Some(_)) => "x says what the shadow rests on; { goes to where it began".into(),
        (None, _, None) => "it is as it should be: l shows the next metric, 3 what comes next".into(),
    }
}
