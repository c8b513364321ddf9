//! `detect`: how surprising each value of a stream is, in bits whose false alarms keep a budget.

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
    /// What is found odd, where there is a score.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

/// Answers every line of `input` with one of scores: bits that say more than what was told of the series already. A line that is no
/// value is told on stderr and has no answer.
///
/// # Errors
/// [`Usage`] when there is none at all.
pub(super) fn run(input: impl BufRead, out: &mut Out) -> anyhow::Result<Exit> {
    let mut detectors: HashMap<String, Detector> = HashMap::new();
    let like = r#"{"series":"a","t":1441008960,"v":84}"#;
    let (exit, lines) = stdin::each(input, like, out, |value: Value, out| {
        let at = Timestamp(value.t.as_f64().map_or(0, |secs| (secs * 1e6) as i64));
        let detector = detectors.entry(value.series.clone()).or_default();
        let verdict = detector.observe(at, value.v.unwrap_or(f64::NAN));
        Ok(out.record(&Score {
            series: &value.series,
            t: value.t,
            score: verdict.news,
            why: (verdict.news > 0.0).then(|| verdict.view.phrase()),
        })?)
    })?;
    if lines == 0 {
        return Err(Usage(format!("detect what? Hand over values on stdin, one a line: {like}")).into());
    }
    Ok(exit)
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
    fn what_is_told_is_named() {
        let line = |k: i64, v: &str| format!("{{\"series\":\"a\",\"t\":{},\"v\":{v}}}\n", k * 300);
        let usual = |k: i64| (k * 7919 % 13).to_string();
        let told = |rest: &dyn Fn(i64) -> String| {
            let stream: String = (0..2_000)
                .map(|k| line(k, &usual(k)))
                .chain((2_000..2_150).map(|k| line(k, &rest(k))))
                .collect();
            let answers = detect(&stream).1;
            let answers = answers
                .lines()
                .skip(2_000)
                .map(|line| serde_json::from_str(line).unwrap());
            let odd = answers.filter(|answer: &serde_json::Value| answer["score"].as_f64().unwrap() > 7.0);
            odd.map(|answer| answer["why"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(told(&usual), "");
        assert!(told(&|_| "7".into()).contains("a value that no longer moves"));
        assert!(told(&|_| "null".into()).contains("no value for long"));
        assert!(told(&|k| format!("{}", 60 + k * 7919 % 13)).contains("beyond all seen before"));
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
    fn nothing_at_all_is_told() {
        let (code, data, notes) = detect("\n");
        assert_eq!((code, data.as_str()), (2, ""));
        assert!(notes.starts_with("foreshadow: detect what?"), "{notes}");
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named_and_the_rest_is_answered() {
        let good = "{\"series\":\"a\",\"t\":60,\"v\":1}\n";
        let bad = [
            "{\"series\":\"a\"}",
            "{\"series\":\"a\",\"t\":60,\"v\":NaN}",
            "{\"series\":\"a\",\"t\":60,\"v\":\"inf\"}",
            "{\"series\":\"a\",\"t\":60,\"v\":1e999}",
            "\u{1b}[31m",
            "{\"series\":\"a",
        ];
        let stream: String = bad.iter().map(|bad| format!("{bad}\n{good}")).collect();
        let (code, data, notes) = detect(&stream);
        assert_eq!((code, data.lines().count()), (2, bad.len()), "{notes}");
        assert!(
            notes.starts_with("foreshadow: stdin:1:14: write {") && notes.contains("}: missing field `t`\n"),
            "{notes}"
        );
        let lines: Vec<String> = notes
            .lines()
            .map(|line| line.split(':').nth(2).unwrap().into())
            .collect();
        assert_eq!(lines, [1, 3, 5, 7, 9, 11].map(|number| number.to_string()));
    }
}
