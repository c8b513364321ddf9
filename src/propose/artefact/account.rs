//! Users and groups.

use super::{Line, Wanted, by_hand::by_hand, host::Host, plain, quote, secret};
use crate::domain::{Subject, Value};

/// A user or group that came, went, or has other properties; `None` where no command is known.
pub(super) fn lines(kind: &str, name: &str, parts: &[Wanted<'_>], host: &Host<'_>) -> Option<Vec<Line>> {
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
    // userdel(8) refuses while a process has the user's number, as always one has root's.
    let is_root = |value: Option<&Value>| kind == "user" && value.is_some_and(|value| plain(value) == "0");
    let taken = find(id).is_some_and(|wanted| is_root(wanted.was) && wanted.value.is_none());
    let command = match find(id).map(|wanted| (wanted.was, wanted.value)) {
        Some((Some(_), None)) if taken => format!("usermod --lock --expiredate 1 -- {word}"),
        // userdel(8) takes the user's own group with it where the system is set up so.
        Some((Some(_), None)) if kind == "user" => format!("userdel -- {word}"),
        Some((Some(_), None)) => format!("! getent group {word} > /dev/null || groupdel -- {word}"),
        // It was only locked: nothing else is done to one that has root's number.
        Some((None, Some(value)))
            if is_root(Some(value)) && host.value(&format!("account.user.{name}:uid")).is_some() =>
        {
            let expires = host.value(&format!("account.user.{name}:expires"));
            let expires = quote(&expires.as_ref().map(plain).unwrap_or_default())?;
            return Some(vec![Line::Command(format!(
                "usermod --unlock --expiredate {expires} -- {word}"
            ))]);
        }
        Some((None, Some(value))) => {
            let again = if is_root(Some(value)) { " --non-unique" } else { "" };
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
            format!("{kind}add{again}{} -- {word}", given.collect::<String>())
        }
        None if kind == "group" => return members(name, parts, host),
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
        Some(false) if taken => lines.push(Line::Note(
            "nobody gets in by it any more; its lines go by hand, as processes have its number: vipw, vipw -s".into(),
        )),
        Some(false) => lines.push(Line::Note(
            "its home and files stay; its password and groups are gone with it".into(),
        )),
        None => {}
    }
    Some(lines)
}

/// The commands that make a group's members those wanted; `None` where something else of it changes, or one is a member by being its first
/// group.
fn members(group: &str, parts: &[Wanted<'_>], host: &Host<'_>) -> Option<Vec<Line>> {
    let [wanted] = parts else { return None };
    let list = |value: Option<&Value>| match value {
        None => Some(Vec::new()),
        Some(Value::List(items)) => Some(items.keys().map(ToString::to_string).collect::<Vec<_>>()),
        Some(_) => None,
    };
    if !matches!(wanted.subject(), Subject::Account { part: "members", .. }) {
        return None;
    }
    let (now, then) = (list(wanted.was)?, list(wanted.value)?);
    let gid = host.value(&format!("account.group.{group}:gid"));
    let word = quote(group).filter(|_| !group.starts_with('-'))?;
    let change = |verb: &str, user: &String| {
        let user_word = quote(user).filter(|_| !user.starts_with('-'));
        let first = host.value(&format!("account.user.{user}:gid"));
        let by_file = gid.as_ref().map(plain) != first.as_ref().map(plain) || first.is_none();
        match user_word.filter(|_| by_file) {
            Some(user) => Line::Command(format!("gpasswd --{verb} {user} {word}")),
            None => Line::ByHand(by_hand(wanted)),
        }
    };
    let gone = now
        .iter()
        .filter(|user| !then.contains(user))
        .map(|user| change("delete", user));
    let come = then
        .iter()
        .filter(|user| !now.contains(user))
        .map(|user| change("add", user));
    let mut lines: Vec<Line> = gone.chain(come).collect();
    lines.dedup();
    Some(lines).filter(|lines| !lines.is_empty())
}
