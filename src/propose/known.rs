//! What is known of some settings: of kernel parameters from the kernel's own documentation (Documentation/admin-guide/sysctl,
//! Documentation/networking/ip-sysctl.rst), of PostgreSQL's from its view `pg_settings`.

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

/// Settings of PostgreSQL that are read when the server starts, sorted: those that `select name from pg_settings where context = 'postmaster'`
/// names in any of the versions 14 to 18. The server itself is not asked, for that takes an account; `postgres --describe-config` and the
/// comments of its sample file leave some out.
const POSTMASTER: [&str; 69] = [
    "archive_mode",
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "autovacuum_multixact_freeze_max_age",
    "autovacuum_worker_slots",
    "bonjour",
    "bonjour_name",
    "cluster_name",
    "commit_timestamp_buffers",
    "data_directory",
    "data_sync_retry",
    "debug_io_direct",
    "dynamic_shared_memory_type",
    "event_source",
    "external_pid_file",
    "hba_file",
    "hot_standby",
    "huge_page_size",
    "huge_pages",
    "ident_file",
    "ignore_invalid_pages",
    "io_max_combine_limit",
    "io_max_concurrency",
    "io_method",
    "jit_provider",
    "listen_addresses",
    "logging_collector",
    "max_active_replication_origins",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_logical_replication_workers",
    "max_notify_queue_pages",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "min_dynamic_shared_memory",
    "multixact_member_buffers",
    "multixact_offset_buffers",
    "notify_buffers",
    "old_snapshot_threshold",
    "port",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "reserved_connections",
    "serializable_buffers",
    "shared_buffers",
    "shared_memory_type",
    "shared_preload_libraries",
    "subtransaction_buffers",
    "superuser_reserved_connections",
    "track_activity_query_size",
    "track_commit_timestamp",
    "transaction_buffers",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
    "wal_buffers",
    "wal_decode_buffer_size",
    "wal_level",
    "wal_log_hints",
];

/// Whether PostgreSQL reads its setting `name` only when it starts.
pub(super) fn postmaster(name: &str) -> bool {
    POSTMASTER.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_is_sorted() {
        assert!(POSTMASTER.is_sorted());
        assert!(postmaster("max_connections") && postmaster("wal_level") && postmaster("archive_mode"));
        assert!(!postmaster("work_mem") && !postmaster(""));
    }
}
