//! The comparisons on constructed shadows.

mod causes;
mod coincidences;
mod deeds;
mod eased;
mod effects;
mod files;
mod limits;
mod saturated;
mod slow;
mod surprise;
mod units;

use super::{
    sample::{self, CADENCE, T0, above, at, calm, host, seen, setting},
    *,
};
use crate::{
    domain::{Comparison, Event, EventKind, Level, Limit, Mark, Seen, Severity, Side, Unit, Value},
    shadow::Metric,
};

/// A world that runs: shadows, baseline, state.
struct World {
    shadows: Shadows,
    baseline: Baseline,
    options: Options,
    state: DriftState,
    second: i64,
}

impl World {
    /// `names` as calm percentages over 1,600 s, and three settings.
    fn new(names: &[&str]) -> Self {
        let mut shadows = sample::shadows(names.iter().map(|name| calm(name, 800)));
        sample::add_settings(
            &mut shadows,
            &[
                ("sysctl.vm.swappiness", "60"),
                ("sysctl.kernel.panic", "0"),
                ("pkg.bash", "5.2.15"),
            ],
        );
        let baseline = Baseline::take(&shadows, T0);
        let mut world = Self {
            shadows,
            baseline,
            options: Options::default(),
            state: DriftState::default(),
            second: 1598,
        };
        assert_eq!(world.judge(), [], "a calm world has no findings");
        world
    }

    fn judge(&mut self) -> Vec<Finding> {
        self.state
            .judge(&self.shadows, &self.baseline, &self.options, at(self.second), 1)
    }

    fn metric(&mut self, name: &str) -> &mut Metric {
        self.shadows.metrics.get_mut(&setting(name)).unwrap()
    }

    /// Two seconds on: the metrics named have a value far out (judged with `bits`), the others a calm one.
    fn step(&mut self, off: &[&str], bits: f32) -> Vec<Finding> {
        self.second += 2;
        for metric in self.shadows.metrics.values_mut() {
            if off.contains(&&*metric.meta.id.name) {
                seen(metric, self.second, 95.0, bits);
            } else {
                seen(metric, self.second, 5.0, 1.0);
            }
        }
        self.shadows.newest = Some(at(self.second));
        self.judge()
    }

    /// `count` steps; the first value far out carries `bits`, then the shadow follows.
    fn steps(&mut self, count: usize, off: &[&str], bits: f32) -> Vec<Finding> {
        let first = self.step(off, bits);
        (1..count).map(|_| self.step(off, 1.0)).last().unwrap_or(first)
    }

    fn change(&mut self, name: &str, to: Option<&str>) {
        sample::change(&mut self.shadows, name, to, at(self.second));
    }
}

fn event(kind: EventKind, what: &str, second: i64) -> Event {
    Event {
        at: at(second),
        resource: host(),
        kind,
        what: what.into(),
        who: None,
        backfilled: false,
    }
}

/// The rows that hold, in words, sorted.
fn rows(world: &mut World) -> Vec<String> {
    let held = world.judge().into_iter().filter(|finding| finding.ended.is_none());
    let mut rows: Vec<String> = held.map(|finding| finding.summary.to_string()).collect();
    rows.sort();
    rows
}

#[test]
fn the_budget_sets_the_level() {
    let options = Options::default().drift;
    // 300 metrics every 2 s for a week are 90.7 million values.
    assert!((odd_bits(&options, 300, CADENCE) - 26.43).abs() < 0.01);
    let eight = DriftOptions {
        false_alarms_per_week: 8.0,
        ..options.clone()
    };
    assert!((odd_bits(&options, 300, CADENCE) - odd_bits(&eight, 300, CADENCE) - 3.0).abs() < 1e-9);
    assert!(odd_bits(&options, 0, Span::ZERO).is_finite());
}

#[test]
fn a_setting_that_is_not_as_accepted_is_drift_until_it_is_back() {
    let mut world = World::new(&[]);
    world.change("sysctl.vm.swappiness", Some("10"));
    let findings = world.judge();
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(
        (finding.mark, finding.comparison),
        (Mark::Drift, Comparison::DeclaredActual)
    );
    assert_eq!(&*finding.summary, "sysctl.vm.swappiness 60 -> 10 by root");
    assert_eq!(
        finding.seen,
        Seen::Setting {
            now: Some(Value::Int(10)),
            expected: Some(Value::Int(60))
        }
    );
    world.second += 60;
    assert_eq!(world.judge()[0].id, finding.id);
    // The same in another form is no difference.
    world.change("sysctl.vm.swappiness", Some("60"));
    let ended = world.judge();
    assert_eq!((ended.len(), ended[0].ended), (1, Some(at(world.second))));
    assert_eq!(world.judge(), []);
}

