//! The table of keys: every one with its type, range, help and place in the options. Reading, showing, checking and the
//! documentation all come from here.

mod amount;

use std::sync::Arc;

use toml::de::DeValue;

pub use amount::{number, quoted};
use amount::{size, size_text, span_text, written};

use super::queries::{self, Queries};
use crate::{
    domain::{Options, Span, text::visible},
    observe::SOURCES,
    shadow::metric::Members,
};

/// One key of the settings file.
#[derive(Debug)]
pub struct Key {
    /// Its dotted name: `drift.moderate`.
    pub name: &'static str,
    /// What it does, one sentence without a full stop.
    pub help: &'static str,
    sort: Sort,
}

/// What a key holds, within which bounds (both included), and where it stands in the options.
#[derive(Debug)]
enum Sort {
    Span(Span, Span, fn(&mut Options) -> &mut Span),
    Number(f64, f64, fn(&mut Options) -> &mut f64),
    Bytes(u64, u64, fn(&mut Options) -> &mut u64),
    Flag(fn(&mut Options) -> &mut bool),
    Word(&'static [&'static str], fn(&mut Options) -> &mut Arc<str>),
    Theme(fn(&mut Options) -> &mut Arc<str>),
    Names(fn(&mut Options) -> &mut Vec<Arc<str>>),
    /// Some of these names, which are called so.
    Some(
        &'static [&'static str],
        &'static str,
        fn(&mut Options) -> &mut Vec<Arc<str>>,
    ),
    Text(fn(&mut Options) -> &mut Arc<str>),
    Url(fn(&mut Options) -> &mut Arc<str>),
    Queries(fn(&mut Options) -> &mut Queries),
}

/// The key of the members.
const MEMBERS: &str = "shadow.members";
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn key(name: &'static str, help: &'static str, sort: Sort) -> Key {
    Key { name, help, sort }
}

const fn span(least: Span, most: Span, place: fn(&mut Options) -> &mut Span) -> Sort {
    Sort::Span(least, most, place)
}

