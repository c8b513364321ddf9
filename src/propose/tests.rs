//! Proposals for constructed findings.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    domain::{
        Cause, Change, Crossing, FindingId, Level, Limit, MetricKind, MetricMeta, Point, ProposalId, ResourceId,
        SecretHash, Seen as Shown, SeriesId, SettingChange, SettingSnapshot, Severity, Side, Unit, Value,
    },
    shadow::{Metric, MetricShadow, Minute, Seen},
};

const T0: Timestamp = Timestamp::from_secs(1_700_000_040);

fn host() -> ResourceId {
    ResourceId::new("host", "a")
}

fn id(name: &str) -> SeriesId {
    SeriesId::new(&host(), name)
}

fn now() -> Timestamp {
    T0 + Span::from_mins(60)
}

/// Settings as they were accepted, and as they are.
fn world(settings: &[(&str, Value, Value)]) -> (Shadows, Baseline) {
    let mut shadows = Shadows {
        newest: Some(now()),
        ..Shadows::default()
    };
    let mut scopes: BTreeMap<&str, BTreeMap<Arc<str>, Value>> = BTreeMap::new();
    for (name, accepted, _) in settings {
        let scope = name.split('.').next().unwrap();
        scopes
            .entry(scope)
            .or_default()
            .insert((*name).into(), accepted.clone());
    }
    for (scope, settings) in scopes {
        shadows.settings.snapshot(&SettingSnapshot {
            resource: host(),
            scope: scope.into(),
            at: T0,
            settings: Some(settings),
        });
    }
    let baseline = Baseline::take(&shadows, T0);
    for (name, accepted, actual) in settings {
        shadows.settings.observe(&SettingChange {
            id: id(name),
            at: now() - Span::from_mins(5),
            from: Some(accepted.clone()),
            to: Some(actual.clone()),
            by: None,
            after: None,
            backfilled: false,
        });
    }
    (shadows, baseline)
}

fn finding(comparison: Comparison, mark: Mark, series: &[&str], bits: f64) -> Finding {
    Finding {
        id: FindingId(series.len() as u64 + mark as u64 * 100),
        mark,
        level: Level::High,
        severity: Severity::Warning,
        comparison,
        resource: host(),
        series: series.iter().map(|name| id(name)).collect(),
        seen: Shown::Metric { now: None, band: None },
        since: now() - Span::from_mins(4),
        last: now(),
        ended: None,
        bits,
        score: 12.0,
        confidence: 0.9,
        crossing: None,
        summary: format!("{} is off", series[0]).into(),
        evidence: Vec::new(),
        causes: Vec::new(),
        rule: None,
        earliest: None,
    }
}

fn ask(findings: &[Finding], world: &(Shadows, Baseline)) -> Vec<Proposal> {
    propose(
        findings,
        &world.0,
        &world.1,
        &Options::default(),
        &mut Numbers::default(),
        now(),
        1,
    )
}

fn disk(value_per_minute: f64) -> Metric {
    let meta = MetricMeta {
        id: id("fs./var.used_pct"),
        unit: Unit::Percent,
        kind: MetricKind::Bounded { lo: 0.0, hi: 100.0 },
        cadence: Span::from_mins(1),
        source: "test".into(),
        limit: None,
    };
    let mut metric = Metric {
        shadow: MetricShadow::new(&meta),
        meta,
        limit: Some(Limit {
            value: 90.0,
            side: Side::Above,
            by: "default".into(),
        }),
        recent: Default::default(),
        minutes: Default::default(),
        slow: Default::default(),
    };
    for minute in 0..60 {
        let (at, value) = (T0 + Span::from_mins(minute), 70.0 + value_per_minute * minute as f64);
        metric.shadow.observe(Point { at, value });
        metric.recent.push_back(Seen {
            at,
            value,
            band: None,
            bits: 0.0,
        });
        metric.minutes.push_back(Minute {
            at,
            count: 1,
            min: value,
            max: value,
            last: value,
            bits: 0.0,
            band: None,
        });
    }
    metric.shadow.refit(now());
    metric
}

