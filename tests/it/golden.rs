//! The pipeline on scripted days: fixed batches and a fixed seed in, the findings and proposals a person should see out.

use std::{collections::BTreeMap, sync::Arc};

use foreshadow::{
    domain::{
        Batch, Comparison, Event, EventKind, Finding, Mark, MetricKind, MetricMeta, Observation, Options, Point,
        ProposalKind, ResourceId, SeriesId, SettingSnapshot, Severity, Span, Timestamp, Unit, Value, packed,
    },
    pipeline::{State, step},
    store::AuditEntry,
};

const SEED: u64 = 7;

/// A host whose metrics and settings a test moves by hand.
pub struct Host {
    pub state: State,
    options: Options,
    pub now: Timestamp,
    /// Time between two steps; a metric is told at its own cadence.
    pub every: Span,
    pub metrics: Vec<MetricMeta>,
    pub settings: BTreeMap<Arc<str>, Value>,
    /// What happens with the next step.
    pub events: Vec<Event>,
    draw: fastrand::Rng,
    /// Findings that began, in order, with the time they were first told.
    pub began: Vec<(Timestamp, Finding)>,
    /// What the steps wrote into the audit.
    audit: Vec<AuditEntry>,
}

pub fn host() -> ResourceId {
    ResourceId::new("host", "web-1")
}

pub fn id(name: &str) -> SeriesId {
    SeriesId::new(&host(), name)
}

impl Host {
    pub fn meta(name: &str, unit: Unit, kind: MetricKind) -> MetricMeta {
        MetricMeta {
            id: id(name),
            unit,
            kind,
            cadence: Span::from_secs(10),
            source: name.split('.').next().unwrap().into(),
            limit: None,
        }
    }

    fn new() -> Self {
        let meta = Self::meta;
        let percent = MetricKind::Bounded { lo: 0.0, hi: 100.0 };
        Self {
            state: State::default(),
            options: Options::default(),
            now: Timestamp::from_secs(1_790_000_040),
            every: Span::from_secs(10),
            events: Vec::new(),
            metrics: vec![
                meta("cpu.busy_pct", Unit::Percent, percent),
                meta("fs./.used_pct", Unit::Percent, percent),
                meta("net.eth0.rx_bytes_per_s", Unit::BytesPerSec, MetricKind::Rate),
            ],
            settings: [
                ("sysctl.vm.swappiness", "60"),
                ("sysctl.net.core.somaxconn", "4096"),
                ("etc.hosts", "a"),
            ]
            .map(|(name, value)| (name.into(), Value::infer(value)))
            .into(),
            draw: fastrand::Rng::with_seed(3),
            began: Vec::new(),
            audit: Vec::new(),
        }
    }

    /// A host without metrics, read every two seconds.
    pub fn real() -> Self {
        Self {
            every: Span::from_secs(2),
            metrics: Vec::new(),
            ..Self::new()
        }
    }

    pub fn noise(&mut self, around: f64, spread: f64) -> f64 {
        around + spread * (self.draw.f64() + self.draw.f64() + self.draw.f64() - 1.5)
    }

    /// Lives for `minutes`; `value` says what each metric is at a step (counted from 0).
    pub fn live(&mut self, minutes: i64, value: impl FnMut(&mut Self, &str, i64) -> f64) {
        self.live_for(Span::from_mins(minutes), value);
    }

    /// The same for any time.
    pub fn live_for(&mut self, time: Span, mut value: impl FnMut(&mut Self, &str, i64) -> f64) {
        let due = |at: Timestamp, every: Span| at.0 % every.0 == 0;
        for place in 0..time.0 / self.every.0 {
            let mut batch = Batch {
                metrics: self.metrics.clone(),
                events: std::mem::take(&mut self.events),
                ..Batch::default()
            };
            for meta in self.metrics.clone() {
                if !due(self.now, meta.cadence.min(Span::from_secs(10))) {
                    continue;
                }
                let value = value(self, &meta.id.name, place);
                batch.observations.push(Observation {
                    id: meta.id,
                    point: Point { at: self.now, value },
                });
            }
            if due(self.now, Span::from_mins(1)) {
                let by_scope = |scope: &str| {
                    let of = |name: &&Arc<str>| name.starts_with(&format!("{scope}."));
                    let settings = self.settings.iter().filter(|(name, _)| of(name));
                    SettingSnapshot {
                        reach: None,
                        resource: host(),
                        scope: scope.into(),
                        at: self.now,
                        settings: Some(settings.map(|(name, value)| (name.clone(), value.clone())).collect()),
                    }
                };
                batch.snapshots = ["sysctl", "etc", "pkg", "unit", "port", "mount"].map(by_scope).into();
            }
            self.step(&batch);
            self.now += self.every;
        }
    }

