//! Everything behind one number, in lines for people.

use super::{Keeper, LinkError, rebuild, run::Loop};
use crate::{
    domain::{Finding, Limit, MetricMeta, SeriesId, SettingChange, Side, Span, Timestamp, Value, matches},
    shadow::{Metric, Outlook, SettingShadow},
};

/// Why a source is read as often as it is.
fn cadence(engine: &Loop, source: &str) -> Option<String> {
    let row = engine.sources.get(source)?;
    let why = if row.why.is_empty() { "as asked" } else { &row.why };
    Some(format!("cadence  {why}; the last took {:.1} ms", row.cost_ms))
}

/// Least probability that is told as a number, per cent.
const LEAST: f64 = 0.1;

/// A probability in words: none is wholly sure, and none impossible.
fn chance(probability: f64) -> String {
    match probability * 100.0 {
        ..LEAST => format!("< {LEAST} %"),
        percent if percent > 100.0 - LEAST => format!("> {} %", 100.0 - LEAST),
        percent => format!("{percent:.1} %"),
    }
}

/// Values with their probabilities, those that read alike as one: a number and the same written as text.
fn as_read(values: impl Iterator<Item = (String, f64)>) -> Vec<(String, f64)> {
    let mut read: Vec<(String, f64)> = Vec::new();
    for (value, odds) in values {
        match read.iter_mut().find(|(known, _)| *known == value) {
            Some((_, sum)) => *sum += odds,
            None => read.push((value, odds)),
        }
    }
    read
}

/// What a setting becomes if it changes, and what others like it hold.
fn ahead(outlook: &Outlook) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((low, high)) = &outlook.interval {
        lines.push(format!("interval {low} to {high} are four of five new values"));
    }
    if let Some([grows, shrinks, both]) = outlook.ways {
        let [grows, shrinks, both] = [grows, shrinks, both].map(|odds| odds * 100.0);
        lines.push(format!(
            "if it changes: grows {grows:.0} %, shrinks {shrinks:.0} %, both {both:.0} %"
        ));
    }
    // What rounds to nothing is left out.
    let next = outlook
        .next
        .iter()
        .map(|(value, odds)| (value.to_string(), f64::from(*odds)));
    for (value, odds) in as_read(next).into_iter().filter(|(_, odds)| *odds >= 0.005) {
        lines.push(format!("if it changes: to {value} {:.0} %", odds * 100.0));
    }
    for peer in &outlook.peers {
        let first = peer
            .first
            .as_ref()
            .map_or_else(String::new, |(resource, at)| format!(", {resource} first at {at}"));
        lines.push(format!(
            "peers    {} of {} others hold {}{first}",
            peer.count, outlook.others, peer.value
        ));
    }
    if let Some(should) = &outlook.should {
        for (value, odds) in &should.values {
            lines.push(format!(
                "with     {value} by what it stands with: {:.0} %",
                odds * 100.0
            ));
        }
        for (name, value, bits) in &should.because {
            lines.push(format!("because  {name} is {value}: {bits:+.1} bits"));
        }
    }
    lines
}