/// Every key but `[[limit]]`, in the order of `config show`: first those without a table, then table by table.
pub const KEYS: &[Key] = &[
    key(
        "interval",
        "Time between two readings of the metrics",
        span(Span(100_000), Span::from_hours(1), |o| &mut o.interval),
    ),
    key(
        "settings_interval",
        "Time between two snapshots of the settings",
        span(Span::from_secs(1), Span::from_days(1), |o| &mut o.settings_interval),
    ),
    key(
        "budget",
        "Processor time the engine may take, percent of one core; it reads what is stable more rarely to keep to it",
        Sort::Number(0.05, 100.0, |o| &mut o.budget_pct),
    ),
    key(
        "horizon",
        "How far ahead limits are looked for",
        span(Span::from_mins(1), Span::from_days(90), |o| &mut o.horizon),
    ),
    key(
        "watch_window",
        "How long a change just seen is watched before it is taken as settled",
        span(Span::from_mins(1), Span::from_days(7), |o| &mut o.watch_window),
    ),
    key(
        "mute",
        "Series that raise no finding; `*` stands for any run of characters",
        Sort::Names(|o| &mut o.mute),
    ),
    key(
        "allow",
        "Users besides the engine's own and root who may attach a console, to look",
        Sort::Names(|o| &mut o.allow),
    ),
    key(
        "drift.moderate",
        "Drift score from which a finding is MODERATE",
        Sort::Number(0.0, 1000.0, |o| &mut o.drift.moderate),
    ),
    key(
        "drift.high",
        "Drift score from which a finding is HIGH; above drift.moderate",
        Sort::Number(0.0, 1000.0, |o| &mut o.drift.high),
    ),
    key(
        "drift.false_alarms_per_week",
        "False alarms accepted per host and week; sets how many bits make a value odd",
        Sort::Number(0.001, 10_000.0, |o| &mut o.drift.false_alarms_per_week),
    ),
    key(
        "drift.crossing_probability",
        "Probability that a limit is passed within the horizon, from which it is told",
        Sort::Number(0.0, 1.0, |o| &mut o.drift.crossing_probability),
    ),
    key(
        "drift.coincide",
        "How close in time a setting's drift and a metric's surprise make each other critical",
        span(Span::from_secs(1), Span::from_days(1), |o| &mut o.drift.coincide),
    ),
    key(
        MEMBERS,
        "Members that forecast metrics, by the names the Forecast screen shows; arima, mstl (the crate augurs) and gru, the network that learns from all \
         series, are not among those that do unless chosen",
        Sort::Some(&Members::NAMES, "member", |o| &mut o.members),
    ),
    key(
        "sources.off",
        "Sources that are not read, by the names `doctor` shows",
        Sort::Some(SOURCES, "source", |o| &mut o.sources_off),
    ),
    key(
        "sources.files",
        "Files and folders that are read as settings besides /etc",
        Sort::Names(|o| &mut o.files),
    ),
    key(
        "sources.keep_lines",
        "Whether of those of unknown formats that anyone may read the lines are kept, so that a change says which; else a hash tells that there was one",
        Sort::Flag(|o| &mut o.keep_lines),
    ),
    key(
        "sources.dns",
        "Name that the resolver of /etc/resolv.conf is asked for once a minute, to see how long it takes; resolvers answer localhost themselves. Empty asks nothing",
        Sort::Text(|o| &mut o.dns),
    ),
    key(
        "sources.prometheus.url",
        "Prometheus server to read, such as http://localhost:9090; empty reads none",
        Sort::Url(|o| &mut o.prometheus.url),
    ),
    key(
        "sources.prometheus.step",
        "Time between two of its values; best the time between two of its scrapes",
        span(Span::from_secs(1), Span::from_hours(1), |o| &mut o.prometheus.step),
    ),
    key(
        "sources.prometheus.backfill",
        "How far back its values are read the first time, and after a pause",
        span(Span::ZERO, Span::from_days(90), |o| &mut o.prometheus.backfill),
    ),
    key(
        "sources.prometheus.token_file",
        "File with a bearer token for it",
        Sort::Text(|o| &mut o.prometheus.token_file),
    ),
    key(
        "sources.prometheus.user",
        "User name for it, with sources.prometheus.password_file",
        Sort::Text(|o| &mut o.prometheus.user),
    ),
    key(
        "sources.prometheus.password_file",
        "File with the password of sources.prometheus.user",
        Sort::Text(|o| &mut o.prometheus.password_file),
    ),
    key(
        "sources.prometheus.ca_file",
        "File with the certificates (PEM) that vouch for it; empty takes the public authorities",
        Sort::Text(|o| &mut o.prometheus.ca_file),
    ),
    key(
        "sources.prometheus.cert_file",
        "File with the certificate (PEM) to show it, with sources.prometheus.key_file",
        Sort::Text(|o| &mut o.prometheus.cert_file),
    ),
    key(
        "sources.prometheus.key_file",
        "File with the key (PEM) of sources.prometheus.cert_file",
        Sort::Text(|o| &mut o.prometheus.key_file),
    ),
    key(
        "sources.prometheus.queries",
        "Metrics by name with the PromQL of their values; {label} in a name stands for that label, a counter alone is read as its rate",
        Sort::Queries(|o| &mut o.prometheus.queries),
    ),
    key(
        "store.max_size",
        "Most bytes the store's file may take; the oldest values go first",
        Sort::Bytes(16 * MIB, 16_384 * GIB, |o| &mut o.store.max_bytes),
    ),
    key(
        "store.keep_raw",
        "How long single values are kept",
        span(Span::from_mins(10), Span::from_days(3_650), |o| &mut o.store.keep_raw),
    ),
    key(
        "store.keep_minutes",
        "How long one-minute roll-ups are kept; not shorter than store.keep_raw",
        span(Span::from_mins(10), Span::from_days(3_650), |o| {
            &mut o.store.keep_minutes
        }),
    ),
    key(
        "store.keep_five_minutes",
        "How long five-minute roll-ups are kept; not shorter than store.keep_minutes",
        span(Span::from_mins(10), Span::from_days(3_650), |o| {
            &mut o.store.keep_five_minutes
        }),
    ),
    key(
        "store.keep_hours",
        "How long hourly roll-ups, changes, events, findings and the ledger are kept; not shorter than store.keep_five_minutes",
        span(Span::from_mins(10), Span::from_days(3_650), |o| &mut o.store.keep_hours),
    ),
    key(
        "store.commit_every",
        "Longest time between an observation and its commit",
        span(Span(100_000), Span::from_mins(1), |o| &mut o.store.commit_every),
    ),
    key(
        "store.memory",
        "DuckDB's own memory limit",
        Sort::Bytes(32 * MIB, 64 * GIB, |o| &mut o.store.memory_bytes),
    ),
    key(
        "ui.theme",
        "`auto`, a theme that comes with the program, or NAME for themes/NAME.toml beside the settings file",
        Sort::Theme(|o| &mut o.ui.theme),
    ),
    key(
        "ui.charset",
        "Characters to draw with; `auto` asks the locale",
        Sort::Word(&["auto", "utf8", "ascii"], |o| &mut o.ui.charset),
    ),
    key(
        "ui.mouse",
        "Whether the mouse is captured (the terminal's own selection then needs Shift)",
        Sort::Flag(|o| &mut o.ui.mouse),
    ),
];

