//! The recorded incidents that come with the program: what a walk through each must show.

use std::path::Path;

use foreshadow::{
    config::Scenario,
    domain::{Finding, Mark, Proposal, Span},
    observe::recording::Recording,
    pipeline::{self, State},
};

use crate::support::Home;

/// Row 23 less `NEXT` and the gap behind it, on 80 columns.
const ROOM: usize = 74;
const MOST_BYTES: u64 = 3_000_000;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/sample-data"))
}

/// When a mark was first told of a series, how far up the list, with which causes, and what was proposed then, best first.
#[derive(Debug)]
struct Told {
    after: Span,
    mark: Mark,
    series: String,
    place: usize,
    causes: String,
    proposed: Vec<String>,
}

/// Plays the scenario `name` until `end` and says what was told.
fn told(name: &str, end: Span) -> Vec<Told> {
    let scenario = Scenario::read(&folder().join(name)).unwrap();
    let mut recording = Recording::open(&scenario.stream).unwrap();
    let (from, interval) = (recording.header().from, recording.header().interval);
    let mut options = scenario.options;
    options.interval = interval;
    let mut state = State::default();
    let mut told: Vec<Told> = Vec::new();
    while let Some((batch, now)) = recording.next().unwrap() {
        if now - from > end {
            break;
        }
        pipeline::step(&mut state, &batch, &options, now, 7);
        for (place, finding) in state.findings.iter().enumerate() {
            tell(&mut told, finding, place, now - from, &state.proposals);
        }
    }
    told
}

fn tell(told: &mut Vec<Told>, finding: &Finding, place: usize, after: Span, proposals: &[Proposal]) {
    for series in &finding.series {
        let series = series.to_string();
        if !told.iter().any(|one| one.mark == finding.mark && one.series == series) {
            told.push(Told {
                after,
                mark: finding.mark,
                series,
                place,
                causes: finding
                    .causes
                    .iter()
                    .map(|cause| cause.what.to_string() + "; ")
                    .collect(),
                proposed: proposals.iter().map(|proposal| proposal.title.to_string()).collect(),
            });
        }
    }
}

fn first<'a>(told: &'a [Told], mark: Mark, series: &str) -> &'a Told {
    let found = told.iter().find(|one| one.mark == mark && one.series.ends_with(series));
    found.unwrap_or_else(|| panic!("no {mark} of {series} in {told:#?}"))
}

#[test]
fn every_story_fits_the_screen_and_the_parcel() {
    let scenarios = Scenario::all(&[folder().to_owned()]).unwrap();
    let names: Vec<&str> = scenarios.iter().map(|scenario| &*scenario.name).collect();
    assert_eq!(names, ["connections", "filling", "fleet"]);
    for scenario in scenarios {
        let bytes = std::fs::metadata(&scenario.stream).unwrap().len();
        assert!(bytes <= MOST_BYTES, "{}: {bytes} bytes", scenario.name);
        for step in &scenario.steps {
            assert!(step.says.chars().count() <= ROOM, "{}: {}", scenario.name, step.says);
            let key = step.press.chars().count() == 1 || ["Enter", "Esc"].contains(&&*step.press);
            assert!(key, "{}: {}", scenario.name, step.press);
            assert!(
                step.says.contains(&step.press),
                "{}: a step names the key it waits for: {}",
                scenario.name,
                step.says
            );
        }
        assert!(folder().join(&scenario.name).read_dir().unwrap().count() >= 3);
    }
}

