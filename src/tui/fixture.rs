//! The world of the mock-ups: a fleet of twelve hosts at 14:32 on 14 March 2026 (UTC), for snapshot tests.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;

use crate::{
    domain::{
        Comparison, Crossing, Event, EventKind, Evidence, Factors, Finding, FindingId, Forecast, Level, Limit, Mark,
        MetricKind, Options, Proposal, ProposalId, ProposalKind, ProposalStatus, Quantiles, Record, ResourceId, Seen,
        SeriesId, SettingChange, Severity, Side, Span, Timestamp, Unit, Value,
    },
    drift::Incident,
    engine::{
        Chart, Column, ForecastView, Health, MetricRow, ResourceRow, SettingRow, Snapshot, SourceRow, StoreRow,
        Timeline, Usage,
    },
    shadow::metric::Held,
    store::AuditEntry,
    tui::{
        look::{Charset, Depth},
        state::{Msg, Screen, State},
        theme,
    },
};

/// 14:32:00 that day.
pub fn now() -> Timestamp {
    at("14:32:00")
}

/// A clock time of that day.
pub fn at(clock: &str) -> Timestamp {
    format!("2026-03-14T{clock}Z").parse().unwrap()
}

/// `db-01/mem.available_pct` of hosts.
pub fn id(text: &str) -> SeriesId {
    format!("host:{text}").parse().unwrap()
}

/// A distribution whose 80 % band goes from `low` to `high`.
pub fn band(low: f64, high: f64) -> Quantiles {
    let (middle, sd) = (f64::midpoint(low, high), (high - low) / 2.563);
    const Z: [f64; 13] = [
        -1.96, -1.645, -1.2815, -0.842, -0.524, -0.253, 0.0, 0.253, 0.524, 0.842, 1.2815, 1.645, 1.96,
    ];
    Quantiles(Z.map(|z| middle + z * sd))
}

fn hour(digits: &str) -> [Option<f32>; 8] {
    let mut bits = [None; 8];
    for (bits, digit) in bits.iter_mut().zip(digits.chars()) {
        *bits = if digit == '+' {
            Some(12.0)
        } else {
            digit.to_digit(10).map(|digit| digit as f32)
        };
    }
    bits
}

fn metric(name: &str, unit: Unit, mark: Mark, value: f64, expected: (f64, f64), bits: f32, digits: &str) -> MetricRow {
    MetricRow {
        id: id(name),
        unit,
        kind: MetricKind::Gauge,
        mark,
        now: Some((now(), value)),
        expected: Some(band(expected.0, expected.1).tidy(0.0, f64::MAX)),
        bits,
        hour: hour(digits),
        limit: None,
        crossing: None,
        points: 89_280,
        from: Some(now() - Span::from_days(31)),
        ready: None,
        cadence: Span::from_secs(30),
        source: "proc".into(),
    }
}

fn limit(value: f64, side: Side) -> Option<Limit> {
    Some(Limit {
        value,
        side,
        by: "config".into(),
    })
}

/// The crossing of web-03's disk.
pub fn crossing() -> Crossing {
    Crossing {
        limit: 90.0,
        probability: 0.97,
        horizon: Span::from_hours(6),
        at: [Some(at("16:55:00")), Some(at("17:42:00")), Some(at("19:30:00"))],
    }
}

