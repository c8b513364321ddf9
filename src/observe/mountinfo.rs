//! The mounts of the system, from mountinfo (proc_pid_mountinfo(5)).
#![cfg(target_os = "linux")]

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

/// From where the mounts of the host are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// The file that lists them.
    pub(super) file: &'static str,
    /// The folder their points lie in.
    pub(super) below: &'static str,
}

impl View {
    /// As init sees them, where this process sees others and may look: a service has its own mounts, most of them read-only, and
    /// none that its unit hides.
    pub(super) fn of(root: &Path) -> Self {
        let names = |process: &str| fs::read_link(root.join("proc").join(process).join("ns/mnt")).ok();
        match (names("1"), names("self")) {
            (Some(init), Some(own)) if init != own => Self {
                file: "proc/1/mountinfo",
                below: "proc/1/root",
            },
            _ => Self {
                file: "proc/self/mountinfo",
                below: "",
            },
        }
    }
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Major and minor number of the device, `254:0`.
    pub(super) device: String,
    /// Where it is mounted.
    pub(super) point: PathBuf,
    /// The kind of file system (`ext4`).
    pub(super) kind: String,
    /// What is mounted (`/dev/vda1`, `server:/export`, `tmpfs`).
    pub(super) source: String,
    /// Options of the mount and of the file system, `ro` or `rw` first.
    pub(super) options: Vec<String>,
}

impl Mount {
    /// Reads one line; `None` when it is not of the format.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|b| *b == b' ');
        let mut next = || fields.next().map(unescape);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (_id, _parent) = (next()?, next()?);
        let device = text(next()?);
        let _root = next()?;
        let point = next()?;
        let own = text(next()?);
        // Any number of optional fields, closed by a hyphen.
        while next()? != b"-" {}
        let (kind, source) = (text(next()?), text(next()?));
        let shared = next().map(text).unwrap_or_default();
        // Either may be read-only: the mount, or the file system (after an error); then nobody can write.
        let all = || own.split(',').chain(shared.split(','));
        let access = if all().any(|option| option == "ro") { "ro" } else { "rw" };
        let others = all().filter(|option| !matches!(*option, "" | "ro" | "rw"));
        Some(Self {
            device,
            point: Path::new(OsStr::from_bytes(&point)).to_owned(),
            kind,
            source,
            options: std::iter::once(access).chain(others).map(str::to_owned).collect(),
        })
    }

    /// Whether a read of it may wait for another machine or program.
    pub(super) fn remote(&self) -> bool {
        let kind = self.kind.as_str();
        ["nfs", "cifs", "smb", "ceph", "glusterfs", "lustre", "afs", "9p", "fuse"]
            .iter()
            .any(|start| kind.starts_with(start))
            && kind != "fuseblk"
            && kind != "nfsd"
    }

    /// Whether it holds data that can fill it up: no window into the kernel, no image that is always full, no container's layer.
    pub(super) fn fills(&self) -> bool {
        const WINDOWS: [&str; 34] = [
            "autofs",
            "binfmt_misc",
            "bpf",
            "cgroup",
            "cgroup2",
            "configfs",
            "debugfs",
            "devpts",
            "devtmpfs",
            "efivarfs",
            "erofs",
            "fuse.archivemount",
            "fuse.dbfs",
            "fuse.gvfsd-fuse",
            "fuse.lxcfs",
            "fuse.portal",
            "fuse.snapfuse",
            "fusectl",
            "hugetlbfs",
            "iso9660",
            "mqueue",
            "nfsd",
            "nsfs",
            "overlay",
            "proc",
            "pstore",
            "ramfs",
            "rpc_pipefs",
            "securityfs",
            "selinuxfs",
            "squashfs",
            "sysfs",
            "tracefs",
            "udf",
        ];
        let root_of_container = self.kind == "overlay" && self.point == Path::new("/");
        let passing = [
            "/run/user",
            "/run/credentials",
            "/run/netns",
            "/sys",
            "/proc",
            "/var/lib/docker",
            "/var/lib/containers",
        ]
        .iter()
        .any(|folder| self.point.starts_with(folder));
        let fixed = self.kind == "tmpfs" && self.options.iter().any(|option| option == "ro");
        root_of_container || !(WINDOWS.contains(&self.kind.as_str()) || passing || fixed)
    }
}

/// All mounts in the order of the file, which is that of mounting; lines of another format are left out.
pub(super) fn mounts(file: &[u8]) -> impl Iterator<Item = Mount> + '_ {
    file.split(|b| *b == b'\n').filter_map(Mount::parse)
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = |b: &u8| (b'0'..=b'7').contains(b);
        if *first == b'\\' && after.len() >= 3 && after[..3].iter().all(octal) {
            let code = after[..3].iter().fold(0u32, |sum, b| sum * 8 + u32::from(b - b'0'));
            plain.push(u8::try_from(code & 0xff).unwrap_or(b'?'));
            rest = &after[3..];
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &[u8]) -> Mount {
        mounts(line).next().unwrap()
    }

    #[test]
    fn a_line_with_optional_fields_and_escapes() {
        let mount =
            one(b"36 35 98:0 /mnt1 /my\\040disk\\134 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue");
        assert_eq!(mount.point, Path::new("/my disk\\"));
        assert_eq!(
            (mount.device.as_str(), mount.kind.as_str(), mount.source.as_str()),
            ("98:0", "ext3", "/dev/root")
        );
        assert_eq!(mount.options, ["rw", "noatime", "errors=continue"]);
        assert!(mount.fills() && !mount.remote());
    }

    #[test]
    fn lines_of_another_format_are_left_out_and_any_byte_is_a_name() {
        let file = b"\n1 2\n36 35 98:0 / / rw no hyphen\n1 1 0:1 / /a\xff\x1b rw - tmpfs none rw\n36 35 98:0 / /b rw - nfs4 s:/x rw\n";
        let all: Vec<Mount> = mounts(file).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].point.as_os_str().as_bytes(), b"/a\xff\x1b");
        assert!(all[1].remote());
    }

    #[test]
    fn what_cannot_fill_is_not_measured() {
        for line in [
            "1 1 0:5 / /proc rw - proc proc rw",
            "1 1 0:5 / /snap/x ro - squashfs /dev/loop0 ro",
            "1 1 0:5 / /var/lib/docker/overlay2/x rw - overlay overlay rw",
            "1 1 0:5 / /x ro - tmpfs none ro,size=4k",
            "1 1 0:5 / /net rw - autofs systemd-1 rw",
        ] {
            assert!(!one(line.as_bytes()).fills(), "{line}");
        }
        assert_eq!(
            one(b"1 1 8:1 / / rw - ext4 /dev/sda1 ro").options,
            ["ro"],
            "remounted after an error"
        );
        assert!(one(b"1 1 0:5 / / rw - overlay overlay rw").fills());
        assert!(one(b"1 1 0:5 / /tmp rw - tmpfs tmpfs rw,size=1g").fills());
    }
}
