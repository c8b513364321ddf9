//! What is shown of an outcome.

use super::*;

#[test]
fn chart_and_table_say_the_same_of_what_is_not_known() {
    let mut state = seeded(120, 40);
    let silent = fixture::id("db-01/pg.conn_used");
    state.whatif.a.outcome.as_mut().unwrap().no_evidence = vec![silent];
    let text = drawn(&state, 120, 36);
    let told: Vec<&str> = text.lines().filter(|line| line.contains("pg.conn_used")).collect();
    assert!(
        told.len() == 2 && told.iter().all(|line| line.contains("no evidence")),
        "{text}"
    );
    assert!(!text.contains("no effect"), "{text}");
}

#[test]
fn a_long_name_leaves_the_legend_whole() {
    let mut state = seeded(120, 40);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    outcome.inside_seen = false;
    let long = fixture::id("db-01/net.enp0s31f6.received.packets_per_second");
    outcome.effects[0].series = long.clone();
    outcome.bands[0].0 = long;
    let text = drawn(&state, 120, 36);
    let legend = |line: &&str| line.contains("* as it is") && line.contains("per_second");
    let heading = text.lines().find(legend).unwrap();
    assert!(heading.contains(": 80 % ?"), "{heading}");
}

#[test]
fn shares_differ_by_points() {
    let text = drawn(&seeded(80, 24), 80, 20);
    let row = text.lines().find(|line| line.contains("seen before")).unwrap();
    assert!(row.contains(" +6.8 points ") && row.contains("4.1 %"), "{text}");
}

#[test]
fn every_size_shows_changes_and_outcome() {
    insta::assert_snapshot!("80x24", drawn(&seeded(80, 24), 80, 20));
    assert!(crate::tui::text::width(&next(&seeded(80, 24))) <= 74);
    let mut small = seeded(40, 12);
    insta::assert_snapshot!("40x12", drawn(&small, 40, 9));
    press(&mut small, KeyCode::Tab);
    insta::assert_snapshot!("40x12-outcome", drawn(&small, 40, 9));
    for (width, height) in [(1, 1), (20, 5), (61, 17), (200, 60)] {
        drawn(&seeded(width, height), width, height);
    }
}

#[test]
fn a_long_note_is_wrapped_and_small_figures_keep_their_digits() {
    let mut state = seeded(80, 24);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    let note = "pg.shared_buffers: no evidence, something else was done within minutes of its earlier changes: whose the effect is cannot be told";
    outcome.notes = vec![note.into()];
    (outcome.effects[0].before, outcome.effects[0].after) = ([0.005, 0.007, 0.009], [0.0003, 0.0004, 0.0005]);
    let text = drawn(&state, 80, 20);
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains(note), "{text}");
    assert!(
        text.contains("0.007 %") && text.contains("0.0004 (0.0003-0.0005) "),
        "{text}"
    );
}

#[test]
fn where_a_full_processor_has_no_figure_the_notes_are_pointed_to() {
    let mut state = seeded(80, 24);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    outcome.effects.clear();
    outcome.bands.clear();
    let long =
        "were no more asked than is done now, it would be 50 %: it is between that and 100 %, and no figure is true";
    outcome.notes = ["cpu.busy_pct is at its ceiling", long, long, "the last note"]
        .map(Into::into)
        .to_vec();
    let changes = ChangeSet::of(Change::Capacity {
        resource: fixture::id("db-01/x").resource,
        what: crate::domain::Capacity::Cpu,
        mount: None,
        factor: 2.0,
    });
    outcome.changes = changes.clone();
    state.whatif.a.changes = changes;
    let text = drawn(&state, 80, 20);
    assert!(
        text.contains("the notes say what is") && text.contains("at its ceiling"),
        "{text}"
    );
    // They have the room that no chart needs.
    assert!(text.contains("the last note") && !text.contains("~\n"), "{text}");
    assert!(!text.contains("SURE"), "{text}");
}

#[test]
fn two_scenarios_stand_side_by_side() {
    let mut state = seeded(120, 40);
    insta::assert_snapshot!("120x40", drawn(&state, 120, 36));
    // Both are run anew together: what moved since A was run is no difference between them.
    let effects = press(&mut state, KeyCode::Char('b'));
    assert_eq!(reply(&mut state, effects), 2);
    assert_eq!(crumbs(&state), ["what-if", "B"]);
    let effects = press(&mut state, KeyCode::Char(' '));
    assert_eq!(reply(&mut state, effects), 2);
    assert_eq!(refresh(&mut state), []);
    insta::assert_snapshot!("120x40-b", drawn(&state, 120, 36));
    press(&mut state, KeyCode::Char('b'));
    assert!(state.whatif.a.changes.steps[0].on, "A keeps its own changes");
}

