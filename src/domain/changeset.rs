//! Changes that have not been made: what a what-if asks about and a proposal offers.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{ResourceId, SeriesId, Timestamp, Value, text::visible};

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A setting gets another value.
    Setting {
        /// Which; `resource` may be empty text when typed without one, then it means the only host.
        id: SeriesId,
        /// The value before, where known.
        from: Option<Value>,
        /// The value after; `None` removes the setting.
        to: Option<Value>,
    },
    /// There is `factor` times as much of a capacity.
    Capacity {
        /// Whose.
        resource: ResourceId,
        /// Of what.
        what: Capacity,
        /// The file system that is meant, by its mount point; `None` is all of them. Of [`Capacity::Disk`] alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mount: Option<Arc<str>>,
        /// More than 0; 2 is twice as much.
        factor: f64,
    },
    /// `factor` times the load arrives.
    Traffic {
        /// Where.
        resource: ResourceId,
        /// The metric that is the load there; `None` is what the resource's network receives.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        load: Option<Arc<str>>,
        /// 0 or more; 1.5 is half as much again.
        factor: f64,
    },
}

/// A capacity of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// Processor time.
    Cpu,
    /// Main memory.
    Memory,
    /// Space of file systems.
    Disk,
    /// Network throughput.
    Network,
}

/// One line of a change set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What changes.
    pub change: Change,
    /// From when on; `None` is now.
    pub at: Option<Timestamp>,
    /// Lines that are off are shown and not applied.
    pub on: bool,
}

/// An ordered set of changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// Its lines.
    pub steps: Vec<Step>,
}

impl ChangeSet {
    /// A set of one change, made now.
    #[must_use]
    pub fn of(change: Change) -> Self {
        Self {
            steps: vec![Step {
                change,
                at: None,
                on: true,
            }],
        }
    }

    /// When the first of the changes that are on is made, where that is before `now`: it is then about what would have been.
    #[must_use]
    pub fn begins_before(&self, now: Timestamp) -> Option<Timestamp> {
        let on = self.steps.iter().filter(|step| step.on);
        on.filter_map(|step| step.at).filter(|at| *at < now).min()
    }

    /// The changes that are on.
    pub fn active(&self) -> impl Iterator<Item = &Change> {
        self.steps.iter().filter(|step| step.on).map(|step| &step.change)
    }
}

impl Change {
    /// The resource it touches.
    #[must_use]
    pub fn resource(&self) -> &ResourceId {
        match self {
            Self::Setting { id, .. } => &id.resource,
            Self::Capacity { resource, .. } | Self::Traffic { resource, .. } => resource,
        }
    }

    /// What takes it back; `None` for what is no setting.
    #[must_use]
    pub fn taken_back(&self) -> Option<Self> {
        match self {
            Self::Setting { id, from, to } => Some(Self::Setting {
                id: id.clone(),
                from: to.clone(),
                to: from.clone(),
            }),
            Self::Capacity { .. } | Self::Traffic { .. } => None,
        }
    }

