//! What is plugged into the host: PCI and USB devices, and modules of memory.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::file::{name_of, plain_file, small};
use crate::domain::{Quantity, Unit, Value};

/// Most devices of a kind that are told of, and most bytes of one table of the firmware.
const MOST: usize = 2_000;
const MOST_BYTES: u64 = 4 << 10;

/// The devices of a host. What a device is stays the same while it is plugged in: only its driver is read again.
pub(super) struct Devices {
    root: PathBuf,
    /// What stands at each path, and the number of its folder: a device that is plugged in anew has another.
    known: BTreeMap<PathBuf, (u64, String)>,
    /// The modules of memory, which are looked for once.
    memory: Option<Vec<(String, Value)>>,
}

impl Devices {
    /// The devices of the host whose tree begins at `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            known: BTreeMap::new(),
            memory: None,
        }
    }

    /// PCI devices by address: `8086:2922 class 0106 rev 02 driver ahci`.
    pub(super) fn pci(&mut self) -> Vec<(String, Value)> {
        self.all(
            "sys/bus/pci/devices",
            |_| true,
            |path| {
                let hex = |file: &str| small(&path.join(file)).map(|text| text.trim_start_matches("0x").to_owned());
                let (vendor, device) = (hex("vendor")?, hex("device")?);
                let class = hex("class").unwrap_or_default();
                let class = class.get(..4).unwrap_or(&class);
                let revision = hex("revision").unwrap_or_default();
                Some(format!("{vendor}:{device} class {class} rev {revision}"))
            },
        )
    }

    /// USB devices by port, without the hubs that controllers bring: `046d:c31c Logitech Keyboard`.
    pub(super) fn usb(&mut self) -> Vec<(String, Value)> {
        // An interface of a device has a colon.
        let wanted = |name: &str| !name.contains(':') && !name.starts_with("usb");
        self.all("sys/bus/usb/devices", wanted, |path| {
            let read = |file: &str| small(&path.join(file)).filter(|text| !text.is_empty());
            let mut words = vec![format!("{}:{}", read("idVendor")?, read("idProduct")?)];
            words.extend(["manufacturer", "product", "version"].iter().filter_map(|file| {
                let text = read(file)?;
                Some(if *file == "version" {
                    format!("usb {}", text.trim())
                } else {
                    text
                })
            }));
            Some(words.join(" "))
        })
    }

    fn all(
        &mut self,
        folder: &str,
        wanted: impl Fn(&str) -> bool,
        what: impl Fn(&Path) -> Option<String>,
    ) -> Vec<(String, Value)> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let (mut all, mut there) = (Vec::new(), BTreeMap::new());
        for entry in entries.take(MOST) {
            let (name, path) = (name_of(&entry.file_name()), entry.path());
            if !wanted(&name) {
                continue;
            }
            // The folder itself, not the link to it.
            let Ok(inode) = fs::metadata(&path).map(|meta| meta.ino()) else {
                continue;
            };
            let known = self.known.remove(&path).filter(|(before, _)| *before == inode);
            let Some(is) = known.map(|(_, is)| is).or_else(|| what(&path)) else {
                continue;
            };
            let driver = fs::read_link(path.join("driver")).ok();
            let driver = driver.as_deref().and_then(Path::file_name).map(name_of);
            let text = match driver {
                Some(driver) => format!("{is} driver {driver}"),
                None => is.clone(),
            };
            all.push((name, Value::text(&text)));
            there.insert(path, (inode, is));
        }
        // What is left of this folder was unplugged.
        let folder = self.root.join(folder);
        self.known.retain(|path, _| !path.starts_with(&folder));
        self.known.append(&mut there);
        all
    }

    /// Modules of memory by slot, from the firmware's tables, which root alone may read, else from the kernel's drivers for memory that
    /// corrects errors.
    pub(super) fn memory(&mut self) -> &[(String, Value)] {
        let root = &self.root;
        self.memory.get_or_insert_with(|| {
            let told = slots(&root.join("sys/firmware/dmi/entries"));
            if told.is_empty() {
                modules(&root.join("sys/devices/system/edac/mc"))
            } else {
                told
            }
        })
    }
}

/// The names in a folder, in order, with their paths.
fn sorted(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<_> = entries
        .take(MOST)
        .map(|entry| (name_of(&entry.file_name()), entry.path()))
        .collect();
    all.sort();
    all
}