#[test]
fn accepting_ends_the_drift() {
    let mut world = World::new(&[]);
    world.change("sysctl.vm.swappiness", Some("10"));
    assert_eq!(world.judge().len(), 1);
    world
        .baseline
        .accept(&world.shadows, &[setting("sysctl.vm.swappiness")], at(world.second));
    assert!(world.judge()[0].ended.is_some());
    assert_eq!(world.judge(), []);
}

#[test]
fn odd_is_told_once_it_lasts_and_ends_after_a_calm_minute() {
    let mut world = World::new(&["cpu.busy_pct"]);
    assert_eq!(world.step(&["cpu.busy_pct"], 50.0), [], "a spike is not told");
    assert_eq!(world.steps(20, &[], 0.0), []);
    let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
    assert_eq!(findings.len(), 1);
    let odd = findings[0].clone();
    assert_eq!((odd.mark, odd.bits, odd.severity), (Mark::Odd, 50.0, Severity::Warning));
    assert_eq!(&*odd.summary, "cpu.busy_pct 95 %, expected 4.7 % to 5.3 %");
    assert!(odd.confidence > 0.9 && odd.since == at(1642), "{odd:?}");
    let back = world.steps(5, &[], 0.0);
    assert_eq!(back.len(), 1, "ten calm seconds do not end it");
    assert_eq!(
        &*back[0].summary,
        "cpu.busy_pct is back at 5 %, after 22 s above what is usual"
    );
    assert!(!odd.over && !back[0].over, "a moment inside is none");
    assert_eq!(world.step(&["cpu.busy_pct"], 2.0)[0].id, odd.id);
    let mut ended = Vec::new();
    for _ in 0..60 {
        ended.extend(
            world
                .step(&[], 0.0)
                .into_iter()
                .filter(|finding| finding.ended.is_some()),
        );
    }
    assert_eq!((ended.len(), ended[0].id), (1, odd.id));
    assert_eq!(world.judge(), []);
}

#[test]
fn what_stays_out_of_its_shadow_is_drift_after_half_an_hour() {
    let mut world = World::new(&["cpu.busy_pct"]);
    let odd = world.steps(12, &["cpu.busy_pct"], 50.0);
    let drift = world.steps(920, &["cpu.busy_pct"], 1.0);
    assert_eq!((odd[0].mark, drift[0].mark), (Mark::Odd, Mark::Drift));
    assert_eq!((odd[0].id, odd[0].since), (drift[0].id, drift[0].since));
}

#[test]
fn metrics_of_one_matter_are_one_row() {
    let names = ["cpu.busy_pct", "load.1", "psi.cpu.some_pct", "net.eth0.util_pct"];
    let mut world = World::new(&names);
    let findings = world.steps(12, &names, 50.0);
    assert_eq!(findings.len(), 2, "{findings:?}");
    let sizes: Vec<usize> = findings.iter().map(|finding| finding.series.len()).collect();
    assert!(sizes.contains(&3) && sizes.contains(&1));
    // One that joins later keeps the number of the finding.
    let mut world = World::new(&names);
    let first = world.steps(12, &["load.1"], 50.0);
    world.steps(12, &["load.1", "cpu.busy_pct"], 40.0);
    let second = world.second;
    seen(world.metric("cpu.busy_pct"), second + 1, 95.0, 59.5);
    let findings = world.judge();
    assert_eq!((findings.len(), findings[0].id), (1, first[0].id));
    assert_eq!(
        findings[0].series,
        [setting("cpu.busy_pct"), setting("load.1")],
        "the telling one first"
    );
}

#[test]
fn an_unmounted_file_system_takes_its_findings_with_it() {
    let mut world = World::new(&["fs./.used_pct", "fs./mnt.used_pct"]);
    for name in ["fs./.used_pct", "fs./mnt.used_pct"] {
        world.metric(name).limit = above(90.0);
    }
    assert_eq!(world.step(&["fs./mnt.used_pct"], 1.0)[0].mark, Mark::Breach);
    let mut held = 0;
    for _ in 0..40 {
        world.second += 2;
        let second = world.second;
        seen(world.metric("fs./.used_pct"), second, 5.0, 1.0);
        held += world.judge().iter().filter(|finding| finding.ended.is_none()).count();
    }
    assert_eq!(held, 2, "it holds for two cadences, and nothing is stale after it");
}

#[test]
fn an_exporter_that_is_dead_is_silent_though_prometheus_says_so_of_it() {
    let mut world = World::new(&[]);
    let target = crate::domain::ResourceId::new("target", "db:9100");
    let [up, load] = ["up", "node_load1"].map(|name| {
        let mut metric = calm(name, 800);
        metric.meta.id = SeriesId::new(&target, name);
        let id = metric.meta.id.clone();
        world.shadows.metrics.insert(id.clone(), metric);
        id
    });
    for _ in 0..30 {
        world.second += 2;
        let second = world.second;
        seen(world.shadows.metrics.get_mut(&up).unwrap(), second, 0.0, 1.0);
        world.judge();
    }
    let findings = world.judge();
    let stale = findings.iter().find(|finding| finding.mark == Mark::Stale).unwrap();
    assert_eq!(stale.series, std::slice::from_ref(&load));
    assert!(!Sources::of(&world.shadows).gone(&world.shadows.metrics[&load]));
}

