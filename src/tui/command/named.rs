//! Which series a name typed means.

use crate::{
    domain::SeriesId,
    tui::state::{Effect, State},
};

/// Says that there is no such name, and which known ones have it as a part, at most three; else which is nearest.
pub(super) fn unknown<'a>(
    state: &mut State,
    sort: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Vec<Effect> {
    let mut having: Vec<&str> = known.clone().filter(|other| other.contains(name)).collect();
    having.sort_unstable();
    having.dedup();
    let nearest = known
        .map(|other| (strsim::jaro_winkler(other, name), other))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    state.message = Some(match (having.len(), nearest) {
        (0, None) => format!("no {sort} {name}: none is known yet"),
        (0, Some((_, nearest))) => format!("no {sort} {name}; the nearest is {nearest}"),
        (1..=3, _) => format!("no {sort} {name}; it is part of {}", having.join(", ")),
        (many, _) => format!(
            "no {sort} {name}; it is part of {many} names: {}, ...",
            having[..3].join(", ")
        ),
    });
    Vec::new()
}

/// A series by its whole name, by host and name, or by its name on the host in focus, else on any.
pub(super) fn series<'a>(
    state: &State,
    name: &str,
    rows: impl Iterator<Item = &'a SeriesId> + Clone,
) -> Option<SeriesId> {
    let here = state.resource();
    let whole = |id: &&SeriesId| id.to_string() == name || format!("{}/{}", id.resource.name(), id.name) == name;
    let own = |id: &&SeriesId| *id.name == *name && Some(&id.resource) == here;
    let any = |id: &&SeriesId| *id.name == *name;
    let mut all = rows.clone();
    all.find(whole)
        .or_else(|| rows.clone().find(own))
        .or_else(|| rows.clone().find(any))
        .or_else(|| {
            // As people call a setting: without the scope that its name begins with.
            let end = format!(".{name}");
            let ends = rows.clone().filter(|id| id.name.ends_with(&end));
            let own = only(ends.clone().filter(|id| Some(&id.resource) == here));
            own.or_else(|| only(ends))
        })
        .cloned()
}

/// The one there is; `None` of several.
fn only<'a>(mut ids: impl Iterator<Item = &'a SeriesId>) -> Option<&'a SeriesId> {
    ids.next().filter(|_| ids.next().is_none())
}

/// The series whose name alone has `name` as a part; of several hosts that have it the one in focus.
pub(super) fn part<'a>(state: &State, name: &str, rows: impl Iterator<Item = &'a SeriesId>) -> Option<SeriesId> {
    let having: Vec<&SeriesId> = rows.filter(|id| id.name.contains(name)).collect();
    let first = having.first()?;
    let here = having.iter().find(|id| Some(&id.resource) == state.resource());
    let same = having.iter().all(|id| id.name == first.name);
    same.then(|| SeriesId::clone(here.unwrap_or(first)))
}

/// The names on the host in focus; others stand as `host/name`.
pub(super) fn names<'a>(state: &State, ids: impl Iterator<Item = &'a SeriesId>) -> Vec<String> {
    let here = state.resource();
    let mut names: Vec<String> = ids
        .map(|id| match Some(&id.resource) == here {
            true => id.name.to_string(),
            false => format!("{}/{}", id.resource.name(), id.name),
        })
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::{buffer::Buffer, layout::Rect};

    use crate::{
        domain::{ResourceId, SeriesId},
        engine::{Query, ResourceRow},
        tui::{
            command, fixture,
            look::Charset,
            screens,
            state::{Effect, Screen},
        },
    };

    #[test]
    fn a_short_name_is_looked_for_on_the_host_in_focus_first() {
        let mut state = fixture::on(Screen::Resource, Charset::Ascii, 80, 24);
        let mut shown = (*state.shown).clone();
        let mut rows = shown.settings.to_vec();
        let mut other = rows
            .iter()
            .find(|row| &*row.id.name == "vm.swappiness")
            .unwrap()
            .clone();
        other.id = fixture::id("web-01/vm.swappiness");
        rows.push(other);
        shown.settings = rows.into();
        state.shown = Arc::new(shown);
        for host in ["db-01", "web-01"] {
            state.series = Some(fixture::id(&format!("{host}/cpu.busy_pct")));
            let effects = command::run(&mut state, "baseline accept swappiness");
            let wanted = fixture::id(&format!("{host}/vm.swappiness"));
            assert!(
                matches!(&effects[..], [Effect::Ask(_, Query::BaselineAccept(ids))] if *ids == [wanted]),
                "{effects:?}"
            );
        }
        state.series = Some(fixture::id("log-02/cpu.busy_pct"));
        assert_eq!(
            command::run(&mut state, "baseline accept swappiness"),
            [],
            "two hosts have it, and neither is meant"
        );
    }

    #[test]
    fn a_resource_without_metrics_shows_its_settings_likeliest_to_change_first() {
        let mut state = fixture::on(Screen::Overview, Charset::Ascii, 120, 40);
        let mut shown = (*state.shown).clone();
        let repo: ResourceId = "repo:conf".parse().unwrap();
        let mut rows = shown.settings.to_vec();
        for (name, week) in [("git.app.yaml:image", 0.2), ("git.app.yaml:replicas", 0.6)] {
            let mut row = rows[0].clone();
            (row.id, row.week, row.bits) = (SeriesId::new(&repo, name), Some(week), 0.0);
            rows.push(row);
        }
        shown.settings = rows.into();
        let mut resources = shown.resources.to_vec();
        resources.push(ResourceRow::new(&repo));
        shown.resources = resources.into();
        state.shown = Arc::new(shown);
        state.live = Arc::clone(&state.shown);
        command::run(&mut state, "resource conf");
        assert_eq!(state.screen, Screen::Resource);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 36));
        screens::resource::view(&state, buffer.area, &mut buffer);
        let told = fixture::text(&buffer);
        let place = |name: &str| told.find(name).unwrap_or_else(|| panic!("no {name} in {told}"));
        assert!(place("replicas") < place("image"), "{told}");
        // Enter goes on to the setting's own page.
        let enter = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
        screens::resource::key(&mut state, enter);
        assert_eq!(state.series, Some(SeriesId::new(&repo, "git.app.yaml:replicas")));
        command::run(&mut state, "resource nowhere");
        assert!(state.message.is_some());
    }
}
