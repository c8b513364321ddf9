//! The user's rules for what may differ.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    cli::Usage,
    domain::{Timestamp, matches},
    drift::Departure,
};

/// The rules of a file.
#[derive(Debug, Default)]
pub(super) struct Rules {
    file: PathBuf,
    rules: Vec<Rule>,
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
    /// Path, `*` for any run of characters; what is below it may differ, too.
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
    pub(super) fn let_pass(&self, departure: &Departure, now: Timestamp) -> bool {
        let path = departure.path.to_string();
        let fits = |rule: &Rule| {
            matches(&rule.path, &path) || matches(&format!("{}/*", rule.path.trim_end_matches('/')), &path)
        };
        self.rules
            .iter()
            .any(|rule| rule.counts(now) && matches(&rule.resource, &departure.resource) && fits(rule))
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
