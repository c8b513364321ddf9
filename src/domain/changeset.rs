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

    /// Reads a change as typed: `sysctl.vm.swappiness 60 -> 10`, `sysctl.vm.swappiness=10`, `cpu x2`, `traffic x1.5`.
    ///
    /// A name with a resource (`host:web-1/cpu x2`) is taken as it is; without one it belongs to `here`.
    ///
    /// # Errors
    /// Says what is missing and shows the forms.
    pub fn parse(text: &str, here: &ResourceId) -> Result<Self, BadChange> {
        let bad = |why: &'static str| BadChange {
            text: visible(text.trim()).into_owned(),
            why,
        };
        let text = text.trim();
        if let Some((name, factor)) = text.rsplit_once([' ', '\t']).and_then(|(name, last)| {
            let digits = last.strip_prefix(['x', 'X', '*', '×'])?;
            Some((name.trim(), digits.to_owned()))
        }) {
            let factor: f64 = factor.parse().map_err(|_| bad("the factor is not a number"))?;
            let (resource, name) = match name.rsplit_once('/') {
                Some((resource, name)) => (resource.parse().map_err(|_| bad("no such form of resource"))?, name),
                None => (here.clone(), name),
            };
            let capacity = Capacity::from_str(name).ok();
            if !factor.is_finite() || factor < 0.0 || (factor == 0.0 && capacity.is_some()) {
                return Err(bad("the factor must be above 0"));
            }
            let load = match (capacity, name) {
                (Some(what), _) => return Ok(Self::Capacity { resource, what, factor }),
                (None, "traffic" | "load") => None,
                (None, metric) if metric.contains('.') && !metric.contains(char::is_whitespace) => Some(metric.into()),
                _ => {
                    return Err(bad(
                        "a factor goes with traffic or the metric that is the load, cpu, memory, disk or network",
                    ));
                }
            };
            return Ok(Self::Traffic { resource, load, factor });
        }
        let (left, to) = text
            .split_once("->")
            .or_else(|| text.split_once('→'))
            .or_else(|| text.split_once('='))
            .ok_or_else(|| bad("nothing to change it to"))?;
        let (name, from) = match left.trim().split_once([' ', '\t']) {
            Some((name, from)) => (name, Some(Value::infer(from))),
            None => (left.trim(), None),
        };
        if name.is_empty() {
            return Err(bad("no setting named"));
        }
        let id = match name.split_once('/') {
            Some((resource, _)) if resource.contains(':') => {
                name.parse().map_err(|_| bad("no such form of setting"))?
            }
            _ => SeriesId::new(here, name),
        };
        Ok(Self::Setting {
            id,
            from,
            to: Some(Value::infer(to)),
        })
    }
}

/// A change could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {why}; write `SETTING = VALUE`, `SETTING OLD -> NEW`, `cpu x2` or `traffic x1.5`")]
pub struct BadChange {
    /// What was typed.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
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
            Self::Capacity { what, factor, .. } => write!(f, "{what} x{factor}"),
            Self::Traffic { load, factor, .. } => write!(f, "{} x{factor}", load.as_deref().unwrap_or("traffic")),
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
                factor: 2.0
            }
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
}