    /// Whether both give a value to one and the same setting.
    #[must_use]
    pub fn same_setting(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Setting { id, .. }, Self::Setting { id: theirs, .. }) => id == theirs,
            _ => false,
        }
    }

    /// What is changed, without by how much: `sysctl.vm.swappiness`, `disk /srv`, `traffic`.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Setting { id, .. } => id.name.to_string(),
            Self::Capacity { what, mount, .. } => match mount {
                Some(mount) => format!("{what} {mount}"),
                None => what.to_string(),
            },
            Self::Traffic { load, .. } => load.as_deref().unwrap_or("traffic").into(),
        }
    }

    /// Why there is nothing that it could change: no file system at its mount point is among `metrics`. `None` where nothing speaks against it.
    #[must_use]
    pub fn nowhere<'a>(&self, metrics: impl Iterator<Item = &'a SeriesId>) -> Option<String> {
        let Self::Capacity {
            resource,
            mount: Some(mount),
            ..
        } = self
        else {
            return None;
        };
        let here = metrics.filter(|id| id.resource == *resource);
        let mounts: Vec<&str> = here.filter_map(|id| mount_of(&id.name)).collect();
        let known = mounts.contains(&&**mount);
        (!known).then(|| match mounts.len() {
            0 => format!("no file system is watched on {}", resource.name()),
            _ => format!("no file system is watched at {mount}; there are {}", mounts.join(", ")),
        })
    }

    /// Has a setting set out from what it `is`, where nothing was said of that. Returns why it cannot: it was said to be something else,
    /// or see [`Self::misfit`].
    #[must_use]
    pub fn set_out_from(&mut self, is: Option<&Value>) -> Option<String> {
        if let Self::Setting { id, from, .. } = self {
            match (&from, is) {
                (Some(said), Some(is))
                    if is.differs(said) && is.to_string() != said.to_string() && !matches!(is, Value::Secret(_)) =>
                {
                    return Some(format!("{} is {is}, not {said}", id.name));
                }
                _ => *from = is.cloned().or(from.take()),
            }
        }
        self.misfit()
    }

    /// Why a setting cannot become what it should: a number would get a value that is none. `None` where nothing speaks against it.
    #[must_use]
    pub fn misfit(&self) -> Option<String> {
        let Self::Setting { id, from, to } = self else {
            return None;
        };
        let (from, to) = from.as_ref().zip(to.as_ref())?;
        let number = matches!(from, Value::Int(_) | Value::Quantity(_));
        let boundless = |word: &str| ["infinity", "unlimited", "max", "default", "auto"].contains(&word);
        let word = to.number().is_none() || to.switch().is_some();
        (number && word && !boundless(&to.to_string()))
            .then(|| format!("{} is {from}, a number: `{to}` is none", id.name))
    }

    /// Reads a change as typed: `sysctl.vm.swappiness 60 -> 10`, `sysctl.vm.swappiness=10`, `cpu x2`, `disk /srv x2`, `traffic x1.5`.
    ///
    /// A name with a resource (`host:web-1/cpu x2`) is taken as it is; without one it belongs to `here`.
    ///
    /// # Errors
    /// Says what is missing and shows the forms.
    pub fn parse(text: &str, here: &ResourceId) -> Result<Self, BadChange> {
        let bad = |why: String| BadChange {
            text: visible(text.trim()).into_owned(),
            why,
        };
        let text = text.trim();
        let assigns = text.contains('=') || text.contains("->") || text.contains('→');
        if let Some((name, last)) = text.rsplit_once([' ', '\t'])
            && let Some(digits) = last.strip_prefix(TIMES)
            && !assigns
        {
            return Self::scaled(name.trim(), digits, here).map_err(bad);
        }
        let head = text.split_whitespace().next().unwrap_or_default();
        let (_, head) = head.rsplit_once('/').unwrap_or(("", head));
        if !assigns && (Capacity::from_str(head).is_ok() || matches!(head, "traffic" | "load")) {
            return Err(bad(format!(
                "by how much? {head} x2 is twice as much, {head} x0.5 half"
            )));
        }
        let (left, to) = text
            .split_once("->")
            .or_else(|| text.split_once('→'))
            .or_else(|| text.split_once('='))
            .ok_or_else(|| bad(format!("nothing to change it to; {FORMS}")))?;
        let (name, from) = match left.trim().split_once([' ', '\t']) {
            Some((name, from)) => (name, Some(Value::infer(from))),
            None => (left.trim(), None),
        };
        if name.is_empty() {
            return Err(bad(format!("no setting named; {FORMS}")));
        }
        let id = match name.split_once('/') {
            Some((resource, _)) if resource.contains(':') => {
                name.parse().map_err(|_| bad("no such form of setting".into()))?
            }
            _ => SeriesId::new(here, name),
        };
        Ok(Self::Setting {
            id,
            from,
            to: Some(Value::infer(to)),
        })
    }

    /// `digits` times as much of what `name` says; the error says what is wrong and what may be.
    fn scaled(name: &str, digits: &str, here: &ResourceId) -> Result<Self, String> {
        let (head, rest) = name.split_once([' ', '\t']).unwrap_or((name, ""));
        let rest = rest.trim();
        // A metric's own name may hold one, too: `fs./var.used_pct`.
        let (resource, head) = match head.split_once('/') {
            Some((resource, head)) if !resource.ends_with('.') => (
                resource.parse().map_err(|_| "no such form of resource".to_owned())?,
                head,
            ),
            _ => (here.clone(), head),
        };
        let capacity = Capacity::from_str(head).ok();
        let load = match (capacity, head) {
            (Some(_), _) | (None, "traffic" | "load") => None,
            (None, metric) if metric.contains('.') => Some(Arc::from(metric)),
            _ => {
                return Err(
                    "a factor goes with cpu, memory, disk, network, traffic or the metric that is the load".into(),
                );
            }
        };
        let least = if capacity.is_some() { "above 0" } else { "0 or more" };
        let factor: f64 = digits
            .parse()
            .map_err(|_| format!("`x{digits}` is no factor: x and a number, {least}, as {head} x1.5"))?;
        if !factor.is_finite() || factor < 0.0 || (factor == 0.0 && capacity.is_some()) {
            return Err(format!(
                "the factor must be {least}: {head} x2 is twice as much, x0.5 half"
            ));
        }
        let mount = match (capacity, rest.strip_prefix('/')) {
            (_, None) if rest.is_empty() => None,
            (Some(Capacity::Disk), Some(path)) => Some(format!("/{}", path.trim_end_matches('/')).into()),
            (Some(Capacity::Disk), None) => return Err(format!("`{rest}` is no mount point: disk /srv x1.25")),
            _ => return Err(format!("`{rest}`: behind {head} comes its factor alone, {head} x2")),
        };
        Ok(match capacity {
            Some(what) => Self::Capacity {
                resource,
                what,
                mount,
                factor,
            },
            None => Self::Traffic { resource, load, factor },
        })
    }
}