#[test]
fn a_setting_that_drifted_can_be_put_back_or_accepted() {
    let world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 14.0);
    let proposals = ask(&[drift], &world);
    let kinds: Vec<ProposalKind> = proposals.iter().map(|proposal| proposal.kind).collect();
    assert!(kinds.contains(&ProposalKind::Revert) && kinds.contains(&ProposalKind::Adopt));
    let revert = proposals
        .iter()
        .find(|proposal| proposal.kind == ProposalKind::Revert)
        .unwrap();
    assert_eq!(&*revert.title, "vm.swappiness 1 -> 60");
    assert!(
        revert.artefact.text.starts_with("sysctl -w vm.swappiness=60\n"),
        "{}",
        revert.artefact.text
    );
    assert_eq!(&*revert.artefact.format, "sysctl");
    assert_eq!(revert.factors.disruption, 0.1);
    assert!(revert.why.iter().any(|line| line.contains("swapped")));
    let adopt = proposals
        .iter()
        .find(|proposal| proposal.kind == ProposalKind::Adopt)
        .unwrap();
    assert_eq!(
        adopt.artefact.text,
        "foreshadow baseline accept host:a/sysctl.vm.swappiness\n"
    );
    assert!(adopt.changes.steps.is_empty());
    for proposal in &proposals {
        let weak = proposal.factors.score() < WEAK;
        assert_eq!(proposal.status == ProposalStatus::Weak, weak, "{proposal:?}");
        assert!((0.0..=1.0).contains(&proposal.factors.success) && proposal.factors.score().is_finite());
    }
}

#[test]
fn a_departure_that_names_the_change_speaks_for_putting_it_back() {
    let world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 14.0);
    let mut odd = finding(Comparison::ShadowActual, Mark::Odd, &["mem.used_pct"], 30.0);
    let score = |proposals: &[Proposal], kind| {
        let mut of_kind = proposals.iter().filter(|proposal| proposal.kind == kind);
        let first = of_kind.next().unwrap().factors.score();
        assert!(of_kind.next().is_none(), "one revert, not two");
        first
    };
    let before = ask(&[drift.clone(), odd.clone()], &world);
    odd.causes = vec![Cause {
        series: Some(id("sysctl.vm.swappiness")),
        what: "sysctl.vm.swappiness 60 -> 1".into(),
        at: now() - Span::from_mins(5),
        lead: Span::from_mins(1),
        weight: 0.7,
        earliest: None,
    }];
    let after = ask(&[drift, odd.clone()], &world);
    assert!(score(&after, ProposalKind::Revert) > 2.0 * score(&before, ProposalKind::Revert));
    assert!(score(&after, ProposalKind::Adopt) < score(&before, ProposalKind::Adopt));
    assert_eq!(after[0].kind, ProposalKind::Revert, "best first");

    // Accepted meanwhile: the revert answers the departure itself.
    let alone = ask(&[odd.clone()], &world);
    assert_eq!(
        (alone.len(), alone[0].kind, alone[0].finding),
        (1, ProposalKind::Revert, odd.id)
    );
}

#[test]
fn numbers_stay_while_the_change_is_the_same() {
    let world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 14.0);
    let mut numbers = Numbers::default();
    let mut ids = |now, seed| -> Vec<ProposalId> {
        let finding = std::slice::from_ref(&drift);
        let proposals = propose(
            finding,
            &world.0,
            &world.1,
            &Options::default(),
            &mut numbers,
            now,
            seed,
        );
        proposals.iter().map(|proposal| proposal.id).collect()
    };
    let first = ids(now(), 1);
    assert_eq!(first, ids(now() + Span::from_mins(1), 9));
    assert!(first.iter().all(|id| id.0 <= 2), "short: {first:?}");
    assert_ne!(first[0], first[1]);
}

