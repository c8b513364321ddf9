//! Draws the Forecast.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    beside, crossing, crossings, focus, foreseen, horizon, limit,
    nearest::nothing,
    passed, place,
    sight::{lists, view_of},
    times::{ends80, ends95, hours, interval, until},
};
use crate::{
    domain::{Crossing, Mark, Span},
    engine::{ForecastView, MetricRow},
    tui::{
        chart::{self, GUTTER, Plot},
        look::{Look, Role},
        page::{Page, coarse, window},
        state::{Room, State},
        text::{self, fit, fit_name, put},
    },
};

/// Cells right of the chart, for the limit's value.
const RIGHT: u16 = 4;
/// Cells of the list at the left of wide screens.
const LIST: u16 = 34;

/// Columns of the chart on a screen so wide.
pub(super) fn columns(width: u16, room: Room) -> usize {
    let list = if room == Room::Large { LIST } else { 0 };
    usize::from(width.saturating_sub(GUTTER + RIGHT + list)).max(1)
}

/// Rows of values in the chart.
pub(super) fn chart_rows(state: &State) -> usize {
    let height = usize::from(state.size.1);
    match state.room() {
        Room::Tiny => 1,
        // Frame 3 rows, status, labels, axis, one crossing.
        Room::Small => height.saturating_sub(7).max(1),
        // Frame 4, status, labels, axis, heading, three crossings, two rows of how it held.
        Room::Normal => height.saturating_sub(13),
        // Frame 4, status, labels, axis, four rows of how it held and what it rests on, the charts below.
        Room::Large => height.saturating_sub(11 + beside::taken(state)).max(5),
    }
}

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let row = focus(state).and_then(|id| state.metric(&id).cloned());
    let mut page = Page::new(&state.look, area, buffer);
    let Some(row) = row else {
        page.line(Role::Text, " No metric yet: the first values are being read.");
        return;
    };
    status(state, &row, &mut page);
    match state.room() {
        Room::Tiny => {}
        Room::Small => {
            main_chart(state, &row, &mut page);
            crossing_rows(state, &mut page, 1, 0);
        }
        Room::Normal => {
            main_chart(state, &row, &mut page);
            heading(state, &mut page);
            // Where there are few crossings, what makes the forecast is said too.
            let few = (1..3).contains(&crossings(state).len());
            let below = if few { 3 } else { 2 };
            let rows = page.left().saturating_sub(below);
            crossing_rows(state, &mut page, rows, below);
            held(state, &row, &mut page);
            if let Some((who, when)) = rests_on(state, &row).filter(|_| few) {
                let line = text::as_fits(&format!("{when}  MEMBERS  "), &who, "  ", page.width());
                page.line(Role::Text, &line);
            }
        }
        Room::Large => {
            let below = Rect {
                y: area.y + 1,
                height: area.height.saturating_sub(1),
                ..area
            };
            let right = Rect {
                x: below.x + LIST,
                width: below.width.saturating_sub(LIST),
                ..below
            };
            let mut list = Page::new(
                &state.look,
                Rect {
                    width: LIST - 1,
                    ..below
                },
                buffer,
            );
            side_list(state, &mut list);
            for y in 0..below.height {
                put(
                    buffer,
                    below,
                    LIST - 1,
                    y,
                    state.look.glyph("│", "|"),
                    state.look.style(Role::Grid),
                );
            }
            let mut page = Page::new(&state.look, right, buffer);
            main_chart(state, &row, &mut page);
            held(state, &row, &mut page);
            members(state, &row, &mut page);
            beside::view(state, &mut page);
        }
    }
}

