//! What each command asks and says.

use super::*;
use crate::{
    domain::{Side, Timestamp},
    engine::Query,
    store::Format,
    tui::{
        fixture,
        look::Charset,
        screens,
        state::{Overlay, Screen},
    },
};

fn after(line: &str) -> (State, Vec<Effect>) {
    let mut state = fixture::on(Screen::Resource, Charset::Ascii, 80, 24);
    let effects = run(&mut state, line);
    (state, effects)
}

fn asked(line: &str) -> Query {
    let (state, effects) = after(line);
    match effects.into_iter().next() {
        Some(Effect::Ask(tag, query)) => {
            assert_eq!(tag.screen, None);
            query
        }
        other => panic!("{other:?} {:?}", state.message),
    }
}

fn message(line: &str) -> String {
    after(line).0.message.unwrap_or_default()
}

#[test]
fn every_command_has_another_name_and_a_help() {
    for (place, command) in COMMANDS.iter().enumerate() {
        assert!(COMMANDS[place + 1..].iter().all(|other| other.name != command.name));
        assert!(!command.help.is_empty());
    }
}

#[test]
fn an_unknown_command_names_the_nearest() {
    assert_eq!(message("explort csv"), "no command :explort; the nearest is :export");
    assert!(message("import x.jsonl.gz").contains("foreshadow replay"));
    assert!(message("import").contains("FILE"));
    assert_eq!(after("import plan.json").1, [Effect::Import("plan.json".into())]);
    assert_eq!(message(""), "");
}

#[test]
fn a_command_says_what_it_wants_and_the_key_that_does_the_same() {
    assert!(message("go").contains("HOST"));
    assert_eq!(message("timeline"), "6 does the same");
    assert!(after("q").0.quit);
}

#[test]
fn times_go_back_and_nowhere_else() {
    let time = |clock: &str| fixture::at(clock);
    assert_eq!(asked("at 13:00"), Query::AsOf(time("13:00:00")));
    assert_eq!(asked("at -2h"), Query::AsOf(time("12:32:00")));
    assert_eq!(asked("at 2026-03-14T13:55:30Z"), Query::AsOf(time("13:55:30")));
    let yesterday: Timestamp = "2026-03-13T15:00:00Z".parse().unwrap();
    assert_eq!(asked("at 15:00"), Query::AsOf(yesterday));
    assert_eq!(after("at 13:00").0.at, Some(time("13:00:00")));
    assert!(message("at teatime").contains("13:00"));
    let mut state = after("at 13:00").0;
    run(&mut state, "now");
    assert_eq!(state.at, None);
}

#[test]
fn limits_keep_their_side() {
    let Query::SetLimit(id, Some(limit)) = asked("limit 6") else {
        panic!()
    };
    assert_eq!(
        (id, limit.value, limit.side),
        (fixture::id("db-01/mem.available_pct"), 6.0, Side::Below)
    );
    assert!(matches!(asked("limit 90% high"), Query::SetLimit(_, Some(limit)) if limit.side == Side::Above));
    assert!(matches!(asked("limit off"), Query::SetLimit(_, None)));
    assert!(message("limit much").contains("much"));
}

#[test]
fn limit_and_explain_are_of_what_is_chosen_on_the_screen_shown() {
    let mut state = fixture::on(Screen::Overview, Charset::Ascii, 80, 24);
    let here = screens::overview::under_cursor(&state).unwrap();
    // What another screen was about last.
    state.series = Some(fixture::id("web-01/http.p99_ms"));
    let effects = run(&mut state, "limit 90");
    assert!(
        matches!(&effects[..], [Effect::Ask(_, Query::SetLimit(id, _))] if *id == here),
        "{effects:?}"
    );
    let effects = run(&mut state, "explain");
    assert!(
        matches!(&effects[..], [Effect::Ask(tag, _)] if tag.series.as_ref() == Some(&here)),
        "{effects:?}"
    );
    for screen in [Screen::Proposals, Screen::Audit] {
        crate::tui::enter(&mut state, screen);
        assert_eq!(run(&mut state, "limit 90"), []);
        let said = state.message.clone().unwrap();
        assert!(said.contains(":metric NAME") && said.len() <= 80, "{said}");
    }
    crate::tui::enter(&mut state, Screen::Proposals);
    assert_eq!(run(&mut state, "explain"), []);
    let shown = state.overlay.take();
    assert!(matches!(shown, Some(Overlay::Text { title, .. }) if title.starts_with("score of #")));
    let effects = run(&mut state, "explain pg.tps");
    let wanted = fixture::id("db-01/pg.tps");
    assert!(
        matches!(&effects[..], [Effect::Ask(tag, _)] if tag.series.as_ref() == Some(&wanted)),
        "{effects:?}"
    );
}

