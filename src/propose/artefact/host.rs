//! What the observations tell of the host on which a text is to be run: a command that cannot work there is not offered.

use std::{iter, path::Path};

use crate::domain::{ResourceId, SeriesId, Value};

/// The value that a setting has now, as far as it was seen.
pub(in crate::propose) type Look<'a> = &'a dyn Fn(&SeriesId) -> Option<Value>;

/// One host, as its settings tell of it.
#[derive(Clone, Copy)]
pub(super) struct Host<'a> {
    resource: &'a ResourceId,
    look: Look<'a>,
}

impl<'a> Host<'a> {
    pub fn new(resource: &'a ResourceId, look: Look<'a>) -> Self {
        Self { resource, look }
    }

    /// The value of its setting `name`, with the scope.
    pub fn value(&self, name: &str) -> Option<Value> {
        (self.look)(&SeriesId::new(self.resource, name))
    }

    /// The mount that `path` lies on, where nobody can write to it.
    pub fn read_only(&self, path: &str) -> Option<String> {
        let points = iter::successors(Some(Path::new(path)), |path| path.parent());
        let mut points = points.filter_map(Path::to_str);
        points.find_map(|point| {
            let Value::List(options) = self.value(&format!("mount.{point}:options"))? else {
                return None;
            };
            Some(options.contains_key("ro").then(|| point.to_owned()))
        })?
    }

    /// Whether systemd starts its services: where mounts were seen and no unit was, as in most containers, it does not.
    pub fn systemd(&self) -> bool {
        self.knows("systemd-journald") || self.value("mount./:fstype").is_none()
    }

    /// The first of `units`, which are names of one service, that is there; the first where none is.
    pub fn service<'n>(&self, units: &[&'n str]) -> &'n str {
        let known = units.iter().find(|unit| self.knows(unit));
        known.or(units.first()).copied().unwrap_or_default()
    }

    fn knows(&self, service: &str) -> bool {
        let seen = |part: &str| self.value(&format!("unit.{service}.service:{part}")).is_some();
        seen("state") || seen("enabled")
    }
}