#[test]
fn without_evidence_it_says_so() {
    let mut state = seeded(80, 24);
    state.whatif.a.outcome.as_mut().unwrap().effects.clear();
    state.whatif.a.outcome.as_mut().unwrap().bands.clear();
    assert!(drawn(&state, 80, 20).contains("No path from pg.shared_buffers"));
    state.whatif.a.job = Some(9);
    answer(
        &mut state,
        &tag("a"),
        Err(LinkError::Refused("the shadow is still learning".into())),
    );
    assert!(drawn(&state, 80, 20).contains("still learning"));
    state.whatif.a.changes.steps.clear();
    assert!(drawn(&state, 80, 20).contains("Nothing to replay yet"));
}

#[test]
fn a_metric_that_nothing_is_known_of_is_said_first_and_leaves_the_chart_to_another() {
    let mut state = seeded(80, 24);
    let silent = fixture::id("db-01/pg.conn_used");
    state.whatif.wanted.clear();
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    outcome.no_evidence = vec![silent.clone()];
    outcome.effects[0].cases = 1;
    outcome.effects[1].evidence = Evidence::PastChange;
    outcome.effects[1].cases = 3;
    let text = drawn(&state, 80, 20);
    let row = |name: &str| {
        text.lines()
            .position(|line| line.contains(name) && line.contains("  "))
            .unwrap()
    };
    let line = |name: &str| text.lines().rfind(|line| line.contains(name)).unwrap();
    assert!(line("pg.conn_used").contains("no evidence"), "{text}");
    assert!(line("mem.available~  4.1").ends_with("seen once"), "{text}");
    assert!(line("http.p99_ms ").contains("seen 3x"), "{text}");
    assert!(row("pg.conn_used") < row("mem.available~  4.1"), "{text}");
    assert!(
        text.contains("mem.available_pct   * as it is"),
        "the first that has a chart has it: {text}"
    );
    assert_eq!(state.whatif.series()[0], &silent);
}

#[test]
fn among_the_effects_enter_opens_the_metric_and_nothing_is_switched() {
    let mut state = seeded(80, 24);
    press(&mut state, KeyCode::Tab);
    let on: Vec<bool> = state.whatif.a.changes.steps.iter().map(|step| step.on).collect();
    press(&mut state, KeyCode::Char(' '));
    press(&mut state, KeyCode::Char('d'));
    let still: Vec<bool> = state.whatif.a.changes.steps.iter().map(|step| step.on).collect();
    assert_eq!(on, still);
    assert!(next(&state).starts_with("Enter opens "), "{}", next(&state));
    let shown = state.whatif.series()[state.whatif.charted()].clone();
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.screen, state.series), (Screen::Resource, Some(shown)));
}

#[test]
fn a_change_that_was_found_to_do_nothing_leads_nowhere() {
    let mut state = seeded(80, 24);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    let first = outcome.changes.active().find_map(|change| match change {
        Change::Setting { id, .. } => Some(id.name.to_string()),
        _ => None,
    });
    let first = first.unwrap();
    assert!(draw::path(outcome, 200).unwrap().starts_with(&first));
    outcome
        .notes
        .push(format!("{first}: no evidence, this setting never changed while metrics were watched").into());
    assert!(!draw::path(outcome, 200).unwrap().contains(&first));
}

#[test]
fn notes_that_are_cut_keep_whole_words_and_a_chart_has_rows_to_be_read() {
    let mut state = seeded(80, 24);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    let note = "utilisation law: the same work on more processor is a smaller share; load falls as with faster cores, with more cores its running part stays";
    outcome.notes = vec![
        note.into(),
        note.replace("the same", "all of the same").into(),
        note.replace("law", "rule").into(),
    ];
    let text = drawn(&state, 80, 20);
    let lines: Vec<&str> = text.lines().collect();
    let notes = state.whatif.a.outcome.as_ref().unwrap().notes.join(" ");
    let words: Vec<&str> = notes.split([' ', ':', ';', ',']).collect();
    for line in lines.iter().filter(|line| line.ends_with('~')) {
        let last = line.trim_end_matches(['~', ' ']).rsplit(' ').next().unwrap();
        assert!(words.contains(&last.trim_end_matches([':', ';', ','])), "{text}");
    }
    let values = lines
        .iter()
        .filter(|line| line.starts_with(|c: char| c == ' ' || c.is_ascii_digit()) && line.contains('*'));
    let from = lines.iter().position(|line| line.contains("* as it is"));
    assert!(from.is_none() || values.count() >= 1, "{text}");
    let axis = lines.iter().position(|line| line.trim_start().starts_with("----"));
    assert!(from.zip(axis).is_none_or(|(from, axis)| axis - from >= 5), "{text}");
    // What it moves is named whole.
    assert!(text.contains("> mem.available_pct, http.p99_ms"), "{text}");
}
