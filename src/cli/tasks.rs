//! `forecast` without a series: forecasts the series handed over on stdin, one task a line.

use std::{collections::BTreeMap, io::BufRead};

use serde::{Deserialize, Serialize};

use crate::{
    cli::{Exit, Out, Usage, stdin},
    domain::{LEVELS, Quantiles, Span},
    engine::clock::Stopwatch,
    shadow::metric::{Chosen, Members, foretell},
};

/// Most values that may be asked for at once.
const MOST: usize = 100_000;

/// A series to forecast; other keys than these are not looked at.
#[derive(Deserialize)]
struct Task {
    id: String,
    /// Seconds between two values.
    step_s: f64,
    /// How many values after the last of `y` are wanted.
    h: usize,
    /// The history, oldest first; `null` where nothing was observed.
    y: Vec<Option<f64>>,
}

/// What comes out for a task.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    /// By level the values of the steps, and milliseconds it took.
    Forecast {
        id: String,
        q: BTreeMap<String, Vec<f64>>,
        ms: f64,
    },
    /// Why there is none.
    Error { id: String, error: String },
}

/// Forecasts every task of `tasks` by `members` from its own line alone. A line that is no task is told on stderr and has no answer.
///
/// # Errors
/// [`Usage`] when there is none at all.
pub(super) fn run(tasks: impl BufRead, members: Members, out: &mut Out) -> anyhow::Result<Exit> {
    let chosen = Chosen { members, network: None };
    let like = r#"{"id":"a","step_s":300,"h":12,"y":[7,null,6]}"#;
    let (exit, lines) = stdin::each(tasks, like, out, |task, out| Ok(out.record(&outcome(task, &chosen))?))?;
    if lines == 0 {
        return Err(nothing().into());
    }
    Ok(exit)
}

/// Neither a series was named nor a task handed over.
pub(super) fn nothing() -> Usage {
    Usage("forecast what? Name a metric, or hand over tasks on stdin".into())
}

fn outcome(task: Task, chosen: &Chosen) -> Outcome {
    let Task { id, step_s, h, y } = task;
    let step = Span((step_s * 1e6) as i64);
    let error = if step <= Span::ZERO {
        "step_s must be a microsecond at least".into()
    } else if h > MOST {
        format!("h must be at most {MOST}")
    } else {
        let watch = Stopwatch::start();
        let values = y.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        let steps = foretell(values, step, h, chosen);
        let ms = watch.elapsed().as_secs_f64() * 1e3;
        let at = |level: usize| steps.iter().map(|Quantiles(values)| values[level]).collect();
        let levels = LEVELS.iter().enumerate();
        let q = levels.map(|(place, level)| (level.to_string(), at(place))).collect();
        return Outcome::Forecast { id, q, ms };
    };
    Outcome::Error { id, error }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cli::{code, out::tests::Page};

    fn answers(tasks: &str) -> (Vec<Value>, u8, String) {
        let (data, notes) = (Page::default(), Page::default());
        let mut out = Out::new(data.clone(), notes.clone());
        let result = run(tasks.as_bytes(), Members::default(), &mut out);
        let code = code(result, &mut out);
        let answers = data
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (answers, code, notes.text())
    }

    #[test]
    fn every_task_has_thirteen_rising_quantiles_for_each_step() {
        let task = |y: &str| format!(r#"{{"id":"a","group":"g","start":null,"step_s":300,"h":3,"y":[{y}],"more":1}}"#);
        let short: Vec<String> = (0..40).map(|t| (t % 7).to_string()).collect();
        for y in ["", "null", "5", "5,null,7,null", "1e300,-1e300,0", &short.join(",")] {
            let (answers, ..) = answers(&task(y));
            let q = answers[0]["q"].as_object().unwrap();
            assert_eq!(q.len(), 13, "{y}");
            for step in 0..3 {
                let values: Vec<f64> = LEVELS
                    .iter()
                    .map(|level| q[&level.to_string()][step].as_f64().unwrap())
                    .collect();
                assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{y}: {values:?}");
            }
            assert!(answers[0]["ms"].as_f64().unwrap() >= 0.0);
        }
    }

    #[test]
    fn what_cannot_be_forecast_is_told() {
        let impossible = r#"{"id":"b","step_s":0,"h":3,"y":[1]}"#;
        let endless = r#"{"id":"c","step_s":1,"h":4000000000,"y":[1]}"#;
        let (answers, ..) = answers(&format!("{impossible}\n\n{endless}\n"));
        assert_eq!(answers[0]["error"], "step_s must be a microsecond at least");
        assert_eq!(
            (&answers[1]["id"], answers[1]["error"].is_string()),
            (&Value::from("c"), true)
        );
    }

    #[test]
    fn a_line_that_is_no_task_is_named_and_the_rest_is_forecast() {
        let (_, code, notes) = answers("\n");
        assert!(code == 2 && notes.starts_with("foreshadow: forecast what?"), "{notes}");
        let good = r#"{"id":"\u0085\u202e","step_s":300,"h":1,"y":[1,2]}"#;
        let (answers, code, notes) = answers(&format!("\n{{\"id\":1}}\n{good}\n{{\"id\":\"a\",\"y\":[NaN]}}\n{good}"));
        assert_eq!((answers.len(), code, notes.lines().count()), (2, 2, 2), "{notes}");
        assert!(
            notes.starts_with("foreshadow: stdin:2:7: write {") && notes.contains("}: invalid type: integer `1`"),
            "{notes}"
        );
        assert!(notes.contains("\nforeshadow: stdin:4:"), "{notes}");
        // The name is the one that was handed over, whatever it would do to a terminal.
        assert_eq!(answers[0]["id"], "\u{85}\u{202e}");
    }
}