#[test]
fn a_limit_ahead_is_answered_with_enough_room_and_its_what_if() {
    let (mut shadows, baseline) = world(&[]);
    let metric = disk(0.1);
    shadows.metrics.insert(metric.meta.id.clone(), metric);
    let mut cross = finding(Comparison::FutureLimit, Mark::Cross, &["fs./var.used_pct"], 0.0);
    cross.crossing = Some(Crossing {
        limit: 90.0,
        probability: 0.9,
        horizon: Span::from_hours(6),
        at: [None; 3],
        at95: [None; 2],
    });
    let proposals = ask(&[cross], &(shadows, baseline));
    assert_eq!(proposals.len(), 1, "{proposals:?}");
    let adjust = &proposals[0];
    assert_eq!(adjust.kind, ProposalKind::Adjust);
    assert!(adjust.artefact.text.contains("du -xh --max-depth=2 /var | sort -h"));
    assert!(matches!(adjust.changes.steps[0].change, Change::Capacity { factor, .. } if factor > 1.0));
    let (before, after) = adjust.effects[0].crossing.unwrap();
    assert!(before > 0.5 && after < 0.1, "{before} {after}");
}

#[test]
fn a_table_that_fills_is_doubled() {
    let (mut shadows, baseline) = world(&[("sysctl.fs.file-max", Value::Int(1000), Value::Int(4096))]);
    let mut metric = disk(0.0);
    metric.limit.as_mut().unwrap().value = 60.0;
    metric.meta.id = id("fd.used_pct");
    shadows.metrics.insert(metric.meta.id.clone(), metric);
    let breach = finding(Comparison::FutureLimit, Mark::Breach, &["fd.used_pct"], 0.0);
    let proposals = ask(&[breach], &(shadows, baseline));
    assert!(
        proposals[0].artefact.text.starts_with("sysctl -w fs.file-max=8192\n"),
        "{proposals:?}"
    );
}

#[test]
fn secrets_and_escape_sequences_reach_no_text() {
    let secret = |word: &str| Value::Secret(SecretHash::of(&[7; 32], word.as_bytes()));
    let world = world(&[
        ("etc.app.ini:password", secret("hunter2"), secret("letmein")),
        (
            "etc.app.ini:title",
            Value::text("a\u{1b}[31m\nrm -rf /"),
            Value::text("b"),
        ),
    ]);
    let drift = finding(
        Comparison::DeclaredActual,
        Mark::Drift,
        &["etc.app.ini:password", "etc.app.ini:title"],
        20.0,
    );
    for proposal in ask(&[drift], &world) {
        let text = serde_json::to_string(&proposal).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("letmein"));
        if proposal.kind == ProposalKind::Revert {
            assert!(
                proposal.artefact.text.lines().all(|line| line.starts_with('#')),
                "{}",
                proposal.artefact.text
            );
            assert!(!proposal.artefact.text.contains("secret#"));
        }
        assert!(!proposal.artefact.text.chars().any(|c| c != '\n' && c.is_control()));
    }
}

#[test]
fn old_data_and_ended_findings_offer_nothing_to_apply() {
    let mut world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let mut drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 14.0);
    world.0.newest = Some(now() - Span::from_mins(30));
    assert!(
        ask(std::slice::from_ref(&drift), &world)
            .iter()
            .all(|proposal| proposal.status == ProposalStatus::Stale)
    );
    drift.ended = Some(now());
    assert!(ask(&[drift], &world).is_empty());
}

