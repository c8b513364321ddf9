//! What the user may choose, and what holds when they do not. The only place defaults stand.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{LazyRules, Side, Span};

/// All options. `config` fills them from the file; pure rooms take what they need from here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Time between two readings of the metrics.
    pub interval: Span,
    /// Time between two snapshots of the settings.
    pub settings_interval: Span,
    /// Processor time the engine may take, percent of one core, above 0: how often what is read follows from it.
    pub budget_pct: f64,
    /// How far ahead limits are looked for.
    pub horizon: Span,
    /// How long a change just seen is watched before it is taken as settled.
    pub watch_window: Span,
    /// Drift scores and surprise.
    pub drift: DriftOptions,
    /// Names of the members that forecast metrics.
    pub members: Vec<Arc<str>>,
    /// Limits by metric name.
    pub limits: Vec<LimitRule>,
    /// Names (with `*`) of series that raise no finding.
    pub mute: Vec<Arc<str>>,
    /// The known issues that are looked for; `config` reads them.
    #[serde(skip)]
    pub rules: LazyRules,
    /// Sources that are switched off, by name.
    pub sources_off: Vec<Arc<str>>,
    /// Files and folders that are read as settings besides `/etc`.
    pub files: Vec<Arc<str>>,
    /// Whether of those of unknown formats the lines are kept, and not only a hash of their content.
    pub keep_lines: bool,
    /// The name the configured resolver is asked for once a minute; empty asks nothing.
    pub dns: Arc<str>,
    /// Users besides the engine's own and root who may attach a console, to look.
    pub allow: Vec<Arc<str>>,
    /// The Prometheus server that is read.
    pub prometheus: PrometheusOptions,
    /// What is kept, and how long.
    pub store: StoreOptions,
    /// How the console looks.
    pub ui: UiOptions,
}

/// A Prometheus server, and what is asked of it. Secrets stand in files of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrometheusOptions {
    /// Where it is (`http://localhost:9090`); empty when none is read.
    pub url: Arc<str>,
    /// Name of a metric and the PromQL that gives its values. `{label}` in the name stands for the value of that label.
    pub queries: Vec<(Arc<str>, Arc<str>)>,
    /// Time between two values.
    pub step: Span,
    /// How far back its values are read when they are read for the first time.
    pub backfill: Span,
    /// File that holds a bearer token; empty for none.
    pub token_file: Arc<str>,
    /// User name; empty for none.
    pub user: Arc<str>,
    /// File that holds the user's password; empty for none.
    pub password_file: Arc<str>,
    /// File with the certificates (PEM) its own must go back to; empty for those of the public authorities.
    pub ca_file: Arc<str>,
    /// File with the certificate (PEM) that is shown to it; empty for none.
    pub cert_file: Arc<str>,
    /// File with the key (PEM) of that certificate; empty for none.
    pub key_file: Arc<str>,
}

/// Thresholds of the drift scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftOptions {
    /// A score from here on is MODERATE.
    pub moderate: f64,
    /// A score from here on is HIGH.
    pub high: f64,
    /// False alarms accepted per host and week; sets how many bits make a value odd.
    pub false_alarms_per_week: f64,
    /// P(limit passed within the horizon) from which it is told.
    pub crossing_probability: f64,
    /// How close in time a setting's drift and a metric's surprise make each other critical.
    pub coincide: Span,
}

/// A limit for all metrics whose name matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitRule {
    /// Series name or `resource/name`, `*` for any run of characters.
    pub pattern: Arc<str>,
    /// The bound.
    pub value: f64,
    /// Which side is trouble.
    pub side: Side,
}

/// What the store keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoreOptions {
    /// Most bytes the file may take; the oldest values go first.
    pub max_bytes: u64,
    /// How long single values are kept.
    pub keep_raw: Span,
    /// How long one-minute roll-ups are kept.
    pub keep_minutes: Span,
    /// How long five-minute roll-ups are kept.
    pub keep_five_minutes: Span,
    /// How long hourly roll-ups, changes, events, findings and the ledger are kept.
    pub keep_hours: Span,
    /// Longest time between an observation and its commit.
    pub commit_every: Span,
    /// DuckDB's own memory limit, bytes.
    pub memory_bytes: u64,
}

