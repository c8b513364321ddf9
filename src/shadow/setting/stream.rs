//! Settings and their changes in the words of the learnt models.

use std::borrow::Cow;

use super::learned::{Class, Edit, Op, Place};
use crate::domain::{Quantity, SeriesId, SettingChange, Timestamp, Value};

/// Texts longer than this are known by their hash alone.
const LONG: usize = 200;

/// Days since 1970.
pub(super) fn days(at: Timestamp) -> f64 {
    at.0 as f64 / 86.4e9
}

/// The key of a setting: 64 bits of the hash of its name.
pub(super) fn key(id: &SeriesId) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.resource.as_str().as_bytes());
    hasher.update(b"/");
    hasher.update(id.name.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}

/// What a setting's scope on its resource is called: settings of one scope are told apart from those of others.
pub(super) fn resource(id: &SeriesId) -> String {
    let (scope, _) = split(&id.name);
    format!("{}/{scope}", id.resource.as_str().replace('#', "_"))
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}

/// The path of a setting, with what is one of many like it in brackets: `/pkg/[openssl]`, `/net/[eth0]/mtu`, `/etc/ssh/sshd_config/Port`.
pub(super) fn path(name: &str) -> String {
    let (scope, rest) = split(name);
    let one = |text: &str| format!("/[{}]", text.replace('/', "|"));
    let parts = |text: &str, separators: &[char]| -> String {
        let mut out = String::new();
        let mut many = false;
        for part in text.split(separators) {
            if many {
                out.push_str(&one(part));
            } else {
                out.push('/');
                out.push_str(part);
            }
            // The kernel has these once an interface.
            many = scope == "sysctl" && matches!(part, "conf" | "neigh");
        }
        out
    };
    let told = match scope {
        "sysctl" | "hw" => parts(rest, &['.']),
        "etc" => parts(rest, &['/', ':']),
        "pkg" => one(rest),
        "lib" | "container" => match rest.split_once('.') {
            Some((family, name)) => format!("/{family}{}", one(name)),
            None => one(rest),
        },
        _ => {
            let attribute = rest.rsplit_once(':').filter(|(_, attribute)| !attribute.contains('/'));
            match attribute.or_else(|| rest.rsplit_once('.')) {
                Some((stem, attribute)) => format!("{}/{attribute}", one(stem)),
                None => one(rest),
            }
        }
    };
    format!("/{scope}{told}")
}

/// The sort of a value, and the value as a text; what is long or a list as its hash. What is on or off is one text however it is spelled.
pub(super) fn text(value: &Value) -> (Class, Cow<'_, str>) {
    let hash = |text: &str| Cow::Owned(format!("#{}", &blake3::hash(text.as_bytes()).to_hex()[..16]));
    if let Some(on) = value.switch() {
        return (Class::Bool, Cow::Borrowed(if on { "true" } else { "false" }));
    }
    match value {
        Value::Bool(on) => (Class::Bool, Cow::Owned(on.to_string())),
        Value::Int(int) => (Class::Number, Cow::Owned(int.to_string())),
        Value::Quantity(quantity) => (Class::Number, Cow::Owned(quantity.base().to_string())),
        Value::Version(version) => (Class::Version, Cow::Owned(version.to_string())),
        Value::Enum(text) | Value::Text(text) if text.len() <= LONG => (Class::String, Cow::Borrowed(text)),
        Value::Enum(text) | Value::Text(text) => (Class::Text, hash(text)),
        Value::List(_) => (Class::List, hash(&value.to_string())),
        Value::Secret(_) => (Class::Secret, hash(&value.to_string())),
    }
}

/// The value that `text` stands for in a setting that holds values like `like`, spelled as that is; `None` where it is none of that sort.
pub(super) fn value(text: &str, like: &Value) -> Option<Value> {
    match like {
        Value::Quantity(quantity) => Some(Value::Quantity(Quantity::spelled(text.parse().ok()?, quantity)?)),
        // What others hold need not be whole.
        Value::Int(_) => match text.parse::<i64>() {
            Ok(int) => Some(Value::Int(int)),
            Err(_) => Some(Value::Quantity(text.parse().ok()?)),
        },
        Value::Enum(word) | Value::Text(word) => Some(match (&**word, text) {
            ("yes" | "no", "true") => Value::infer("yes"),
            ("yes" | "no", "false") => Value::infer("no"),
            ("on" | "off", "true") => Value::infer("on"),
            ("on" | "off", "false") => Value::infer("off"),
            ("yes" | "no" | "on" | "off", _) => Value::infer(text),
            _ => Value::text(text),
        }),
        Value::Bool(_) | Value::Version(_) => Some(Value::infer(text)),
        Value::List(_) | Value::Secret(_) => None,
    }
}

