//! The user's rules for what may differ.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    cli::Usage,
    domain::{Timestamp, matches},
    drift::{Departure, Path as DeparturePath},
};

/// Most rules that a line names.
const MOST_NAMED: usize = 3;

/// The rules of a file.
#[derive(Debug, Default)]
pub(super) struct Rules {
    file: PathBuf,
    rules: Vec<Rule>,
    /// Which of them let something pass.
    used: BTreeSet<usize>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    ignore: Vec<Rule>,
}

/// What may differ, why, and until when.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Resource, `*` for any run of characters.
    resource: String,
    /// Path, as JSON tells it (`/spec/containers/[name=web]/image`) or the page (`spec.containers[web].image`), `*` for any run of
    /// characters; what is below it may differ, too.
    path: String,
    reason: String,
    /// Last day it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl Rule {
    fn ends(&self) -> Option<Date> {
        self.until.as_deref()?.parse().ok()
    }

    fn counts(&self, now: Timestamp) -> bool {
        self.ends().is_none_or(|end| today(now) <= end)
    }
}

/// Whether a rule's path is that of a departure or leads to it: as a pointer, or as the page prints it, where a long one is cut in front.
fn leads_to(rule: &str, path: &DeparturePath) -> bool {
    let rule = rule
        .strip_prefix('~')
        .map_or_else(|| rule.to_owned(), |end| format!("*{end}"));
    let stem = rule.trim_end_matches('/');
    let (pointer, brief) = (path.to_string(), path.brief());
    matches(&rule, &pointer)
        || matches(&format!("{stem}/*"), &pointer)
        || matches(&rule, &brief)
        || !stem.is_empty() && (matches(&format!("{stem}.*"), &brief) || matches(&format!("{stem}[*"), &brief))
}

fn today(now: Timestamp) -> Date {
    now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date()
}

impl Rules {
    /// Reads the rules of `file`; `new` when there need be none yet.
    pub(super) fn read(file: &Path, new: bool) -> Result<Self, Usage> {
        let told = |what: String| Usage(format!("{}: {what}", file.display()));
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if new && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(told(error.to_string())),
        };
        let rules = toml::from_str::<File>(&text)
            .map_err(|error| {
                let line = error
                    .span()
                    .map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                told(format!("line {line}: {}", error.message()))
            })?
            .ignore;
        for (place, rule) in rules.iter().enumerate() {
            if rule.reason.trim().is_empty() {
                return Err(told(format!("rule {} has no reason", place + 1)));
            }
            if rule.until.is_some() && rule.ends().is_none() {
                return Err(told(format!("rule {}: write until as 2027-01-31", place + 1)));
            }
        }
        Ok(Self {
            file: file.into(),
            rules,
            used: BTreeSet::new(),
        })
    }

    /// A line for each rule that counts no more.
    pub(super) fn expired(&self, now: Timestamp) -> Vec<String> {
        let old = self.rules.iter().filter(|rule| !rule.counts(now));
        let line = |rule: &Rule| {
            let until = rule.until.as_deref().unwrap_or_default();
            format!(
                "{}: the rule for {} {} ended on {until} ({})",
                self.file.display(),
                rule.resource,
                rule.path,
                rule.reason
            )
        };
        old.map(line).collect()
    }

    /// Whether a rule lets it pass.
    pub(super) fn let_pass(&mut self, departure: &Departure, now: Timestamp) -> bool {
        let fits = |rule: &Rule| {
            rule.counts(now) && matches(&rule.resource, &departure.resource) && leads_to(&rule.path, &departure.path)
        };
        let fitting = (self.rules.iter().enumerate()).filter(|(_, rule)| fits(rule));
        let fitting: Vec<usize> = fitting.map(|(place, _)| place).collect();
        let passes = !fitting.is_empty();
        self.used.extend(fitting);
        passes
    }

    /// A line that names the rules which count and let nothing pass.
    pub(super) fn idle(&self, now: Timestamp) -> Option<String> {
        let idle =
            (self.rules.iter().enumerate()).filter(|(place, rule)| rule.counts(now) && !self.used.contains(place));
        let named: Vec<String> = idle
            .map(|(_, rule)| format!("{} {}", rule.resource, rule.path))
            .collect();
        let more = named.len().checked_sub(MOST_NAMED).filter(|more| *more > 0);
        let shown = &named[..named.len().min(MOST_NAMED)];
        let rules = if named.len() == 1 { "rule" } else { "rules" };
        (!named.is_empty()).then(|| {
            format!(
                "{}: {} {rules} matched nothing: {}{}",
                self.file.display(),
                named.len(),
                shown.join(", "),
                more.map_or_else(String::new, |more| format!(", and {more} more"))
            )
        })
    }

    /// Writes a rule for each departure into the file; gives how many.
    pub(super) fn learn(&mut self, departures: &[Departure], now: Timestamp) -> anyhow::Result<usize> {
        let before = self.rules.len();
        for departure in departures {
            if !self.let_pass(departure, now) {
                self.rules.push(Rule {
                    resource: departure.resource.to_string(),
                    path: departure.path.to_string(),
                    reason: format!("differed while in sync, {}", today(now)),
                    until: None,
                });
            }
        }
        let learnt = self.rules.len() - before;
        let text = toml::to_string_pretty(&File {
            ignore: std::mem::take(&mut self.rules),
        })?;
        fs::write(&self.file, text).map_err(|error| Usage(format!("{}: {error}", self.file.display())))?;
        Ok(learnt)
    }
}
