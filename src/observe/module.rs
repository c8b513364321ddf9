//! Parameters of the kernel's modules, as they are now: `/sys/module/*/parameters`.
#![cfg(target_os = "linux")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::{
    Host, ObserveError, Source,
    file::{failed, small},
    scope::Scope,
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp};

/// Time between two readings: parameters are set when a module is loaded, few of them later.
const EVERY: Span = Span::from_mins(5);
/// Most parameters that are told of, and longest value.
const MOST: usize = 4_000;
const LONGEST: usize = 400;
/// Modules whose parameters count or name something of the moment.
const LEFT_OUT: [&str; 3] = ["kernel", "page_reporting", "printk"];

/// Reads the parameters of modules.
pub(super) struct Modules {
    folder: PathBuf,
    every: Span,
    scope: Scope,
}

impl Modules {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            folder: host.root.join("sys/module"),
            every: EVERY.max(host.settings_interval),
            scope: Scope::new(host, "module"),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }
}

impl Source for Modules {
    fn name(&self) -> &'static str {
        "module"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let modules = fs::read_dir(&self.folder).map_err(|source| failed(&self.folder, source))?;
        let mut sheet = self.scope.sheet();
        for module in modules.flatten() {
            let name = module.file_name().to_string_lossy().into_owned();
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            for parameter in fs::read_dir(module.path().join("parameters"))
                .into_iter()
                .flatten()
                .flatten()
            {
                // One that can only be written starts something.
                let readable = parameter
                    .metadata()
                    .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o444 != 0);
                if sheet.len() >= MOST || !readable {
                    continue;
                }
                if let Some(text) = small(&parameter.path()).filter(|text| text.len() <= LONGEST) {
                    // The kernel's own words for a switch.
                    let text = match text.as_str() {
                        "Y" => "on",
                        "N" => "off",
                        other => other,
                    };
                    sheet.text(&format!("{name}.{}", parameter.file_name().to_string_lossy()), text);
                }
            }
        }
        self.scope.tell(now, sheet, out);
        Ok(())
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
    fn parameters_by_module() {
        let tree = Tree::new();
        let mut source = Modules::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        tree.write("sys/module/nvme/parameters/poll_queues", "2\n");
        tree.write("sys/module/kvm/parameters/halt_poll", "Y\n");
        tree.write("sys/module/odd/parameters/trigger", "x\n");
        tree.write("sys/module/odd/parameters/long", "x".repeat(1_000));
        let closed = fs::Permissions::from_mode(0o200);
        fs::set_permissions(tree.path("sys/module/odd/parameters/trigger"), closed).unwrap();
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(setting(&batch, "module.nvme.poll_queues"), Some(Value::Int(2)));
        assert_eq!(setting(&batch, "module.kvm.halt_poll"), Some(Value::Bool(true)));
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 2);
    }
}
