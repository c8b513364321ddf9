//! Files of kernel parameters against the kernel (sysctl.d(5), sysctl.conf(5)).

use std::collections::BTreeMap;

use super::{Here, Unmet};
use crate::{
    domain::{SeriesId, Value},
    drift::{report, rule::Scene as _},
};

/// The folders of such files as settings name them, those that hide files of the same name in the others first.
const FOLDERS: [&str; 4] = [
    "etc.sysctl.d/",
    "vendor./run/sysctl.d/",
    "vendor./usr/local/lib/sysctl.d/",
    "vendor./usr/lib/sysctl.d/",
];
/// The file of old: systemd reads it only by a link among the others, sysctl(8) of procps after all of them.
const OLD: &str = "etc.sysctl.conf";
/// The kernel has these in a form of its own: lists as ranges, numbers rounded up.
const REWRITTEN: [&str; 2] = ["net.ipv4.ip_local_reserved_ports", "net.netfilter.nf_conntrack_buckets"];
/// Who writes the one sets the other to nothing.
const EITHER: [(&str, &str); 3] = [
    ("vm.dirty_ratio", "vm.dirty_bytes"),
    ("vm.dirty_background_ratio", "vm.dirty_background_bytes"),
    ("vm.overcommit_ratio", "vm.overcommit_kbytes"),
];
/// Come before and after every name.
const FIRST: &str = "";
const LAST: &str = "\u{10ffff}";
/// The kernel's folder of parameters, as a mount.
const KERNEL: &str = "/proc/sys";

/// A file: the place of its folder, and the names, keys and values of its lines.
type File<'a> = (usize, Vec<(&'a str, &'a str, &'a Value)>);

/// Whether systemd starts this host, and so loads the parameters.
fn by_systemd(here: &Here<'_>) -> bool {
    !here.settings("unit.").is_empty()
}

/// The last line that sets each parameter, by the order in which the files are read when the system starts: by name, whatever the folder.
/// What systemd does not read at all comes before all that it reads.
fn lines<'a>(here: &'a Here<'_>) -> BTreeMap<String, (&'a str, &'a Value)> {
    let mut files: BTreeMap<&str, File<'_>> = BTreeMap::new();
    let mut old = if by_systemd(here) { FIRST } else { LAST };
    for (place, folder) in FOLDERS.iter().enumerate() {
        for (name, value) in here.settings(folder) {
            let (file, key) = name[folder.len()..]
                .split_once(':')
                .unwrap_or((&name[folder.len()..], ""));
            if !file.ends_with(".conf") {
                continue;
            }
            if key.is_empty() && to_old(value) {
                old = file;
            }
            let (of, lines) = files.entry(file).or_insert_with(|| (place, Vec::new()));
            if *of == place && !key.is_empty() {
                lines.push((name, key, value));
            }
        }
    }
    let of_old = here.settings(OLD).into_iter().filter_map(|(name, value)| {
        let key = name.strip_prefix(OLD)?.strip_prefix(':')?;
        Some((name, key, value))
    });
    files.entry(old).or_default().1.extend(of_old);
    let mut last = BTreeMap::new();
    for (name, key, value) in files.into_values().flat_map(|(_, lines)| lines) {
        if let Some(parameter) = parameter(key) {
            last.insert(parameter, (name, value));
        }
    }
    last
}

/// Whether a file is the link by which systemd reads the file of old.
fn to_old(value: &Value) -> bool {
    matches!(value, Value::Text(to) if ["-> ../sysctl.conf", "-> /etc/sysctl.conf"].contains(&&**to))
}

/// The parameter as the kernel's are named: of a name with a slash before any dot, the two change places. `None` for a pattern, which says
/// nothing of a parameter that another line names.
fn parameter(key: &str) -> Option<String> {
    if key.starts_with('-') || key.contains(['*', '?', '[']) {
        return None;
    }
    let first = key.find(['.', '/'])?;
    Some(match key[first..].starts_with('/') {
        true => swapped(key),
        false => key.to_owned(),
    })
}

