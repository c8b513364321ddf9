//! Scripts of sed(1), in extended regular expressions, that change one line and no other.
//!
//! What is known of a line is a key and a value, not its blanks, quotes and comment: a script keeps those, which a unified diff for patch(1)
//! would have to name; and sed is on every host, patch is not.

use crate::domain::{Value, text::unsafe_to_show};

/// What becomes of the lines of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// The first value gives way to the second.
    Replace(String, String),
    /// The line with this value goes.
    Delete(String),
    /// A line with this value comes.
    Add(String),
}

impl Deed {
    /// The one line that differs between two values; `None` where there are more, none, a secret, or a value that is known by its hash alone.
    pub fn between(was: Option<&Value>, wants: Option<&Value>) -> Option<Self> {
        // A file has its own words for on and off.
        let wants = match (was, wants) {
            (Some(Value::Enum(now)), Some(Value::Bool(on))) => Some(spelled(now, *on)?),
            _ => wants.cloned(),
        };
        let (mut was, mut wants) = (lines(was)?, lines(wants.as_ref())?);
        let both = was.clone();
        was.retain(|line| !wants.contains(line));
        wants.retain(|line| !both.contains(line));
        match (&mut was[..], &mut wants[..]) {
            ([was], [wants]) => Some(Self::Replace(std::mem::take(was), std::mem::take(wants))),
            ([was], []) => Some(Self::Delete(std::mem::take(was))),
            ([], [wants]) => Some(Self::Add(std::mem::take(wants))),
            _ => None,
        }
    }
}

/// On or off as one would write it who wrote `now`.
fn spelled(now: &str, on: bool) -> Option<Value> {
    let words = match now {
        "yes" | "no" => ["no", "yes"],
        "on" | "off" => ["off", "on"],
        _ => return None,
    };
    Some(Value::text(words[usize::from(on)]))
}

/// The values of a key, one a line of the file: a key that comes several times has a list.
fn lines(value: Option<&Value>) -> Option<Vec<String>> {
    let lines = match value {
        None => Vec::new(),
        Some(Value::Secret(_)) => return None,
        Some(Value::List(items)) => {
            let all = items.iter();
            let whole = all.map(|(line, value)| matches!(value, Value::Bool(true)).then(|| line.to_string()));
            whole.collect::<Option<_>>()?
        }
        Some(Value::Text(text) | Value::Enum(text)) => vec![text.to_string()],
        Some(other) => vec![other.to_string()],
    };
    let known =
        |line: &String| !line.contains("secret#") && !line.contains("blake3 ") && !line.chars().any(unsafe_to_show);
    lines.iter().all(known).then_some(lines)
}

/// `text` as it is, with any blanks between its words.
pub(super) fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for (place, word) in text.split_whitespace().enumerate() {
        if place > 0 {
            pattern.push_str(r"\s+");
        }
        for c in word.chars() {
            if r"\.[*^$+?(){|".contains(c) {
                pattern.push('\\');
            }
            pattern.push(c);
        }
    }
    pattern
}

/// A character that marks the ends of an expression and is not in `texts`.
fn mark(texts: &[&str]) -> Option<char> {
    let free = |mark: &char| texts.iter().all(|text| !text.contains(*mark));
    ['/', '%', ',', '~', '@', ':'].into_iter().find(free)
}

/// The address of lines that match `pattern`.
pub(super) fn address(pattern: &str) -> Option<String> {
    Some(match mark(&[pattern])? {
        '/' => format!("/{pattern}/"),
        mark => format!("\\{mark}{pattern}{mark}"),
    })
}

/// Puts `value` between the groups `groups` of lines that match `pattern`, in the lines `within`.
pub(super) fn replace(within: &str, pattern: &str, groups: (usize, usize), value: &str) -> Option<String> {
    let value: String = value
        .chars()
        .flat_map(|c| matches!(c, '\\' | '&').then_some('\\').into_iter().chain([c]))
        .collect();
    let mark = mark(&[pattern, &value])?;
    let (before, behind) = groups;
    Some(format!(
        "{within}s{mark}{pattern}{mark}\\{before}{value}\\{behind}{mark}"
    ))
}

/// Removes the lines that match `pattern`, in the lines `within`.
pub(super) fn delete(within: &str, pattern: &str) -> Option<String> {
    let line = address(pattern)?;
    Some(if within.is_empty() {
        format!("{line}d")
    } else {
        format!("{within}{{{line}d}}")
    })
}

/// Adds `line` behind the lines that `at` addresses.
pub(super) fn append(at: &str, line: &str) -> String {
    format!("{at}a\\{}", line.replace('\\', r"\\"))
}
