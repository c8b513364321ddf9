//! What may tell who changed a setting: the file it comes from, or a command that names it.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use it")
)]

use std::{fs, path::Path};

use super::witness::Clue;

/// Most files of a folder that are looked at.
const MOST: usize = 1_000;

/// Programs that set rules of the firewall, and their services.
const FIREWALLS: [&str; 15] = [
    "nft",
    "iptables",
    "ip6tables",
    "iptables-restore",
    "ip6tables-restore",
    "iptables-nft",
    "ip6tables-nft",
    "iptables-legacy",
    "ip6tables-legacy",
    "ebtables",
    "arptables",
    "ipset",
    "ufw",
    "firewall-cmd",
    "netfilter-persistent",
];
const FIREWALL_SERVICES: [&str; 10] = [
    "nftables",
    "nftables.service",
    "iptables",
    "iptables.service",
    "ufw",
    "ufw.service",
    "firewalld",
    "firewalld.service",
    "netfilter-persistent",
    "netfilter-persistent.service",
];
/// Programs that load and remove modules of the kernel; those that set up volumes; and those that name what is on a disk.
const LOADERS: [&str; 3] = ["modprobe", "rmmod", "kmod"];
const VOLUMES: [&str; 17] = [
    "lvcreate",
    "lvremove",
    "lvextend",
    "lvreduce",
    "lvresize",
    "lvrename",
    "lvconvert",
    "lvchange",
    "lvm",
    "vgchange",
    "vgextend",
    "vgreduce",
    "vgremove",
    "pvmove",
    "dmsetup",
    "cryptsetup",
    "multipath",
];
const LABELLERS: [&str; 18] = [
    "mkfs",
    "mkfs.ext4",
    "mkfs.xfs",
    "mkfs.btrfs",
    "mkfs.vfat",
    "mke2fs",
    "mkswap",
    "swaplabel",
    "e2label",
    "tune2fs",
    "xfs_admin",
    "btrfs",
    "fatlabel",
    "wipefs",
    "parted",
    "sfdisk",
    "fdisk",
    "sgdisk",
];
/// Programs that end others by their names.
const KILLERS: [&str; 2] = ["pkill", "killall"];
/// Programs that start and stop services.
pub(super) const STARTERS: [&str; 4] = ["systemctl", "service", "invoke-rc.d", "rc-service"];

