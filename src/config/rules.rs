//! Known issues, from those that come with the program and the user's own: a bad one is a line, the rest goes on.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::{Deserialize, de::IntoDeserializer as _};
use serde_json::Value as Json;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Fault, read_short};
use crate::domain::{
    About, Condition, Each, Fact, Level, Operand, Quantity, Rule, Rules, Span, Test, Unit, Value, What,
};

/// The files that come with the program: facts first.
pub const SHIPPED: [(&str, &str); 7] = [
    ("rules/facts.toml", include_str!("../../rules/facts.toml")),
    ("rules/linux.toml", include_str!("../../rules/linux.toml")),
    ("rules/systemd.toml", include_str!("../../rules/systemd.toml")),
    ("rules/postgresql.toml", include_str!("../../rules/postgresql.toml")),
    ("rules/redis.toml", include_str!("../../rules/redis.toml")),
    ("rules/web.toml", include_str!("../../rules/web.toml")),
    ("rules/kubernetes.toml", include_str!("../../rules/kubernetes.toml")),
];
/// Most rules a file may have.
const MOST: usize = 1_000;
/// Most files of the user's own.
const MOST_FILES: usize = 100;
/// How long a metric that rises or surprises is looked at where the rule does not say.
const LASTS: Span = Span::from_hours(1);

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Note,
    Low,
    Moderate,
    High,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Part {
    Object,
    Pod,
    Container,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    severity: Severity,
    title: String,
    why: String,
    article: String,
    #[serde(default)]
    runs: Vec<String>,
    each: Option<Part>,
    #[serde(default)]
    kinds: Vec<String>,
    when: Vec<Spanned<RawCondition>>,
    #[serde(default)]
    fix: BTreeMap<String, Json>,
    fires: Json,
    quiet: Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFact {
    name: String,
    any: Vec<Spanned<RawCondition>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCondition {
    setting: Option<String>,
    metric: Option<String>,
    field: Option<String>,
    fact: Option<String>,
    except: Option<Json>,
    word: Option<usize>,
    default: Option<Json>,
    is: Option<Json>,
    not: Option<Json>,
    above: Option<Json>,
    below: Option<Json>,
    least: Option<Json>,
    like: Option<Json>,
    unlike: Option<Json>,
    absent: Option<bool>,
    rising: Option<f64>,
    surprising: Option<f64>,
    r#for: Option<String>,
}

/// The rules that come with the program, and those of the user's folder, which replace them by their id; what is wrong, by file and line.
#[must_use]
pub fn rules(folder: &Path) -> (Rules, Vec<Fault>) {
    let mut reader = Reader::default();
    for (name, text) in SHIPPED {
        reader.file(name, text);
    }
    for path in own(folder) {
        let name = path.to_string_lossy();
        match read_short(&path).map(String::from_utf8) {
            Ok(Ok(text)) => reader.file(&name, &text),
            Ok(Err(_)) => reader.fault(&name, None, "is not UTF-8 text".into()),
            Err(error) => reader.fault(&name, None, error.to_string()),
        }
    }
    (reader.rules, reader.faults)
}

/// The TOML files of a folder, by name.
fn own(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    paths.truncate(MOST_FILES);
    paths
}

#[derive(Default)]
struct Reader {
    rules: Rules,
    faults: Vec<Fault>,
}

impl Reader {
    fn fault(&mut self, name: &str, line: Option<usize>, says: String) {
        self.faults.push(Fault {
            place: name.to_owned(),
            line,
            says,
        });
    }

    fn file(&mut self, name: &str, text: &str) {
        let line = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let (document, errors) = DeTable::parse_recoverable(text);
        // What the parser made of a broken file is not trusted.
        if let Some(error) = errors.first() {
            let at = error.span().map_or(0, |span| span.start);
            return self.fault(name, Some(line(at)), error.message().to_owned());
        }
        for (key, value) in document.into_inner() {
            let at = key.span().start;
            let DeValue::Array(items) = value.into_inner() else {
                self.fault(name, Some(line(at)), "holds only [[rule]] and [[fact]]".into());
                continue;
            };
            for item in items.into_iter().take(MOST) {
                let start = item.span().start;
                let place = format!("{name}:{}", line(start));
                let taken = match &**key.get_ref() {
                    "rule" => self.rule(item, &place),
                    "fact" => self.fact(item),
                    _ => Err((start, "holds only [[rule]] and [[fact]]".into())),
                };
                if let Err((at, says)) = taken {
                    self.fault(name, Some(line(if at == 0 { start } else { at })), says);
                }
            }
        }
    }

    fn rule(&mut self, item: Spanned<DeValue<'_>>, place: &str) -> Result<(), Wrong> {
        let raw = RawRule::deserialize(item.into_deserializer()).map_err(serde_fault)?;
        let wrong = |says: &str| Err((0, format!("rule `{}` {says}", raw.id)));
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if raw.id.is_empty() || raw.id.len() > 60 || !raw.id.chars().all(plain) {
            return wrong("has an id of other than small letters, digits and `-`");
        }
        if !raw.article.starts_with("https://") {
            return wrong("has an article that is no https:// link");
        }
        if raw.when.is_empty() {
            return wrong("has no conditions");
        }
        let facts = &self.rules.facts;
        if let Some(unknown) = raw
            .runs
            .iter()
            .find(|name| !facts.iter().any(|fact| *fact.name == ***name))
        {
            return wrong(&format!("rests on `{unknown}`, which is no fact"));
        }
        let when: Vec<Condition> = raw.when.into_iter().map(condition).collect::<Result<_, _>>()?;
        let of_object = |condition: &Condition| matches!(condition.what, What::Field(_));
        if when.iter().any(|condition| of_object(condition) != raw.each.is_some()) {
            return Err((
                0,
                format!(
                    "rule `{}` mixes fields of objects with settings; fields need `each`",
                    raw.id
                ),
            ));
        }
        let fix = raw.fix.into_iter().map(|(name, value)| {
            let value = literal(&value).map_err(|says| (0, format!("rule `{}`: fix {says}", raw.id)))?;
            Ok((name.into(), value))
        });
        let rule = Rule {
            level: match raw.severity {
                Severity::Note => None,
                Severity::Low => Some(Level::Low),
                Severity::Moderate => Some(Level::Moderate),
                Severity::High => Some(Level::High),
            },
            title: raw.title.into(),
            why: raw.why.into(),
            article: raw.article.into(),
            about: raw.each.map_or(About::Resource, |part| About::Object {
                each: match part {
                    Part::Object => Each::Object,
                    Part::Pod => Each::Pod,
                    Part::Container => Each::Container,
                },
                kinds: raw.kinds.into_iter().map(Into::into).collect(),
            }),
            runs: raw.runs.into_iter().map(Into::into).collect(),
            when,
            fix: fix.collect::<Result<_, Wrong>>()?,
            fires: raw.fires.into(),
            quiet: raw.quiet.into(),
            from: place.into(),
            id: raw.id.into(),
        };
        self.rules.rules.retain(|other| other.id != rule.id);
        self.rules.rules.push(rule);
        Ok(())
    }

    fn fact(&mut self, item: Spanned<DeValue<'_>>) -> Result<(), Wrong> {
        let raw = RawFact::deserialize(item.into_deserializer()).map_err(serde_fault)?;
        let any: Vec<Condition> = raw.any.into_iter().map(condition).collect::<Result<_, _>>()?;
        let known = |name: &str| self.rules.facts.iter().any(|fact| *fact.name == *name);
        for condition in &any {
            match &condition.what {
                What::Fact(name) if !known(name) => {
                    return Err((
                        0,
                        format!("fact `{}` rests on `{name}`, which is no fact before it", raw.name),
                    ));
                }
                What::Field(_) => return Err((0, format!("fact `{}` looks at a field", raw.name))),
                _ => {}
            }
        }
        self.rules.facts.retain(|other| *other.name != *raw.name);
        self.rules.facts.push(Fact {
            name: raw.name.into(),
            any,
        });
        Ok(())
    }
}

/// Where (a byte of the text; 0 for the rule's own place) and what is wrong.
type Wrong = (usize, String);

fn serde_fault(error: toml::de::Error) -> Wrong {
    (
        error.span().map_or(0, |span| span.start),
        error.message().lines().collect::<Vec<_>>().join(" "),
    )
}

fn condition(raw: Spanned<RawCondition>) -> Result<Condition, Wrong> {
    let at = raw.span().start;
    let raw = raw.into_inner();
    let wrong = |says: String| (at, says);
    let whats = [
        raw.setting.map(|name| What::Setting(name.into())),
        raw.metric.map(|name| What::Metric(name.into())),
        raw.field.map(|name| What::Field(name.into())),
        raw.fact.map(|name| What::Fact(name.into())),
    ];
    let mut whats = whats.into_iter().flatten();
    let (Some(what), None) = (whats.next(), whats.next()) else {
        return Err(wrong("a condition names one setting, metric, field or fact".into()));
    };
    let mut tests = Vec::new();
    let list = |value: &Json| -> Result<Vec<Value>, Wrong> {
        match value {
            Json::Array(items) => items.iter().map(|item| literal(item).map_err(&wrong)).collect(),
            one => Ok(vec![literal(one).map_err(&wrong)?]),
        }
    };
    let texts = |value: &Json| -> Result<Vec<Arc<str>>, Wrong> {
        let text = |item: &Json| item.as_str().map(Arc::from);
        let texts: Option<Vec<Arc<str>>> = match value {
            Json::Array(items) => items.iter().map(text).collect(),
            one => text(one).map(|text| vec![text]),
        };
        texts.ok_or_else(|| wrong("like, unlike and except take texts".into()))
    };
    let except = raw.except.as_ref().map_or(Ok(Vec::new()), texts)?;
    let many = matches!(&what, What::Setting(name) | What::Metric(name) if name.contains(['*', '{']));
    if !except.is_empty() && !many {
        return Err(wrong("only a name with `*` or `{…}` has exceptions".into()));
    }
    if let Some(value) = &raw.is {
        tests.push(Test::Is(list(value)?));
    }
    if let Some(value) = &raw.not {
        tests.push(Test::Not(list(value)?));
    }
    if let Some(value) = &raw.above {
        tests.push(Test::Above(operand(value).map_err(&wrong)?));
    }
    if let Some(value) = &raw.below {
        tests.push(Test::Below(operand(value).map_err(&wrong)?));
    }
    if let Some(value) = &raw.least {
        tests.push(Test::Least(operand(value).map_err(&wrong)?));
    }
    if let Some(value) = &raw.like {
        tests.push(Test::Like(texts(value)?));
    }
    if let Some(value) = &raw.unlike {
        tests.push(Test::Unlike(texts(value)?));
    }
    tests.extend(raw.absent.map(Test::Absent));
    let metric = matches!(what, What::Metric(_));
    for (value, test) in [
        (raw.rising, Test::Rising as fn(f64) -> Test),
        (raw.surprising, Test::Surprising),
    ] {
        if let Some(value) = value {
            tests.push(test(value));
        }
    }
    let behaves = raw.rising.is_some() || raw.surprising.is_some();
    if (behaves || raw.r#for.is_some()) && !metric {
        return Err(wrong("only a metric rises, surprises or lasts".into()));
    }
    if metric
        && tests
            .iter()
            .any(|test| matches!(test, Test::Like(_) | Test::Unlike(_) | Test::Is(_) | Test::Not(_)))
    {
        return Err(wrong("a metric is above, below, at least, rising or surprising".into()));
    }
    if raw.word == Some(0) {
        return Err(wrong("words are counted from 1".into()));
    }
    let lasts = match raw.r#for {
        Some(text) => text
            .parse()
            .map_err(|_| wrong(format!("`for` is a duration like \"10m\", not `{text}`")))?,
        None if behaves => LASTS,
        None => Span::ZERO,
    };
    Ok(Condition {
        what,
        except,
        word: raw.word,
        default: raw.default.as_ref().map(literal).transpose().map_err(&wrong)?,
        tests,
        lasts,
    })
}

fn literal(value: &Json) -> Result<Value, String> {
    match value {
        Json::Bool(on) => Ok(Value::Bool(*on)),
        Json::String(text) => Ok(Value::infer(text)),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Ok(Value::Int(int)),
            (None, Some(float)) => Quantity::new(float, Unit::None)
                .map(Value::Quantity)
                .ok_or_else(|| "is no finite number".into()),
            _ => Err("is no number".into()),
        },
        _ => Err("takes a text, a number or a boolean".into()),
    }
}

fn operand(value: &Json) -> Result<Operand, String> {
    let Json::Object(fields) = value else {
        return Ok(Operand::Value(literal(value)?));
    };
    if fields.keys().any(|key| key != "setting" && key != "times") {
        return Err("another setting is { setting = NAME, times = FACTOR }".into());
    }
    let name = fields.get("setting").and_then(Json::as_str);
    let times = fields.get("times").map_or(Some(1.0), Json::as_f64);
    match (name, times) {
        (Some(name), Some(times)) if times.is_finite() => Ok(Operand::Setting {
            name: name.into(),
            times,
        }),
        _ => Err("another setting is { setting = NAME, times = FACTOR }".into()),
    }
}
