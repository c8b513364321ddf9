//! `/etc/fstab` against what is mounted (fstab(5), mount(8)).

use super::{Here, Unmet};
use crate::{
    domain::{SeriesId, Value},
    drift::rule::Scene as _,
};

/// Options with which a line asks for no mount at the start of the system, or for one that may be missing.
const AT_WILL: [&str; 3] = ["noauto", "nofail", "x-systemd.automount"];
/// Kinds that no one can write to, whatever the line says.
const READ_ONLY: [&str; 5] = ["iso9660", "udf", "squashfs", "erofs", "cramfs"];
/// Options that the kernel tells as they are written.
const FLAGS: [&str; 4] = ["noexec", "nosuid", "nodev", "noatime"];
/// Places of which no mount is told: sessions, units and containers mount and unmount there all the time.
const PASSING: [&str; 4] = ["/run/", "/var/lib/docker", "/var/lib/containers", "/var/lib/kubelet"];

/// What a line of fstab has behind the mount point.
struct Line<'a> {
    device: &'a str,
    kind: &'a str,
    options: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let (device, kind) = (fields.next()?, fields.next()?);
        let options = fields.next().unwrap_or("defaults").split(',').collect();
        Some(Self { device, kind, options })
    }

    fn asks(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    /// Whether a flag such as `noexec` holds: the last word counts.
    fn flag(&self, flag: &str) -> bool {
        let opposite = flag.trim_start_matches("no");
        let last = self
            .options
            .iter()
            .rev()
            .find(|option| **option == flag || **option == opposite);
        last.is_some_and(|option| *option == flag)
    }

    fn read_only(&self) -> bool {
        let last = self.options.iter().rev().find(|option| matches!(**option, "ro" | "rw"));
        last.is_some_and(|option| *option == "ro")
    }
}

/// The mount point with its escapes read, and without a slash at its end.
fn point(key: &str) -> String {
    let text = key.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
    match text.trim_end_matches('/') {
        "" => "/".into(),
        point => point.into(),
    }
}

/// Mounts that are not as the file says.
pub(super) fn unmet(here: &Here<'_>) -> Vec<Unmet> {
    const FILE: &str = "etc.fstab:";
    // Where nothing tells of mounts, none is missing.
    if here.setting("mount./:device").is_none() {
        return Vec::new();
    }
    let lines = here.settings(FILE);
    lines
        .into_iter()
        .flat_map(|(name, value)| of(here, name, &name[FILE.len()..], value))
        .collect()
}

fn of(here: &Here<'_>, name: &str, key: &str, value: &Value) -> Vec<Unmet> {
    let (Value::Text(text), true) = (value, key.starts_with('/')) else {
        return Vec::new();
    };
    let point = point(key);
    let Some(line) = Line::of(text).filter(|line| !matches!(line.kind, "swap" | "ignore" | "none")) else {
        return Vec::new();
    };
    let unmet = |part: &str, declared: Value, actual: Option<&Value>, says: [&str; 2]| Unmet {
        by: SeriesId::new(here.resource, name),
        of: SeriesId::new(here.resource, &format!("mount.{point}:{part}")),
        declared,
        actual: actual.cloned(),
        says: [point.clone(), says[0].to_owned(), says[1].to_owned()],
    };
    // Whose automount waits for somebody to come is not mounted yet.
    if here
        .setting(&format!("mount.{point}:fstype"))
        .is_some_and(|kind| kind.to_string() == "autofs")
    {
        return Vec::new();
    }
    let passing = PASSING.iter().any(|folder| point.starts_with(folder));
    if here.setting(&format!("mount.{point}:device")).is_none() {
        if passing || AT_WILL.iter().any(|option| line.asks(option)) {
            return Vec::new();
        }
        let claim = format!("fstab mounts {} there", line.device);
        return vec![unmet(
            "device",
            Value::text(line.device),
            None,
            [&claim, "nothing is mounted"],
        )];
    }
    let Some(options) = here.setting(&format!("mount.{point}:options")) else {
        return Vec::new();
    };
    let has = |option: &str| match options {
        Value::List(all) => all.contains_key(option),
        other => other.to_string().split([' ', ',']).any(|word| word == option),
    };
    let mut found = Vec::new();
    let mut differs = |option: &str, says: [&str; 2]| {
        found.push(unmet("options", Value::Enum(option.into()), Some(options), says));
    };
    match (line.read_only(), has("ro")) {
        (false, true) if !READ_ONLY.contains(&line.kind) => {
            differs("rw", ["fstab has it writable", "it is mounted read-only"]);
        }
        (true, false) => differs("ro", ["fstab has it read-only", "it is mounted writable"]),
        _ => {}
    }
    for flag in FLAGS.iter().filter(|flag| line.flag(flag) && !has(flag)) {
        differs(flag, [&format!("fstab says {flag}"), "it is mounted without"]);
    }
    found
}