/// What may tell who changed the setting `name` of `scope`, on the host whose tree begins at `root`; nothing where nobody can. `said` gives
/// what another setting of the scope says, or said before.
pub(super) fn about(scope: &str, name: &str, root: &Path, said: &dyn Fn(&str) -> Option<String>) -> Vec<Clue> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let file = |path: &str| Clue::File(path.to_owned());
    // `thing:property`; a name of a thing may hold a colon itself.
    let thing = name.rsplit_once(':').map_or(name, |(thing, _)| thing);
    match scope {
        "sysctl" => {
            let path = name.replace('.', "/");
            vec![
                Clue::Command(&["sysctl"], vec![format!("{name}="), format!("{path}=")]),
                Clue::Command(&[], vec![format!("/proc/sys/{path}")]),
            ]
        }
        "mount" => vec![Clue::Command(
            &[
                "mount",
                "umount",
                "mount.nfs",
                "mount.cifs",
                "fusermount",
                "fusermount3",
            ],
            vec![thing.to_owned(), format!("{}/", thing.trim_end_matches('/'))],
        )],
        "firewall" if name.ends_with(" routing") || name.ends_with(" routing:order") => {
            vec![Clue::Command(&["ip"], words(&["rule"]))]
        }
        "firewall" => vec![
            Clue::Command(&FIREWALLS, Vec::new()),
            Clue::Command(&STARTERS, words(&FIREWALL_SERVICES)),
        ],
        "module" => {
            let (module, parameter) = name.split_once('.').unwrap_or((name, ""));
            let path = format!("/sys/module/{module}/parameters/{parameter}");
            vec![Clue::Command(&[], vec![path]), loaded(module)]
        }
        "storage" => storage(name),
        "port" => {
            // `tcp/0.0.0.0:80:unit` and the others of its port.
            let port = ["program", "unit", "package"]
                .iter()
                .find_map(|end| name.strip_suffix(end)?.strip_suffix(':'))
                .unwrap_or(name);
            let unit = said(&format!("{port}:unit")).filter(|unit| unit.ends_with(".service"));
            let package = said(&format!("{port}:package")).map(Clue::Brought);
            let command = unit.map(|unit| {
                let bare = unit.trim_end_matches(".service").to_owned();
                Clue::Command(&STARTERS, vec![unit, bare])
            });
            command.into_iter().chain(package).collect()
        }
        // What a listener shows comes from no file that it tells.
        "cert" if name.starts_with('/') => vec![file(thing)],
        "hw" if name.starts_with("module.") => vec![loaded(name.trim_start_matches("module."))],
        "hw" if name.starts_with("disk.") => {
            let mut parts = name.splitn(3, '.').skip(1);
            let (disk, what) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            vec![
                Clue::Command(&[], vec![format!("/sys/block/{disk}/queue/{what}")]),
                Clue::Command(&["blockdev", "hdparm", "nvme"], vec![format!("/dev/{disk}")]),
            ]
        }
        "hw" if name.starts_with("memory.thp_") => {
            let what = name.trim_start_matches("memory.thp_");
            vec![Clue::Command(
                &[],
                vec![format!("/sys/kernel/mm/transparent_hugepage/{what}")],
            )]
        }
        "hw" if name == "hostname" => vec![
            Clue::Command(&["hostname", "hostnamectl"], Vec::new()),
            file("/etc/hostname"),
        ],
        "hw" if name.starts_with("swap.") => vec![Clue::Command(&["swapon", "swapoff"], Vec::new())],
        "hw" if name == "timezone" => vec![file("/etc/localtime"), file("/etc/timezone")],
        "net" if name.starts_with("hosts.") => vec![file("/etc/hosts")],
        "net" if name.starts_with("resolver.") => vec![file("/etc/resolv.conf")],
        "net" => {
            let link = name.split('.').next().unwrap_or_default().to_owned();
            vec![Clue::Command(
                &["ip", "ifconfig", "ethtool", "nmcli", "ifup", "ifdown"],
                vec![link],
            )]
        }
        "limits" if name.starts_with("session.") => {
            let mut all = vec![file("/etc/security/limits.conf")];
            all.extend(within(root, "/etc/security/limits.d"));
            all
        }
        "sshd" => {
            let mut all = vec![file("/etc/ssh/sshd_config")];
            all.extend(within(root, "/etc/ssh/sshd_config.d"));
            all
        }
        "cron" => cron(name, root),
        "unit" => {
            let bare = thing.strip_suffix(".service").unwrap_or(thing);
            let mut all = vec![Clue::Command(
                &["systemctl", "service", "invoke-rc.d", "update-rc.d"],
                vec![thing.to_owned(), bare.to_owned()],
            )];
            // No file says whether it runs, nor since when.
            if name.ends_with(":state") {
                let active = said(name).is_some_and(|state| state == "active");
                all.extend((!active).then(|| Clue::Command(&KILLERS, vec![bare.to_owned()])));
                return all;
            }
            all.push(Clue::Named(format!("/etc/systemd/system/{thing}")));
            all.extend(within(root, &format!("/etc/systemd/system/{thing}.d")));
            all
        }
        "pkg" => {
            let package = name.split(':').next().unwrap_or_default();
            if name.ends_with(":hold") {
                vec![Clue::Command(&["apt-mark", "dpkg"], vec![package.to_owned()])]
            } else {
                vec![Clue::Package(package.to_owned())]
            }
        }
        _ => Vec::new(),
    }
}

/// A program that loads or removes the module; it may be called with a dash where the kernel has an underscore.
fn loaded(module: &str) -> Clue {
    Clue::Command(&LOADERS, vec![module.to_owned(), module.replace('_', "-")])
}

/// `raid.md0:members`, `volume.vg-data:size`, `by-label.root`.
fn storage(name: &str) -> Vec<Clue> {
    let thing = name.rsplit_once(':').map_or(name, |(thing, _)| thing);
    if let Some(array) = thing.strip_prefix("raid.") {
        return vec![Clue::Command(
            &["mdadm"],
            vec![array.to_owned(), format!("/dev/{array}")],
        )];
    }
    if let Some(volume) = thing.strip_prefix("volume.") {
        let mut words = vec![volume.to_owned(), format!("/dev/mapper/{volume}")];
        // The device mapper doubles a dash that is part of a name.
        let marked = volume.replace("--", "\0");
        if let Some((group, logical)) = marked.split_once('-') {
            let [group, logical] = [group, logical].map(|part| part.replace('\0', "-"));
            words.extend([
                format!("{group}/{logical}"),
                format!("/dev/{group}/{logical}"),
                logical,
                group,
            ]);
        }
        return vec![Clue::Command(&VOLUMES, words)];
    }
    vec![Clue::Command(&LABELLERS, Vec::new())]
}

/// `/etc/crontab:command`, `/etc/cron.d/file:command`, `user bob:command`, `/etc/cron.daily`.
fn cron(name: &str, root: &Path) -> Vec<Clue> {
    let table = name.split(':').next().unwrap_or_default();
    if let Some(user) = table.strip_prefix("user ") {
        let folders = ["/var/spool/cron/crontabs", "/var/spool/cron", "/etc/crontabs"];
        let there = folders.map(|folder| format!("{folder}/{user}")).into_iter();
        return there
            .filter(|path| root.join(path.trim_start_matches('/')).is_file())
            .map(Clue::File)
            // A table that is gone: the program that removed it was told whose.
            .chain([Clue::Command(&["crontab"], vec![user.to_owned()])])
            .collect();
    }
    if table == name {
        return within(root, table);
    }
    vec![Clue::File(table.to_owned())]
}

