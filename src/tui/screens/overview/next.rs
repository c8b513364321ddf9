//! What row 23 says of the Overview.

use super::{List, chosen_finding, findings, list, name, since, under_cursor};
use crate::{
    domain::Mark,
    tui::{
        screens::answers,
        state::{Room, State},
        text,
    },
};

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    let shown = &state.shown;
    if shown.at.is_none() {
        return "the first values are being read: rows appear here by themselves".into();
    }
    if state.frozen {
        return "f shows what came since; nothing is sent until then".into();
    }
    if let Some(finding) = chosen_finding(state).filter(|_| list(state) == List::Findings) {
        let then = answers(state, finding).unwrap_or_else(|| "x says where the number comes from".into());
        let why = if finding.mark == Mark::Cross {
            format!("crosses {}", since(state, finding))
        } else if finding.over {
            format!("over, {} from {}", finding.mark.word(), since(state, finding))
        } else {
            format!("{} since {}", finding.mark.word(), since(state, finding))
        };
        // What is worse has come above it since.
        let top = findings(state).into_iter().next();
        if let Some(top) = top.filter(|top| !top.over && top.mark < finding.mark) {
            let called = text::fit_name(&name(state, top), 30);
            return format!(
                "g goes up to {} {}; Enter opens this row, {why}",
                top.mark,
                called.trim_end()
            );
        }
        if state.room() == Room::Small {
            return format!("Enter opens it, {why}; {then}");
        }
        let host = match shown.resources.len() {
            ..2 => String::new(),
            _ => format!("{} ", finding.resource.name()),
        };
        // So much is left of the narrowest row beside the rest.
        let room = usize::from(state.size.0).saturating_sub(text::width(&why) + text::width(&then) + 23);
        let called = text::fit_name(&name(state, finding), room.saturating_sub(text::width(&host)).max(12));
        return format!("Enter opens {host}{} ({why}); {then}", called.trim_end());
    }
    match under_cursor(state) {
        Some(id) if list(state) == List::Metrics && shown.health.learnt > 0 => {
            format!("Enter opens {}; 3 shows what comes next", id.name)
        }
        Some(_) if !shown.findings.is_empty() => {
            "Enter opens the host's worst metric; Tab goes on to the next list".into()
        }
        Some(id) if shown.health.learnt == 0 => format!("Enter shows {} live while its shadow is learnt", id.name),
        Some(_) => "3 shows what comes next; Enter opens the host's worst metric".into(),
        None if list(state) == List::Hosts => "Enter opens its settings, those likeliest to change first".into(),
        None => "Esc clears the filter".into(),
    }
}
