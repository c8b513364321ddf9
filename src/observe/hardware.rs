//! What the host is made of: processors, memory, disks, devices, firmware, kernel, distribution, time zone.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source,
    device::Devices,
    file::small,
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Quantity, Span, Timestamp, Unit, Value};

/// Reads the hardware and what was booted on it.
pub(super) struct Hardware {
    root: PathBuf,
    every: Span,
    scope: Scope,
    devices: Devices,
}

impl Hardware {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "hw"),
            devices: Devices::new(&host.root),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    fn small(&self, path: &str) -> Option<String> {
        small(&self.root.join(path)).filter(|text| !text.is_empty())
    }

    fn processors(&self, sheet: &mut Sheet) {
        let info = self.small("proc/cpuinfo").unwrap_or_default();
        // Frequency and cache lines change or repeat; these say what it is. Arm names its parts by number.
        const WANTED: [&str; 9] = [
            "vendor_id",
            "model name",
            "microcode",
            "cpu cores",
            "siblings",
            "CPU implementer",
            "CPU part",
            "flags",
            "Features",
        ];
        let mut first: BTreeMap<&str, &str> = BTreeMap::new();
        let mut count = 0;
        for (key, value) in info.lines().filter_map(|line| line.split_once(':')) {
            let (key, value) = (key.trim(), value.trim());
            count += u32::from(key == "processor");
            if WANTED.contains(&key) {
                first.entry(key).or_insert(value);
            }
        }
        for (key, value) in first {
            let name = format!("cpu.{}", key.replace(' ', "_").to_ascii_lowercase());
            match key {
                "flags" | "Features" => sheet.list(&name, value.split_ascii_whitespace().map(|flag| (flag, None))),
                "microcode" | "model name" | "vendor_id" => sheet.put(&name, Value::text(value)),
                _ => sheet.text(&name, value),
            }
        }
        if count > 0 {
            sheet.put("cpu.count", Value::Int(i64::from(count)));
        }
        for (name, path) in children(&self.root.join("sys/devices/system/cpu/vulnerabilities")) {
            if let Some(text) = small(&path) {
                sheet.put(&format!("cpu.vulnerability.{name}"), Value::text(&text));
            }
        }
        for (name, path) in [
            ("cpu.governor", "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            ("cpu.smt", "sys/devices/system/cpu/smt/control"),
            ("cpu.online", "sys/devices/system/cpu/online"),
            (
                "clocksource",
                "sys/devices/system/clocksource/clocksource0/current_clocksource",
            ),
        ] {
            if let Some(text) = self.small(path) {
                sheet.text(name, &text);
            }
        }
    }

    fn memory(&self, sheet: &mut Sheet) {
        let info = self.small("proc/meminfo").unwrap_or_default();
        for (line, name) in [
            ("MemTotal:", "memory.total"),
            ("SwapTotal:", "swap.total"),
            ("Hugepagesize:", "memory.hugepage"),
        ] {
            let kib = info.lines().find_map(|text| {
                text.strip_prefix(line)?
                    .trim()
                    .strip_suffix("kB")?
                    .trim()
                    .parse::<f64>()
                    .ok()
            });
            if let Some(bytes) = kib.and_then(|kib| Quantity::new(kib * 1024.0, Unit::Bytes)) {
                sheet.put(name, Value::Quantity(bytes));
            }
        }
        for name in ["enabled", "defrag", "shmem_enabled"] {
            // `always [madvise] never`: the one in brackets is chosen.
            let text = self.small(&format!("sys/kernel/mm/transparent_hugepage/{name}"));
            if let Some(chosen) = text.as_deref().map(chosen) {
                sheet.text(&format!("memory.thp_{name}"), chosen);
            }
        }
    }

    fn disks(&self, sheet: &mut Sheet) {
        for (name, path) in children(&self.root.join("sys/block")) {
            let sectors = small(&path.join("size"))
                .and_then(|text| text.parse::<f64>().ok())
                .unwrap_or(0.0);
            if sectors <= 0.0 || name.starts_with("loop") || name.starts_with("ram") {
                continue;
            }
            if let Some(bytes) = Quantity::new(sectors * 512.0, Unit::Bytes) {
                sheet.put(&format!("disk.{name}.size"), Value::Quantity(bytes));
            }
            for (file, what) in [
                ("device/model", "model"),
                ("device/rev", "firmware"),
                ("queue/rotational", "rotational"),
                ("queue/scheduler", "scheduler"),
                ("queue/read_ahead_kb", "read_ahead_kb"),
                ("queue/nr_requests", "nr_requests"),
                ("queue/write_cache", "write_cache"),
                ("ro", "read_only"),
            ] {
                if let Some(text) = small(&path.join(file)).filter(|text| !text.is_empty()) {
                    sheet.text(&format!("disk.{name}.{what}"), chosen(&text));
                }
            }
        }
    }

    fn system(&self, sheet: &mut Sheet) {
        for name in [
            "sys_vendor",
            "product_name",
            "product_version",
            "board_name",
            "bios_vendor",
            "bios_version",
            "bios_date",
        ] {
            if let Some(text) = self.small(&format!("sys/class/dmi/id/{name}")) {
                sheet.put(&format!("dmi.{name}"), Value::text(&text));
            }
        }
        for (name, path) in [
            ("hostname", "proc/sys/kernel/hostname"),
            ("kernel.release", "proc/sys/kernel/osrelease"),
            ("kernel.build", "proc/sys/kernel/version"),
        ] {
            if let Some(text) = self.small(path) {
                sheet.put(name, Value::text(&text));
            }
        }
        for line in self.small("etc/os-release").unwrap_or_default().lines() {
            if let Some((key, value)) = line.split_once('=') {
                sheet.put(
                    &format!("os.{}", key.to_ascii_lowercase()),
                    Value::text(value.trim_matches('"')),
                );
            }
        }
        let command_line = self.small("proc/cmdline").unwrap_or_default();
        let words = command_line.split_ascii_whitespace();
        sheet.list(
            "kernel.cmdline",
            words.map(|word| {
                word.split_once('=')
                    .map_or((word, None), |(name, value)| (name, Some(value)))
            }),
        );
        for line in self.small("proc/modules").unwrap_or_default().lines() {
            if let Some(name) = line.split(' ').next() {
                sheet.put(&format!("module.{name}"), Value::Bool(true));
            }
        }
        for line in self.small("proc/swaps").unwrap_or_default().lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            if let [name, kind, _, _, priority] = words[..] {
                sheet.list(
                    &format!("swap.{name}"),
                    [("kind", Some(kind)), ("priority", Some(priority))],
                );
            }
        }
        if let Some(zone) = self.time_zone() {
            sheet.put("timezone", Value::text(&zone));
        }
    }

    /// `Europe/Berlin`, from where `/etc/localtime` points, else from `/etc/timezone`.
    fn time_zone(&self) -> Option<String> {
        let link = fs::read_link(self.root.join("etc/localtime")).ok();
        let name = link.and_then(|link| link.to_str()?.split_once("zoneinfo/").map(|(_, name)| name.to_owned()));
        name.or_else(|| self.small("etc/timezone"))
    }
}