/// The files of a folder of the host.
fn within(root: &Path, folder: &str) -> Vec<Clue> {
    let entries = fs::read_dir(root.join(folder.trim_start_matches('/')))
        .into_iter()
        .flatten()
        .flatten();
    let path = |entry: fs::DirEntry| Clue::Named(format!("{folder}/{}", entry.file_name().to_string_lossy()));
    entries.take(MOST).map(path).collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        domain::{Batch, Span, Timestamp},
        observe::{
            fixture::Tree,
            scope::Scope,
            witness::{Deed, Witness},
        },
    };

    /// Who is said to have changed `name` of `scope` between 60 and 120, after `who` ran each command at its second.
    fn by(scope: &'static str, name: &str, ran: &[(i64, &str)]) -> Option<String> {
        let witness = Witness::default();
        let mut known = Scope::new(&Tree::new().host(), scope).asking(&witness);
        let mut out = Batch::default();
        for (at, text) in [(0, "1"), (60, "1"), (120, "2")] {
            let mut sheet = known.sheet();
            sheet.text(name, text);
            for (secs, command) in ran.iter().filter(|(secs, _)| (at - 60..at).contains(secs)) {
                witness.note(Timestamp::from_secs(*secs), Deed::Ran, "alice", command);
            }
            known.tell(Timestamp::from_secs(at), sheet, &mut out);
        }
        assert_eq!((out.changes.len(), out.snapshots.len()), (1, 3));
        out.changes[0].by.as_ref().map(ToString::to_string)
    }

    #[test]
    fn a_command_that_names_the_thing_between_two_readings_says_who() {
        let cases: [(&str, &str, &str); 19] = [
            ("sysctl", "vm.swappiness", "/usr/sbin/sysctl -w vm.swappiness=10"),
            ("sysctl", "vm.swappiness", "/usr/bin/tee /proc/sys/vm/swappiness"),
            ("mount", "/mnt/data:options", "/usr/bin/mount -o remount,ro /mnt/data"),
            ("unit", "cron.service:state", "/usr/bin/systemctl stop cron"),
            ("unit", "cron.service:state", "/usr/bin/pkill -9 cron"),
            (
                "unit",
                "cron.service:enabled",
                "/usr/bin/systemctl disable cron.service",
            ),
            ("hw", "timezone", "/usr/bin/timedatectl set-timezone Europe/Berlin"),
            ("net", "hosts.db", "/usr/bin/tee -a /etc/hosts"),
            ("cron", "/etc/cron.d/x:/bin/x", "/usr/bin/vim /etc/cron.d/x"),
            ("cron", "user bob:/bin/x", "crontab -u bob"),
            (
                "firewall",
                "inet filter input",
                "/usr/sbin/nft add rule inet filter input drop",
            ),
            (
                "firewall",
                "ip filter INPUT:order",
                "/usr/bin/systemctl reload nftables",
            ),
            (
                "firewall",
                "ip routing",
                "/usr/sbin/ip rule add from 10.0.0.0/8 table 5",
            ),
            ("module", "nf_conntrack.hashsize", "/usr/sbin/modprobe nf-conntrack"),
            (
                "module",
                "kvm.halt_poll",
                "/usr/bin/tee /sys/module/kvm/parameters/halt_poll",
            ),
            ("hw", "module.dummy", "/usr/sbin/modprobe dummy numdummies=2"),
            (
                "storage",
                "raid.md0:members",
                "/usr/sbin/mdadm /dev/md0 --fail /dev/sda1",
            ),
            (
                "storage",
                "volume.vg-data--one:size",
                "/usr/sbin/lvextend -L +1G vg/data-one",
            ),
            (
                "cert",
                "/etc/ssl/web.crt:sha256",
                "/usr/bin/cp new.crt /etc/ssl/web.crt",
            ),
        ];
        for (scope, name, command) in cases {
            assert_eq!(
                by(scope, name, &[(100, command)]).as_deref(),
                Some("alice"),
                "{command}"
            );
        }
        let none: [(&str, &str, &str); 12] = [
            ("sysctl", "vm.swappiness", "/usr/sbin/sysctl vm.swappiness"),
            ("sysctl", "vm.swap", "/usr/sbin/sysctl -w vm.swappiness=10"),
            ("mount", "/mnt:options", "/usr/bin/mount /mnt/data"),
            ("unit", "cron.service:state", "/usr/bin/systemctl status cron"),
            ("net", "hosts.db", "/usr/bin/cat /etc/hosts"),
            ("hw", "disk.sda.size", "/usr/bin/timedatectl set-timezone Europe/Berlin"),
            ("firewall", "inet filter input", "/usr/sbin/nft list ruleset"),
            ("firewall", "ip routing", "/usr/sbin/ip route add default via 10.0.0.1"),
            ("firewall", "inet filter input", "/usr/bin/systemctl reload nginx"),
            ("module", "kvm.halt_poll", "/usr/sbin/modprobe dummy"),
            ("cron", "user bob:/bin/x", "crontab -u alice"),
            ("cert", "tcp/0.0.0.0:443:sha256", "/usr/bin/vim /etc/nginx/nginx.conf"),
        ];
        for (scope, name, command) in none {
            assert_eq!(by(scope, name, &[(100, command)]), None, "{command}");
        }
        assert_eq!(
            by("unit", "cron.service:state", &[(10, "/usr/bin/systemctl stop cron")]),
            None
        );
    }

    #[test]
    fn a_port_is_opened_by_who_starts_its_unit() {
        let witness = Witness::default();
        let mut known = Scope::new(&Tree::new().host(), "port").asking(&witness);
        let mut out = Batch::default();
        known.tell(Timestamp::from_secs(0), known.sheet(), &mut out);
        witness.note(
            Timestamp::from_secs(50),
            Deed::Ran,
            "alice",
            "/usr/bin/systemctl start nginx",
        );
        witness.note(
            Timestamp::from_secs(55),
            Deed::Ran,
            "eve",
            "/usr/bin/systemctl restart cron",
        );
        let mut sheet = known.sheet();
        sheet.text("tcp/0.0.0.0:80", "nginx");
        sheet.text("tcp/0.0.0.0:80:unit", "nginx.service");
        sheet.text("tcp/0.0.0.0:81", "other");
        known.tell(Timestamp::from_secs(60), sheet, &mut out);
        let by: Vec<Option<&str>> = out.changes.iter().map(|change| change.by.as_deref()).collect();
        assert_eq!(by, [Some("alice"), Some("alice"), None]);
    }

    #[test]
    fn a_file_dates_what_a_unit_is_made_of_and_not_whether_it_runs() {
        let tree = Tree::new();
        let mut known = Scope::new(&tree.host(), "unit").asking(&Witness::default());
        let mut out = Batch::default();
        let mut tell = |at: Timestamp, limit: &str, state: &str, out: &mut Batch| {
            let mut sheet = known.sheet();
            sheet.text("x.service:Service.LimitNOFILE", limit);
            sheet.text("x.service:state", state);
            known.tell(at, sheet, out);
        };
        let file = "etc/systemd/system/x.service.d/limit.conf";
        tree.write(file, "[Service]\n");
        let meta = std::fs::metadata(tree.path(file)).unwrap();
        let written = {
            use std::os::unix::fs::MetadataExt as _;
            Timestamp(meta.ctime() * 1_000_000 + meta.ctime_nsec() / 1_000)
        };
        let (before, now) = (written - Span::from_secs(30), written + Span::from_secs(30));
        tell(before, "1024", "active", &mut out);
        tell(now, "4096", "failed", &mut out);
        let window = |part: &str| {
            let change = out.changes.iter().find(|change| change.id.name.ends_with(part));
            change.map(|change| (change.after, change.at)).unwrap()
        };
        assert_eq!(window("LimitNOFILE"), (None, written));
        assert_eq!(window("state"), (Some(before), now));
    }

    #[test]
    fn a_package_has_the_time_and_person_of_its_log() {
        let witness = Witness::default();
        let mut known = Scope::new(&Tree::new().host(), "pkg").asking(&witness);
        let mut out = Batch::default();
        let mut tell = |secs, version: Option<&str>, out: &mut Batch| {
            let mut sheet = known.sheet();
            version.into_iter().for_each(|version| sheet.text("zip:amd64", version));
            known.tell(Timestamp::from_secs(secs), sheet, out);
        };
        witness.read(Deed::Installed, Timestamp::from_secs(0));
        tell(0, None, &mut out);
        witness.read(Deed::Installed, Timestamp::from_secs(50));
        tell(60, Some("3.0"), &mut out);
        assert!(out.changes.is_empty(), "its log is read next");
        witness.note(Timestamp::from_secs(42), Deed::Installed, "alice by apt", "zip");
        witness.read(Deed::Installed, Timestamp::from_secs(60));
        tell(65, Some("3.0"), &mut out);
        let change = &out.changes[0];
        assert_eq!((change.at, change.after), (Timestamp::from_secs(42), None));
        assert_eq!(change.by.as_deref(), Some("alice by apt"));
    }
}