    fn step(&mut self, batch: &Batch) {
        let known: Vec<_> = self.state.findings.iter().map(|finding| finding.id).collect();
        let out = step(&mut self.state, batch, &self.options, self.now, SEED);
        self.audit.extend(out.write.audit);
        let new = self
            .state
            .findings
            .iter()
            .filter(|finding| !known.contains(&finding.id));
        let now = self.now;
        self.began.extend(new.map(|finding| (now, finding.clone())));
    }

    fn calm(&mut self, minutes: i64) {
        self.live(minutes, |host, name, _| match name {
            "cpu.busy_pct" => host.noise(20.0, 4.0),
            "fs./.used_pct" => 61.0,
            _ => host.noise(50_000.0, 9_000.0),
        });
    }

    pub fn finding(&self, series: &str) -> &Finding {
        let found = self
            .state
            .findings
            .iter()
            .find(|finding| finding.series.contains(&id(series)));
        found.unwrap_or_else(|| panic!("no finding of {series}: {:#?}", self.state.findings))
    }
}

#[test]
fn a_calm_day_says_nothing() {
    let mut host = Host::new();
    host.calm(24 * 60);
    let told: Vec<_> = host.began.iter().map(|(_, finding)| finding.summary.clone()).collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(host.state.proposals.is_empty());
}

#[test]
fn a_processor_hog_is_odd_within_a_minute_and_ends_when_it_does() {
    let mut host = Host::new();
    host.calm(90);
    host.live(1, |host, name, _| match name {
        "cpu.busy_pct" => host.noise(97.0, 2.0),
        "fs./.used_pct" => 61.0,
        _ => host.noise(50_000.0, 9_000.0),
    });
    let finding = host.finding("cpu.busy_pct");
    assert_eq!(
        (finding.comparison, finding.mark),
        (Comparison::ShadowActual, Mark::Odd)
    );
    assert!(finding.bits >= 8.0, "{}", finding.bits);
    host.calm(20);
    assert!(host.state.findings.is_empty(), "{:#?}", host.state.findings);
    assert_eq!(host.state.ended.len(), 1);
}

#[test]
fn a_changed_sysctl_is_drift_with_a_way_back_and_a_way_on() {
    let mut host = Host::new();
    host.calm(60);
    host.settings.insert("sysctl.vm.swappiness".into(), Value::Int(1));
    host.calm(2);
    let finding = host.finding("sysctl.vm.swappiness").clone();
    assert_eq!(
        (finding.comparison, finding.mark),
        (Comparison::DeclaredActual, Mark::Drift)
    );
    let answers: Vec<_> = host
        .state
        .proposals
        .iter()
        .filter(|proposal| proposal.finding == finding.id)
        .collect();
    let revert = answers
        .iter()
        .find(|proposal| proposal.kind == ProposalKind::Revert)
        .expect("a revert");
    assert!(
        revert.artefact.text.contains("sysctl -w vm.swappiness=60"),
        "{}",
        revert.artefact.text
    );
    assert!(answers.iter().any(|proposal| proposal.kind == ProposalKind::Adopt));
    // Undone by hand: the finding and its proposals go.
    host.settings.insert("sysctl.vm.swappiness".into(), Value::Int(60));
    host.calm(2);
    assert!(host.state.findings.is_empty() && host.state.proposals.is_empty());
}