#[test]
fn a_little_memory_more_in_one_pool_is_nothing_to_tell() {
    for (total, told) in [("64Gi", 0), ("256Mi", 1)] {
        let mut pool = sample::metric("mem.limitless.pool", Unit::Bytes);
        for place in 0..800 {
            seen(&mut pool, place * 2, 40e6, 1.0);
        }
        let mut shadows = sample::shadows([pool]);
        sample::add_settings(&mut shadows, &[("hw.memory.total", total)]);
        let mut state = DriftState::default();
        let mut count = 0;
        for place in 800..830 {
            let metric = shadows.metrics.values_mut().next().unwrap();
            seen(metric, place * 2, 56e6, if place == 800 { 50.0 } else { 1.0 });
            let now = at(place * 2);
            count = state
                .judge(&shadows, &Baseline::default(), &Options::default(), now, 1)
                .len();
        }
        assert_eq!(count, told, "of {total}");
    }
}

#[test]
fn muted_series_raise_nothing() {
    let mut world = World::new(&["cpu.busy_pct", "load.1"]);
    world.options.mute = vec!["cpu.*".into(), "host:a/sysctl.*".into()];
    world.change("sysctl.vm.swappiness", Some("1"));
    let findings = world.steps(12, &["cpu.busy_pct", "load.1"], 50.0);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].series, [setting("load.1")]);
    world.options.mute.clear();
    assert_eq!(world.judge().len(), 2, "told again once they are not muted");
}

#[test]
fn a_past_that_is_read_is_no_silence() {
    let mut world = World::new(&[]);
    // All that was read of it so far is twenty hours old.
    world.second += 20 * 3_600;
    let metric = calm("cpu.busy_pct", 800);
    world.shadows.metrics.insert(metric.meta.id.clone(), metric);
    let quiet = |world: &mut World| {
        let mut last = Vec::new();
        for _ in 0..60 {
            world.second += 2;
            last = world.judge();
        }
        last
    };
    assert_eq!(quiet(&mut world), []);
    let second = world.second;
    seen(world.metric("cpu.busy_pct"), second, 5.0, 0.0);
    let findings = quiet(&mut world);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].mark, Mark::Stale);
}

#[test]
fn no_data_is_one_row_and_a_pause_of_the_watcher_is_none() {
    let names = ["cpu.busy_pct", "load.1", "fs./.used_pct", "top.a.cpu_pct"];
    let mut world = World::new(&names);
    let quiet = |world: &mut World, seconds: i64, but: Option<&str>| {
        let mut last = Vec::new();
        for _ in 0..seconds / 2 {
            world.second += 2;
            let second = world.second;
            if let Some(name) = but {
                seen(world.metric(name), second, 5.0, 1.0);
            }
            last = world.judge();
        }
        last
    };
    assert_eq!(quiet(&mut world, 28, None), []);
    let findings = quiet(&mut world, 10, None);
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].mark, findings[0].series.len()),
        (Mark::Stale, 3),
        "processes come and go"
    );
    assert_eq!(
        findings[0].seen,
        Seen::Metric {
            now: None,
            band: findings[0].seen_band()
        }
    );
    // One of another source comes back: still one row, of two.
    world.metric("load.1").meta.source = "load".into();
    let fewer = quiet(&mut world, 10, Some("load.1"));
    assert_eq!(
        (fewer.len(), fewer[0].series.len(), fewer[0].id),
        (1, 2, findings[0].id)
    );
    // One of their own source: the others are not there any longer, and no row is left.
    world.metric("load.1").meta.source = "proc".into();
    let ended = quiet(&mut world, 2, Some("load.1"));
    assert!(ended.iter().all(|finding| finding.ended.is_some()), "{ended:?}");
    // The watcher itself was away for an hour: nobody is blamed before there was time to hear of it.
    world.second += 3600;
    let holding = |findings: Vec<Finding>| findings.into_iter().filter(|finding| finding.ended.is_none()).count();
    assert_eq!(holding(world.judge()), 0);
}

impl Finding {
    fn seen_band(&self) -> Option<(f64, f64)> {
        match &self.seen {
            Seen::Metric { band, .. } => *band,
            Seen::Setting { .. } => None,
        }
    }
}

