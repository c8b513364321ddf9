//! Files in `/etc` that the baseline does not know: moved aside, never removed, and left where they are when too much depends on them.

use super::quote;
use crate::domain::{holds_accounts, matches};

/// Where they are moved to, each under its path below `/etc`: in `/etc` itself some programs read all that lies in a folder.
pub(super) const ASIDE: &str = "/var/backups/foreshadow";

/// What stands in the name of a file that was moved aside.
pub(super) const MOVED: &str = ".aside-$(";

/// Files and folders in `/etc` by which people get in, names are found, programs are loaded, or the machine and its network start. That the
/// baseline does not know of such a file is as likely its own fault, and no command takes a way back that it then needs itself.
const VITAL: [&str; 70] = [
    // Who may come in, and as whom; accounts are told by the domain.
    "login.defs",
    "opt/pam*",
    "pam.conf",
    "pam.d/*",
    "securetty",
    "security/*",
    "shells",
    "ssh/*",
    "sudo.conf",
    "sudoers",
    "sudoers.d/*",
    "sssd/*",
    "krb5.conf",
    // Names, time, and who one is.
    "host.conf",
    "hostname",
    "hosts",
    "localtime",
    "machine-id",
    "nsswitch.conf",
    "os-release",
    "resolv.conf",
    // What every program is loaded with.
    "alternatives/*",
    "environment",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d/*",
    "profile",
    // What the machine starts from.
    "crypttab",
    "default/grub",
    "default/grub.d/*",
    "dracut.conf*",
    "fstab",
    "grub.d/*",
    "initramfs-tools/*",
    "inittab",
    "kernel/*",
    "lvm/*",
    "mdadm*",
    "mkinitcpio*",
    "modules",
    "modules-load.d/*",
    "systemd/journald.conf",
    "systemd/logind.conf",
    "systemd/networkd.conf",
    "systemd/resolved.conf",
    "systemd/system.conf",
    "systemd/system/*.target",
    "systemd/system/*getty*",
    "systemd/system/dbus*",
    // How it is reached.
    "NetworkManager/*",
    "netplan/*",
    "network/*",
    "systemd/network/*",
    "iproute2/*",
    "sysconfig/network*",
    "wireguard/*",
    "openvpn/*",
    "hosts.allow",
    "hosts.deny",
    "nftables*",
    "iptables/*",
    "ufw/*",
    "firewalld/*",
    "selinux/*",
    "hostid",
    "zfs/*",
    "iscsi/*",
    "multipath*",
    "systemd/system/*ssh*",
    "systemd/system/*.mount",
];

/// Whether the file at `path` below `/etc` is one that people or the system may depend on.
pub(super) fn vital(path: &str) -> bool {
    holds_accounts(path) || VITAL.iter().any(|pattern| matches(pattern, path))
}

/// The command that moves the file at `path` below `/etc` aside; `None` where its name cannot be written for a shell.
pub(super) fn aside(path: &str) -> Option<String> {
    let kept = format!("{ASIDE}/{path}");
    let (folder, _) = kept.rsplit_once('/')?;
    let (folder, file) = (quote(folder)?, quote(&format!("/etc/{path}"))?);
    // What was moved there before stays.
    Some(format!(
        "mkdir -p {folder} && mv -- {file} {}.aside-$(date +%s.%N)",
        quote(&kept)?
    ))
}

/// How a file that was moved aside comes back: as it was last, unless there is one in its place.
pub(super) fn returned(path: &str) -> Option<String> {
    let (kept, file) = (quote(&format!("{ASIDE}/{path}"))?, quote(&format!("/etc/{path}"))?);
    Some(format!("mv -n -- \"$(ls -d {kept}.aside-* | tail -n 1)\" {file}"))
}

/// What is to be known of files that were moved aside.
pub(super) fn note() -> String {
    format!("what is moved aside stays in {ASIDE} until someone removes it there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everything_depends_on_is_never_moved() {
        for path in [
            "passwd",
            "shadow",
            "gshadow",
            "subuid",
            "fstab",
            "ssh/ssh_host_ed25519_key",
            "ssh/sshd_config.d/50-cloud-init.conf",
            "pam.d/sshd",
            "sudoers.d/90-cloud-init-users",
            "ld.so.conf.d/libc.conf",
            "nsswitch.conf",
            "systemd/logind.conf",
            "systemd/system/default.target",
            "systemd/system/multi-user.target",
            "default/grub",
            "initramfs-tools/modules",
            "netplan/01-netcfg.yaml",
        ] {
            assert!(vital(path), "{path}");
        }
        for path in [
            "cron.d/backup",
            "sysctl.d/60-vm.conf",
            "systemd/system/x.service",
            "systemd/system/nginx.service.d/limits.conf",
            "apt/sources.list.d/x.list",
            // Loads itself into every program: nothing needs one that nobody knows.
            "ld.so.preload",
        ] {
            assert!(!vital(path), "{path}");
        }
    }

    #[test]
    fn what_is_moved_aside_keeps_its_path_and_comes_back() {
        assert_eq!(
            aside("cron.d/it's").unwrap(),
            r"mkdir -p /var/backups/foreshadow/cron.d && mv -- '/etc/cron.d/it'\''s' '/var/backups/foreshadow/cron.d/it'\''s'.aside-$(date +%s.%N)"
        );
        assert_eq!(
            returned("x").unwrap(),
            r#"mv -n -- "$(ls -d /var/backups/foreshadow/x.aside-* | tail -n 1)" /etc/x"#
        );
        assert_eq!((aside("a\nb"), returned("a\u{1b}[2J")), (None, None));
    }
}