#[test]
fn a_filling_disk_is_told_before_it_is_full() {
    let mut host = Host::new();
    host.calm(60);
    let fill = |from: f64| {
        move |host: &mut Host, name: &str, place: i64| match name {
            "cpu.busy_pct" => host.noise(20.0, 4.0),
            "fs./.used_pct" => (from + place as f64 * 0.02).min(100.0),
            _ => host.noise(50_000.0, 9_000.0),
        }
    };
    host.live(60, fill(61.0));
    let finding = host.finding("fs./.used_pct").clone();
    assert_eq!(
        (finding.comparison, finding.mark),
        (Comparison::FutureLimit, Mark::Cross)
    );
    let crossing = finding.crossing.expect("a crossing");
    assert!(crossing.probability > 0.7, "{crossing:?}");
    // 68.2 % now, 0.12 % a minute: 90 % comes three hours and two minutes from now.
    let when = crossing.at[1].expect("a median") - host.now;
    assert!((Span::from_mins(120)..Span::from_mins(280)).contains(&when), "{when}");
    assert!(
        host.state
            .proposals
            .iter()
            .any(|proposal| proposal.finding == finding.id),
        "nothing proposed"
    );
    // What a proposal says stays while the numbers of the finding move: those are told beside it, as of now.
    let why = host.state.proposals.iter().flat_map(|proposal| &proposal.why);
    let moving: Vec<_> = why.filter(|line| line.contains("probability")).collect();
    assert!(moving.is_empty(), "{moving:?}");
    host.live(190, fill(68.2));
    assert_eq!(host.finding("fs./.used_pct").mark, Mark::Breach);
    assert_eq!(host.finding("fs./.used_pct").severity, Severity::Critical);
}

#[test]
fn a_change_beside_a_surprise_is_critical_and_named_as_the_cause() {
    let mut host = Host::new();
    host.calm(90);
    host.settings.insert("sysctl.net.core.somaxconn".into(), Value::Int(16));
    host.calm(1);
    host.live(3, |host, name, _| match name {
        "cpu.busy_pct" => host.noise(95.0, 2.0),
        "fs./.used_pct" => 61.0,
        _ => host.noise(50_000.0, 9_000.0),
    });
    let finding = host.finding("cpu.busy_pct");
    assert_eq!(finding.severity, Severity::Critical);
    let cause = finding.causes.first().expect("a cause");
    assert_eq!(cause.series.as_ref(), Some(&id("sysctl.net.core.somaxconn")));
    assert!(
        cause.what.contains("4096") && cause.what.contains("16"),
        "{}",
        cause.what
    );
}

#[test]
fn the_same_day_twice_is_the_same_to_the_last_bit() {
    let day = || {
        let mut host = Host::new();
        host.calm(90);
        host.settings.insert("etc.hosts".into(), Value::text("b"));
        host.live(30, |host, name, place| match name {
            "cpu.busy_pct" => host.noise(50.0, 40.0),
            "fs./.used_pct" => 61.0 + place as f64 * 0.05,
            _ => f64::NAN,
        });
        packed::pack(&host.state).unwrap()
    };
    assert_eq!(day(), day());
}

#[test]
fn what_was_learnt_survives_being_saved() {
    let mut host = Host::new();
    host.calm(90);
    let saved = packed::pack(&host.state).unwrap();
    let mut other = Host::new();
    other.state = packed::unpack(&saved).unwrap();
    (other.now, other.draw) = (host.now, host.draw.clone());
    host.calm(30);
    other.calm(30);
    assert_eq!(packed::pack(&host.state).unwrap(), packed::pack(&other.state).unwrap());
}

#[test]
fn a_clock_that_jumps_either_way_harms_nothing() {
    let mut host = Host::new();
    host.calm(60);
    let before = host.now;
    for jump in [
        Span::from_days(400),
        Span::from_days(-800),
        Span::from_hours(-2),
        Span(i64::MAX / 4),
        Span(i64::MIN / 2),
    ] {
        host.now += jump;
        host.calm(3);
    }
    host.now = before;
    host.calm(30);
    assert!(
        host.state
            .shadows
            .metrics
            .values()
            .all(|metric| metric.shadow.next().is_none_or(|q| q.0.iter().all(|v| v.is_finite())))
    );
}

