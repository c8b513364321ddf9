//! What is not as declared, for people.

use unicode_width::UnicodeWidthStr;

use super::Account;
use crate::{
    cli::{Columns, Out, OutError},
    domain::{Level, Tree, text::visible},
    drift::{Departure, Issue},
};

/// Widest a path and a value may be, cells.
const WIDEST_PATH: usize = 64;
const LONGEST_VALUE: usize = 56;

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
        let known = counted(grave, "known issue");
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
    let row = |one| (one, place(one), change(one, pending));
    let rows: Vec<(&Departure, String, String)> = departures.iter().map(row).collect();
    let width = rows
        .iter()
        .map(|(_, path, _)| path.width())
        .max()
        .unwrap_or(0)
        .min(WIDEST_PATH);
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
    let mut first = match departures {
        0 => "nothing drifted".to_owned(),
        _ => format!(
            "{} of {} not as declared",
            counted(departures, "setting"),
            counted(resources.len(), "resource")
        ),
    };
    let mut more = |count: usize, text: String| {
        if count > 0 {
            first.push_str("; ");
            first.push_str(&text);
        }
    };
    more(
        compared.matched,
        format!("{} compared", counted(compared.matched, "resource")),
    );
    more(
        compared.only_live,
        format!("{} only live, not judged", compared.only_live),
    );
    more(account.failed, format!("{} could not be set right", account.failed));
    more(
        account.pending,
        format!("{} pending", counted(account.pending, "change")),
    );
    more(account.ignored, format!("{} let pass by rules", account.ignored));
    if compared.matched == 0 && departures == 0 && account.pending == 0 && !account.told && account.faults == 0 {
        first = "nothing to compare: no resource is on both sides, and no report tells of drift".to_owned();
    }
    let mut lines = vec![first];
    for (kind, path, count) in &compared.learnt {
        lines.push(format!(
            "all {count} of {kind} have the same at {path} and none declares it: taken as the cluster's doing"
        ));
    }
    lines
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn place(departure: &Departure) -> String {
    if departure.path.0.is_empty() {
        return "(all of it)".into();
    }
    let path = visible(&departure.path.brief()).into_owned();
    let width = path.chars().count();
    if width <= WIDEST_PATH {
        return path;
    }
    // The end of a path tells more than its beginning.
    let end: String = path.chars().skip(width - WIDEST_PATH + 1).collect();
    let cut = end.find(['.', '[']).unwrap_or(0);
    format!("~{}", &end[cut..])
}

fn change(departure: &Departure, pending: bool) -> String {
    let whole = departure.path.0.is_empty();
    let (from, to) = match pending {
        true => (&departure.live, &departure.desired),
        false => (&departure.desired, &departure.live),
    };
    match (from, to) {
        (None, None) => "changed; the values are hidden or mean the same".into(),
        (Some(_), None) if whole => if pending { "deleted" } else { "missing" }.into(),
        (None, Some(_)) if whole => if pending { "created" } else { "not declared" }.into(),
        (Some(Tree::Text(desired)), Some(Tree::Text(live))) if desired.contains('\n') || live.contains('\n') => {
            lines(desired, live)
        }
        (Some(Tree::List(desired)), Some(Tree::List(live))) => items(desired, live),
        (from, to) => format!("{} -> {}", value(from.as_ref()), value(to.as_ref())),
    }
}

pub(in crate::cli) fn value(tree: Option<&Tree>) -> String {
    let text = match tree {
        None => return "(absent)".into(),
        Some(Tree::Text(text)) if text.is_empty() => return "\"\"".into(),
        Some(Tree::Text(text)) => text.to_string(),
        Some(other) => serde_json::to_string(other).unwrap_or_default(),
    };
    brief(&text, LONGEST_VALUE)
}

fn brief(text: &str, most: usize) -> String {
    let text = visible(text);
    if text.chars().count() <= most {
        return text.into_owned();
    }
    text.chars().take(most - 1).chain(['~']).collect()
}

/// The first line that differs, and how many more do.
fn lines(desired: &str, live: &str) -> String {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (desired.lines().collect(), live.lines().collect());
    let front = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let back = ours[front..]
        .iter()
        .rev()
        .zip(theirs[front..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (ours, theirs) = (&ours[front..ours.len() - back], &theirs[front..theirs.len() - back]);
    let of = |lines: &[&str]| {
        lines
            .first()
            .map_or_else(|| "(absent)".to_owned(), |line| brief(line.trim(), 40))
    };
    let more = ours.len().max(theirs.len()).saturating_sub(1);
    let more = if more > 0 {
        format!(", and {} more", counted(more, "line"))
    } else {
        String::new()
    };
    format!("line {}: {} -> {}{more}", front + 1, of(ours), of(theirs))
}

/// What was added to a list and what is gone; the order, where that is all.
fn items(desired: &[Tree], live: &[Tree]) -> String {
    let only = |one: &[Tree], other: &[Tree], sign: char| {
        let odd: Vec<String> = one
            .iter()
            .filter(|item| !other.contains(item))
            .map(|item| format!("{sign}{}", value(Some(item))))
            .collect();
        odd.join(" ")
    };
    let (gone, new) = (only(desired, live, '-'), only(live, desired, '+'));
    let text = [gone, new]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("  ");
    if text.is_empty() {
        let all = |items: &[Tree]| {
            items
                .iter()
                .map(|item| value(Some(item)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        return format!(
            "order: {} -> {}",
            brief(&all(desired), LONGEST_VALUE),
            brief(&all(live), LONGEST_VALUE)
        );
    }
    brief(&text, LONGEST_VALUE * 2)
}
