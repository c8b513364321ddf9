//! `settings-bench`: what the models of settings say of a stream of changes, asked in between.

use std::{borrow::Cow, io::BufRead};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    cli::{Exit, Out, Usage},
    shadow::{Class, Edit, Learner, Next, Op, Place},
};

/// A line of the stream: an event, or with `q` a question.
#[derive(Deserialize)]
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

#[derive(Deserialize)]
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

/// Answers every question of `input` from the lines before it.
///
/// # Errors
/// [`Usage`] with the line that is none of the stream's.
pub(super) fn run(input: impl BufRead, out: &mut Out) -> anyhow::Result<Exit> {
    let mut learner = Learner::default();
    for (place, line) in input.lines().enumerate() {
        let line = line.map_err(|error| Usage(format!("stdin, line {}: {error}", place + 1)))?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line<'_> = serde_json::from_str(&line).map_err(|error| {
            Usage(format!(
                "stdin, line {}: neither an event nor a question of a settings stream: {error}",
                place + 1
            ))
        })?;
        match answer(&mut learner, &line) {
            Some(answer) => out.record(&answer)?,
            None => observe(&mut learner, &line),
        }
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