#[test]
fn hosts_and_metrics_are_opened_by_name() {
    let (state, _) = after("go web-03");
    assert_eq!(
        (state.screen, state.series),
        (Screen::Resource, Some(fixture::id("web-03/fs./.used_pct")))
    );
    let (state, _) = after("metric pg.tps");
    assert_eq!(state.series, Some(fixture::id("db-01/pg.tps")));
    let (state, _) = after("metric web-01/http.p99_ms");
    assert_eq!(state.series, Some(fixture::id("web-01/http.p99_ms")));
    assert!(message("go web-99").contains("nearest is web-0"));
    assert!(message("metric pg.tpx").contains("pg.tps"));
    // A part that one name has is enough, and comes before what is only spelt alike.
    let (state, _) = after("metric swappi");
    assert_eq!(state.series, Some(fixture::id("db-01/vm.swappiness")));
    assert!(message("metric p99").is_empty(), "{}", message("metric p99"));
    assert!(
        message("metric pct").contains("it is part of"),
        "{}",
        message("metric pct")
    );
}

#[test]
fn a_setting_named_as_a_metric_is_opened_and_said_to_be_one() {
    let (mut state, _) = after("now");
    let name = state.shown.settings[0].id.clone();
    let end = name.name.split_once('.').unwrap().1.to_owned();
    for typed in [name.name.to_string(), end] {
        run(&mut state, &format!("metric {typed}"));
        assert_eq!((state.screen, state.series.as_ref()), (Screen::Resource, Some(&name)));
        assert!(
            state.message.as_ref().unwrap().contains("is a setting"),
            "{:?}",
            state.message
        );
    }
}

#[test]
fn exports_notes_and_the_rest_ask_the_engine() {
    assert!(matches!(
        asked("export parquet findings /tmp/f.parquet"),
        Query::Export { what, format: Format::Parquet, .. } if what == "findings"
    ));
    assert!(message("export xml findings f").contains("csv"));
    let (_, effects) = after("export md /tmp/screen.md");
    assert!(
        matches!(&effects[..], [Effect::WriteFile(path, text)] if path.ends_with("screen.md") && text.starts_with("# ")),
        "{effects:?}"
    );
    assert!(message("export md").contains("name a file"));
    assert!(message("export csv everything f").contains("metrics"));
    assert_eq!(
        asked("note restart planned 15:00"),
        Query::Note("restart planned 15:00".into())
    );
    assert!(matches!(asked("mute net.* 2h"), Query::Mute(name, until)
        if name == "net.*" && until == fixture::at("16:32:00")));
    assert_eq!(asked("store retry"), Query::StoreRetry);
    assert_eq!(asked("baseline accept all"), Query::BaselineAccept(Vec::new()));
    assert_eq!(
        asked("baseline accept vm.swappiness"),
        Query::BaselineAccept(vec![fixture::id("db-01/vm.swappiness")])
    );
    assert_eq!(
        asked("baseline accept web-01/http.p99_ms"),
        Query::BaselineAccept(vec![fixture::id("web-01/http.p99_ms")])
    );
    assert_eq!(asked("sql SELECT 1"), Query::Sql("SELECT 1".into()));
}

#[test]
fn the_console_itself_obeys() {
    assert_eq!(after("charset utf8").0.look.charset, Charset::Utf8);
    assert_eq!(after("theme contrast").0.look.theme, "contrast");
    assert!(message("theme pink").contains("dark"));
    assert_eq!(after("help").0.overlay, Some(Overlay::Help(0)));
    assert!(after("freeze").0.frozen);
    assert_eq!(after("filter WEB").0.filter, "web");
}

#[test]
fn tab_completes_what_is_sure() {
    let state = fixture::on(Screen::Resource, Charset::Ascii, 80, 24);
    let done = |line: &str| complete(&state, line);
    assert_eq!(done("comp").as_deref(), Some("compact"));
    assert_eq!(done("ex").as_deref(), Some("exp"));
    assert_eq!(done("imp").as_deref(), Some("import "));
    assert_eq!(done("exp"), None);
    assert_eq!(done("expo").as_deref(), Some("export "));
    assert_eq!(done("go db").as_deref(), Some("go db-0"));
    assert_eq!(done("export p").as_deref(), Some("export parquet"));
    assert_eq!(done("export csv aud").as_deref(), Some("export csv audit"));
    assert_eq!(done("metric pg.t").as_deref(), Some("metric pg.tps"));
    assert_eq!(done("metric g.tp").as_deref(), Some("metric pg.tps"));
    assert_eq!(done("metric _pct"), None);
    assert_eq!(done("nosuch x"), None);
    assert_eq!(done("").as_deref(), None);
}