/// What a metric is, what its shadow says and how that held, `now`.
fn of_metric(lines: &mut Vec<String>, metric: &Metric, now: Timestamp) {
    let unit = metric.meta.unit;
    if let Some(seen) = metric.newest() {
        lines.push(format!(
            "now      {} (read {} ago)",
            unit.show(seen.value),
            now - seen.at
        ));
        match seen.band {
            Some([a, b, m, c, d]) => {
                // As many digits as tell the two bands and the value from each other.
                let [_, a, b, m, c, d] = unit.apart([seen.value as f32, a, b, m, c, d].map(f64::from));
                let band = |low: &str, high: &str| match low == high {
                    true => low.to_owned(),
                    false => format!("{low} to {high}"),
                };
                lines.push(format!(
                    "shadow   {m} expected; 80 %: {}; 95 %: {}",
                    band(&b, &c),
                    band(&a, &d)
                ));
                let once = f64::from(seen.bits).exp2().round();
                lines.push(if once > 1.0 {
                    format!("surprise {:.1} bits: as far out as once in {once} values", seen.bits)
                } else {
                    format!("surprise {:.1} bits: as most values are", seen.bits)
                });
            }
            None => lines.push("shadow   none yet: still learning".into()),
        }
    }
    let range = metric.shadow.range();
    let from = range.map_or_else(
        || "nothing yet".into(),
        |(from, to)| format!("{} of values, {} of them", to - from, metric.shadow.points()),
    );
    lines.push(format!("from     {from}"));
    let members: Vec<String> = metric
        .shadow
        .members()
        .iter()
        .map(|(name, weight)| format!("{name} {:.0} %", weight * 100.0))
        .collect();
    lines.push(format!("model    {}", members.join(", ")));
    let seasons: Vec<String> = metric.shadow.seasons().iter().map(ToString::to_string).collect();
    lines.push(format!(
        "season   {}",
        if seasons.is_empty() {
            "none found".into()
        } else {
            seasons.join(", ")
        }
    ));
    let held = metric.shadow.held();
    if held.scored > 0 {
        lines.push(format!(
            "held     80 % band {:.1} %, 95 % band {:.1} % of {} values",
            held.held80 * 100.0,
            held.held95 * 100.0,
            held.scored
        ));
        lines.push(format!(
            "error    {} a step; staying as it was: {}",
            unit.show(held.error),
            unit.show(held.naive_error)
        ));
    }
    match &metric.limit {
        Some(limit) => lines.push(format!(
            "limit    {} ({}, set by {})",
            unit.show(limit.value),
            if limit.side == Side::Below { "low" } else { "high" },
            limit.by
        )),
        None => lines.push("limit    none (:limit VALUE sets one)".into()),
    }
}

fn of_finding(lines: &mut Vec<String>, finding: &Finding) {
    lines.push(format!("finding  {}: {}", finding.mark, finding.summary));
    // What the summary says already is not said again.
    let evidence = finding
        .evidence
        .iter()
        .filter(|line| !finding.summary.contains(&***line));
    lines.extend(evidence.map(|line| format!("         {line}")));
    lines.extend(finding.causes.iter().map(|cause| {
        format!(
            "cause    {} ({}, {:.0} %)",
            cause.what,
            cause.ahead(),
            cause.weight * 100.0
        )
    }));
}

/// Everything that was behind one number at `at`, as far as it is kept: what was learnt is learnt again from values, and of a setting it
/// is not. `metric` is what is known of one, with its limit.
pub(super) fn explain_at(
    keeper: &Keeper,
    id: &SeriesId,
    metric: Option<(MetricMeta, Option<Limit>)>,
    at: Timestamp,
) -> Result<Vec<String>, LinkError> {
    let mut lines = vec![format!("as of    {at}")];
    if let Some((meta, limit)) = metric {
        let found = rebuild::metric(keeper, meta, at, rebuild::FORECAST)?;
        let none = || LinkError::Refused(format!("no values of {id} are kept from before then"));
        let mut metric = found.ok_or_else(none)?;
        metric.limit = limit;
        of_metric(&mut lines, &metric, at);
    } else {
        let settings = rebuild::read(keeper, move |store| store.settings_as_of(at))?;
        let (_, value, _, change) = settings
            .into_iter()
            .find(|(known, ..)| known == id)
            .ok_or_else(|| LinkError::Refused(format!("nothing was called {id} then")))?;
        lines.push(format!("now      {value}"));
        if let Some(change) = &change {
            lines.extend(changed(change, at));
        }
    }
    let findings = rebuild::read(keeper, move |store| store.findings(at, at))?;
    let findings = findings.iter().filter(|finding| finding.series.contains(id));
    findings.for_each(|finding| of_finding(&mut lines, finding));
    Ok(lines)
}

