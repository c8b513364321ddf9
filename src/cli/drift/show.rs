//! What is not as declared, for people.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr;

use super::Account;
use crate::{
    cli::{Columns, Out, OutError},
    domain::{
        Level,
        text::{count, visible},
    },
    drift::{Compared, Departure, Issue, Learnt},
};

/// Prints the departures under their resources, and on stderr what else is worth knowing.
pub(super) fn page(account: &Account, issues: bool, out: &mut Out) -> Result<(), OutError> {
    table(&account.compared.departures, false, out)?;
    if issues && !account.issues.is_empty() {
        if !account.compared.departures.is_empty() {
            out.line("")?;
        }
        out.line("Known issues")?;
        out.line("")?;
        known(&account.issues, out)?;
    }
    for line in notes(account) {
        out.note(&line);
    }
    let grave = account
        .issues
        .iter()
        .filter(|issue| issue.level > Some(Level::Low))
        .count();
    if !issues && grave > 0 {
        let known = count(grave, "known issue");
        out.note(&format!("{known} in what is live; --issues tells them"));
    }
    Ok(())
}

/// Known issues under their objects: what is so, where, and where to read about it.
fn known(issues: &[Issue], out: &mut Out) -> Result<(), OutError> {
    let mut columns = Columns::default();
    for issue in issues {
        let level = issue.level.map_or("note", word);
        let field = issue.path.brief();
        columns.row(&[level, &issue.resource, &field, &issue.title, &issue.article]);
    }
    columns.print(out)
}

/// Departures under the names of their resources; of changes that are pending, from what is to what shall be.
pub(in crate::cli) fn table(departures: &[Departure], pending: bool, out: &mut Out) -> Result<(), OutError> {
    let row = |one| (one, Departure::place(one), Departure::change(one, pending));
    let rows: Vec<(&Departure, String, String)> = departures.iter().map(row).collect();
    let width = rows.iter().map(|(_, path, _)| path.width()).max().unwrap_or(0);
    let mut resource = "";
    for (departure, path, change) in &rows {
        if *departure.resource != *resource {
            if !resource.is_empty() {
                out.line("")?;
            }
            resource = &departure.resource;
            out.line(resource)?;
        }
        let level = word(departure.level);
        let gap = " ".repeat(width.saturating_sub(path.width()));
        let by = departure
            .by
            .as_ref()
            .map_or_else(String::new, |by| format!("  by {by}"));
        out.line(&format!("  {level:<8}  {path}{gap}  {change}{by}"))?;
    }
    Ok(())
}

fn word(level: Level) -> &'static str {
    match level {
        Level::High => "HIGH",
        Level::Moderate => "MODERATE",
        Level::Low => "LOW",
    }
}

fn notes(account: &Account) -> Vec<String> {
    let compared = &account.compared;
    let mut resources: Vec<&str> = compared.departures.iter().map(|one| &*one.resource).collect();
    resources.dedup();
    let departures = compared.departures.len();
    // What could not be read says nothing of drift.
    let faults = account.faults.told > 0;
    if faults && compared.matched == 0 && departures == 0 && account.pending == 0 && account.unjudged == 0 {
        return Vec::new();
    }
    let mut first = match departures {
        0 if faults => "nothing drifted in what could be judged".to_owned(),
        0 => "nothing drifted".to_owned(),
        _ => format!(
            "{} of {} not as declared",
            count(departures, "setting"),
            count(resources.len(), "resource")
        ),
    };
    let mut more = |number: usize, text: String| {
        if number > 0 {
            first.push_str("; ");
            first.push_str(&text);
        }
    };
    more(
        compared.matched,
        format!("{} compared", count(compared.matched, "resource")),
    );
    more(
        compared.only_live,
        format!("{} only live, not judged", compared.only_live),
    );
    more(
        account.unjudged,
        format!(
            "{} not judged: what is live could not be read in full",
            count(account.unjudged, "resource")
        ),
    );
    more(account.failed, format!("{} could not be set right", account.failed));
    more(account.pending, format!("{} pending", count(account.pending, "change")));
    more(account.ignored, format!("{} let pass by rules", account.ignored));
    if compared.matched == 0 && departures == 0 && account.pending == 0 && !account.told && !faults {
        first = "nothing to compare: no resource is on both sides, and no report tells of drift".to_owned();
    }
    let mut lines = vec![first];
    lines.extend(not_judged(compared));
    for Learnt { kind, path, count, .. } in &compared.learnt {
        lines.push(format!(
            "all {count} of {kind} have the same at {path}, which no table knows and none declares: taken as the cluster's doing"
        ));
    }
    lines
}

/// A line for each kind of which keys were not judged.
pub(super) fn not_judged(compared: &Compared) -> Vec<String> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (resource, keys) in &compared.not_judged {
        let kind = resource.split_once('/').map_or(&**resource, |(kind, _)| kind);
        *kinds.entry(kind).or_default() += keys;
    }
    let line = |(kind, keys): (&str, usize)| {
        format!(
            "{} of {} not judged: nothing says whether a server filled them in",
            count(keys, "live-only key"),
            visible(kind)
        )
    };
    kinds.into_iter().map(line).collect()
}
