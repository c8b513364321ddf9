//! Files in `/etc`: moved aside, made again, edited, or given another mode, owner or target.

use super::{
    Line, Wanted,
    aside::{aside, vital},
    edit, plain, quote, secret,
    thing::part,
};
use crate::domain::{Subject, Value};

/// A file that came or went, its mode and owner, its target, or its only line; `None` when a person has to edit it.
pub(super) fn lines(path: &str, parts: &[Wanted<'_>]) -> Option<Vec<Line>> {
    let full = quote(&format!("/etc/{path}"))?;
    if matches!(path, "passwd" | "group") {
        return None;
    }
    let itself = parts
        .iter()
        .find(|wanted| matches!(wanted.subject(), Subject::File { key: "", .. }));
    match itself.map(|wanted| (wanted.was, wanted.value)) {
        Some((Some(_), None)) if vital(path) => {
            let look = format!(
                "/etc/{path} was not there when the baseline was taken, and people or the system may depend on it: look at it"
            );
            return Some(vec![Line::ByHand(look)]);
        }
        Some((Some(_), None)) => return Some(vec![Line::Command(aside(path)?)]),
        Some((None, Some(Value::List(access)))) => {
            if let Some(again) = edit::again(path, parts) {
                let word = |what: &str| access.get(what).map(plain).and_then(|value| quote(&value));
                let mode = word("mode").map_or_else(String::new, |mode| format!(" && chmod {mode} {full}"));
                let owner = word("owner").filter(|owner| owner != "0:0");
                let owner = owner.map_or_else(String::new, |owner| format!(" && chown {owner} {full}"));
                return Some(vec![
                    Line::Command(again + &owner + &mode),
                    Line::Note("its comments, and the order of its lines, are not known here".into()),
                ]);
            }
            let back = format!("put /etc/{path} back from a copy");
            let package = format!(
                "if it is a package's own: apt-get install --reinstall -o Dpkg::Options::=--force-confmiss \
                 \"$(dpkg -S {full} | cut -d: -f1)\""
            );
            return Some(vec![Line::ByHand(back), Line::Note(package)]);
        }
        _ => {}
    }
    // That the order is another one follows from the lines, where those are edited.
    let is_order = |wanted: &&Wanted<'_>| matches!(wanted.subject(), Subject::File { key: "order", .. });
    let edited: Vec<Wanted<'_>> = parts.iter().filter(|wanted| !is_order(wanted)).copied().collect();
    let edited = if edited.is_empty() { parts.to_vec() } else { edited };
    let (command, others) = edit::lines(path, &edited);
    let mut lines: Vec<Line> = command.map(Line::Command).into_iter().collect();
    for wanted in others {
        let Subject::File { key, .. } = wanted.subject() else {
            continue;
        };
        match (key, wanted.value) {
            ("", Some(Value::List(access))) => {
                let same = |what: &str| match wanted.was {
                    Some(Value::List(was)) => was.get(what) == access.get(what),
                    _ => false,
                };
                for (what, command) in [("owner", "chown"), ("mode", "chmod")] {
                    let word = access
                        .get(what)
                        .filter(|_| !same(what))
                        .and_then(|value| quote(&plain(value)));
                    lines.extend(word.map(|word| Line::Command(format!("{command} {word} {full}"))));
                }
            }
            ("", Some(Value::Text(text))) => {
                let to = quote(text.strip_prefix("-> ")?)?;
                lines.push(Line::Command(format!("ln -sfn {to} {full}")));
            }
            ("line", Some(value)) if !secret(value) => {
                lines.push(Line::Command(edit::only_line(&full, &quote(&plain(value))?)));
            }
            _ => lines.extend(part(wanted)),
        }
    }
    // The edit is checked and makes what was done before it count, too; what is to be done by hand comes after it.
    lines.sort_by_key(|line| match line {
        Line::Command(command) => u8::from(edit::edits(command)),
        Line::ByHand(_) | Line::Note(_) => 2,
    });
    Some(lines)
}
