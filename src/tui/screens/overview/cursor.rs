//! Which of the lists has the cursor, and how it moves through them.

use crossterm::event::KeyCode;

use super::{draw, findings, hosts, place};
use crate::{
    engine::MetricRow,
    tui::{
        order, page,
        state::{Room, State},
    },
};

/// The lists, from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Findings,
    Hosts,
    Metrics,
}

/// The lists that the cursor can go to, from above: those with rows, and of the metrics only what there is room for.
pub(super) fn lists(state: &State) -> Vec<List> {
    let metrics = || {
        let passes = |row: &MetricRow| state.passes(&row.id.resource, &row.id.name);
        draw::room_for_metrics(state) > 0 && state.shown.metrics.iter().any(passes)
    };
    let filled = |list: &List| match list {
        List::Findings => !findings(state).is_empty(),
        List::Hosts => !hosts(state).is_empty(),
        List::Metrics => metrics(),
    };
    // On small screens the hosts are a pane of their own, and the metrics follow the findings.
    let order = if state.room() <= Room::Small {
        [List::Findings, List::Metrics, List::Hosts]
    } else {
        [List::Findings, List::Hosts, List::Metrics]
    };
    order.into_iter().filter(filled).collect()
}

/// The list that has the cursor. With nothing off it is on the metrics, of several hosts on the hosts.
pub(super) fn list(state: &State) -> List {
    let lists = lists(state);
    let usual = match lists.contains(&List::Findings) {
        true => List::Findings,
        false if lists.contains(&List::Metrics) && state.shown.resources.len() < 2 => List::Metrics,
        false => List::Hosts,
    };
    state.overview.list.filter(|list| lists.contains(list)).unwrap_or(usual)
}

/// Gives the cursor to the next list, or the one before.
pub(super) fn tab(state: &mut State, by: isize) {
    let (lists, here) = (lists(state), list(state));
    let at = lists.iter().position(|list| *list == here).unwrap_or(0) as isize;
    if !lists.is_empty() {
        state.overview.list = Some(lists[(at + by).rem_euclid(lists.len() as isize) as usize]);
    }
}

/// Moves the cursor; at the end of a list a step goes on to the next one.
pub(super) fn walk(state: &mut State, code: KeyCode) {
    let here = list(state);
    let (at, len) = match here {
        List::Findings => {
            let rows = findings(state);
            (place(&rows, |row| Some(row.id) == state.overview.finding), rows.len())
        }
        List::Hosts => {
            let rows = hosts(state);
            (
                place(&rows, |row| Some(&row.id) == state.overview.host.as_ref()),
                rows.len(),
            )
        }
        List::Metrics => {
            let rows = order::ordered(state);
            (
                place(&rows, |row| Some(&row.id) == state.overview.metric.as_ref()),
                rows.len(),
            )
        }
    };
    let Some(to) = page::moved(code, at, len) else { return };
    let step = match code {
        KeyCode::Char('j') | KeyCode::Down => 1,
        KeyCode::Char('k') | KeyCode::Up => -1,
        _ => 0,
    };
    let lists = lists(state);
    let beyond = lists
        .iter()
        .position(|list| *list == here)
        .and_then(|here| here.checked_add_signed(step))
        .and_then(|next| lists.get(next))
        .filter(|_| to == at && step != 0)
        // On small screens only Tab changes the pane.
        .filter(|next| state.room() > Room::Small || (here != List::Hosts && **next != List::Hosts));
    match beyond {
        // Coming from above it is the first row, from below the last.
        Some(next) => stand(state, *next, if step > 0 { 0 } else { usize::MAX }),
        None => stand(state, here, to),
    }
}

/// Puts the cursor on a row of a list, the last one if there are fewer.
fn stand(state: &mut State, list: List, row: usize) {
    fn at<T>(rows: &[T], row: usize) -> Option<&T> {
        rows.get(row).or(rows.last())
    }
    match list {
        List::Findings => state.overview.finding = at(&findings(state), row).map(|row| row.id),
        List::Hosts => state.overview.host = at(&hosts(state), row).map(|row| row.id.clone()),
        List::Metrics => state.overview.metric = at(&order::ordered(state), row).map(|row| row.id.clone()),
    }
    state.overview.list = Some(list);
}
