//! What is known of some kernel parameters, from the kernel's own documentation (Documentation/admin-guide/sysctl,
//! Documentation/networking/ip-sysctl.rst).

/// One kernel parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Its name.
    pub name: &'static str,
    /// What it governs.
    pub what: &'static str,
    /// What has to be started anew for a new value to count; empty when it counts at once.
    pub restart: &'static str,
    /// What a change may do besides; empty when nothing in particular.
    pub risk: &'static str,
}

const fn known(name: &'static str, what: &'static str, restart: &'static str, risk: &'static str) -> Known {
    Known {
        name,
        what,
        restart,
        risk,
    }
}

const KNOWN: &[Known] = &[
    known("fs.file-max", "the most files the whole system may hold open", "", ""),
    known(
        "fs.inotify.max_user_watches",
        "the most inotify watches of one user",
        "",
        "",
    ),
    known(
        "kernel.panic",
        "seconds until a restart after a kernel panic; 0 waits for ever",
        "",
        "",
    ),
    known("kernel.pid_max", "the number at which process ids start over", "", ""),
    known(
        "kernel.randomize_va_space",
        "whether addresses of programs are random",
        "every program that is to have it",
        "programs with fixed addresses are easier to attack",
    ),
    known(
        "net.core.somaxconn",
        "the longest queue of connections that wait to be accepted",
        "services that listen: a socket keeps the length it asked for",
        "",
    ),
    known(
        "net.ipv4.ip_forward",
        "whether packets are passed on between interfaces",
        "",
        "other network parameters go back to their defaults for hosts or routers",
    ),
    known(
        "net.ipv4.ip_local_port_range",
        "the ports given to outgoing connections",
        "",
        "",
    ),
    known("net.ipv4.tcp_syncookies", "cookies against SYN floods", "", ""),
    known(
        "vm.dirty_ratio",
        "the share of memory waiting to be written at which a writing program must write itself",
        "",
        "a smaller share may make writers wait at once",
    ),
    known("vm.max_map_count", "the most memory areas of one process", "", ""),
    known(
        "vm.nr_hugepages",
        "the number of huge pages set aside",
        "",
        "the memory is taken from all other use at once",
    ),
    known(
        "vm.overcommit_memory",
        "whether more memory may be promised than there is",
        "",
        "with 2 allocations of running programs may fail",
    ),
    known(
        "vm.swappiness",
        "how readily programs' memory is swapped out in favour of files",
        "",
        "",
    ),
];

/// What is known of the kernel parameter `name` (without `sysctl.`).
pub(super) fn sysctl(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}
