//! Departures in words.

use std::collections::BTreeMap;

use super::Departure;
use crate::domain::{Tree, text::visible};

/// Widest a path and a value may be, cells.
const WIDEST_PATH: usize = 64;
const LONGEST_VALUE: usize = 56;

impl Departure {
    /// Where in its resource, in at most 64 cells.
    #[must_use]
    pub fn place(&self) -> String {
        place(self)
    }

    /// What was declared and what is, on one line; of a change that is still to come, from what is to what shall be.
    #[must_use]
    pub fn change(&self, pending: bool) -> String {
        change(self, pending)
    }
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
    if let Some(action) = &departure.action {
        return action.to_string();
    }
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
        (from, to) => sides(from.as_ref(), to.as_ref()),
    }
}

/// Two values on one line. Where what differs is not seen so, be it the type or what stands far behind, it is shown: in quotes, or from
/// a little before on.
fn sides(from: Option<&Tree>, to: Option<&Tree>) -> String {
    let (mut ours, mut theirs) = (value(from), value(to));
    if ours == theirs {
        let exact = |tree: Option<&Tree>| tree.map(|tree| serde_json::to_string(tree).unwrap_or_default());
        let (from, to) = (exact(from).unwrap_or_default(), exact(to).unwrap_or_default());
        let common = from.chars().zip(to.chars()).take_while(|(a, b)| a == b).count();
        let part = |text: &str| match common.checked_sub(LONGEST_VALUE / 2) {
            Some(skipped) if skipped > 0 => brief(
                &format!("~{}", text.chars().skip(skipped).collect::<String>()),
                LONGEST_VALUE,
            ),
            _ => brief(text, LONGEST_VALUE),
        };
        (ours, theirs) = (part(&from), part(&to));
    }
    format!("{ours} -> {theirs}")
}

/// A value on one line, cut to what a line can hold.
#[must_use]
pub fn value(tree: Option<&Tree>) -> String {
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
    if ours.is_empty() && theirs.is_empty() {
        return "only how its lines end".into();
    }
    let of = |lines: &[&str]| {
        lines.first().map_or_else(
            || "(absent)".to_owned(),
            |line| match line.trim() {
                "" => "(blank)".into(),
                line => brief(line, 40),
            },
        )
    };
    let more = differing(ours, theirs).saturating_sub(1);
    let more = if more > 0 {
        format!(", and {more} line{} more", if more == 1 { "" } else { "s" })
    } else {
        String::new()
    };
    format!("line {}: {} -> {}{more}", front + 1, of(ours), of(theirs))
}

/// How many lines differ: those that are only on one side, whichever has more of them; of mere moves those that stand elsewhere.
fn differing(ours: &[&str], theirs: &[&str]) -> usize {
    let mut surplus: BTreeMap<&str, isize> = BTreeMap::new();
    for line in ours {
        *surplus.entry(line).or_default() += 1;
    }
    for line in theirs {
        *surplus.entry(line).or_default() -= 1;
    }
    let only = |sign: isize| surplus.values().map(|count| (count * sign).max(0)).sum::<isize>();
    match only(1).max(only(-1)) {
        0 => ours.iter().zip(theirs).filter(|(a, b)| a != b).count(),
        some => some.unsigned_abs(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_differ_are_counted() {
        assert_eq!(
            lines("a=1\nsame\nb=1\n", "a=2\nsame\nb=2\n"),
            "line 1: a=1 -> a=2, and 1 line more"
        );
        assert_eq!(
            lines("a\nb\nc\n", "a\nx\ny\nb\nz\nc\n"),
            "line 2: b -> x, and 2 lines more"
        );
        assert_eq!(lines("a\nb\n", "b\na\n"), "line 1: a -> b, and 1 line more");
        assert_eq!(lines("abc\n", "abc"), "only how its lines end");
        assert_eq!(lines("abc\n\n", "abc\n"), "line 2: (blank) -> (absent)");
    }

    #[test]
    fn what_differs_is_seen() {
        let told = |from: Tree, to: Tree| sides(Some(&from), Some(&to));
        assert_eq!(told(Tree::Int(1), Tree::Int(2)), "1 -> 2");
        assert_eq!(told(Tree::text("1.0"), Tree::Float(1.0)), "\"1.0\" -> 1.0");
        let long = |end: &str| Tree::Text(format!("{}{end}", "x".repeat(90)).into());
        let text = told(long("on"), long("off"));
        assert!(text.contains("xon\" -> ~") && text.ends_with("xoff\""), "{text}");
    }
}
