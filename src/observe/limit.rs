//! Resource limits: of sessions, from `/etc/security`, and of the first process.
#![cfg(target_os = "linux")]

use std::fs;

use super::{
    Host, ObserveError, Source,
    file::{Again, small},
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp};

/// Reads `/etc/security/limits.conf`, `limits.d/*.conf` and `/proc/1/limits`.
pub(super) struct Limits {
    root: std::path::PathBuf,
    first: Again,
    every: Span,
    scope: Scope,
}

impl Limits {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            first: Again::new(&host.root, "proc/1/limits"),
            every: host.settings_interval,
            scope: Scope::new(host, "limits"),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// limits.conf(5): `domain type item value`; what is read later holds.
    fn sessions(&self, sheet: &mut Sheet) {
        let security = self.root.join("etc/security");
        let mut files = vec![security.join("limits.conf")];
        let more = fs::read_dir(security.join("limits.d")).into_iter().flatten().flatten();
        let mut more: Vec<_> = more
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "conf"))
            .collect();
        more.sort();
        files.append(&mut more);
        let mut held = std::collections::BTreeMap::new();
        for text in files.iter().filter_map(|path| small(path)) {
            for line in text.lines() {
                let line = line.split('#').next().unwrap_or_default();
                let words: Vec<&str> = line.split_ascii_whitespace().collect();
                if let [domain, kind, item, value] = words[..] {
                    held.insert(format!("session.{domain}:{item}:{kind}"), value.to_owned());
                }
            }
        }
        for (name, value) in held {
            sheet.text(&name, &value);
        }
    }
}

impl Source for Limits {
    fn name(&self) -> &'static str {
        "limits"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut sheet = self.scope.sheet();
        self.sessions(&mut sheet);
        let first = self.first.text().map(|text| {
            // Three columns from a fixed place: `Max open files            1024                 524288               files`.
            for line in text.lines().skip(1) {
                let (Some(name), Some(rest)) = (line.get(..26), line.get(26..)) else {
                    continue;
                };
                let name = name.trim().trim_start_matches("Max ").replace(' ', "_");
                let mut words = rest.split_ascii_whitespace();
                for side in ["soft", "hard"] {
                    if let Some(value) = words.next() {
                        sheet.text(&format!("pid1.{name}:{side}"), value);
                    }
                }
            }
        });
        self.scope.tell(now, sheet, out);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Value,
        observe::fixture::{Tree, setting},
    };

    #[test]
    fn limits_of_sessions_and_of_the_first_process() {
        let tree = Tree::new();
        tree.write(
            "etc/security/limits.conf",
            "# x\n* soft nofile 1024\n@audio - rtprio 95 # fast\nbroken line\n",
        );
        tree.write("etc/security/limits.d/10.conf", "* soft nofile 4096\n");
        tree.write("etc/security/limits.d/10.conf.bak", "* soft nofile 1\n");
        tree.write(
            "proc/1/limits",
            "Limit                     Soft Limit           Hard Limit           Units     \n\
             Max cpu time              unlimited            unlimited            seconds   \n\
             Max open files            1048576              524288               files     \né\n",
        );
        let batch = tree.read(&mut Limits::new(&tree.host()), 0).unwrap();
        assert_eq!(setting(&batch, "limits.session.*:nofile:soft"), Some(Value::Int(4096)));
        assert_eq!(setting(&batch, "limits.session.@audio:rtprio:-"), Some(Value::Int(95)));
        assert_eq!(
            setting(&batch, "limits.pid1.open_files:hard"),
            Some(Value::Int(524_288))
        );
        assert_eq!(
            setting(&batch, "limits.pid1.cpu_time:soft"),
            Some(Value::Enum("unlimited".into()))
        );
    }

    #[test]
    fn without_the_first_process_the_rest_is_told() {
        let tree = Tree::new();
        tree.write("etc/security/limits.conf", "* hard core 0\n");
        let mut out = Batch::default();
        assert!(Limits::new(&tree.host()).read(Timestamp(0), &mut out).is_err());
        assert_eq!(setting(&out, "limits.session.*:core:hard"), Some(Value::Int(0)));
    }
}