/// A name with dots and slashes changed for each other.
fn swapped(name: &str) -> String {
    let swap = |c| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    name.chars().map(swap).collect()
}

/// Whether the kernel has what was written: numbers as C reads them, and of several as many as were written.
fn holds(declared: &Value, actual: &Value) -> bool {
    let (wrote, has) = (declared.to_string(), actual.to_string());
    let (mut wrote, mut has) = (wrote.split_whitespace(), has.split_whitespace());
    !declared.differs(actual)
        || wrote.all(|wrote| {
            has.next()
                .is_some_and(|has| wrote == has || number(wrote).is_some_and(|wrote| number(has) == Some(wrote)))
        })
}

fn number(text: &str) -> Option<i128> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let digits = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i128::from_str_radix(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => i128::from_str_radix(text, 8),
        None => text.parse(),
    };
    digits.ok().map(|number| sign * number)
}

/// Mounts of the kernel's folder, or in it, and whether each is read-only: where it is, as in a container, the parameter is set by the
/// machine outside.
fn mounts<'a>(here: &'a Here<'_>) -> Vec<(&'a str, bool)> {
    let options = here.settings(&format!("mount.{KERNEL}"));
    let read_only = |value: &Value| match value {
        Value::List(all) => all.contains_key("ro"),
        other => other.to_string().split([' ', ',']).any(|word| word == "ro"),
    };
    let mount = |(name, value): (&'a str, &'a Value)| {
        let point = name.strip_prefix("mount.")?.strip_suffix(":options")?;
        Some((point, read_only(value)))
    };
    options.into_iter().filter_map(mount).collect()
}

/// Whether the parameter may be set from here, by the innermost of `mounts` that it lies in.
fn settable(parameter: &str, mounts: &[(&str, bool)]) -> bool {
    let path = format!("{KERNEL}/{}", swapped(parameter));
    let holds = |point: &str| {
        path.strip_prefix(point)
            .is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
    };
    let around = mounts.iter().filter(|(point, _)| holds(point));
    !around
        .max_by_key(|(point, _)| point.len())
        .is_some_and(|(_, read_only)| *read_only)
}

/// Parameters that the kernel has otherwise than a file of this host says. What packages bring below `/usr` is left to them: where no
/// system was started (a container) nobody loaded it.
pub(super) fn unmet(here: &Here<'_>) -> Vec<Unmet> {
    let (lines, mounts, by_systemd) = (lines(here), mounts(here), by_systemd(here));
    let links: Vec<&str> = here
        .settings(FOLDERS[0])
        .into_iter()
        .filter_map(|(name, value)| to_old(value).then_some(name))
        .collect();
    let unread = by_systemd && links.is_empty();
    let both = |parameter: &str| {
        EITHER
            .iter()
            .any(|(a, b)| [a, b].contains(&&parameter) && lines.contains_key(*a) && lines.contains_key(*b))
    };
    let of = |(parameter, (name, declared)): (&String, &(&str, &Value))| {
        if REWRITTEN.contains(&parameter.as_str()) || both(parameter) || !settable(parameter, &mounts) {
            return None;
        }
        let id = SeriesId::new(here.resource, &format!("sysctl.{parameter}"));
        let actual = here.setting(&id.name)?;
        let secret = [declared, actual]
            .iter()
            .any(|value| matches!(value, Value::Secret(_) | Value::List(_)));
        let own = name.starts_with("etc.") && !declared.to_string().is_empty();
        if secret || !own || holds(declared, actual) {
            return None;
        }
        let path = name.split(':').next()?;
        let file = path.rsplit('/').next()?.trim_start_matches("etc.");
        Some(Unmet {
            by: SeriesId::new(here.resource, name),
            of: id,
            declared: Value::clone(declared),
            actual: Some(actual.clone()),
            says: [
                parameter.clone(),
                format!(
                    "{file}{} says {}",
                    if unread && path == OLD {
                        ", which is not read at the start,"
                    } else {
                        ""
                    },
                    report::value(Some(declared))
                ),
                format!("the kernel has {}", report::value(Some(actual))),
            ],
        })
    };
    lines.iter().filter_map(of).collect()
}