/// The last change of a setting.
fn changed(change: &SettingChange, now: Timestamp) -> Vec<String> {
    // Of a list what went and came stands below.
    let was = match &change.from {
        Some(Value::List(_)) => String::new(),
        Some(was) => format!("from {was} "),
        None => "from (absent) ".into(),
    };
    let mut lines = vec![format!(
        "changed  {} ago {was}by {}",
        now - change.at,
        change.by.as_deref().unwrap_or("unknown")
    )];
    if let Some((went, came)) = Value::went_and_came(change.from.as_ref(), change.to.as_ref()) {
        lines.extend(went.iter().map(|item| format!("       - {item}")));
        lines.extend(came.iter().map(|item| format!("       + {item}")));
    }
    lines
}

/// Everything behind one number, as lines.
pub(super) fn explain(engine: &Loop, id: &SeriesId, now: Timestamp) -> Result<Vec<String>, LinkError> {
    let findings = engine
        .state
        .findings
        .iter()
        .filter(|finding| finding.series.contains(id));
    let mut lines = Vec::new();
    if let Some(metric) = engine.state.shadows.metrics.get(id) {
        lines.push(format!(
            "source   {}, every {}",
            metric.meta.source,
            metric.meta.cadence.exact()
        ));
        lines.extend(cadence(engine, &metric.meta.source));
        of_metric(&mut lines, metric, now);
    } else if let Some(setting) = engine.state.shadows.settings.get(id) {
        let settings = &engine.state.shadows.settings;
        if let Some(source) = engine.pacer.source_of(&id.name) {
            if let Some(row) = engine.sources.get(source) {
                lines.push(format!("source   {source}, every {}", row.every.exact()));
            }
            lines.extend(cadence(engine, source));
        }
        lines.push(format!("now      {}", setting.value));
        lines.push(format!(
            "watched  for {}, confirmed {} ago",
            now - setting.since,
            now - setting.confirmed
        ));
        if let Some(accepted) = engine.state.baseline.values.get(id) {
            lines.push(format!("baseline {accepted}"));
        }
        if let Some(change) = &setting.last_change {
            lines.extend(changed(change, now));
            lines.push(format!("surprise {:.1} bits", setting.bits));
            let undone = settings.undone(change, now, SettingShadow::UNDONE_WITHIN);
            let made = setting.undoing.as_ref().map_or(undone, |undoing| undoing.probability);
            let left = match now - change.at {
                Span(..=0) => String::new(),
                _ => format!(", from now {:.0} %", undone * 100.0),
            };
            lines.push(format!("undone   within 14 days: {:.0} %{left}", made * 100.0));
            if let Some(undoing) = &setting.undoing {
                let reasons = undoing.reasons.iter();
                lines.extend(reasons.map(|(what, by)| format!("because  {what}: {:+.0} %", by * 100.0)));
                lines.push(format!("watch    until {}", change.at + undoing.watch));
            }
        }
        lines.push(match settings.week(id, now) {
            Some(week) => format!(
                "hazard   {} to change within a day, {} within seven",
                chance(settings.hazard(id, now, Span::from_days(1))),
                chance(week)
            ),
            None => "hazard   not enough history".into(),
        });
        let values = settings.values(id, now).into_iter();
        let values = values.map(|(value, odds)| (value.map_or("(absent)".into(), |value| value.to_string()), odds));
        let held = setting.value.to_string();
        for (value, probability) in as_read(values).into_iter().take(5) {
            // What could hardly be is told of the value it has alone.
            if probability * 100.0 >= LEAST || value == held {
                lines.push(format!("expected {value} now: {}", chance(probability)));
            }
        }
        if let Some(outlook) = settings.outlook(id, now) {
            lines.extend(ahead(&outlook));
        }
    } else {
        // What is gone has no shadow; what was said of it stays.
        if findings.clone().next().is_none() {
            return Err(LinkError::Refused(format!("nothing is called {id}")));
        }
        lines.push("now      (absent)".into());
        if let Some(accepted) = engine.state.baseline.values.get(id) {
            lines.push(format!("baseline {accepted}"));
        }
    }
    findings.for_each(|finding| of_finding(&mut lines, finding));
    let full = id.to_string();
    if engine
        .options
        .mute
        .iter()
        .any(|pattern| matches(pattern, &id.name) || matches(pattern, &full))
    {
        lines.push("muted    by the configuration".into());
    }
    Ok(lines)
}