#[test]
fn a_timeout_is_lengthened_and_the_connections_run_out() {
    let told = told("connections", Span::from_mins(60));
    let setting = first(&told, Mark::Drift, "defaults.timeout client");
    let change = Span::from_mins(40);
    assert!(
        setting.after >= change && setting.after < change + Span::from_mins(2),
        "{setting:?}"
    );
    let cross = first(&told, Mark::Cross, "tcp.established");
    let breach = first(&told, Mark::Breach, "tcp.established");
    assert!(setting.after < cross.after && cross.after + Span::from_mins(3) < breach.after);
    assert_eq!((cross.place, breach.place), (0, 0), "ranked first");
    for one in [cross, breach] {
        assert!(one.causes.contains("timeout client 60s -> 1h"), "{one:?}");
    }
    // What put it into force is no cause of its own.
    let reload: Vec<&Told> = told
        .iter()
        .filter(|one| one.causes.contains("Reloaded haproxy"))
        .collect();
    assert!(reload.is_empty(), "{reload:?}");
    // Nothing was cried before.
    let early: Vec<&Told> = told
        .iter()
        .filter(|one| one.after < change && matches!(one.mark, Mark::Cross | Mark::Breach))
        .collect();
    assert!(early.is_empty(), "{early:?}");
}

#[test]
fn a_disk_and_a_service_run_full_side_by_side() {
    let told = told("filling", Span::from_mins(55));
    let upgrade = first(&told, Mark::Drift, "pkg.thumbs");
    let leak = first(&told, Mark::Cross, "service.thumbs.mem_limit_pct");
    let disk = first(&told, Mark::Cross, "fs./srv/exports.used_pct");
    assert!(upgrade.after < leak.after && leak.after < disk.after);
    assert!(leak.place == 0 && disk.place <= 1, "{leak:?} {disk:?}");
    for (cross, series) in [
        (leak, "service.thumbs.mem_limit_pct"),
        (disk, "fs./srv/exports.used_pct"),
    ] {
        let breach = first(&told, Mark::Breach, series);
        assert!(cross.after + Span::from_mins(5) < breach.after, "{cross:?} {breach:?}");
        assert!(breach.place <= 1, "{breach:?}");
    }
}

#[test]
fn three_incidents_of_a_fleet_are_told_ahead_and_three_look_alikes_are_not() {
    let told = told("fleet", Span::from_days(14));
    let incidents = [
        ("host:web-2/fs./.used_pct", "log.level warn -> debug by ben"),
        ("host:db-1/mem.available_pct", "work_mem 16MB -> 256MB by ben"),
        ("host:queue-1/tcp.established", "channel_max 2047 -> 0 by ana"),
    ];
    for (series, cause) in incidents {
        let (cross, breach) = (first(&told, Mark::Cross, series), first(&told, Mark::Breach, series));
        assert!(cross.after + Span::from_hours(2) < breach.after, "{cross:?} {breach:?}");
        assert_eq!((cross.place, breach.place), (0, 0), "{series}");
        assert!(
            cross.causes.contains(cause) && breach.causes.contains(cause),
            "{cross:?} {breach:?}"
        );
    }
    // The walk goes from the second answer to the first.
    let proposed = &first(&told, Mark::Cross, "host:web-2/fs./.used_pct").proposed;
    let wanted = ["log.level debug -> warn", "make room on /"];
    let best = proposed.iter().zip(wanted);
    assert!(
        best.into_iter().all(|(title, part)| title.contains(part)),
        "{proposed:#?}"
    );
    let alarms = told.iter().filter(|one| matches!(one.mark, Mark::Cross | Mark::Breach));
    let others: Vec<&Told> = alarms
        .filter(|one| {
            !incidents
                .iter()
                .any(|(series, _)| one.series.split('/').next() == series.split('/').next())
        })
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_program_lists_and_tells_them() {
    let home = Home::new();
    let (code, out, err) = home.run(&["demo", "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed[0]["name"], "connections");
    let (code, _, err) = home.run(&["demo", "nothing"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("there are connections, filling, fleet"), "{err}");
    let mut terminal = home.terminal(24, 80, &["demo", "filling"], &[]);
    let walk = Scenario::read(&folder().join("filling")).unwrap().steps;
    terminal.until_shows(&walk[0].says);
    terminal.keys(&walk[0].press);
    terminal.until_shows("the story goes on at");
    terminal.keys("q");
    assert!(terminal.end().success());
}