/// How the console looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UiOptions {
    /// `auto`, or a theme's name.
    pub theme: Arc<str>,
    /// `auto`, `utf8` or `ascii`.
    pub charset: Arc<str>,
    /// Whether the mouse is captured.
    pub mouse: bool,
}

impl Options {
    /// The members that forecast metrics where no others are chosen: each of them is worth its time on series that none was chosen on.
    pub const MEMBERS: [&str; 9] = [
        "last value",
        "short level",
        "robust level",
        "trend",
        "recent trend",
        "autoregression",
        "seasonal",
        "usual season, scaled",
        "usual season, corrected",
    ];
}

impl Default for Options {
    fn default() -> Self {
        let limit = |pattern: &str, value, side| LimitRule {
            pattern: pattern.into(),
            value,
            side,
        };
        Self {
            interval: Span::from_secs(2),
            settings_interval: Span::from_secs(60),
            budget_pct: 1.0,
            horizon: Span::from_hours(6),
            watch_window: Span::from_hours(1),
            drift: DriftOptions {
                moderate: 6.0,
                high: 12.0,
                false_alarms_per_week: 1.0,
                crossing_probability: 0.5,
                coincide: Span::from_mins(10),
            },
            limits: vec![
                limit("fs.*.used_pct", 90.0, Side::Above),
                limit("fs.*.inodes_used_pct", 90.0, Side::Above),
                limit("mem.available_pct", 5.0, Side::Below),
                limit("fd.used_pct", 90.0, Side::Above),
                limit("pid.used_pct", 90.0, Side::Above),
            ],
            members: Self::MEMBERS.map(Arc::from).to_vec(),
            mute: Vec::new(),
            rules: LazyRules::default(),
            sources_off: Vec::new(),
            files: Vec::new(),
            keep_lines: false,
            // Resolvers know it themselves and ask no one (RFC 6761, 6.3).
            dns: "localhost".into(),
            allow: Vec::new(),
            prometheus: PrometheusOptions::default(),
            store: StoreOptions {
                max_bytes: 2 << 30,
                keep_raw: Span::from_days(2),
                keep_minutes: Span::from_days(14),
                keep_five_minutes: Span::from_days(90),
                keep_hours: Span::from_days(730),
                commit_every: Span::from_secs(10),
                memory_bytes: 64 << 20,
            },
            ui: UiOptions {
                theme: "auto".into(),
                charset: "auto".into(),
                mouse: false,
            },
        }
    }
}

impl Default for PrometheusOptions {
    /// What a node exporter tells of a host, under the names that this program's own sources use.
    fn default() -> Self {
        const NODE: [(&str, &str); 11] = [
            (
                "cpu.busy_pct",
                r#"100 * (1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval])))"#,
            ),
            ("load.1", "node_load1"),
            (
                "mem.available_pct",
                "100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
            ),
            (
                "mem.used_pct",
                "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
            ),
            (
                "fs.{mountpoint}.used_pct",
                r#"100 * (1 - max without (device, fstype) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"} / node_filesystem_size_bytes))"#,
            ),
            ("disk.{device}.read_bytes_per_s", "node_disk_read_bytes_total"),
            ("disk.{device}.write_bytes_per_s", "node_disk_written_bytes_total"),
            (
                "disk.{device}.busy_pct",
                "100 * rate(node_disk_io_time_seconds_total[$__rate_interval])",
            ),
            (
                "net.{device}.rx_bytes_per_s",
                r#"node_network_receive_bytes_total{device!="lo"}"#,
            ),
            (
                "net.{device}.tx_bytes_per_s",
                r#"node_network_transmit_bytes_total{device!="lo"}"#,
            ),
            ("up", "up"),
        ];
        Self {
            url: "".into(),
            queries: NODE.map(|(name, query)| (name.into(), query.into())).into(),
            step: Span::from_secs(30),
            backfill: Span::from_days(7),
            token_file: "".into(),
            user: "".into(),
            password_file: "".into(),
            ca_file: "".into(),
            cert_file: "".into(),
            key_file: "".into(),
        }
    }
}

/// Whether `name` matches `pattern`, in which `*` stands for any run of characters.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_run() {
        assert!(matches("fs.*.used_pct", "fs./var.used_pct"));
        assert!(!matches("fs.*.used_pct", "fs./var.inodes"));
        assert!(matches("*", "") && matches("a", "a") && !matches("a", "ab"));
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("*b*", "abc"));
    }
}
