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

/// Forecasts every task of `tasks` by `members` from its own line alone.
///
/// # Errors
/// [`Usage`] with the line that is no task, or when there is none at all.
pub(super) fn run(tasks: impl BufRead, members: Members, out: &mut Out) -> anyhow::Result<Exit> {
    let chosen = Chosen { members, network: None };
    let mut none = true;
    for (number, line) in tasks.lines().enumerate() {
        let line = line.map_err(|error| Usage(format!("stdin, line {}: {error}", number + 1)))?;
        if line.trim().is_empty() {
            continue;
        }
        let task = serde_json::from_str(&line);
        let task = task.map_err(|error| stdin::malformed(number + 1, "not a forecast task", &error))?;
        out.line(&serde_json::to_string(&outcome(task, &chosen))?)?;
        none = false;
    }
    if none {
        return Err(nothing().into());
    }
    Ok(Exit::Done)
}

/// Neither a series was named nor a task handed over.
pub(super) fn nothing() -> Usage {
    Usage("forecast what? Name a metric, or hand over tasks on stdin".into())
}

fn outcome(task: Task, chosen: &Chosen) -> Outcome {
    let Task { id, step_s, h, y } = task;
    let step = Span((step_s * 1e6) as i64);
    let error = if step <= Span::ZERO {
        "step_s must be above 0".into()
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
    use crate::cli::out::tests::Page;

    fn answers(tasks: &str) -> Result<Vec<Value>, String> {
        let data = Page::default();
        let mut out = Out::new(data.clone(), std::io::sink());
        run(tasks.as_bytes(), Members::default(), &mut out).map_err(|error| error.to_string())?;
        out.flush().unwrap();
        Ok(data
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect())
    }

    #[test]
    fn every_task_has_thirteen_rising_quantiles_for_each_step() {
        let task = |y: &str| format!(r#"{{"id":"a","group":"g","start":null,"step_s":300,"h":3,"y":[{y}],"more":1}}"#);
        let short: Vec<String> = (0..40).map(|t| (t % 7).to_string()).collect();
        for y in ["", "null", "5", "5,null,7,null", "1e300,-1e300,0", &short.join(",")] {
            let answers = answers(&task(y)).unwrap();
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
        let answers = answers(&format!("{impossible}\n\n{endless}\n")).unwrap();
        assert_eq!(answers[0]["error"], "step_s must be above 0");
        assert_eq!(
            (&answers[1]["id"], answers[1]["error"].is_string()),
            (&Value::from("c"), true)
        );
    }

    #[test]
    fn a_line_that_is_no_task_is_named() {
        assert!(answers("\n").unwrap_err().starts_with("forecast what?"));
        let error = answers("\n{\"id\":1}\n").unwrap_err();
        assert!(
            error.starts_with("stdin:2:7: not a forecast task: invalid type"),
            "{error}"
        );
    }
}
