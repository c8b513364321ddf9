//! `whatif-bench` as a real process: a recorded service in, what a change would have done out.

use std::{fmt::Write as _, io::Write as _, process::Stdio};

use serde_json::Value;

use crate::support::Home;

/// Four days at five minutes: work goes with the requests, by as many instances as there are; there are twice as many from the third day on.
fn stream() -> String {
    let mut lines =
        String::from("{\"event\":\"setting\",\"t\":0,\"resource\":\"svc:a\",\"setting\":\"replicas\",\"value\":2}\n");
    lines += "{\"event\":\"setting\",\"t\":0,\"resource\":\"svc:a\",\"setting\":\"banner\",\"value\":\"one\"}\n";
    let noise = |step: i64, salt: i64| ((step * 7_919 + salt * 104_729) % 211) as f64 / 105.0 - 1.0;
    for step in 0..4 * 288 {
        let t = step * 300;
        if step == 2 * 288 + 3 {
            writeln!(lines, "{{\"event\":\"change\",\"id\":\"c\",\"t\":{t},\"resource\":\"svc:a\",\"setting\":\"replicas\",\"old\":2,\"new\":4}}").unwrap();
        }
        let replicas = if step < 2 * 288 + 3 { 2.0 } else { 4.0 };
        let day = (step % 288) as f64 / 288.0 * std::f64::consts::TAU;
        // What follows the clock alone need not go together: the load also wanders.
        let wander = 1.0 + 0.15 * (step as f64 / 13.0).sin();
        let requests = 100.0 * (1.0 + 0.5 * day.sin()) * wander * (1.0 + 0.02 * noise(step, 1));
        let busy = 0.8 * requests / replicas * (1.0 + 0.02 * noise(step, 2));
        for (name, v) in [("requests", requests), ("busy", busy), ("aside", 50.0 + noise(step, 3))] {
            writeln!(lines, "{{\"series\":\"svc:a/{name}\",\"t\":{t},\"v\":{v:.4}}}").unwrap();
        }
    }
    lines
}

fn ask(home: &Home, questions: &str) -> (Option<i32>, Vec<Value>, String) {
    std::fs::write(home.path("stream.jsonl"), stream()).unwrap();
    let dir = home.path(".");
    let mut command = home.command(&["whatif-bench", "--dir", dir.to_str().unwrap()]);
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(questions.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers = answers.lines().map(|line| serde_json::from_str(line).unwrap());
    (
        output.status.code(),
        answers.collect(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn question(id: &str, change: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"stream\":\"stream.jsonl\",\"at\":345600,\"horizon_s\":21600,\"resource\":\"svc:a\",\"change\":{change}}}\n"
    )
}

#[test]
fn what_the_past_supports_is_told_and_nothing_else() {
    let home = Home::new();
    let questions = question("back", r#"{"setting":"replicas","from":4,"to":2}"#)
        + &question("traffic", r#"{"traffic":1.2,"load":"requests"}"#)
        + &question("banner", r#"{"setting":"banner","from":"one","to":"two"}"#);
    let (code, answers, notes) = ask(&home, &questions);
    assert_eq!((code, notes.as_str(), answers.len()), (Some(0), "", 3));
    let effect = |id: &str| {
        let answer = answers.iter().find(|answer| answer["id"] == id).unwrap();
        answer["effect"].as_object().unwrap().clone()
    };
    let band = |effect: &Value| ["q10", "q50", "q90"].map(|level| effect[level].as_f64().unwrap());
    // From six in the evening to midnight's end of the curve the work with four is about 20 to 30; with two it is twice that.
    let back = effect("back");
    assert_eq!(back.keys().collect::<Vec<_>>(), ["busy"], "{back:?}");
    assert_eq!(back["busy"]["evidence"], "past-change");
    let [low, middle, high] = band(&back["busy"]);
    assert!(low <= middle && middle <= high && low > 10.0 && high < 50.0, "{back:?}");
    let traffic = effect("traffic");
    assert_eq!(traffic.keys().collect::<Vec<_>>(), ["busy", "requests"], "{traffic:?}");
    assert_eq!(
        [&traffic["requests"]["evidence"], &traffic["busy"]["evidence"]],
        ["identity", "network"]
    );
    let [low, middle, high] = band(&traffic["busy"]);
    assert!(
        low <= middle && middle <= high && middle > 2.0 && middle < 8.0,
        "{traffic:?}"
    );
    assert!(effect("banner").is_empty(), "a setting that never changed: no evidence");
}

#[test]
fn what_cannot_be_read_is_one_line() {
    let home = Home::new();
    let (code, answers, notes) = ask(
        &home,
        &("{\"id\":1}\n".to_owned() + &question("a", r#"{"traffic":1.2,"load":"requests"}"#)),
    );
    assert_eq!((code, answers.len(), notes.lines().count()), (Some(2), 1, 1), "{notes}");
    assert!(notes.starts_with("foreshadow: stdin:1:"), "{notes}");
    let missing = question("a", r#"{"traffic":1.2,"load":"requests"}"#).replace("stream.jsonl", "none.jsonl");
    let (code, answers, notes) = ask(&home, &missing);
    assert_eq!((code, answers.len(), notes.lines().count()), (Some(2), 0, 1), "{notes}");
    assert!(notes.contains("none.jsonl"), "{notes}");
    let (code, _, notes) = ask(&home, "\n");
    assert_eq!((code, notes.lines().count()), (Some(2), 1), "{notes}");
}