/// The slots in the firmware's tables of type 17.
fn slots(folder: &Path) -> Vec<(String, Value)> {
    let tables = sorted(folder).into_iter().filter(|(name, _)| name.starts_with("17-"));
    let read = |(_, path): (String, PathBuf)| slot(&plain_file(&path.join("raw"), MOST_BYTES)?);
    tables.filter_map(read).collect()
}

/// A memory device (SMBIOS 3.7, section 7.18): its place, and its size, kind, speed, maker and part, or `empty`.
fn slot(table: &[u8]) -> Option<(String, Value)> {
    let length = usize::from(*table.get(1)?);
    if *table.first()? != 17 || length < 0x15 || table.len() < length {
        return None;
    }
    let word = |at: usize| {
        let bytes = table[..length].get(at..at + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    // Texts stand behind the table, each with a zero at its end; they are told by number from one.
    let text = |at: usize| {
        let number = usize::from(*table[..length].get(at)?).checked_sub(1)?;
        let text = table[length..].split(|byte| *byte == 0).nth(number)?;
        let text = String::from_utf8_lossy(text).trim().to_owned();
        let said = !text.is_empty() && !["unknown", "not specified", "none"].contains(&&*text.to_ascii_lowercase());
        said.then_some(text)
    };
    let places: Vec<String> = [0x11, 0x10].into_iter().filter_map(text).collect();
    let place = if places.is_empty() {
        "slot".into()
    } else {
        places.join(" ")
    };
    let mebibytes = match word(0x0c)? {
        0 => return Some((place, Value::text("empty"))),
        0xffff => None,
        0x7fff => {
            let bytes = table[..length].get(0x1c..0x20)?;
            let size = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) & 0x7fff_ffff;
            Some(f64::from(size))
        }
        // The highest bit says that it counts kibibytes.
        size if size & 0x8000 != 0 => Some(f64::from(size & 0x7fff) / 1024.0),
        size => Some(f64::from(size)),
    };
    let size = mebibytes.and_then(|size| Quantity::new(size * f64::from(1 << 20), Unit::Bytes));
    let mut words: Vec<String> = size.map(|size| Value::Quantity(size).to_string()).into_iter().collect();
    let kind = match table[0x12] {
        0x18 => "DDR3",
        0x1a => "DDR4",
        0x1b => "LPDDR",
        0x1c => "LPDDR2",
        0x1d => "LPDDR3",
        0x1e => "LPDDR4",
        0x20 => "HBM",
        0x21 => "HBM2",
        0x22 => "DDR5",
        0x23 => "LPDDR5",
        0x12 => "DDR",
        0x13 => "DDR2",
        _ => "",
    };
    words.extend((!kind.is_empty()).then(|| kind.to_owned()));
    let speed = word(0x15).filter(|speed| ![0, 0xffff].contains(speed));
    words.extend(speed.map(|speed| format!("{speed} MT/s")));
    words.extend([0x17, 0x1a].into_iter().filter_map(text));
    Some((place, Value::text(&words.join(" "))))
}

/// Modules that the kernel counts errors of: `/sys/devices/system/edac/mc/mc0/dimm0`.
fn modules(folder: &Path) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (controller, path) in sorted(folder) {
        for (module, path) in sorted(&path).into_iter().filter(|(name, _)| name.starts_with("dimm")) {
            let read = |file: &str| small(&path.join(file)).filter(|text| !text.is_empty());
            let Some(mebibytes) = read("size").and_then(|text| text.parse::<f64>().ok()) else {
                continue;
            };
            let size = Quantity::new(mebibytes * f64::from(1 << 20), Unit::Bytes);
            let mut words: Vec<String> = size.map(|size| Value::Quantity(size).to_string()).into_iter().collect();
            words.extend(["dimm_mem_type", "dimm_label"].into_iter().filter_map(read));
            all.push((format!("{controller} {module}"), Value::text(&words.join(" "))));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    fn shown(all: &[(String, Value)]) -> Vec<String> {
        let mut all: Vec<String> = all.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        all.sort();
        all
    }

    #[test]
    fn what_is_plugged_in_and_what_drives_it() {
        let tree = Tree::new();
        let device = "sys/bus/pci/devices/0000:00:1f.2";
        for (file, text) in [
            ("vendor", "0x8086\n"),
            ("device", "0x2922\n"),
            ("class", "0x010601\n"),
            ("revision", "0x02\n"),
        ] {
            tree.write(&format!("{device}/{file}"), text);
        }
        tree.write("sys/bus/pci/devices/broken/vendor", "0x1\n");
        for name in ["1-2", "1-2:1.0", "usb1"] {
            tree.write(&format!("sys/bus/usb/devices/{name}/idVendor"), "046d\n");
            tree.write(&format!("sys/bus/usb/devices/{name}/idProduct"), "c31c\n");
        }
        tree.write("sys/bus/usb/devices/1-2/product", "Keyboard\n");
        let mut devices = Devices::new(&tree.path(""));
        assert_eq!(shown(&devices.pci()), ["0000:00:1f.2: 8086:2922 class 0106 rev 02"]);
        assert_eq!(shown(&devices.usb()), ["1-2: 046d:c31c Keyboard"]);
        // Bound to another driver, and unplugged.
        std::os::unix::fs::symlink("../../drivers/vfio-pci", tree.path(device).join("driver")).unwrap();
        assert_eq!(
            shown(&devices.pci()),
            ["0000:00:1f.2: 8086:2922 class 0106 rev 02 driver vfio-pci"]
        );
        // Another keyboard at the same port; the former folder stays, so that its number does.
        fs::rename(tree.path("sys/bus/usb/devices/1-2"), tree.path("former")).unwrap();
        tree.write("sys/bus/usb/devices/1-2/idVendor", "1532\n");
        tree.write("sys/bus/usb/devices/1-2/idProduct", "0203\n");
        assert_eq!(shown(&devices.usb()), ["1-2: 1532:0203"]);
        // What stays plugged in is not read again.
        tree.write("sys/bus/usb/devices/1-2/idProduct", "0204\n");
        assert_eq!(shown(&devices.usb()), ["1-2: 1532:0203"]);
        fs::remove_dir_all(tree.path("sys/bus/usb/devices/1-2")).unwrap();
        assert_eq!(shown(&devices.usb()), Vec::<String>::new());
        assert_eq!(devices.known.len(), 1);
    }

    /// A table of type 17 of 0x22 bytes, of that size and with those texts: place, bank, maker, part.
    fn table(size: u16, extended: u32, texts: &[&str]) -> Vec<u8> {
        let mut table = vec![0; 0x22];
        (table[0], table[1], table[0x12]) = (17, 0x22, 0x1a);
        table[0x0c..0x0e].copy_from_slice(&size.to_le_bytes());
        (table[0x10], table[0x11], table[0x17], table[0x1a]) = (1, 2, 3, 4);
        table[0x15..0x17].copy_from_slice(&3_200_u16.to_le_bytes());
        table[0x1c..0x20].copy_from_slice(&extended.to_le_bytes());
        for text in texts {
            table.extend(text.as_bytes());
            table.push(0);
        }
        table.push(0);
        table
    }

    #[test]
    fn modules_of_memory() {
        let tree = Tree::new();
        let texts = ["DIMM_A1", "BANK 0", "Samsung", "M393A4K40 "];
        for (number, (size, extended)) in [(16_384, 0), (0x7fff, 65_536), (0, 0)].into_iter().enumerate() {
            let path = format!("sys/firmware/dmi/entries/17-{number}/raw");
            tree.write(&path, table(size, extended, &texts));
        }
        tree.write("sys/firmware/dmi/entries/1-0/raw", "x");
        let mut devices = Devices::new(&tree.path(""));
        let told: Vec<String> = devices.memory().iter().map(|(_, value)| value.to_string()).collect();
        assert_eq!(
            told,
            [
                "16G DDR4 3200 MT/s Samsung M393A4K40",
                "64G DDR4 3200 MT/s Samsung M393A4K40",
                "empty"
            ]
        );
        assert_eq!(devices.memory()[0].0, "BANK 0 DIMM_A1");
        let tree = Tree::new();
        tree.write("sys/devices/system/edac/mc/mc0/dimm1/size", "8192\n");
        tree.write(
            "sys/devices/system/edac/mc/mc0/dimm1/dimm_mem_type",
            "Registered-DDR4\n",
        );
        assert_eq!(
            shown(Devices::new(&tree.path("")).memory()),
            ["mc0 dimm1: 8G Registered-DDR4"]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_table_of_the_firmware_hurts(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            let mut bytes = bytes;
            slot(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = 17;
            }
            slot(&bytes);
        }
    }
}