/// Pairs of which the second may not be less than the first.
pub const RISING: &[(&str, &str)] = &[
    ("drift.moderate", "drift.high"),
    ("store.keep_raw", "store.keep_minutes"),
    ("store.keep_minutes", "store.keep_five_minutes"),
    ("store.keep_five_minutes", "store.keep_hours"),
];

impl Key {
    /// The key of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// The key's table (`drift`), empty for those that stand before every table, and its name there.
    #[must_use]
    pub fn place(&self) -> (&'static str, &'static str) {
        self.name.rsplit_once('.').unwrap_or(("", self.name))
    }

    /// What may stand there: `a duration from "100ms" to "1h"`.
    #[must_use]
    pub fn expects(&self) -> String {
        match self.sort {
            Sort::Span(least, most, _) => {
                format!("a duration from \"{}\" to \"{}\"", span_text(least), span_text(most))
            }
            Sort::Number(least, most, _) => format!("a number from {least} to {most}"),
            Sort::Bytes(least, most, _) => format!("a size from \"{}\" to \"{}\"", size_text(least), size_text(most)),
            Sort::Flag(_) => "true or false".into(),
            Sort::Word(words, _) => format!("one of {}", words.join(", ")),
            Sort::Theme(_) => "the name of a theme".into(),
            Sort::Names(_) => "a list of names".into(),
            Sort::Some(_, what, _) => format!("a list of names of {what}s"),
            Sort::Text(_) => "a text".into(),
            Sort::Url(_) => "http://HOST:PORT or https://HOST:PORT, a path behind it, no user in it".into(),
            Sort::Queries(_) => "a table of NAME = \"PROMQL\", or a list of selectors".into(),
        }
    }

    /// Whether it is written as a table of its own.
    #[must_use]
    pub fn is_table(&self) -> bool {
        matches!(self.sort, Sort::Queries(_))
    }

    /// Sets the key in `options`.
    ///
    /// # Errors
    /// Says what the key expects and what stands there; `options` is then as it was.
    pub fn set(&self, options: &mut Options, value: &DeValue<'_>, themes: &[String]) -> Result<(), String> {
        let wrong = || format!("{} must be {}, not {}", self.name, self.expects(), written(value));
        match self.sort {
            Sort::Span(least, most, place) => {
                let text = value.as_str().ok_or_else(wrong)?;
                let given: Span = text.parse().map_err(|_| wrong())?;
                *place(options) = Some(given)
                    .filter(|span| (least..=most).contains(span))
                    .ok_or_else(wrong)?;
            }
            Sort::Number(least, most, place) => {
                *place(options) = number(value)
                    .filter(|number| (least..=most).contains(number))
                    .ok_or_else(wrong)?;
            }
            Sort::Bytes(least, most, place) => {
                *place(options) = size(value)
                    .filter(|bytes| (least..=most).contains(bytes))
                    .ok_or_else(wrong)?;
            }
            Sort::Flag(place) => *place(options) = value.as_bool().ok_or_else(wrong)?,
            Sort::Word(words, place) => {
                let word = value.as_str().filter(|word| words.contains(word)).ok_or_else(wrong)?;
                *place(options) = word.into();
            }
            Sort::Theme(place) => {
                let name = value.as_str().ok_or_else(wrong)?;
                if name != "auto" && !themes.iter().any(|theme| theme == name) {
                    return Err(format!(
                        "{} is {}, which is no theme; there are auto, {}",
                        self.name,
                        written(value),
                        themes.iter().map(|theme| visible(theme)).collect::<Vec<_>>().join(", ")
                    ));
                }
                *place(options) = name.into();
            }
            Sort::Names(place) | Sort::Some(.., place) => {
                let names = value.as_array().ok_or_else(wrong)?;
                let names: Vec<Arc<str>> = names
                    .iter()
                    .map(|name| name.get_ref().as_str().filter(|name| !name.is_empty()).map(Arc::from))
                    .collect::<Option<_>>()
                    .ok_or_else(|| {
                        format!(
                            "{} must be {}, each a text that is not empty",
                            self.name,
                            self.expects()
                        )
                    })?;
                if let Sort::Some(known, what, _) = self.sort
                    && let Some(unknown) = names.iter().find(|name| !known.contains(&&***name))
                {
                    return Err(format!(
                        "{} names \"{}\", which is no {what}; {}",
                        self.name,
                        visible(unknown),
                        nearest(unknown, known)
                    ));
                }
                // Of no members there is no forecast.
                if self.name == MEMBERS && names.is_empty() {
                    return Err(format!("{MEMBERS} must name one member at least"));
                }
                *place(options) = names;
            }
            Sort::Text(place) => *place(options) = value.as_str().ok_or_else(wrong)?.into(),
            Sort::Url(place) => {
                let url = value.as_str().filter(|url| url.is_empty() || is_url(url));
                // What stands there may hold a password.
                *place(options) = url
                    .ok_or_else(|| format!("{} must be {}", self.name, self.expects()))?
                    .into();
            }
            Sort::Queries(place) => {
                *place(options) = queries::read(value).map_err(|says| match says {
                    Some(says) => format!("{}{says}", self.name),
                    None => wrong(),
                })?;
            }
        }
        Ok(())
    }

