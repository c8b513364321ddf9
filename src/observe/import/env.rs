//! `.env` files: names and values, one a line.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use crate::domain::Tree;

/// Whether a text is nothing but names and values.
pub(super) fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    let mut pairs = 0;
    while let Some(line) = lines.next().filter(|_| pairs < 50) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((_, value)) = pair(line).filter(|(_, value)| !value.starts_with(['{', '['])) else {
            return false;
        };
        // What is in quotes may go on over lines.
        if let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\''))
            && !closes(&value[1..], quote)
            && !lines.any(|line| closes(line, quote))
        {
            return false;
        }
        pairs += 1;
    }
    pairs > 0
}

/// Its names and values; a value in double quotes may go on over lines, and knows `\n`.
pub(super) fn read(text: &str, fault: &mut dyn FnMut(Fault)) -> Tree {
    let mut found: BTreeMap<Box<str>, Tree> = BTreeMap::new();
    let mut doubled = BTreeSet::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, value)) = pair(line) else {
            fault(Fault::at(number + 1, "neither a comment nor NAME=value"));
            continue;
        };
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let mut value = value[1..].to_owned();
                while !closes(&value, quote) {
                    let Some((_, next)) = lines.next() else {
                        fault(Fault::at(
                            number + 1,
                            format!("the value of `{name}` has no closing {quote}"),
                        ));
                        break;
                    };
                    value.push('\n');
                    value.push_str(next);
                }
                let end = end_of(&value, quote).unwrap_or(value.len());
                value.truncate(end);
                if quote == '"' {
                    value = value.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\");
                }
                value
            }
            _ => value.split(" #").next().unwrap_or_default().trim().to_owned(),
        };
        if found.insert(name.into(), Tree::Text(value.into())).is_some() && doubled.insert(name) {
            fault(Fault::twice_at(number + 1, name));
        }
    }
    Tree::Map(found)
}

fn pair(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let name = name.trim_end();
    let word = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    word.then(|| (name, value.trim()))
}

fn end_of(value: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    value.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped && quote == '"';
        ends.then_some(at)
    })
}

fn closes(value: &str, quote: char) -> bool {
    end_of(value, quote).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_values() {
        let text = "# app\nexport A=1 # one\nB=\"x\\ny\nz\"\nC='$D'\n\nE=\nodd line\n";
        let mut faults = Vec::new();
        let tree = read(text, &mut |fault| faults.push(fault.line));
        assert_eq!(
            serde_json::to_value(&tree).unwrap(),
            json!({"A": "1", "B": "x\ny\nz", "C": "$D", "E": ""})
        );
        assert_eq!(faults, [Some(8)]);
        assert!(looks_like("A=1\nB=\"one\ntwo\"\nC=2\n") && !looks_like("A=1\nB=\"one\ntwo\n"));
        assert!(looks_like("A=1\nB=2\n") && !looks_like("a: 1\n") && !looks_like(""));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[A-C=\"'\\\\ \n#ü]{0,40}") {
            let _ = (looks_like(&text), read(&text, &mut |_| {}));
        }
    }
}
