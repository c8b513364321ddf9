//! Users and groups.

use super::{Line, Wanted, plain, quote, secret};
use crate::domain::Subject;

/// A user or group that came, went, or has other properties; `None` where no command is known.
pub(super) fn lines(kind: &str, name: &str, parts: &[Wanted<'_>]) -> Option<Vec<Line>> {
    let id = match kind {
        "user" => "uid",
        "group" => "gid",
        _ => return None,
    };
    let word = quote(name).filter(|_| !name.starts_with('-'))?;
    let find = |part: &str| {
        parts
            .iter()
            .find(|wanted| matches!(wanted.subject(), Subject::Account { part: theirs, .. } if theirs == part))
    };
    let wanted = |part: &str| {
        find(part)
            .and_then(|wanted| wanted.value)
            .filter(|value| !secret(value))
            .map(plain)
            .and_then(|value| quote(&value))
    };
    let command = match find(id).map(|wanted| (wanted.was, wanted.value)) {
        // userdel(8) takes the user's own group with it where the system is set up so.
        Some((Some(_), None)) if kind == "user" => format!("userdel -- {word}"),
        Some((Some(_), None)) => format!("! getent group {word} > /dev/null || groupdel -- {word}"),
        Some((None, Some(_))) => {
            let options = match kind {
                "user" => [
                    ("uid", "--uid"),
                    ("gid", "--gid"),
                    ("home", "--home-dir"),
                    ("shell", "--shell"),
                ]
                .as_slice(),
                _ => [("gid", "--gid")].as_slice(),
            };
            let given = options
                .iter()
                .filter_map(|(part, option)| Some(format!(" {option} {}", wanted(part)?)));
            format!("{kind}add{} -- {word}", given.collect::<String>())
        }
        _ => {
            let shell = (parts.len() == 1 && kind == "user")
                .then(|| wanted("shell"))
                .flatten()?;
            format!("usermod --shell {shell} -- {word}")
        }
    };
    let mut lines = vec![Line::Command(command)];
    match find(id).filter(|_| kind == "user").map(|wanted| wanted.value.is_some()) {
        Some(true) => lines.push(Line::Note(format!(
            "it has no password until someone sets one: passwd {word}"
        ))),
        Some(false) => lines.push(Line::Note(
            "its home and files stay; its password and groups are gone with it".into(),
        )),
        None => {}
    }
    Some(lines)
}