#[test]
fn state_that_was_stored_goes_on_with_the_same_numbers() {
    let mut world = World::new(&["cpu.busy_pct", "load.1"]);
    world.change("sysctl.vm.swappiness", Some("1"));
    let before = world.steps(12, &["cpu.busy_pct"], 50.0);
    let packed = crate::domain::packed::pack(&world.state).unwrap();
    world.state = crate::domain::packed::unpack(&packed).unwrap();
    let json = serde_json::to_string(&world.state).unwrap();
    world.state = serde_json::from_str(&json).unwrap();
    let after = world.judge();
    assert_eq!(before.len(), 2);
    assert_eq!(before, after);
}

#[test]
fn worst_first() {
    let mut world = World::new(&["fs./.used_pct", "cpu.busy_pct", "net.eth0.util_pct"]);
    world.metric("fs./.used_pct").limit = above(90.0);
    let off = ["fs./.used_pct", "cpu.busy_pct", "net.eth0.util_pct"];
    world.steps(12, &off[..2], 40.0);
    world.steps(12, &off, 50.0);
    world.change("sysctl.vm.swappiness", Some("1"));
    let marks: Vec<(Mark, f64)> = world
        .judge()
        .iter()
        .map(|finding| (finding.mark, finding.bits))
        .collect();
    let order: Vec<Mark> = marks.iter().map(|(mark, _)| *mark).collect();
    assert_eq!(order, [Mark::Breach, Mark::Odd, Mark::Odd, Mark::Drift]);
    assert!(marks[1].1 > marks[2].1);
}

#[test]
fn what_is_over_stands_behind_what_is_still_so() {
    let mut world = World::new(&["cpu.busy_pct", "net.eth0.util_pct", "fs./.used_pct"]);
    world.metric("fs./.used_pct").limit = above(90.0);
    world.steps(12, &["cpu.busy_pct", "fs./.used_pct"], 50.0);
    let told = world.steps(12, &["net.eth0.util_pct", "cpu.busy_pct", "fs./.used_pct"], 30.0);
    let told: Vec<_> = told.iter().map(|one| (&*one.series[0].name, one.over)).collect();
    let names = ["fs./.used_pct", "cpu.busy_pct", "net.eth0.util_pct"];
    assert_eq!(told, names.map(|name| (name, false)));
    world.steps(14, &["net.eth0.util_pct"], 1.0);
    let told = world.judge();
    let still = &told[0];
    assert_eq!(
        (&*still.series[0].name, still.over, still.mark),
        (names[2], false, Mark::Odd)
    );
    let mut over = told[1..].iter();
    assert!(over.all(|one| one.over && one.ended.is_none()), "{told:?}");
    assert_eq!((told.len(), told[2].says()), (3, "! over".to_owned()));
    // It goes off again within its calm minute.
    let again = world.steps(3, &["cpu.busy_pct", "net.eth0.util_pct"], 1.0);
    assert!(
        again
            .iter()
            .any(|one| &*one.series[0].name == "cpu.busy_pct" && !one.over)
    );
}

#[test]
fn values_that_are_no_numbers_never_come_out() {
    let mut world = World::new(&["cpu.busy_pct"]);
    world.metric("cpu.busy_pct").limit = Some(Limit {
        value: f64::NAN,
        side: Side::Below,
        by: "config".into(),
    });
    for bits in [f32::NAN, f32::INFINITY, 60.0] {
        for finding in (0..8)
            .flat_map(|_| world.step(&["cpu.busy_pct"], bits))
            .collect::<Vec<_>>()
        {
            assert!(finding.bits.is_finite() && finding.score.is_finite() && finding.confidence.is_finite());
        }
    }
    let empty = Shadows::default();
    for now in [Timestamp(i64::MIN), Timestamp(i64::MAX)] {
        let findings = world.state.judge(&empty, &Baseline::default(), &world.options, now, 0);
        assert!(findings.iter().all(|finding| finding.ended.is_some()));
    }
}

#[test]
fn incidents_need_no_more_than_findings() {
    let mut world = World::new(&["cpu.busy_pct"]);
    world.change("sysctl.vm.swappiness", Some("1"));
    let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
    let odd = findings.iter().find(|finding| finding.mark == Mark::Odd).unwrap();
    assert_eq!(odd.causes[0].word(), "possible cause");
    // What is only possible is told as that, and joins nothing.
    let told = |findings: &[Finding]| {
        let told = incidents(findings, world.options.drift.coincide, &[]);
        told.iter().map(|one| (one.lanes.len(), one.to)).collect::<Vec<_>>()
    };
    assert_eq!(told(&findings), [(1, None)]);
    let likely = |finding: &Finding| {
        let mut finding = finding.clone();
        finding.causes.iter_mut().for_each(|cause| cause.weight = 0.9);
        finding
    };
    assert_eq!(told(&findings.iter().map(likely).collect::<Vec<_>>()), [(2, None)]);
}
