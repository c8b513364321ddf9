//! What the imported history of a repository says is about to change.

use std::{fs, path::Path, process::Command};

use foreshadow::domain::{Span, Timestamp};
use serde_json::Value as Json;

use crate::support::Home;

/// A change of one setting: when, in which file of the repository, and what it says from then on.
type Commit = (Timestamp, &'static str, String);

const SERVICES: [&str; 6] = ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml"];

fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_secs(since.as_secs() as i64)
}

fn git(folder: &Path, at: Timestamp, arguments: &[&str]) {
    let date = format!("@{} +0000", at.secs());
    let ran = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=ana", "-c", "user.email=ana@example.org"])
        .args(arguments)
        .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn workload(tag: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: ghcr.io/acme/web:{tag}\n"
    )
}

/// Six services that moved from version to version every thirty days, the last time at `last`; `late` tells of a round and a service how many hours
/// after the first it moved, or that it did not.
fn rollouts(last: Timestamp, late: impl Fn(i64, usize) -> Option<i64>) -> Vec<Commit> {
    let mut commits = Vec::new();
    for round in 0..7 {
        for (place, file) in SERVICES.into_iter().enumerate() {
            if let Some(hours) = late(round, place) {
                let at = last - Span::from_days(30 * (6 - round)) + Span::from_hours(hours);
                commits.push((at, file, workload(&format!("v1.{round}"))));
            }
        }
    }
    commits
}

/// The findings that tell of settings about to change, after the history of a repository named `name` that `commits` make was imported.
fn told(home: &Home, name: &str, mut commits: Vec<Commit>) -> Vec<Json> {
    commits.sort_by_key(|(at, ..)| *at);
    let folder = home.path(name);
    fs::create_dir_all(&folder).unwrap();
    git(&folder, commits[0].0, &["init", "-q"]);
    for (at, file, text) in &commits {
        fs::write(folder.join(file), text).unwrap();
        git(&folder, *at, &["add", "-A"]);
        git(&folder, *at, &["commit", "-q", "-m", "x"]);
    }
    let (code, _, err) = home.run(&["import", "git", folder.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    let (_, text, err) = home.run(&["findings", "--json"]);
    let all: Vec<Json> = serde_json::from_str(&text).expect(&err);
    let here = |finding: &Json| finding["resource"] == format!("repo:{name}");
    all.into_iter().filter(here).collect()
}

#[test]
fn the_last_service_that_has_not_moved_and_the_other_half_of_a_change_are_told() {
    let home = Home::new();
    let last = now() - Span::from_days(2);
    let mut commits = rollouts(last, |round, place| {
        (round < 6 || place < 5).then_some(place as i64 * 5)
    });
    // One setting follows another within the hour, nine of ten times.
    for round in 0..=11 {
        let at = now() - Span::from_mins(20) - Span::from_days(13 * (11 - round));
        commits.push((at, "schema.env", format!("VERSION={round}\n")));
        if ![8, 11].contains(&round) {
            commits.push((
                at + Span::from_mins(45),
                "client.env",
                format!("SCHEMA={}\n", round * 10),
            ));
        }
    }
    let told = told(&home, "conf", commits);
    let of = |name: &str| {
        let found = told
            .iter()
            .find(|finding| finding["series"][0].as_str().unwrap().contains(name));
        found.unwrap_or_else(|| panic!("{name}: {told:#?}"))
    };
    assert_eq!(told.len(), 2, "{told:#?}");
    let peers = of("git.f.yaml");
    assert_eq!(
        (&peers["now"], &peers["expected"]),
        (&"ghcr.io/acme/web:v1.5".into(), &"ghcr.io/acme/web:v1.6".into())
    );
    let summary = peers["summary"].as_str().unwrap();
    assert!(
        summary.contains("5 of 6 peers have moved") && summary.contains("within"),
        "{summary}"
    );
    let half = of("git.client.env");
    let summary = half["summary"].as_str().unwrap();
    assert!(
        summary.contains("it followed git.schema.env:VERSION 9 of 10 times"),
        "{summary}"
    );
    for finding in [peers, half] {
        let probability = finding["confidence"].as_f64().unwrap();
        assert!((0.6..1.0).contains(&probability), "{probability}");
        assert_eq!(
            (&finding["comparison"], &finding["mark"]),
            (&"future_limit".into(), &"cross".into())
        );
    }
}

#[test]
fn peers_that_never_follow_and_what_was_years_ago_are_not_told() {
    let home = Home::new();
    // Two of six always move three weeks later.
    let late = |round, place| match place {
        0..4 => Some(place as i64 * 5),
        _ => (round < 6).then_some(24 * 21 + place as i64),
    };
    assert_eq!(
        told(&home, "pinned", rollouts(now() - Span::from_days(2), late)),
        [Json::Null; 0]
    );
    let late = |round, place| (round < 6 || place < 5).then_some(place as i64 * 5);
    assert_eq!(
        told(&home, "old", rollouts(now() - Span::from_days(700), late)),
        [Json::Null; 0]
    );
}
