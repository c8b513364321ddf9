//! `detect`: how surprising each value of a stream is, by the very detector that watches metrics.

use std::{collections::HashMap, io::BufRead};

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::{
    cli::{Exit, Out, Usage, stdin},
    domain::Timestamp,
    shadow::anomaly::Detector,
};

/// A value of a series; one without a value (`null`, or none) scores 0.
#[derive(Deserialize)]
struct Value {
    series: String,
    t: Number,
    #[serde(default)]
    v: Option<f64>,
}

#[derive(Serialize)]
struct Score<'a> {
    series: &'a str,
    t: Number,
    score: f64,
}

/// Answers every line of `input` with one of scores: bits that say more than what was told of the series already.
pub(super) fn run(input: impl BufRead, out: &mut Out) -> anyhow::Result<Exit> {
    let mut detectors: HashMap<String, Detector> = HashMap::new();
    for (place, line) in input.lines().enumerate() {
        let line = line.map_err(|error| Usage(format!("stdin: {error}")))?;
        if line.trim().is_empty() {
            continue;
        }
        let what = "write {\"series\":\"a\",\"t\":1441008960,\"v\":84}";
        let value = serde_json::from_str(&line);
        let value: Value = value.map_err(|error| stdin::malformed(place + 1, what, &error))?;
        let at = Timestamp(value.t.as_f64().map_or(0, |secs| (secs * 1e6) as i64));
        let detector = detectors.entry(value.series.clone()).or_default();
        out.record(&Score {
            series: &value.series,
            t: value.t,
            score: detector.observe(at, value.v.unwrap_or(f64::NAN)).news,
        })?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{code, out::tests::Page};

    fn detect(input: &str) -> (u8, String, String) {
        let (data, notes) = (Page::default(), Page::default());
        let mut out = Out::new(data.clone(), notes.clone());
        let result = run(input.as_bytes(), &mut out);
        let code = code(result, &mut out);
        (code, data.text(), notes.text())
    }

    #[test]
    fn every_value_is_answered_in_its_order() {
        let (code, data, notes) = detect(
            "{\"series\":\"a\",\"t\":60,\"v\":1}\n{\"series\":\"b\\u001b\",\"t\":60.5,\"v\":1e300}\n\n{\"series\":\"a\",\"t\":120,\"v\":null}\n{\"series\":\"a\",\"t\":120}\n",
        );
        assert_eq!((code, notes.as_str()), (0, ""));
        assert_eq!(
            data,
            "{\"series\":\"a\",\"t\":60,\"score\":0.0}\n{\"series\":\"b\\u001b\",\"t\":60.5,\"score\":0.0}\n\
             {\"series\":\"a\",\"t\":120,\"score\":0.0}\n{\"series\":\"a\",\"t\":120,\"score\":0.0}\n"
        );
    }

    #[test]
    fn series_in_turn_are_judged_as_series_one_by_one() {
        let line = |series: &str, k: i64| {
            let value = if k == 900 { 50.0 } else { (k * 7919 % 13) as f64 };
            format!("{{\"series\":\"{series}\",\"t\":{},\"v\":{value}}}\n", k * 300)
        };
        let turns: String = (0..1000).map(|k| line("a", k) + &line("b", k + 50)).collect();
        let alone: String = (0..1000).map(|k| line("a", k)).collect();
        let of_a = detect(&turns)
            .1
            .lines()
            .filter(|line| line.contains("\"a\""))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        assert_eq!(of_a, detect(&alone).1.lines().collect::<Vec<_>>());
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        let (code, _, notes) = detect("{\"series\":\"a\",\"t\":60,\"v\":1}\n{\"series\":\"a\"}\n");
        assert_eq!(code, 2);
        assert!(notes.starts_with("foreshadow: stdin:2:14: write {"), "{notes}");
        assert!(notes.ends_with("missing field `t`\n"), "{notes}");
    }
}