#[test]
fn a_trusted_change_is_accepted_first_and_one_that_lets_people_in_is_put_back_first() {
    let told = |name: &str, who: Option<&str>, urgent: Severity, evidence: &str| {
        let mut world = world(&[(name, Value::Bool(false), Value::Bool(false))]);
        world.0.settings.observe(&SettingChange {
            id: id(name),
            at: now() - Span::from_mins(2),
            from: Some(Value::Bool(false)),
            to: Some(Value::Bool(true)),
            by: who.map(Into::into),
            after: None,
            backfilled: false,
        });
        let mut drift = finding(Comparison::DeclaredActual, Mark::Drift, &[name], 14.0);
        drift.severity = urgent;
        drift.evidence.push(evidence.into());
        ask(&[drift], &world).remove(0)
    };
    let first = |name: &str, who: Option<&str>, urgent: Severity| told(name, who, urgent, "").kind;
    let file = "etc.app.conf:cache";
    assert_eq!(first(file, Some("ann"), Severity::Warning), ProposalKind::Adopt);
    assert_eq!(
        first(file, None, Severity::Warning),
        ProposalKind::Revert,
        "nobody knows who"
    );
    assert_eq!(
        first(file, Some("ann"), Severity::Critical),
        ProposalKind::Revert,
        "something suffers"
    );
    let root = "etc.ssh/sshd_config:PermitRootLogin";
    assert_eq!(first(root, Some("ann"), Severity::Warning), ProposalKind::Revert);
    // The reason that holds is told, and no other.
    let why = told(root, Some("ann"), Severity::Warning, "").why;
    assert_eq!(&*why[1], "it bears on who gets in");
    let near = "coincides with cpu.busy_pct, 4 s later";
    let why = told(file, Some("ann"), Severity::Critical, near).why;
    assert_eq!((why.len(), &*why[1]), (2, "it coincides with cpu.busy_pct, 4 s later"));
}

#[test]
fn a_way_back_says_what_it_does_what_happened_and_how_it_is_undone() {
    let mut world = world(&[("etc.hosts", Value::text("mode=0644"), Value::text("mode=0644"))]);
    world.0.settings.observe(&SettingChange {
        id: id("etc.cron.d/backup"),
        at: now() - Span::from_mins(2),
        from: None,
        to: Some(Value::text("mode=0644")),
        by: None,
        after: None,
        backfilled: false,
    });
    let series = ["etc.cron.d/backup", "etc.cron.d/backup:content"];
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &series, 14.0);
    let proposals = ask(&[drift], &world);
    let revert = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
    assert_eq!(&*revert.title, "move /etc/cron.d/backup aside");
    let (move_aside, note) = revert.artefact.text.split_once('\n').unwrap();
    assert_eq!(
        move_aside,
        "mkdir -p /var/backups/foreshadow/cron.d && mv -- /etc/cron.d/backup /var/backups/foreshadow/cron.d/backup.aside-$(date +%s)"
    );
    assert!(note.contains("stays in /var/backups/foreshadow"), "{note}");
    assert_eq!(
        &*revert.undo,
        r#"mv -n -- "$(ls -d /var/backups/foreshadow/cron.d/backup.aside-* | tail -n 1)" /etc/cron.d/backup"#
    );

    let list = |text: &str| Value::list([(Arc::from(text), Value::Bool(true))].into());
    let world = self::world(&[("net.hosts.db", list("10.0.0.5"), list("10.9.8.7"))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["net.hosts.db"], 14.0);
    let proposals = ask(&[drift], &world);
    let revert = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
    assert_eq!(
        &*revert.undo,
        "in /etc/hosts the line `10.9.8.7 db` again; it has 10.0.0.5"
    );
}

#[test]
fn room_is_made_on_the_mount_that_needs_it_and_not_after_it_was_made() {
    let (mut shadows, baseline) = world(&[]);
    for name in ["fs./var.used_pct", "fs./.used_pct"] {
        let mut metric = disk(0.3);
        metric.meta.id = id(name);
        shadows.metrics.insert(metric.meta.id.clone(), metric);
    }
    let world = (shadows, baseline);
    let mut cross = finding(Comparison::FutureLimit, Mark::Cross, &["fs./var.used_pct"], 0.0);
    cross.mark = Mark::Cross;
    let effects = &ask(&[cross.clone()], &world)[0].effects;
    assert!(
        effects.iter().all(|effect| effect.series == id("fs./var.used_pct")),
        "{effects:?}"
    );
    cross.mark = Mark::Breach;
    assert_eq!(ask(&[cross], &world), [], "70 % to 88 % is below the limit");
}

