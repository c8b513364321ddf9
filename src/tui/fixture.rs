//! The world of the mock-ups: a fleet of twelve hosts at 14:32 on 14 March 2026 (UTC), for snapshot tests.

mod history;
mod judged;
mod settings;

use std::sync::Arc;

pub use history::*;
pub use judged::*;
use settings::settings;

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
        Chart, Column, ForecastView, Health, MetricRow, ResourceRow, Snapshot, SourceRow, StoreRow, Timeline, Usage,
    },
    shadow::metric::Held,
    store::AuditEntry,
    tui::{
        look::{Charset, Depth},
        state::{Cost, Msg, Screen, State},
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
        at95: [Some(at("16:38:00")), None],
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
                at95: [Some(now() + Span::from_hours(33)), None],
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
        // Nobody saw the one that nobody is known to have made.
        after: by.is_none().then(|| at(clock) - Span::from_mins(3)),
        id: id(name),
        at: at(clock),
        from: Some(Value::infer(from)),
        to: Some(Value::infer(to)),
        by: by.map(Into::into),
        backfilled: false,
    };
    vec![
        change("web-01/sysctl.somaxconn", "09:05:00", "128", "4096", None),
        change("db-01/vm.swappiness", "13:52:10", "60", "1", Some("ansible")),
        change("db-01/pg.shared_buffers", "13:55:02", "8GB", "24GB", Some("ansible")),
    ]
}

fn resources() -> Vec<ResourceRow> {
    let row = |name: &str, mark, cpu: f64, mem: f64, worst: Option<(&str, f64)>, seen: &str, metrics| ResourceRow {
        id: ResourceId::new("host", name),
        mark,
        cpu: (cpu > 0.0).then_some((cpu, [Some(cpu as f32); 8])),
        mem: (mem > 0.0).then_some((mem, [Some(mem as f32); 8])),
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

/// The whole world as a snapshot.
pub fn snapshot() -> Snapshot {
    Snapshot {
        replay: None,
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
            records: [
                Record {
                    sort: "crosses".into(),
                    ahead: Span::from_hours(6),
                    scored: 24,
                    held80: 0.875,
                    held95: 0.8,
                    loss: 0.08,
                    naive_loss: 0.2,
                },
                Record {
                    sort: "moves".into(),
                    ahead: Span::from_hours(1),
                    scored: 20,
                    held80: 0.85,
                    held95: 0.95,
                    loss: 1.2,
                    naive_loss: 3.1,
                },
            ]
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
            delta: (312, 0),
        },
        sources: [("proc", true, ""), ("log-02", false, "ssh: timeout")]
            .map(|(name, ok, says)| SourceRow {
                ok,
                says: says.into(),
                read: Some(if ok { now() } else { at("14:11:00") }),
                cost_ms: 1.1,
                ..SourceRow::new(name, Span::from_secs(30))
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

/// The world so many snapshots later: time goes on and values move.
pub fn later(number: u64, every: Span) -> Snapshot {
    let mut snapshot = snapshot();
    let at = now() + every * number as i64;
    let swing = |place: usize| ((number as f64 / 7.0 + place as f64).sin() * 0.4 * 10.0).round() / 10.0;
    let mut rows = snapshot.metrics.to_vec();
    for (place, row) in rows.iter_mut().enumerate() {
        row.now = row.now.map(|(_, value)| (at, value + swing(place)));
    }
    snapshot.metrics = rows.into();
    (snapshot.at, snapshot.number) = (Some(at), number);
    snapshot
}

/// A console on that world, without colours.
pub fn state(charset: Charset, width: u16, height: u16) -> State {
    let look = theme::find("mono", &[]).unwrap().look(charset, Depth::Mono);
    let mut state = State::new(look, "prod");
    state.who = "ana@tty3".into();
    state.cost = Cost {
        frame_bytes: Some(410),
        key_secs: Some(0.0011),
    };
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