    /// The key's value in `options`, as it is written in the file.
    #[must_use]
    pub fn shown(&self, options: &Options) -> String {
        let mut copy = options.clone();
        match self.sort {
            Sort::Span(_, _, place) => quoted(&span_text(*place(&mut copy))),
            Sort::Number(_, _, place) => place(&mut copy).to_string(),
            Sort::Bytes(_, _, place) => quoted(&size_text(*place(&mut copy))),
            Sort::Flag(place) => place(&mut copy).to_string(),
            Sort::Word(_, place) | Sort::Theme(place) => quoted(place(&mut copy)),
            Sort::Names(place) | Sort::Some(.., place) => {
                let names: Vec<String> = place(&mut copy).iter().map(|name| quoted(name)).collect();
                format!("[{}]", names.join(", "))
            }
            Sort::Text(place) | Sort::Url(place) => quoted(place(&mut copy)),
            Sort::Queries(place) => queries::shown(place(&mut copy)),
        }
    }

    /// The key's value in `options` as JSON: spans and sizes as they are written in the file.
    #[must_use]
    pub fn json(&self, options: &Options) -> serde_json::Value {
        let mut copy = options.clone();
        match self.sort {
            Sort::Span(_, _, place) => span_text(*place(&mut copy)).into(),
            Sort::Number(_, _, place) => (*place(&mut copy)).into(),
            Sort::Bytes(_, _, place) => size_text(*place(&mut copy)).into(),
            Sort::Flag(place) => (*place(&mut copy)).into(),
            Sort::Word(_, place) | Sort::Theme(place) => (&**place(&mut copy)).into(),
            Sort::Names(place) | Sort::Some(.., place) => place(&mut copy).iter().map(|name| &**name).collect(),
            Sort::Text(place) | Sort::Url(place) => (&**place(&mut copy)).into(),
            Sort::Queries(place) => {
                let queries = place(&mut copy).iter();
                let queries = queries.map(|(name, promql)| (name.to_string(), (&**promql).into()));
                serde_json::Value::Object(queries.collect())
            }
        }
    }

    /// The key's value as a number, for comparing two keys of one sort; 0 for those that are none.
    #[must_use]
    pub fn amount(&self, options: &Options) -> f64 {
        let mut copy = options.clone();
        match self.sort {
            Sort::Span(_, _, place) => place(&mut copy).secs_f64(),
            Sort::Number(_, _, place) => *place(&mut copy),
            _ => 0.0,
        }
    }
}

/// Whether `text` is a place that can be asked, without a name and password in it and nothing but a path behind it.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let printable = rest.chars().all(|c| c.is_ascii_graphic() && !"?#@\"\\<>".contains(c));
        printable && rest.starts_with(|c: char| c != '/')
    })
}

/// `did you mean sysctl?`, or all that are known.
fn nearest(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(far, _)| *far <= 2.max(name.chars().count() / 2));
    nearest.map_or_else(
        || format!("there are {}", known.join("; ")),
        |(_, known)| format!("did you mean {known}?"),
    )
}

#[cfg(test)]
mod tests;
