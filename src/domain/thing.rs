//! Changes of settings by the thing they are of: a port, a mount or an account that comes has several settings, and is one row.

use std::collections::BTreeMap;

use super::{SettingChange, Subject};

/// The changes in their order, those of one thing that came or went as a whole at one time together, the telling one of them first; no part
/// is empty.
#[must_use]
pub fn by_thing(changes: &[SettingChange]) -> Vec<Vec<&SettingChange>> {
    let mut places = BTreeMap::new();
    let mut all: Vec<Vec<&SettingChange>> = Vec::new();
    for change in changes {
        let came = match (&change.from, &change.to) {
            (None, Some(_)) => true,
            (Some(_), None) => false,
            _ => {
                all.push(vec![change]);
                continue;
            }
        };
        let thing = Subject::of(&change.id.name).thing();
        let place = *places
            .entry((change.at, &change.id.resource, came, thing))
            .or_insert(all.len());
        match all.get_mut(place) {
            Some(parts) => parts.push(change),
            None => all.push(vec![change]),
        }
    }
    for parts in &mut all {
        parts.sort_by_key(|change| rank(&change.id.name));
    }
    all
}

/// Whether a thing is new where the setting of that name is: the setting is what the thing is called, or its state.
#[must_use]
pub fn tells(name: &str) -> bool {
    rank(name) < 2
}

/// What tells most of a thing: what it is called, else what it is.
fn rank(name: &str) -> u8 {
    match Subject::of(name) {
        Subject::Port { part: "", .. }
        | Subject::File { key: "", .. }
        | Subject::Package { part: "", .. }
        | Subject::Account { part: "uid", .. } => 0,
        Subject::Mount { part: "device", .. }
        | Subject::Unit { part: "state", .. }
        | Subject::Account { part: "gid" | "", .. }
        | Subject::Certificate { part: "subject", .. } => 1,
        _ => 2,
    }
}

/// `(and 3 more of it)` behind what is told of the first of `parts`; empty for one alone.
#[must_use]
pub fn and_more(parts: &[&SettingChange]) -> String {
    match parts.len() {
        ..2 => String::new(),
        all => format!(" (and {} more of it)", all - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ResourceId, SeriesId, Timestamp, Value};

    #[test]
    fn a_port_that_opened_is_one_and_what_only_changed_is_each_its_own() {
        let change = |name: &str, at: i64, from: Option<&str>, to: Option<&str>| SettingChange {
            id: SeriesId::new(&ResourceId::new("host", "a"), name),
            at: Timestamp::from_secs(at),
            after: None,
            from: from.map(Value::infer),
            to: to.map(Value::infer),
            by: None,
            backfilled: false,
        };
        let port = "port.tcp/0.0.0.0:8080";
        let changes = [
            change(&format!("{port}:package"), 1, None, Some("python3")),
            change("sysctl.vm.swappiness", 1, Some("60"), Some("1")),
            change(port, 1, None, Some("python3")),
            change(&format!("{port}:unit"), 1, None, Some("session-1.scope")),
            change("account.user.a:uid", 1, None, Some("1")),
            change("unit.a.service:state", 1, Some("active"), Some("failed")),
            change("unit.a.service:enabled", 1, Some("enabled"), Some("disabled")),
            change(port, 9, Some("python3"), None),
        ];
        let told: Vec<(&str, usize)> = by_thing(&changes)
            .iter()
            .map(|parts| (&*parts[0].id.name, parts.len()))
            .collect();
        let units = ["unit.a.service:state", "unit.a.service:enabled"];
        assert_eq!(
            told,
            [
                (port, 3),
                ("sysctl.vm.swappiness", 1),
                ("account.user.a:uid", 1),
                (units[0], 1),
                (units[1], 1),
                (port, 1)
            ]
        );
        assert_eq!(and_more(&by_thing(&changes)[0]), " (and 2 more of it)");
    }
}