/// Members that came to a list, and that left it; a member that changed did both.
pub(super) fn members(from: Option<&Value>, to: Option<&Value>) -> (usize, usize) {
    let (Some(Value::List(from)), Some(Value::List(to))) = (from, to) else {
        return (0, 0);
    };
    let lacks = |a: &std::collections::BTreeMap<_, Value>, b: &std::collections::BTreeMap<_, Value>| {
        let here =
            |(name, value): &(&std::sync::Arc<str>, &Value)| b.get(*name).is_none_or(|other| other.differs(value));
        a.iter().filter(|member| here(member)).count()
    };
    (lacks(to, from), lacks(from, to))
}

/// Who made a change, and the commit it came with: `ana, git 1a2b3c4d`.
fn author(by: Option<&str>) -> (Option<&str>, Option<&str>) {
    match by.and_then(|by| by.rsplit_once(", git ")) {
        Some((who, commit)) => (Some(who), Some(commit)),
        None => (by, None),
    }
}

/// Tells `take` of a change (or, with `begins`, of a setting that is there when watching begins).
pub(super) fn tell<T>(change: &SettingChange, begins: bool, take: impl FnOnce(u64, &Place<'_>, &Edit<'_>) -> T) -> T {
    let told = change.to.as_ref().map(text);
    let class = match (&told, &change.from) {
        (Some((class, _)), _) => *class,
        (None, Some(from)) => text(from).0,
        (None, None) => Class::Null,
    };
    let (who, commit) = author(change.by.as_deref());
    let (added, removed) = members(change.from.as_ref(), change.to.as_ref());
    let length = match &change.to {
        Some(Value::List(members)) => members.len(),
        _ => 0,
    };
    let op = match (begins, &change.from, &change.to) {
        (true, ..) => Op::Init,
        (_, None, _) => Op::Add,
        (_, _, None) => Op::Remove,
        _ => Op::Change,
    };
    let (resource, path) = (resource(&change.id), path(&change.id.name));
    let place = Place {
        resource: &resource,
        path: &path,
        class,
    };
    let edit = Edit {
        at: days(change.at),
        commit,
        who,
        op,
        new: told.as_ref().map(|(_, text)| &**text),
        added,
        removed,
        length,
    };
    take(key(&change.id), &place, &edit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_of_many_stands_in_brackets() {
        for (name, told) in [
            ("pkg.libgcc:amd64", "/pkg/[libgcc:amd64]"),
            (
                "sysctl.net.ipv4.conf.eth0.rp_filter",
                "/sysctl/net/ipv4/conf/[eth0]/rp_filter",
            ),
            ("etc.ssh/sshd_config:Port", "/etc/ssh/sshd_config/Port"),
            ("mount./srv/data:options", "/mount/[|srv|data]/options"),
            ("net.eth0.mtu", "/net/[eth0]/mtu"),
            ("lib.pip.yq", "/lib/pip/[yq]"),
            ("unit.nginx.service:state", "/unit/[nginx.service]/state"),
            ("odd", "/odd/[]"),
        ] {
            assert_eq!(path(name), told);
        }
    }

    #[test]
    fn values_come_back_as_what_they_were() {
        for text in ["on", "60", "512Mi", "1.2.3", "madvise", "a b c", "-3"] {
            let value = Value::infer(text);
            let told = super::text(&value);
            assert!(!super::value(&told.1, &value).unwrap().differs(&value), "{text}");
        }
        assert!(super::text(&Value::text(&"x".repeat(300))).1.len() < 20);
    }

    #[test]
    fn on_and_off_are_learnt_as_one_and_told_as_the_setting_spells_them() {
        for (like, other) in [("yes", "no"), ("off", "on"), ("false", "true")] {
            let (like, other) = (Value::infer(like), Value::infer(other));
            let told = super::text(&other);
            assert_eq!(told, super::text(&Value::Bool(other.switch().unwrap())));
            assert_eq!(value(&told.1, &like).unwrap().to_string(), other.to_string());
        }
        assert_eq!(value("2.5", &Value::Int(2)).unwrap().to_string(), "2.5");
        assert_eq!(value("inf", &Value::Int(2)), None);
        let word = value("prohibit-password", &Value::infer("yes")).unwrap();
        assert_eq!(word.to_string(), "prohibit-password");
    }
}