/// The mount point of the file system that a metric of that name is of.
fn mount_of(metric: &str) -> Option<&str> {
    metric.strip_prefix("fs.")?.strip_suffix(".used_pct")
}

/// What stands before the number of a factor.
const TIMES: [char; 4] = ['x', 'X', '*', '×'];
/// How changes are written.
const FORMS: &str = "write NAME=VALUE or cpu x2";

/// Whether `text`, as far as it goes, ends where a change may: with a factor, or with a value.
#[must_use]
pub fn ends_change(text: &str) -> bool {
    let ends = |(name, last): (&str, &str)| !name.trim().is_empty() && last.starts_with(TIMES);
    let value = |sign: &str| text.split_once(sign).is_some_and(|(_, value)| !value.trim().is_empty());
    text.rsplit_once([' ', '\t']).is_some_and(ends) || value("=") || value("->") || value("→")
}

/// A change could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {why}")]
pub struct BadChange {
    /// What was typed.
    pub text: String,
    /// What is wrong with it, and what may be.
    pub why: String,
}

impl FromStr for Capacity {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "memory" | "mem" => Ok(Self::Memory),
            "disk" => Ok(Self::Disk),
            "network" | "net" => Ok(Self::Network),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Network => "network",
        })
    }
}

/// As typed, without the resource.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or_else(|| Arc::from("(absent)"), |v| Arc::<str>::from(v.to_string()))
        };
        match self {
            Self::Setting { id, from: None, to } => write!(f, "{} = {}", id.name, shown(to)),
            Self::Setting { id, from, to } => write!(f, "{} {} -> {}", id.name, shown(from), shown(to)),
            Self::Capacity { factor, .. } | Self::Traffic { factor, .. } => write!(f, "{} x{factor}", self.what()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_read_as_people_type_them() {
        let here = ResourceId::new("host", "a");
        let read = |text| Change::parse(text, &here);
        assert_eq!(
            read("sysctl.vm.swappiness 60 -> 10").unwrap().to_string(),
            "sysctl.vm.swappiness 60 -> 10"
        );
        assert_eq!(read("vm.swappiness=10").unwrap().to_string(), "vm.swappiness = 10");
        assert_eq!(
            read("cpu x2").unwrap(),
            Change::Capacity {
                resource: here.clone(),
                what: Capacity::Cpu,
                mount: None,
                factor: 2.0
            }
        );
        let small = Change::Capacity {
            resource: here.clone(),
            what: Capacity::Disk,
            mount: Some("/srv/small".into()),
            factor: 1.25,
        };
        assert_eq!(read("disk /srv/small x1.25").unwrap(), small);
        assert_eq!(read("host:a/disk /srv/small/ x1.25").unwrap(), small);
        assert_eq!(small.to_string(), "disk /srv/small x1.25");
        assert!(matches!(read("disk / x2").unwrap(), Change::Capacity { mount: Some(root), .. } if *root == *"/"));
        let load = read("fs./var.used_pct x1.5").unwrap();
        assert_eq!(
            (load.resource(), load.to_string().as_str()),
            (&here, "fs./var.used_pct x1.5")
        );
        assert_eq!(read("host:b/traffic x1.5").unwrap().resource().name(), "b");
        for bad in [
            "",
            "cpu",
            "cpu x",
            "cpu x-1",
            "cpu x0",
            "wheels x2",
            "= 3",
            "traffic xNaN",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_factor_is_told_with_what_may_be() {
        let here = ResourceId::new("host", "a");
        for (text, says) in [
            (
                "cpu x0",
                "the factor must be above 0: cpu x2 is twice as much, x0.5 half",
            ),
            ("cpu xyz", "`xyz` is no factor: x and a number, above 0, as cpu x1.5"),
            (
                "traffic x-1",
                "the factor must be 0 or more: traffic x2 is twice as much, x0.5 half",
            ),
            (
                "memory xinf",
                "the factor must be above 0: memory x2 is twice as much, x0.5 half",
            ),
            ("disk srv x2", "`srv` is no mount point: disk /srv x1.25"),
            ("cpu /srv x2", "`/srv`: behind cpu comes its factor alone, cpu x2"),
            ("cpu", "by how much? cpu x2 is twice as much, cpu x0.5 half"),
            ("disk /srv 2", "by how much? disk x2 is twice as much, disk x0.5 half"),
            ("a.b", "nothing to change it to; write NAME=VALUE or cpu x2"),
        ] {
            assert_eq!(Change::parse(text, &here).unwrap_err().why, says, "{text}");
        }
    }

    #[test]
    fn a_capacity_kept_before_mounts_could_be_named_is_of_all_of_them() {
        let old = r#"{"capacity":{"resource":"host:a","what":"disk","factor":1.25}}"#;
        let read: Change = serde_json::from_str(old).unwrap();
        assert_eq!(read.to_string(), "disk x1.25");
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }

    #[test]
    fn a_mount_that_is_not_watched_is_told_with_those_that_are() {
        let here = ResourceId::new("host", "a");
        let metrics = ["fs./.used_pct", "fs./srv.used_pct", "cpu.busy_pct"].map(|name| SeriesId::new(&here, name));
        let why = |text| Change::parse(text, &here).unwrap().nowhere(metrics.iter());
        assert_eq!(why("disk /srv x2"), None);
        assert_eq!(why("disk x2"), None);
        assert_eq!(
            why("disk /srw x2").unwrap(),
            "no file system is watched at /srw; there are /, /srv"
        );
    }
}
