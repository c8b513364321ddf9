//! File systems that fill up: told in time, and only when they do.

use std::collections::BTreeMap;

use foreshadow::domain::{Finding, Mark, MetricKind, Span, Timestamp, Unit};

use crate::golden::Host;

const MOUNT: &str = "fs./mnt/x.used_pct";
/// Its limit, where nobody sets another.
const LIMIT: f64 = 0.9;

/// A calm host with a mount, read every ten seconds, that is `start` full.
fn host(start: f64) -> Host {
    let percent = MetricKind::Bounded { lo: 0.0, hi: 100.0 };
    let mut host = Host::real();
    host.metrics = ["cpu.busy_pct", MOUNT]
        .map(|name| Host::meta(name, Unit::Percent, percent))
        .into();
    live(&mut host, Span::from_mins(12), |_| start);
    assert!(host.began.is_empty(), "{:#?}", host.began);
    host
}

/// Lives with the mount as full as `fill` says, by the seconds from now on; each mark that it is told with, and when first.
fn live(host: &mut Host, time: Span, fill: impl Fn(f64) -> f64) -> BTreeMap<Mark, (Timestamp, Finding)> {
    let (start, mut told) = (host.now, BTreeMap::new());
    let reading = Span::from_secs(10);
    while host.now - start < time {
        host.live_for(reading, |host, name, _| match name {
            MOUNT => fill((host.now - start).secs_f64()).clamp(0.0, 100.0),
            _ => host.noise(3.0, 1.0),
        });
        for finding in &host.state.findings {
            told.entry(finding.mark)
                .or_insert_with(|| (host.now - reading, finding.clone()));
        }
    }
    told
}

#[test]
fn a_mount_that_fills_steadily_is_told_in_time() {
    for (lasts, ahead) in [(72.0, Span::from_secs(20)), (600.0, Span::from_mins(4))] {
        for late in [0.0, 2.0, 4.0, 6.0, 8.0] {
            let mut host = host(0.0);
            let full = host.now + Span((1e6 * (late + LIMIT * lasts)) as i64);
            let told = live(&mut host, Span::from_secs(lasts as i64 + 10), |at| {
                100.0 * (at - late) / lasts
            });
            let (cross, finding) = told.get(&Mark::Cross).expect("it is told");
            assert!(
                full - *cross >= ahead,
                "{lasts} s, {late} s after a reading: {}",
                full - *cross
            );
            let median = finding.crossing.expect("a crossing").at[1].expect("a median");
            let off = (median - full).secs_f64().abs();
            assert!(off < lasts / 4.0, "{off} s off");
            let (_, breach) = told.get(&Mark::Breach).expect("it comes");
            assert_eq!((breach.id, host.began.len()), (finding.id, 1), "{:#?}", host.began);
        }
    }
}

#[test]
fn what_is_written_out_in_pieces_is_told_too() {
    let mut host = host(0.0);
    // Every twenty seconds the kernel writes out what was written in them.
    let told = live(&mut host, Span::from_mins(4), |at| (at / 20.0).floor() * 20.0 / 2.4);
    let (cross, breach) = (told.get(&Mark::Cross).expect("it is told").0, told[&Mark::Breach].0);
    assert!(breach - cross >= Span::from_secs(60), "{}", breach - cross);
}

#[test]
fn what_only_looks_like_it_is_not_told() {
    // A log that is rotated every ten minutes.
    let mut rotated = host(40.0);
    let told = live(&mut rotated, Span::from_hours(2), |at| {
        40.0 + 22.0 * (at / 600.0).fract()
    });
    assert!(!told.contains_key(&Mark::Cross), "{told:#?}");
    // One that comes near: nobody knows of the first time that it will be emptied.
    let mut near = host(20.0);
    live(&mut near, Span::from_mins(15), |at| 20.0 + 55.0 * (at / 600.0).fract());
    let told = live(&mut near, Span::from_hours(2), |at| {
        20.0 + 55.0 * (at / 600.0 + 0.5).fract()
    });
    assert!(!told.contains_key(&Mark::Cross), "{told:#?}");
    // A copy that takes twenty seconds.
    let mut copy = host(5.0);
    let told = live(&mut copy, Span::from_mins(30), |at| 5.0 + 55.0 * (at / 20.0).min(1.0));
    assert!(!told.contains_key(&Mark::Cross), "{told:#?}");
}