/// Row 3: when the limit is passed, how far is looked, where it goes.
fn status(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    let view = view_of(state, &row.id);
    let crossing = crossing(state, row);
    let limit = limit(state, row);
    let passed = passed(state, row);
    let mark = match (&crossing, passed.is_some()) {
        (_, true) => Mark::Breach,
        (Some(_), _) => Mark::Cross,
        (None, _) if row.expected.is_none() => Mark::Learning,
        // What passes no limit may be off all the same.
        (None, _) if matches!(row.mark, Mark::Odd | Mark::Drift | Mark::Stale | Mark::Muted) => row.mark,
        (None, _) => Mark::Ok,
    };
    let far = format!("horizon {}", hours(horizon(state)));
    let mut first = match (&limit, &crossing) {
        (Some(limit), _) if let Some(passed) = &passed => format!("{} {passed}", row.unit.show(limit.value)),
        (Some(limit), Some(crossing)) => {
            let when = crossing.at[1].map_or("later".into(), |at| format!("at {}", text::when(at, state.now())));
            format!("{} {when}, {}", row.unit.show(limit.value), sure(state, row, crossing))
        }
        // The forecast says so; what is told has to be said again, or to rest on more.
        (Some(limit), None) if let Some(seen) = foreseen(state, row) => {
            let when = seen.at[1].map_or_else(String::new, |at| format!(" at {}", text::when(at, state.now())));
            let sure = sure(state, row, &seen);
            format!("{} perhaps{when}, {sure}: not told yet", row.unit.show(limit.value))
        }
        (Some(limit), None) => format!("{} not passed", row.unit.show(limit.value)),
        (None, _) => "no limit: :limit 90, or L for this view".into(),
    };
    if let (Some(crossing), None) = (&crossing, &passed) {
        // What does not fit is said without its bracket: nothing is cut in its middle.
        let between = format!(" (80 %: {})", interval(ends80(crossing), state.now()));
        if text::width(&format!(" {mark}   {first}{between}   {far}")) <= page.width() {
            first += &between;
        }
    }
    let mut parts = vec![first, far];
    let waits = view.is_none() && state.forecast.sights.get(&row.id).is_some_and(|sight| sight.waiting);
    parts.extend(waits.then(|| "loading".to_owned()));
    // It is drawn, too.
    let trend = trend(state, row, crossing.as_ref());
    // Where it has got there, how fast it went tells more than where it stays.
    let trend = trend.filter(|_| passed.is_none());
    parts.extend(trend.map(|trend| format!("trend {}/h", row.unit.signed(coarse(row.unit, trend)))));
    let line = text::as_fits(&format!(" {mark}   "), &parts, "   ", page.width());
    page.line(Role::Text, &line);
    page.paint(1, mark.word().len() + 2, Role::Mark(mark));
}

/// How likely it is within the horizon shown, else within which other: what is told everywhere is told for the option's.
fn sure(state: &State, row: &MetricRow, told: &Crossing) -> String {
    let shown = horizon(state);
    let seen = view_of(state, &row.id).and_then(|view| view.crossing);
    let of = |crossing: &Crossing| crossing.horizon == shown && crossing.limit == told.limit;
    let percent = |crossing: &Crossing| format!("{:.0} % sure", crossing.probability * 100.0);
    match seen.filter(of) {
        _ if told.horizon == shown => percent(told),
        Some(seen) => percent(&seen),
        None => format!("{} within {}", percent(told), hours(told.horizon)),
    }
}

/// How fast it goes, in its unit an hour: to the limit where it is to pass one, else over the horizon.
fn trend(state: &State, row: &MetricRow, crossing: Option<&Crossing>) -> Option<f64> {
    let (from, to, within) = match (crossing, row.now) {
        (Some(crossing), Some((_, now))) => (now, crossing.limit, crossing.at[1]? - state.now()),
        _ => {
            let forecast = view_of(state, &row.id)?.forecast.as_ref()?;
            let [first, .., last] = &forecast.steps[..] else {
                return None;
            };
            let within = forecast.step * (forecast.steps.len() - 1) as i64;
            (first.median(), last.median(), within)
        }
    };
    (within > Span::ZERO).then(|| (to - from) / (within.secs_f64() / 3_600.0))
}

fn main_chart(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    let (area, buffer) = page.take(chart_rows(state) + 2);
    plotted(state, row, area, buffer, chart::chart);
    if let Some(says) = missing(state, row) {
        let dim = state.look.style(Role::Dim);
        put(buffer, area, GUTTER + 2, 1, &format!(" {says} "), dim);
    }
}

