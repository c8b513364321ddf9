//! Commands that only look: whoever ran them changed nothing.

/// Programs that only look.
const LOOKERS: [&str; 20] = [
    "blkid",
    "cat",
    "diff",
    "egrep",
    "file",
    "findmnt",
    "grep",
    "head",
    "journalctl",
    "less",
    "ls",
    "lsblk",
    "md5sum",
    "more",
    "readlink",
    "sha256sum",
    "stat",
    "tail",
    "wc",
    "zgrep",
];

/// What a program that also changes things only looks with: whole words, and where one ends with `*` all that begin so.
const LOOKING: [(&[&str], &[&str]); 31] = [
    (&["systemctl"], &["status", "show", "cat", "is-*", "list-*", "help"]),
    (&["service", "rc-service"], &["status"]),
    (&["crontab"], &["-l"]),
    (&["nft"], &["list", "monitor", "describe", "-c", "--check"]),
    (&["iptables"], &["--list*", "--check"]),
    (&["ebtables", "arptables"], &["-L", "--list"]),
    (&["ipset"], &["list", "-L", "save", "test"]),
    (&["ip", "bridge", "tc"], &["show", "list", "ls", "get", "monitor"]),
    (&["ufw"], &["status", "show", "version"]),
    (
        &["firewall-cmd"],
        &["--state", "--list-*", "--get-*", "--query-*", "--info-*"],
    ),
    (
        &["mdadm"],
        &[
            "--detail*",
            "-D",
            "--examine*",
            "-E",
            "--query",
            "-Q",
            "--monitor",
            "-F",
        ],
    ),
    (
        &["dmsetup"],
        &["ls", "info", "table", "status", "deps", "targets", "version"],
    ),
    (&["cryptsetup"], &["status", "luksDump", "isLuks"]),
    (&["multipath"], &["-l", "-ll"]),
    (&["fdisk", "sfdisk"], &["-l", "--list", "-d", "--dump"]),
    (&["parted"], &["-l", "--list", "print"]),
    (&["tune2fs"], &["-l"]),
    (&["wipefs"], &["-n", "--no-act"]),
    (&["hdparm"], &["-I", "-i", "-g", "-t", "-T", "-tT"]),
    (&["nvme"], &["list*", "smart-log", "id-*", "get-*", "error-log"]),
    (&["ethtool"], &["-i", "-k", "-S", "-g", "-a", "-c"]),
    (&["swapon"], &["-s", "--show*", "--summary"]),
    (&["hostname"], &["-f", "-I", "-i", "-s", "-d", "-A"]),
    (
        &["hostnamectl", "timedatectl", "localectl"],
        &["status", "show", "list-*"],
    ),
    (&["nmcli"], &["show", "status", "list"]),
    (&["modprobe"], &["-n", "--dry-run", "-c", "--show*", "-D"]),
    (&["sysctl"], &["-a", "-n", "--all"]),
    (
        &["apt", "apt-get", "aptitude", "apk"],
        &[
            "list",
            "show",
            "search",
            "policy",
            "info",
            "update",
            "download",
            "changelog",
            "check",
            "-s",
            "--simulate",
            "--dry-run",
        ],
    ),
    (
        &["dpkg"],
        &[
            "-l", "-L", "-S", "-s", "-p", "-V", "--list*", "--search", "--status", "--verify",
        ],
    ),
    (
        &["rpm"],
        &["-q*", "--query", "-V*", "--verify", "-K", "--checksig", "-E", "--eval"],
    ),
    (
        &["dnf", "dnf-3", "dnf5", "microdnf", "yum", "zypper", "pkcon"],
        &[
            "list*",
            "info",
            "search",
            "repoquery",
            "repolist",
            "check-update",
            "history",
            "provides",
            "makecache",
            "updateinfo",
            "help",
            "refresh",
            "lu",
            "se",
        ],
    ),
];

/// Programs of which the first plain word says what they do.
const MANAGERS: [&str; 11] = [
    "apt", "apt-get", "aptitude", "apk", "dnf", "dnf-3", "dnf5", "microdnf", "yum", "zypper", "pkcon",
];

/// The program a command line runs, without its folder.
pub(super) fn program(command: &str) -> &str {
    let program = command.split(' ').next().unwrap_or_default();
    program.rsplit('/').next().unwrap_or_default()
}

/// Tells whether a command line (a program, its folder or not, and its words) only looks: it changes nothing, whatever it names.
pub fn looks(command: &str) -> bool {
    let program = program(command);
    let mut words = command.split(' ').filter(|word| !word.is_empty()).skip(1);
    // All that set rules of iptables are told the same; `L`, `S` and `C` may stand among other letters.
    let tables = program.starts_with("ip6tables") || program.starts_with("iptables");
    if tables
        && words
            .clone()
            .any(|word| flags(word).is_some_and(|flags| flags.contains(['L', 'S', 'C'])))
    {
        return true;
    }
    let family = if tables { "iptables" } else { program };
    let with = LOOKING.iter().find(|(programs, _)| programs.contains(&family));
    let only = |word: &str, look: &str| match look.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == look,
    };
    // A package may be called as a word of its manager is.
    let verb = words.clone().find(|word| !word.starts_with('-'));
    let verbs = MANAGERS.contains(&program);
    let counts = |word: &str| !verbs || word.starts_with('-') || Some(word) == verb;
    // What a shell sends elsewhere is in the words of the shell, which is none of these.
    LOOKERS.contains(&program)
        || with.is_some_and(|(_, looks)| words.any(|word| counts(word) && looks.iter().any(|look| only(word, look))))
}

/// The letters of short options that stand in one word.
fn flags(word: &str) -> Option<&str> {
    word.strip_prefix('-').filter(|flags| !flags.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_looks_is_told_from_who_changes() {
        for command in [
            "/usr/sbin/iptables -nvL",
            "iptables-legacy -t nat -S",
            "mdadm --detail /dev/md0",
            "/sbin/ip rule show",
            "firewall-cmd --list-ports",
            "rpm -qa",
            "dnf check-update",
            "apt list --upgradable",
            "systemctl is-active nginx",
            "swapon --show=NAME",
            "service nginx status",
        ] {
            assert!(looks(command), "{command}");
        }
        for command in [
            "/usr/sbin/iptables -A INPUT -s 10.0.0.1 -j DROP",
            "iptables-restore /etc/rules",
            "mdadm --manage /dev/md0 --fail /dev/sdb",
            "ip rule add from 10.0.0.1 table 5",
            "firewall-cmd --add-port=80/tcp",
            "rpm -Uvh foo.rpm",
            "dnf -y upgrade",
            "apt-get install list",
            "systemctl restart nginx",
            "swapon /dev/sdb",
            "service nginx restart",
            "bash -c mdadm --detail /dev/md0 > /etc/mdadm.conf",
        ] {
            assert!(!looks(command), "{command}");
        }
    }
}