fn metrics() -> Vec<MetricRow> {
    let gib = 1024f64.powi(3);
    let mut rows = vec![
        MetricRow {
            limit: limit(5.0, Side::Below),
            kind: MetricKind::Bounded { lo: 0.0, hi: 100.0 },
            ..metric(
                "db-01/mem.available_pct",
                Unit::Percent,
                Mark::Breach,
                4.1,
                (9.8, 12.4),
                14.2,
                "0011258+",
            )
        },
        metric(
            "db-01/pg.shared_bytes",
            Unit::Bytes,
            Mark::Odd,
            24.0 * gib,
            (7.9 * gib, 8.2 * gib),
            16.0,
            "0001++++",
        ),
        metric(
            "db-01/mem.swap_in",
            Unit::PerSec,
            Mark::Drift,
            1.2,
            (0.0, 0.1),
            4.9,
            "00000134",
        ),
        metric(
            "db-01/pg.tps",
            Unit::Count,
            Mark::Ok,
            1_840.0,
            (1_700.0, 2_100.0),
            0.8,
            "01010010",
        ),
        metric(
            "db-01/mem.cached_bytes",
            Unit::Bytes,
            Mark::Ok,
            6.0 * gib,
            (5.8 * gib, 6.3 * gib),
            0.4,
            "00010010",
        ),
        metric(
            "db-01/mem.slab_bytes",
            Unit::Bytes,
            Mark::Ok,
            0.5 * gib,
            (0.45 * gib, 0.6 * gib),
            0.3,
            "00000010",
        ),
        MetricRow {
            limit: limit(90.0, Side::Above),
            crossing: Some(crossing()),
            ..metric(
                "web-03/fs./.used_pct",
                Unit::Percent,
                Mark::Cross,
                81.3,
                (80.9, 81.6),
                0.7,
                "01001011",
            )
        },
        MetricRow {
            limit: limit(500.0, Side::Above),
            crossing: Some(Crossing {
                limit: 500.0,
                probability: 0.7,
                horizon: Span::from_days(4),
                at: [
                    Some(now() + Span::from_hours(44)),
                    Some(now() + Span::from_hours(52)),
                    Some(now() + Span::from_hours(69)),
                ],
            }),
            ..metric(
                "db-02/pg.conn_used",
                Unit::Count,
                Mark::Cross,
                412.0,
                (395.0, 430.0),
                1.1,
                "11021101",
            )
        },
        metric(
            "web-07/net.eth0.retrans",
            Unit::PerSec,
            Mark::Odd,
            38.0,
            (0.0, 3.0),
            11.9,
            "0000019+",
        ),
        metric(
            "web-01/http.p99_ms",
            Unit::None,
            Mark::Drift,
            212.0,
            (160.0, 190.0),
            5.6,
            "01233445",
        ),
        MetricRow {
            now: Some((at("14:11:00"), 12.0)),
            hour: hour("00000   "),
            ..metric(
                "log-02/cpu.busy_pct",
                Unit::Percent,
                Mark::Stale,
                12.0,
                (8.0, 15.0),
                0.0,
                "",
            )
        },
        MetricRow {
            expected: None,
            points: 23,
            ready: Some(at("15:10:00")),
            ..metric(
                "web-04/psi.mem_some",
                Unit::Percent,
                Mark::Learning,
                0.2,
                (0.0, 0.5),
                0.0,
                "00000000",
            )
        },
    ];
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

/// The change of 13:55 and those of the others.
pub fn changes() -> Vec<SettingChange> {
    let change = |name: &str, clock: &str, from: &str, to: &str, by: Option<&str>| SettingChange {
        id: id(name),
        at: at(clock),
        from: Some(Value::infer(from)),
        to: Some(Value::infer(to)),
        by: by.map(Into::into),
    };
    vec![
        change("web-01/sysctl.somaxconn", "09:05:00", "128", "4096", None),
        change("db-01/vm.swappiness", "13:52:10", "60", "1", Some("ansible")),
        change("db-01/pg.shared_buffers", "13:55:02", "8GB", "24GB", Some("ansible")),
    ]
}

fn settings() -> Vec<SettingRow> {
    let mut rows: Vec<SettingRow> = changes()
        .into_iter()
        .map(|change| SettingRow {
            id: change.id.clone(),
            mark: Mark::Drift,
            value: change.to.clone(),
            accepted: Some(change.from.clone()),
            hazard: 0.02,
            bits: 9.0,
            last_change: Some(Arc::new(change)),
            since: now() - Span::from_days(31),
        })
        .chain(
            [
                ("vm.overcommit_memory", "0"),
                ("vm.dirty_ratio", "20"),
                ("pg.work_mem", "64MB"),
            ]
            .map(|(name, value)| SettingRow {
                id: id(&format!("db-01/{name}")),
                mark: Mark::Ok,
                value: Some(Value::infer(value)),
                accepted: None,
                hazard: 0.001,
                bits: 0.0,
                last_change: None,
                since: now() - Span::from_days(31),
            }),
        )
        .collect();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

fn finding(number: u64, mark: Mark, name: &str, since: &str, bits: f64, summary: &str) -> Finding {
    let series = id(name);
    let row = metrics().into_iter().find(|row| row.id == series);
    Finding {
        id: FindingId(number),
        mark,
        level: if mark == Mark::Breach {
            Level::High
        } else {
            Level::Moderate
        },
        severity: if mark == Mark::Breach {
            Severity::Critical
        } else {
            Severity::Warning
        },
        comparison: if mark == Mark::Cross {
            Comparison::FutureLimit
        } else {
            Comparison::ShadowActual
        },
        resource: series.resource.clone(),
        series: vec![series],
        seen: Seen::Metric {
            now: row.as_ref().and_then(|row| row.now).map(|(_, value)| value),
            band: row
                .as_ref()
                .and_then(|row| row.expected)
                .map(|expected| expected.band80()),
        },
        since: at(since),
        last: now(),
        ended: None,
        bits,
        score: bits,
        confidence: 0.98,
        crossing: row.and_then(|row| row.crossing),
        summary: summary.into(),
        evidence: vec!["4.1 % is below the 80 % band 9.8-12.4 %".into()],
        causes: Vec::new(),
    }
}

/// The seven findings of the Overview.
pub fn findings() -> Vec<Finding> {
    let setting = Finding {
        comparison: Comparison::DeclaredActual,
        seen: Seen::Setting {
            now: Some(Value::Int(4096)),
            expected: Some(Value::Int(128)),
        },
        ..finding(
            6,
            Mark::Drift,
            "web-01/sysctl.somaxconn",
            "09:05:00",
            0.0,
            "sysctl.somaxconn 128 -> 4096",
        )
    };
    let stale = Finding {
        series: (0..266).map(|n| id(&format!("log-02/m.{n}"))).collect(),
        seen: Seen::Metric { now: None, band: None },
        ..finding(
            7,
            Mark::Stale,
            "log-02/cpu.busy_pct",
            "14:11:00",
            0.0,
            "no data for 21 min",
        )
    };
    vec![
        finding(
            1,
            Mark::Breach,
            "db-01/mem.available_pct",
            "13:58:00",
            14.2,
            "mem.available_pct 4.1 % is below 5 %",
        ),
        finding(
            2,
            Mark::Cross,
            "web-03/fs./.used_pct",
            "12:20:00",
            0.7,
            "fs./.used_pct passes 90 % at 17:42",
        ),
        finding(
            3,
            Mark::Cross,
            "db-02/pg.conn_used",
            "12:20:00",
            1.1,
            "pg.conn_used passes 500 in 2d04",
        ),
        finding(
            4,
            Mark::Odd,
            "web-07/net.eth0.retrans",
            "14:30:00",
            11.9,
            "net.eth0.retrans 38/s, expected 0-3",
        ),
        finding(
            5,
            Mark::Drift,
            "web-01/http.p99_ms",
            "09:12:00",
            5.6,
            "http.p99_ms 212, expected 160-190",
        ),
        setting,
        stale,
    ]
}

fn resources() -> Vec<ResourceRow> {
    let row = |name: &str, mark, cpu: f64, mem: f64, worst: Option<(&str, f64)>, seen: &str, metrics| ResourceRow {
        id: ResourceId::new("host", name),
        mark,
        cpu: (cpu > 0.0).then(|| (cpu, [Some(cpu as f32); 8])),
        mem: (mem > 0.0).then(|| (mem, [Some(mem as f32); 8])),
        worst: worst.map(|(metric, bits)| (id(&format!("{name}/{metric}")), bits)),
        seen: Some(at(seen)),
        metrics,
        settings: 34,
    };
    let ok = |name: &str| row(name, Mark::Ok, 12.0, 40.0, None, "14:32:00", 265);
    let mut rows = vec![
        row(
            "db-01",
            Mark::Breach,
            31.0,
            96.0,
            Some(("mem.available_pct", 14.2)),
            "14:32:00",
            269,
        ),
        row(
            "web-07",
            Mark::Odd,
            44.0,
            61.0,
            Some(("net.eth0.retrans", 11.9)),
            "14:32:00",
            265,
        ),
        row(
            "web-03",
            Mark::Cross,
            22.0,
            58.0,
            Some(("fs./.used_pct", 0.7)),
            "14:32:00",
            264,
        ),
        row("log-02", Mark::Stale, 0.0, 0.0, None, "14:11:00", 266),
        row(
            "web-01",
            Mark::Drift,
            39.0,
            63.0,
            Some(("http.p99_ms", 5.6)),
            "14:32:00",
            265,
        ),
        row(
            "db-02",
            Mark::Cross,
            18.0,
            71.0,
            Some(("pg.conn_used", 1.1)),
            "14:32:00",
            265,
        ),
    ];
    rows.extend(["log-01", "web-02", "web-04", "web-05", "web-06", "web-08"].map(ok));
    rows[11].settings = 38;
    rows
}

fn proposals() -> Vec<Proposal> {
    let proposal = |number, status, host: &str, title: &str, success, impact| Proposal {
        id: ProposalId(number),
        finding: FindingId(number),
        kind: ProposalKind::Revert,
        status,
        resource: ResourceId::new("host", host),
        title: title.into(),
        changes: crate::domain::ChangeSet::of(crate::domain::Change::Setting {
            id: id(&format!("{host}/{}", title.split(' ').next().unwrap())),
            from: title.split(' ').nth(1).map(Value::infer),
            to: title.split(' ').nth(3).map(Value::infer),
        }),
        factors: Factors {
            success,
            impact,
            disruption: 0.3,
            effort: 1.0,
        },
        why: vec![
            "available_pct left its shadow 3 min after this setting changed (13:55);".into(),
            "the same change came before the incident of 12 Mar (94 % alike).".into(),
        ],
        effects: vec![crate::domain::Effect {
            series: id("db-01/mem.available_pct"),
            unit: Unit::Percent,
            before: [3.9, 4.1, 4.4],
            after: [9.8, 11.0, 12.2],
            difference: [5.9, 6.9, 7.8],
            crossing: Some((1.0, 0.02)),
            evidence: Evidence::PastChange,
        }],
        cost: "needs a restart of postgresql: 4-9 s without service, 3 seen before".into(),
        sure: "model hit 17 of 20 such replays; based on 31 d; nothing alike since".into(),
        risk: "pg.cache_hit 99.1 -> 98.3 % (limit 97): stays within".into(),
        undo: "set shared_buffers=24GB, restart; the value before is kept in 7 Audit".into(),
        artefact: crate::domain::Artefact {
            format: "shell".into(),
            text: "sysctl -w vm.swappiness=60\n".into(),
        },
        made_at: now(),
    };
    vec![
        proposal(
            1,
            ProposalStatus::New,
            "db-01",
            "pg.shared_buffers 24GB -> 8GB (undo 13:55)",
            0.85,
            13.3,
        ),
        proposal(
            3,
            ProposalStatus::Tried,
            "web-01",
            "sysctl.somaxconn 4096 -> 128 (undo 09:05)",
            0.7,
            8.2,
        ),
        proposal(5, ProposalStatus::Weak, "web-07", "eth0.rx_ring 256 -> 1024", 0.2, 5.8),
    ]
}

/// Incident 41, and one before it.
pub fn incidents() -> Vec<Incident> {
    vec![
        Incident {
            number: 40,
            from: now() - Span::from_days(2),
            to: Some(now() - Span::from_days(2) + Span::from_mins(20)),
            bits: 13.0,
            title: "db-01: mem.available_pct".into(),
            lanes: vec![id("db-01/mem.available_pct")],
        },
        Incident {
            number: 41,
            from: at("13:52:00"),
            to: None,
            bits: 16.0,
            title: "db-01, web-01: mem.available_pct".into(),
            lanes: [
                "db-01/pg.shared_bytes",
                "db-01/mem.available_pct",
                "db-01/mem.swap_in",
                "web-01/http.p99_ms",
            ]
            .map(id)
            .to_vec(),
        },
    ]
}

/// The whole world as a snapshot.
pub fn snapshot() -> Snapshot {
    Snapshot {
        number: 1,
        at: Some(now()),
        live: true,
        options: Arc::new(Options {
            interval: Span::from_secs(30),
            ..Options::default()
        }),
        resources: resources().into(),
        metrics: metrics().into(),
        settings: settings().into(),
        findings: findings().into_iter().map(Arc::new).collect(),
        proposals: proposals().into_iter().map(Arc::new).collect(),
        incidents: incidents().into(),
        health: Health {
            learnt: 2_961,
            learning: 223,
            ready: Some(at("19:00:00")),
            held: Some((0.796, 0.944)),
            worst: Some((id("web-07/net.eth0.retrans"), 0.881)),
            records: [Record {
                sort: "crosses".into(),
                ahead: Span::from_hours(6),
                scored: 24,
                held80: 0.875,
                held95: 0.8,
                loss: 0.08,
                naive_loss: 0.2,
            }]
            .into(),
            open: 12,
            baseline: Some(now() - Span::from_days(31)),
        },
        usage: Usage {
            pid: 4121,
            started: Some(at("06:58:00")),
            cpu_pct: 0.2,
            rss_bytes: 74 << 20,
            lag_secs: 0.02,
            dropped: 0,
            consoles: 1,
        },
        sources: [("proc", true, ""), ("log-02", false, "ssh: timeout")]
            .map(|(name, ok, says)| SourceRow {
                name: name.into(),
                ok,
                says: says.into(),
                read: Some(if ok { now() } else { at("14:11:00") }),
                cost_ms: 1.1,
                every: Span::from_secs(30),
            })
            .into(),
        store: StoreRow {
            ok: true,
            path: "/var/lib/foreshadow/store.duckdb".into(),
            bytes: 412 << 20,
            max_bytes: 2 << 30,
            from: Some(now() - Span::from_days(31)),
            ..StoreRow::default()
        },
    }
}

/// The chart of `db-01/mem.available_pct`: 65 columns of a minute from 13:28.
pub fn chart() -> Chart {
    let bits = "01102100101201100102101100128";
    let columns = (0..65).map(|column| {
        let value = match column {
            4 | 11 | 23 => 12.0,
            5 | 7 | 12 | 20 | 24 => 11.0,
            6 | 19 | 27 => 10.0,
            28 => 8.0,
            29 => 6.0,
            30 => 4.9,
            31.. => 4.1,
            _ => 11.2,
        };
        let bits = bits
            .chars()
            .nth(column)
            .map_or(14.2, |digit| digit.to_digit(10).unwrap() as f32);
        Column {
            value: Some((value, value, value)),
            expected: Some(band(9.8, 12.2)),
            bits: Some(bits),
        }
    });
    Chart {
        id: id("db-01/mem.available_pct"),
        from: at("13:28:00"),
        step: Span::from_mins(1),
        columns: columns.collect(),
        changes: changes()
            .into_iter()
            .filter(|change| change.id.resource.name() == "db-01")
            .collect(),
    }
}

/// The forecast of `web-03/fs./.used_pct` over six hours.
pub fn forecast() -> ForecastView {
    let steps = (1..=60).map(|step| {
        let middle = 81.3 + 0.27 * f64::from(step);
        let reach = 0.4 + 0.05 * f64::from(step);
        band(middle - reach, middle + reach).tidy(0.0, 100.0)
    });
    ForecastView {
        id: id("web-03/fs./.used_pct"),
        forecast: Some(Forecast {
            start: now(),
            step: Span::from_mins(6),
            steps: steps.collect(),
            points: 89_280,
        }),
        limit: limit(90.0, Side::Above),
        crossing: Some(crossing()),
        members: vec![("ses".into(), 0.6), ("seasonal".into(), 0.4)],
        seasons: vec![Span::from_days(1)],
        held: Held {
            scored: 86_400,
            held80: 0.791,
            held95: 0.942,
            error: 1.2,
            naive_error: 3.1,
        },
        hits: (19, 20),
    }
}

/// The hours before the forecast of `web-03/fs./.used_pct`.
pub fn past(from: Timestamp, step: Span, columns: usize) -> Chart {
    let column = |n: usize| {
        let value = 78.6 + 0.1 * n as f64;
        let known = from + step * n as i64 <= now();
        Column {
            value: known.then_some((value, value, value)),
            expected: known.then(|| band(value - 0.3, value + 0.3)),
            bits: known.then_some(0.7),
        }
    };
    Chart {
        id: id("web-03/fs./.used_pct"),
        from,
        step,
        columns: (0..columns).map(column).collect(),
        changes: Vec::new(),
    }
}

/// What happened from 13:28 on.
pub fn timeline() -> Timeline {
    Timeline {
        from: at("13:28:00"),
        to: now(),
        changes: changes()
            .into_iter()
            .filter(|change| change.at > at("13:28:00"))
            .collect(),
        events: vec![Event {
            at: at("13:55:02"),
            resource: ResourceId::new("host", "db-01"),
            kind: EventKind::Service,
            what: "postgresql restarted".into(),
            who: Some("ansible".into()),
        }],
        findings: findings(),
        notes: audit().into_iter().filter(|entry| entry.what == "note").collect(),
    }
}

/// Entries of the audit, newest first.
pub fn audit() -> Vec<AuditEntry> {
    [
        (
            "14:31:02",
            "ana@tty3",
            "what-if",
            "A: shared_buffers 8GB",
            "34 -> 0 breach min",
        ),
        ("14:30:10", "shadow", "forecast", "web-03 fs./", "cross 17:42"),
        ("14:20:11", "ana@tty3", "note", "", "restart planned 15:00"),
        (
            "14:12:40",
            "ana@tty3",
            "dismiss",
            "#5 web-07 rx ring",
            "\"driver bug, see wiki\"",
        ),
        ("14:11:05", "collector", "lost", "log-02", "no answer, 3 tries"),
        ("06:58:03", "ana@tty3", "session", "read-only", "from 10.1.4.7 by ssh"),
    ]
    .map(|(clock, who, what, resource, result)| AuditEntry {
        at: at(clock),
        who: who.into(),
        what: what.into(),
        resource: resource.into(),
        result: result.into(),
    })
    .to_vec()
}

/// A console on that world, without colours.
pub fn state(charset: Charset, width: u16, height: u16) -> State {
    let look = theme::find("mono", &[]).unwrap().look(charset, Depth::Mono);
    let mut state = State::new(look, "prod");
    state.who = "ana@tty3".into();
    state.size = (width, height);
    state.live = Arc::new(snapshot());
    state.shown = Arc::clone(&state.live);
    state
}

/// The same on another screen, about `db-01/mem.available_pct`.
pub fn on(screen: Screen, charset: Charset, width: u16, height: u16) -> State {
    let mut state = state(charset, width, height);
    state.screen = screen;
    state.series = Some(id("db-01/mem.available_pct"));
    state
}

/// A key press as a message.
pub fn key(code: KeyCode) -> Msg {
    Msg::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// What a buffer shows, a line a row, without spaces at the ends.
pub fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width.max(1));
    let rows = buffer.content().chunks(width).map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}
