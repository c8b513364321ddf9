//! `foreshadow alerts` as a real process, on streams that the tests write.

use std::{fmt::Write as _, fs::File};

use serde_json::Value;

use crate::support::{Home, output};

const STEP: i64 = 300;
const DAY: i64 = 288;
const START: i64 = 1_736_121_600;

/// Exit code, the lines told, and what stands on stderr.
fn alerts(stream: &str) -> (Option<i32>, Vec<Value>, String) {
    let home = Home::new();
    let path = home.path("stream.jsonl");
    std::fs::write(&path, stream).unwrap();
    let ran = output(home.command(&["alerts"]).stdin(File::open(path).unwrap()));
    let out = String::from_utf8(ran.stdout).unwrap();
    let told = out.lines().map(|line| serde_json::from_str(line).unwrap());
    (
        ran.status.code(),
        told.collect(),
        String::from_utf8(ran.stderr).unwrap(),
    )
}

/// Two hosts with a pool that traffic fills to two thirds by day, and what else `more` says at a place.
fn hosts(days: i64, more: impl Fn(i64) -> String) -> String {
    let mut stream = String::new();
    for (resource, setting, value) in [
        ("shop", "slo.error_pct", 1),
        ("a", "db.pool.max", 60),
        ("b", "db.pool.max", 60),
    ] {
        let _ = writeln!(
            stream,
            r#"{{"event":"setting","t":{START},"resource":"{resource}","setting":"{setting}","value":{value}}}"#
        );
    }
    for place in 0..days * DAY {
        let t = START + STEP * place;
        stream += &more(place);
        for host in ["a", "b"] {
            let day = (place as f64 / DAY as f64 * std::f64::consts::TAU).sin();
            let noise = (place * 7_919 % 13) as f64 / 6.0;
            let _ = writeln!(
                stream,
                r#"{{"series":"{host}/db.pool_in_use","t":{t},"v":{:.1}}}"#,
                25.0 + 15.0 * day + noise
            );
        }
    }
    stream
}

fn warnings(told: &[Value]) -> Vec<&Value> {
    told.iter().filter(|alert| alert["severity"] != "notice").collect()
}

#[test]
fn a_pool_made_smaller_than_the_next_peak_is_told_at_once_with_the_change() {
    let at = 4 * DAY + 200;
    let change = |host: &str, to: i64, id: &str| {
        let t = START + STEP * at - 60;
        format!(
            "{{\"event\":\"change\",\"id\":\"{id}\",\"t\":{t},\"resource\":\"{host}\",\"setting\":\"db.pool.max\",\"old\":60,\"new\":{to},\"who\":\"dora\",\"via\":\"hand\"}}\n"
        )
    };
    // At night, with 10 connections in use, one is made large enough for the day and the other is not.
    let stream = hosts(5, |place| match place == at {
        true => change("a", 30, "c1") + &change("b", 55, "c2"),
        false => String::new(),
    });
    let (code, told, notes) = alerts(&stream);
    assert_eq!((code, notes.as_str()), (Some(0), ""));
    let warned = warnings(&told);
    assert_eq!(warned.len(), 1, "{told:?}");
    let alert = warned[0];
    assert_eq!(alert["t"], START + STEP * at, "{alert}");
    assert_eq!(alert["series"], "a/db.pool_in_use", "{alert}");
    assert_eq!(alert["causes"][0], "c1", "{alert}");
    assert!(alert["score"].as_f64().is_some_and(|score| score > 0.5), "{alert}");
}

#[test]
fn what_makes_no_sense_is_told_by_its_line_and_the_rest_is_taken() {
    let (code, told, notes) =
        alerts("{\"t\":1}\n{\"series\":\"a/b\",\"t\":1,\"v\":2}\n{\"event\":\"change\",\"t\":2}\n");
    assert_eq!((code, told.len()), (Some(2), 0));
    let lines: Vec<&str> = notes.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("foreshadow: stdin:1:"),
        "{notes}"
    );
    assert!(
        lines[0].contains("missing field `series`") && lines[1].contains("stdin:3:"),
        "{notes}"
    );
    let (code, _, notes) = alerts("");
    assert_eq!(code, Some(2));
    assert!(
        notes.starts_with("foreshadow: alerts of what?") && notes.lines().count() == 1,
        "{notes}"
    );
}