/// Another finding of the same run.
fn drift(name: &str, bits: f64) -> Finding {
    Finding {
        id: FindingId(9_000),
        ..finding(Comparison::DeclaredActual, Mark::Drift, &[name], bits)
    }
}

#[test]
fn nobody_is_told_to_make_a_unit_fail_again() {
    let is = |state: &str| Value::Enum(state.into());
    let kinds = |declared: &str, actual: &str| -> Vec<ProposalKind> {
        let world = world(&[("unit.app.service:state", is(declared), is(actual))]);
        let proposals = ask(&[drift("unit.app.service:state", 10.0)], &world);
        proposals.iter().map(|proposal| proposal.kind).collect()
    };
    assert_eq!(kinds("failed", "active"), [ProposalKind::Adopt]);
    assert!(kinds("active", "failed").contains(&ProposalKind::Revert));
}

#[test]
fn accepting_a_change_never_stands_before_what_mends_a_harm() {
    let inactive = || Value::text("inactive");
    let (mut shadows, baseline) = world(&[("unit.app.service:state", inactive(), inactive())]);
    // It is known who did it, and nothing suffers from it.
    shadows.settings.observe(&SettingChange {
        id: id("unit.app.service:state"),
        at: now() - Span::from_mins(3),
        from: Some(inactive()),
        to: Some(Value::text("active")),
        by: Some("ana".into()),
        after: None,
        backfilled: false,
    });
    let metric = disk(0.3);
    shadows.metrics.insert(metric.meta.id.clone(), metric);
    let world = (shadows, baseline);
    let started = drift("unit.app.service:state", 16.0);
    let fills = finding(Comparison::FutureLimit, Mark::Cross, &["fs./var.used_pct"], 0.0);
    let place = |proposals: &[Proposal], kind: ProposalKind| {
        let mut kinds = proposals.iter().map(|one| one.kind);
        kinds.position(|one| one == kind).unwrap()
    };
    let alone = ask(std::slice::from_ref(&started), &world);
    assert_eq!(place(&alone, ProposalKind::Adopt), 0, "{alone:#?}");
    let both = ask(&[fills, started], &world);
    assert_eq!(place(&both, ProposalKind::Adjust), 0, "{both:#?}");
    assert!(
        place(&both, ProposalKind::Adopt) < place(&both, ProposalKind::Revert),
        "what is trusted stays before its way back"
    );
}

#[test]
fn a_file_system_that_fills_is_given_room_and_not_unmounted() {
    let (mut shadows, baseline) = world(&[]);
    for (part, value) in [("device", "/dev/sdb1"), ("fstype", "ext4")] {
        shadows.settings.observe(&SettingChange {
            id: id(&format!("mount./var:{part}")),
            at: now() - Span::from_mins(6),
            from: None,
            to: Some(Value::text(value)),
            by: None,
            after: None,
            backfilled: false,
        });
    }
    let metric = disk(0.3);
    shadows.metrics.insert(metric.meta.id.clone(), metric);
    let world = (shadows, baseline);
    let mut mounted = finding(
        Comparison::DeclaredActual,
        Mark::Drift,
        &["mount./var:device", "mount./var:fstype"],
        25.0,
    );
    mounted.severity = Severity::Critical;
    let mut fills = finding(Comparison::FutureLimit, Mark::Cross, &["fs./var.used_pct"], 30.0);
    fills.causes.push(Cause {
        series: Some(id("mount./var:device")),
        what: "/var is mounted from /dev/sdb1".into(),
        at: fills.since,
        earliest: None,
        lead: Span::ZERO,
        weight: 0.9,
    });
    for findings in [vec![fills.clone(), mounted], vec![fills]] {
        let proposals = ask(&findings, &world);
        assert!(proposals[0].title.starts_with("make room on /var"), "{proposals:#?}");
        let away = |one: &&Proposal| one.finding == findings[0].id && one.artefact.text.contains("umount");
        assert_eq!(proposals.iter().find(away), None);
    }
}