#[test]
fn hostile_names_values_and_crowds_are_taken() {
    let mut host = Host::new();
    let mounts = 10_000;
    let evil = "mnt\u{1b}[2J\u{9b}31m\n\u{202e}";
    for place in 0..mounts {
        host.metrics.push(MetricMeta {
            id: id(&format!("fs./{evil}{place}.used_pct")),
            ..host.metrics[1].clone()
        });
    }
    host.settings.insert("etc.evil".into(), Value::text(evil));
    host.live(1, |_, _, _| 40.0);
    host.settings
        .insert("etc.evil".into(), Value::text("\u{1b}]0;title\u{7}"));
    let event = Event {
        at: host.now,
        resource: crate::golden::host(),
        kind: EventKind::Log,
        what: evil.into(),
        who: Some(evil.into()),
        backfilled: false,
    };
    host.step(&Batch {
        events: vec![event],
        ..Batch::default()
    });
    host.live(1, |_, _, _| 40.0);
    assert_eq!(host.state.shadows.metrics.len(), mounts + 3);
    for finding in &host.state.findings {
        assert!(!finding.summary.chars().any(char::is_control), "{:?}", finding.summary);
    }
    for proposal in &host.state.proposals {
        assert!(
            !proposal.artefact.text.chars().any(|c| c.is_control() && c != '\n'),
            "{:?}",
            proposal.artefact.text
        );
    }
}

#[test]
fn what_a_change_was_to_do_is_promised_before_and_measured_after_it() {
    let mut host = Host::new();
    let busy = |level: f64| {
        move |host: &mut Host, name: &str, _: i64| match name {
            "cpu.busy_pct" => host.noise(level, 4.0),
            "fs./.used_pct" => 61.0,
            _ => host.noise(50_000.0, 9_000.0),
        }
    };
    let swap = |host: &mut Host, value: i64, level: f64, minutes: i64| {
        host.settings.insert("sysctl.vm.swappiness".into(), Value::Int(value));
        host.live(minutes, busy(level));
        host.audit
            .iter()
            .filter(|entry| &*entry.what == "verify")
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(swap(&mut host, 60, 20.0, 90), []);
    assert_eq!(
        swap(&mut host, 10, 45.0, 30),
        [],
        "it never changed before: nothing was promised"
    );
    // Undone, which does what it did the other way round.
    let verified = swap(&mut host, 60, 20.0, 30);
    let [entry] = &verified[..] else { panic!("{verified:?}") };
    assert_eq!(
        (&*entry.who, &*entry.resource),
        ("shadow", "web-1 sysctl.vm.swappiness")
    );
    let figures = |text: &str| {
        let number = |after: &str| {
            text.split_once(after)
                .unwrap()
                .1
                .split(' ')
                .next()
                .unwrap()
                .parse::<f64>()
        };
        (number("promised ").unwrap(), number("got ").unwrap())
    };
    let (promised, got) = figures(&entry.result);
    assert!((promised + 25.0).abs() < 1.5 && (got + 25.0).abs() < 1.5, "{entry:?}");
    let record = |host: &Host| {
        let records = host.state.ledger.records();
        records.into_iter().find(|record| &*record.sort == "moves").unwrap()
    };
    assert_eq!((record(&host).scored, record(&host).held80), (1, 1.0));
    // The third time it does nothing: the promise is not kept.
    let verified = swap(&mut host, 10, 20.0, 30);
    assert_eq!(verified.len(), 2, "{verified:?}");
    assert_eq!((record(&host).scored, record(&host).held80), (2, 0.5), "{verified:?}");
}

#[test]
fn what_left_its_shadow_is_learnt_anew_and_told_once() {
    let mut host = Host::new();
    host.calm(120);
    let relearnt = |host: &Host| {
        let told = host.audit.iter().filter(|entry| &*entry.what == "relearn");
        told.cloned().collect::<Vec<_>>()
    };
    assert_eq!(relearnt(&host), [], "the schedule alone is told once a day");
    host.live(90, |host, name, _| match name {
        "cpu.busy_pct" => host.noise(60.0, 4.0),
        "fs./.used_pct" => 61.0,
        _ => host.noise(50_000.0, 9_000.0),
    });
    let told = relearnt(&host);
    let [entry] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*entry.who, &*entry.resource), ("shadow", "web-1 cpu.busy_pct"));
    let (before, after) = entry
        .result
        .trim_start_matches("95 % held ")
        .split_once(" -> ")
        .unwrap();
    let (before, after): (f64, f64) = (before.parse().unwrap(), after.trim_end_matches(" %").parse().unwrap());
    assert!(before < after && after > 85.0, "{entry:?}");
    host.calm(24 * 60);
    let daily: Vec<_> = relearnt(&host)
        .into_iter()
        .filter(|entry| entry.resource.starts_with("all (daily"))
        .collect();
    assert_eq!(daily.len(), 1, "{daily:?}");
}