/// Names and paths of what is in a folder.
fn children(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect()
}

/// The word in brackets, or the whole text when there is none.
fn chosen(text: &str) -> &str {
    text.split_once('[')
        .and_then(|(_, rest)| Some(rest.split_once(']')?.0))
        .unwrap_or(text)
}

impl Source for Hardware {
    fn name(&self) -> &'static str {
        "hardware"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut sheet = self.scope.sheet();
        self.processors(&mut sheet);
        self.memory(&mut sheet);
        self.disks(&mut sheet);
        self.system(&mut sheet);
        for (name, list) in [
            ("pci", self.devices.pci()),
            ("usb", self.devices.usb()),
            ("memory.slots", self.devices.memory().to_vec()),
        ] {
            if !list.is_empty() {
                sheet.put_list(name, list);
            }
        }
        self.scope.tell(now, sheet, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    #[test]
    fn parts_of_a_host() {
        let tree = Tree::new();
        tree.write("proc/cpuinfo", "processor\t: 0\nmodel name\t: Xeon 2.0\ncpu MHz: 1\nflags : fpu vme\n\nprocessor: 1\nmodel name\t: Xeon 2.0\n");
        tree.write("proc/meminfo", "MemTotal:  1024 kB\n");
        tree.write("proc/cmdline", "root=/dev/vda quiet luks.password=hunter2\n");
        tree.write("proc/modules", "ext4 999 2 - Live 0x0\n\u{1b} x\n");
        tree.write("sys/block/vda/size", "2048\n");
        tree.write("sys/block/vda/queue/scheduler", "[none] mq-deadline\n");
        tree.write("sys/block/loop0/size", "2048\n");
        tree.write("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n");
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Europe/Berlin", tree.path("etc/localtime")).unwrap();
        let batch = tree.read(&mut Hardware::new(&tree.host()), 0).unwrap();
        let shown = |name: &str| setting(&batch, name).map(|value| value.to_string()).unwrap_or_default();
        assert_eq!(shown("hw.cpu.count"), "2");
        assert_eq!(shown("hw.cpu.flags"), "fpu vme");
        assert_eq!(shown("hw.memory.total"), "1M");
        assert_eq!(shown("hw.disk.vda.size"), "1M");
        assert_eq!(shown("hw.disk.vda.scheduler"), "none");
        assert_eq!(shown("hw.disk.loop0.size"), "");
        assert_eq!(shown("hw.os.pretty_name"), "Debian 12");
        assert_eq!(shown("hw.timezone"), "Europe/Berlin");
        assert_eq!(shown("hw.module.ext4"), "true");
        assert!(shown("hw.kernel.cmdline").starts_with("luks.password=secret#"));
        assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_host_that_shows_nothing_has_few() {
        let tree = Tree::new();
        let batch = tree.read(&mut Hardware::new(&tree.host()), 0).unwrap();
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 1);
    }
}
