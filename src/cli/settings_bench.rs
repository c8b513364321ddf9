//! `settings-bench`: what the models of settings say of a stream of changes, asked in between.

mod measure;

use std::{borrow::Cow, io::BufRead};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    cli::{Exit, Out, Usage, stdin},
    shadow::{Class, Edit, Learner, Next, Op, Place},
};

use measure::{Measured, Policy};

/// Arguments of `settings-bench`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Measures a policy on the stream instead of answering its questions.
    #[arg(long, value_enum)]
    measure: Option<Policy>,
}

/// A line of the stream: an event, or with `q` a question.
#[derive(Clone, Deserialize)]
struct Line<'a> {
    t: f64,
    #[serde(default)]
    q: Option<Question>,
    /// The question's number.
    #[serde(default)]
    id: u64,
    /// The setting's number.
    #[serde(default)]
    s: u64,
    /// The commit.
    #[serde(default, borrow)]
    c: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    who: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    op: Cow<'a, str>,
    #[serde(default, borrow)]
    resource: Cow<'a, str>,
    #[serde(default, borrow)]
    path: Cow<'a, str>,
    #[serde(default, rename = "type")]
    class: Option<Class>,
    #[serde(default)]
    new: Value,
    /// Members that came to a list, and that left it.
    #[serde(default)]
    add: Vec<Value>,
    #[serde(default)]
    del: Vec<Value>,
    /// Members of the list.
    #[serde(default)]
    n: usize,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Question {
    /// Which settings change within seven days?
    Change7d,
    /// To what does this setting change now?
    Next,
    /// Is the change just seen undone within 14 days?
    Undone,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Changes { id: u64, p: Vec<(u64, f64)>, rest: f64 },
    Values { id: u64, top: Vec<String> },
    Interval { id: u64, lo: f64, hi: f64 },
    Ways { id: u64, p: Ways },
    Undone { id: u64, p: f64 },
}

#[derive(Serialize)]
struct Ways {
    grow: f64,
    shrink: f64,
    mixed: f64,
}

/// Answers every question of `input` from the lines before it, or measures a policy on it.
///
/// # Errors
/// [`Usage`] with the line that is none of the stream's.
pub(super) fn run(args: &Args, input: impl BufRead, out: &mut Out) -> anyhow::Result<Exit> {
    let mut learner = Learner::default();
    let mut measured = args.measure.map(Measured::new);
    for (place, line) in input.split(b'\n').enumerate() {
        let raw = line.map_err(|error| Usage(format!("stdin:{}: {error}", place + 1)))?;
        if raw.trim_ascii().is_empty() {
            continue;
        }
        let what = "neither an event nor a question of a settings stream";
        let line = serde_json::from_slice(&raw);
        let line: Line<'_> = line.map_err(|error| stdin::malformed(place + 1, what, &error))?;
        if let Some(measured) = &mut measured {
            measured.take(&mut learner, &line, &raw);
            continue;
        }
        match answer(&mut learner, &line) {
            Some(answer) => out.record(&answer)?,
            None => observe(&mut learner, &line),
        }
    }
    if let Some(measured) = measured {
        out.record(&measured.result())?;
    }
    Ok(Exit::Done)
}

fn days(secs: f64) -> f64 {
    secs / 86_400.0
}

fn observe(learner: &mut Learner, line: &Line<'_>) {
    let class = line.class.unwrap_or(Class::String);
    let op = match &*line.op {
        "init" => Op::Init,
        "remove" => Op::Remove,
        "add" => Op::Add,
        _ => Op::Change,
    };
    let new = (op != Op::Remove).then(|| text(&line.new));
    let place = Place {
        resource: &line.resource,
        path: &line.path,
        class,
    };
    let edit = Edit {
        at: days(line.t),
        commit: line.c.as_deref(),
        who: line.who.as_deref(),
        op,
        new: new.as_deref(),
        added: line.add.len(),
        removed: line.del.len(),
        length: line.n,
    };
    learner.observe(line.s, &place, &edit);
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Number(number) => Cow::Owned(number.as_f64().map_or(number.to_string(), |value| value.to_string())),
        other => Cow::Owned(other.to_string()),
    }
}

