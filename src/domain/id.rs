//! Names of what is watched.

use std::{cmp::Ordering, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::visible;

/// A thing that has metrics and settings: `kind:name`, such as `host:web-1`. Holds no control characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResourceId(Arc<str>);

/// A series of one resource: `host:web-1/cpu.busy_pct`. Holds no control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId {
    /// The resource it belongs to.
    pub resource: ResourceId,
    /// The dotted name within the resource, never empty; may itself hold `/` (`fs./var.used_pct`).
    pub name: Arc<str>,
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        // Mostly it is the one host there is, and one name of it in memory.
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ResourceId {
    /// The kind of a service as a whole: what is set of it holds for each of its hosts that has no setting of its own.
    pub const SERVICE: &str = "service";
    /// The kind of a repository of configuration: its history is all that tells of it.
    pub const REPOSITORY: &str = "repo";

    /// Names a resource; control characters are made visible, a missing kind becomes `host`.
    #[must_use]
    pub fn new(kind: &str, name: &str) -> Self {
        Self(visible(&format!("{}:{}", kind.replace([':', '/'], "_"), name.replace('/', "_"))).into())
    }

    /// What sort of thing it is: the part before the first colon.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once(':').map_or("host", |(kind, _)| kind)
    }

    /// Whether it is a service as a whole.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.kind() == Self::SERVICE
    }

    /// Its own name: the part after the first colon.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(_, name)| name)
    }

    /// The whole, `kind:name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SeriesId {
    /// Names a series of `resource`; control characters are made visible.
    #[must_use]
    pub fn new(resource: &ResourceId, name: &str) -> Self {
        Self {
            resource: resource.clone(),
            name: visible(name).into(),
        }
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource, self.name)
    }
}

impl fmt::Debug for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not a resource or series name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name of the form host:NAME/SERIES")]
pub struct BadId(pub String);

impl FromStr for ResourceId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let (kind, name) = text.split_once(':').unwrap_or(("host", text));
        if kind.is_empty() || name.is_empty() || name.contains('/') {
            return Err(BadId(text.into()));
        }
        Ok(Self::new(kind, name))
    }
}

impl FromStr for SeriesId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let (resource, name) = text.split_once('/').ok_or_else(|| BadId(text.into()))?;
        if name.is_empty() {
            return Err(BadId(text.into()));
        }
        Ok(Self::new(&resource.parse()?, name))
    }
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for SeriesId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SeriesId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_written() {
        let id: SeriesId = "host:web-1/fs./var.used_pct".parse().unwrap();
        assert_eq!(
            (id.resource.kind(), id.resource.name(), &*id.name),
            ("host", "web-1", "fs./var.used_pct")
        );
        assert_eq!(id.to_string(), "host:web-1/fs./var.used_pct");
        assert!("web-1".parse::<SeriesId>().is_err());
        assert!("host:web-1/".parse::<SeriesId>().is_err());
    }

    #[test]
    fn a_name_with_an_escape_sequence_holds_none() {
        let host = ResourceId::new("host", "x\u{1b}]0;t\u{7}");
        assert!(!host.as_str().chars().any(char::is_control));
        assert_eq!(host.to_string().parse::<ResourceId>().unwrap(), host);
    }
}