/// Draws past and future of one metric by `draw`.
pub(super) fn plotted(
    state: &State,
    row: &MetricRow,
    area: Rect,
    buffer: &mut Buffer,
    draw: fn(&Plot<'_>, &Look, Rect, &mut Buffer),
) {
    let limit = limit(state, row);
    let crossing = crossing(state, row);
    let Some((from, step, lists)) = lists(state, row, columns(state.size.0, state.room())) else {
        let dim = state.look.style(Role::Dim);
        put(buffer, area, GUTTER, area.height / 2, "reading its history", dim);
        return;
    };
    let plot = Plot {
        unit: row.unit,
        from,
        step,
        actual: &lists.actual,
        shadow: &lists.shadow,
        limit: limit.as_ref(),
        now: lists.now,
        crossing: crossing.as_ref(),
        scale: state.forecast.sights.get(&row.id).and_then(|sight| sight.track.scale()),
        ..Plot::default()
    };
    draw(&plot, &state.look, area, buffer);
}

/// Why there is no forecast, or what to think of it.
fn missing(state: &State, row: &MetricRow) -> Option<String> {
    if let Some(error) = &state.forecast.error {
        return Some(error.clone());
    }
    let view = view_of(state, &row.id)?;
    if let (Some(at), Some(forecast)) = (state.at, &view.forecast) {
        let points = text::grouped(forecast.points);
        return Some(format!(
            "learnt again from the {points} values kept before {}",
            text::clock(at)
        ));
    }
    if let (Some(at), None) = (state.at, &view.forecast) {
        return Some(format!("too little was kept before {} to learn from", text::clock(at)));
    }
    if view.forecast.is_none() {
        let ready = row
            .ready
            .map_or_else(String::new, |at| format!(" at {}", text::when(at, state.now())));
        if crossing(state, row).is_some() {
            return Some(format!(
                "X rests on how the last minutes ran alone; forecasts start{ready}"
            ));
        }
        let age = row.from.map_or(Span::ZERO, |from| state.now() - from);
        return Some(format!("forecasts start{ready}: {age} of data; live chart on 2"));
    }
    let poor = view.held.scored >= 100 && view.held.held80 < 0.7;
    if poor {
        let held = view.held.held80 * 100.0;
        return Some(format!(
            "This forecast held only {held:.0} % of its 80 % band: shown, not used for proposals"
        ));
    }
    let apart = crossing(state, row).is_some_and(|crossing| beside_band(row, view, &crossing));
    apart.then(|| "X is where its course of now leads; the band is of its whole history".into())
}

/// Whether a crossing is told for a time at which the band drawn does not come to the limit, or its median not half of the way to it: it
/// follows how the values rise or fall now.
fn beside_band(row: &MetricRow, view: &ForecastView, crossing: &Crossing) -> bool {
    let Some((forecast, at)) = view.forecast.as_ref().zip(crossing.at[1]) else {
        return false;
    };
    let place = (at - forecast.start).0 / forecast.step.0.max(1);
    let Some(quantiles) = usize::try_from(place).ok().and_then(|place| forecast.steps.get(place)) else {
        return false;
    };
    let (low, high) = quantiles.band95();
    let half = row.now.is_none_or(|(_, now)| {
        let (way, all) = (quantiles.median() - now, crossing.limit - now);
        way * all.signum() >= all.abs() / 2.0
    });
    !half || !(low..=high).contains(&crossing.limit)
}

fn heading(state: &State, page: &mut Page<'_>) {
    let count = crossings(state).len();
    let title = fit(&format!(" UPCOMING CROSSINGS ({count})"), name_cells(page) + 16);
    page.line(
        Role::Heading,
        &format!("{title}when        80 %          95 %          past hits"),
    );
}

/// Cells of a metric's name in the list.
fn name_cells(page: &Page<'_>) -> usize {
    14 + page.width().saturating_sub(80)
}

fn crossing_rows(state: &State, page: &mut Page<'_>, rows: usize, below: usize) {
    let found = crossings(state);
    let at = place(state, &found);
    let width = page.width();
    for place in window(found.len(), at, rows.min(page.left())) {
        let (row, crossing) = &found[place];
        let chosen = state.forecast.row.as_ref() == Some(&row.id);
        let hits = view_of(state, &row.id).filter(|view| view.hits.1 > 0);
        let hits = hits.map_or("-".into(), |view| format!("{} of {}", view.hits.0, view.hits.1));
        let name_cells = name_cells(page);
        let pointer = if chosen || (state.forecast.row.is_none() && place == at) {
            '>'
        } else {
            ' '
        };
        let line = if width < 80 {
            format!(
                "{pointer}{}{} in {}",
                state.host(&row.id.resource, 7),
                fit_name(&row.id.name, width.saturating_sub(12 + state.host_cells(7))),
                until(crossing.at[1], state.now())
            )
        } else {
            format!(
                "{pointer}{}{} {} in {} {} {} {hits}",
                state.host(&row.id.resource, 6),
                fit_name(&row.id.name, name_cells + 7 - state.host_cells(6)),
                fit(&row.unit.show(crossing.limit), 6),
                fit(&until(crossing.at[1], state.now()), 8),
                fit(&interval(ends80(crossing), state.now()), 13),
                fit(&interval(ends95(crossing), state.now()), 13),
            )
        };
        page.line(Role::Text, &line);
        if chosen {
            page.paint(0, name_cells + 8, Role::Cursor);
        }
    }
    if found.is_empty() {
        let says = nothing(state);
        let says = match (rows, says.split_once(". ")) {
            (1, Some((first, _))) => first,
            _ => says.trim(),
        };
        for line in text::wrap(says, width.saturating_sub(2)).iter().take(rows) {
            page.line(Role::Text, &format!(" {line}"));
        }
    }
    if rows > 1 {
        while page.left() > below {
            page.line(Role::Text, "");
        }
    }
}

/// How the bands held lately, and how far off the median was.
fn held(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    let Some(ForecastView { held, .. }) = view_of(state, &row.id) else {
        return;
    };
    let name = format!("{} {}", row.id.resource.name(), row.id.name);
    // The figures stand behind it.
    let name = |rest: &str, width: usize| {
        let room = width.saturating_sub(7 + text::width(rest));
        let cut = fit_name(&name, room.min(text::width(&name)).max(10));
        format!(" HELD ({}{rest}", cut.trim_end())
    };
    if held.scored == 0 {
        let says = name(")  nothing came due yet: its bands are not proven", page.width());
        page.line(Role::Text, &says);
        return;
    }
    let (held80, held95) = (held.held80 * 100.0, held.held95 * 100.0);
    // What is older than a week hardly counts.
    let week = row.from.is_some_and(|from| state.now() - from >= Span::from_days(7));
    let over = if week {
        "7 d".into()
    } else {
        format!("{} values", text::grouped(held.scored))
    };
    let rest = format!(", {over})  80 % band {held80:.1} %  95 % band {held95:.1} %");
    page.line(Role::Text, &name(&rest, page.width()));
    let (error, naive) = (row.unit.show(held.error), row.unit.show(held.naive_error));
    page.line(
        Role::Text,
        &format!(" error, mean   shadow {error}   naive (stays as it was) {naive}"),
    );
}

/// The crossings at the left of a wide screen, three rows each.
fn side_list(state: &State, page: &mut Page<'_>) {
    let found = crossings(state);
    page.line(Role::Heading, &format!(" UPCOMING CROSSINGS ({})", found.len()));
    let at = place(state, &found);
    for place in window(found.len(), at, page.left() / 3) {
        let (row, crossing) = &found[place];
        let chosen = state.forecast.row.as_ref() == Some(&row.id);
        let pointer = if chosen || (state.forecast.row.is_none() && place == at) {
            '>'
        } else {
            ' '
        };
        let cells = page.width().saturating_sub(10);
        page.item(
            chosen,
            &format!(
                "{pointer}{} {}",
                fit(row.id.resource.name(), 8),
                fit_name(&row.id.name, cells)
            ),
        );
        let when = format!(
            "in {} ({})",
            until(crossing.at[1], state.now()),
            interval(ends80(crossing), state.now())
        );
        page.line(Role::Text, &format!("   {} {when}", row.unit.show(crossing.limit)));
        let sure = format!("{:.0} % sure", crossing.probability * 100.0);
        let outer = interval(ends95(crossing), state.now());
        page.line(Role::Text, &format!("   95 %: {outer}, {sure}"));
    }
    if found.is_empty() {
        let width = page.width();
        for line in text::wrap(&nothing(state), width) {
            page.line(Role::Text, &line);
        }
    }
}

/// What makes the forecast: members with their weights, and seasons.
fn rests_on(state: &State, row: &MetricRow) -> Option<(Vec<String>, String)> {
    let view = view_of(state, &row.id)?;
    // Who carries hardly any weight is told by `x`.
    let carrying = view.members.iter().filter(|(_, weight)| *weight >= 0.02);
    let members: Vec<String> = carrying
        .map(|(name, weight)| format!("{name} {:.0} %", weight * 100.0))
        .collect();
    let seasons: Vec<String> = view.seasons.iter().map(|season| hours(*season)).collect();
    let seasons = if seasons.is_empty() {
        "none found".into()
    } else {
        seasons.join("  ")
    };
    Some((members, format!(" SEASONS  {seasons}")))
}

/// The same in two rows, with what it is from and whether crossings came.
fn members(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    let (Some(view), Some((who, when))) = (view_of(state, &row.id), rests_on(state, row)) else {
        return;
    };
    page.line(Role::Text, &text::as_fits(" MEMBERS  ", &who, "  ", page.width()));
    let points = view.forecast.as_ref().map_or(0, |forecast| forecast.points);
    let (hits, due) = view.hits;
    let hits = match due {
        0 => "no crossing came due yet".into(),
        due => format!("{hits} of {due} crossings came as forecast"),
    };
    page.line(
        Role::Text,
        &format!("{when}   RESTS ON {} values; {hits}", text::grouped(points)),
    );
}