fn answer(learner: &mut Learner, line: &Line<'_>) -> Option<Answer> {
    let (id, at) = (line.id, days(line.t));
    Some(match line.q.as_ref()? {
        Question::Change7d => Answer::Changes {
            id,
            p: learner.changes(at),
            rest: 0.0,
        },
        Question::Next => match learner.next(line.s, line.class.unwrap_or(Class::String), at) {
            Next::Values(values) => Answer::Values {
                id,
                top: values.into_iter().take(3).map(|(value, _)| value).collect(),
            },
            Next::Interval(lo, hi) => Answer::Interval { id, lo, hi },
            Next::Ways([grow, shrink, mixed]) => Answer::Ways {
                id,
                p: Ways { grow, shrink, mixed },
            },
        },
        Question::Undone => Answer::Undone {
            id,
            p: learner.newest_undone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{code, out::tests::Page};

    fn bench(input: impl AsRef<[u8]>) -> (u8, Vec<Value>, String) {
        let (data, notes) = (Page::default(), Page::default());
        let mut out = Out::new(data.clone(), notes.clone());
        let result = run(&Args::default(), input.as_ref(), &mut out);
        let code = code(result, &mut out);
        let answers = data.text();
        let answers = answers.lines().map(|line| serde_json::from_str(line).unwrap());
        (code, answers.collect(), notes.text())
    }

    #[test]
    fn every_question_is_answered_and_no_event_is() {
        let (code, answers, notes) = bench(concat!(
            r#"{"t":0,"s":5,"op":"init","resource":"a","path":"/v","type":"version","old":null,"new":"1.0.0"}"#,
            "\n\n",
            r#"{"q":"change7d","id":1,"t":86400}"#,
            "\n",
            r#"{"q":"next","id":2,"t":86400,"s":5,"resource":"a","path":"/v","type":"version"}"#,
            "\n",
            r#"{"t":86400,"c":"x","who":"w","s":5,"op":"change","resource":"a","path":"/v","type":"version","old":"1.0.0","new":"1.0.1"}"#,
            "\n",
            r#"{"q":"undone","id":3,"t":86400,"s":5,"event":0}"#,
            "\n",
        ));
        assert_eq!((code, notes.as_str(), answers.len()), (0, "", 3));
        assert_eq!(answers[0]["p"][0][0], 5);
        assert_eq!(answers[1]["top"].as_array().unwrap().len(), 3);
        let undone = answers[2]["p"].as_f64().unwrap();
        assert!((0.0..0.5).contains(&undone), "{undone}");
    }

    #[test]
    fn settings_never_seen_are_answered_with_what_is_known_of_all() {
        let (code, answers, _) = bench(concat!(
            r#"{"q":"change7d","id":0,"t":5}"#,
            "\n",
            r#"{"q":"next","id":1,"t":5,"s":9,"type":"number"}"#,
            "\n",
            r#"{"q":"next","id":2,"t":4,"s":9,"type":"list"}"#,
            "\n",
            r#"{"q":"next","id":3,"t":4,"s":9,"type":"string"}"#,
            "\n",
            r#"{"q":"undone","id":4,"t":5,"s":9}"#,
            "\n",
            r#"{"t":3,"s":18446744073709551615,"op":"renamed","new":{"a":[1]}}"#,
            "\n",
            r#"{"t":3,"s":1,"op":"remove","new":null}"#,
        ));
        assert_eq!((code, answers.len()), (0, 5));
        assert!(answers[1]["lo"].as_f64().unwrap() < answers[1]["hi"].as_f64().unwrap());
        assert_eq!(answers[3]["top"].as_array().unwrap().len(), 0);
    }

    #[test]
    fn policies_are_measured_on_what_comes_after_the_first_question() {
        let mut stream = String::new();
        for s in 0..40 {
            stream += &format!(
                "{{\"t\":0,\"s\":{s},\"op\":\"init\",\"resource\":\"r\",\"path\":\"/p{s}\",\"type\":\"number\",\"new\":1}}\n"
            );
        }
        for day in 1..60 {
            if day == 20 {
                stream += "{\"q\":\"change7d\",\"id\":1,\"t\":1728000}\n";
            }
            // Changed in the morning, put back half an hour later.
            for (minutes, value) in [(480, 2), (510, 1)] {
                let t = day * 86_400 + minutes * 60;
                stream += &format!(
                    "{{\"t\":{t},\"c\":\"c{t}\",\"s\":7,\"op\":\"change\",\"resource\":\"r\",\"path\":\"/p7\",\"type\":\"number\",\"new\":{value}}}\n"
                );
            }
        }
        let measure = |policy| {
            let (data, notes) = (Page::default(), Page::default());
            let mut out = Out::new(data.clone(), notes);
            run(&Args { measure: Some(policy) }, stream.as_bytes(), &mut out).unwrap();
            drop(out);
            serde_json::from_str::<Value>(&data.text()).unwrap()
        };
        let watch = measure(Policy::Watch);
        assert_eq!(
            (&watch["changes"], watch["seen"].as_f64() > Some(0.4)),
            (&Value::from(80), true),
            "{watch}"
        );
        let looks = measure(Policy::Looks);
        assert_eq!(looks["changes"], 80);
        // A look an hour sees one of the two at least.
        assert!(looks["seen"].as_f64() >= Some(0.5), "{looks}");
        assert!(looks["looks"].as_u64() <= Some(60 * 24 * 2 + 48), "{looks}");
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        for line in ["{", r#"{"s":1}"#, r#"{"t":NaN}"#, r#"{"t":0,"q":"why","id":1}"#] {
            let (code, _, notes) = bench(format!("\n{line}\n"));
            assert_eq!(code, 2);
            assert!(notes.starts_with("foreshadow: stdin:2:"), "{notes}");
        }
        let (code, _, notes) = bench(b"{\"t\":0,\"op\":\"init\"}\n{\"t\":0,\"op\":\"\xff\"}\n");
        assert_eq!(code, 2);
        assert!(notes.starts_with("foreshadow: stdin:2:"), "{notes}");
    }
}
