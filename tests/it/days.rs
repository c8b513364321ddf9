//! Days in the pipeline: what comes every night is no news, and what stopped moving is.

use foreshadow::domain::{Mark, MetricKind, MetricMeta, Span, Unit};

use crate::golden::{Host, id};

#[test]
fn a_nightly_job_is_told_twice_at_most_and_the_same_at_noon_is() {
    let mut host = Host::real();
    host.every = Span::from_mins(5);
    let percent = MetricKind::Bounded { lo: 0.0, hi: 100.0 };
    let meta = |name: &str, unit: Unit, kind: MetricKind| MetricMeta {
        cadence: Span::from_mins(5),
        ..Host::meta(name, unit, kind)
    };
    host.metrics = vec![
        meta("cpu.busy_pct", Unit::Percent, percent),
        meta("sensor.room.celsius", Unit::Celsius, MetricKind::Gauge),
    ];
    let day = 288;
    let usual = |host: &mut Host, name: &str, place: i64| match name {
        "cpu.busy_pct" if (24..30).contains(&(place % day)) => host.noise(90.0, 3.0),
        "cpu.busy_pct" => host.noise(15.0, 4.0),
        _ => host.noise(21.0, 1.0),
    };
    host.live_for(host.every * day * 9, usual);
    let nights = host.began.len();
    assert!(nights <= 2, "{:#?}", host.began);
    assert!(
        host.began.iter().all(|(at, _)| *at < host.now - host.every * day * 7),
        "{:#?}",
        host.began
    );
    // At noon it is news once it stays, and so is a sensor that froze.
    host.live_for(host.every * 144, usual);
    assert_eq!(host.began.len(), nights, "{:#?}", host.began);
    host.live_for(host.every * 12 * 3, |host, name, _| match name {
        "cpu.busy_pct" => host.noise(90.0, 3.0),
        _ => 21.5,
    });
    assert!(
        matches!(host.finding("cpu.busy_pct").mark, Mark::Odd | Mark::Drift),
        "{:#?}",
        host.state.findings
    );
    host.live_for(host.every * 12 * 4, |host, name, place| match name {
        "sensor.room.celsius" => 21.5,
        name => usual(host, name, place + 182),
    });
    let finding = host.finding("sensor.room.celsius");
    assert!(
        finding.summary.contains("is stuck at 21.5 C") && finding.mark == Mark::Drift,
        "{finding:#?}"
    );
    assert_eq!(finding.series, [id("sensor.room.celsius")]);
}
