//! Proposals for constructed findings.

mod impact;
mod order;
mod room;
mod whole;

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    domain::{
        Cause, Change, Crossing, FindingId, Level, Limit, MetricKind, MetricMeta, Point, ProposalId, ResourceId,
        SecretHash, Seen as Shown, SeriesId, SettingChange, SettingSnapshot, Severity, Side, Step, Unit, Value,
    },
    drift::sample::SIDES,
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
            reach: None,
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
        over: false,
        began: None,
        earliest: None,
    }
}

fn held(findings: &[Finding]) -> Held<'_> {
    Held {
        findings,
        not_in_force: &[],
    }
}

fn ask(findings: &[Finding], world: &(Shadows, Baseline)) -> Vec<Proposal> {
    propose(
        held(findings),
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
fn numbers_stay_while_the_change_is_the_same() {
    let world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 14.0);
    let mut numbers = Numbers::default();
    let mut ids = |now, seed| -> Vec<ProposalId> {
        let proposals = propose(
            held(std::slice::from_ref(&drift)),
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
fn what_a_change_is_to_help_is_what_it_is_a_cause_of_and_what_it_is_proposed_for() {
    let mut breach = finding(Comparison::FutureLimit, Mark::Breach, &["mem.available_pct"], 12.0);
    let other = finding(Comparison::ShadowActual, Mark::Odd, &["cpu.busy_pct", "load.1"], 9.0);
    breach.causes = vec![Cause {
        series: Some(id("sysctl.vm.swappiness")),
        what: "sysctl.vm.swappiness 60 -> 1".into(),
        at: now(),
        earliest: None,
        lead: Span::ZERO,
        weight: 0.6,
    }];
    let change = |text: &str| ChangeSet::of(Change::parse(text, &host()).unwrap());
    let all = [&breach, &other];
    let undone = change("sysctl.vm.swappiness = 60");
    assert_eq!(helped(&all, &[], &undone), [id("mem.available_pct")]);
    assert_eq!(helped(&all, &[], &change("cpu x2")), []);
    let world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 9.0);
    let mut proposal = ask(&[drift], &world).remove(0);
    (proposal.finding, proposal.changes) = (other.id, change("cpu x2"));
    assert_eq!(helped(&all, &[proposal], &change("cpu x2")), [id("cpu.busy_pct")]);
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
        "mkdir -p /var/backups/foreshadow/cron.d && mv -- /etc/cron.d/backup /var/backups/foreshadow/cron.d/backup.aside-$(date +%s.%N)"
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
    assert!(
        revert.artefact.text.contains(r"\110.0.0.5\2"),
        "{}",
        revert.artefact.text
    );
    assert!(
        revert.undo.starts_with("f=/etc/hosts && [ $(grep -cE "),
        "{}",
        revert.undo
    );
    assert!(revert.undo.contains(r"\110.9.8.7\2"), "{}", revert.undo);
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
    cross.causes.push(Cause {
        series: None,
        what:
            "sudo: ana : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh -c 'dd if=/dev/zero of=/var/tmp/fill' by ana"
                .into(),
        at: cross.since,
        earliest: None,
        lead: Span::ZERO,
        weight: 0.9,
    });
    let room = &ask(&[cross.clone()], &world)[0];
    assert!(
        room.why.iter().any(|why| why.contains("/var/tmp/fill")),
        "{:?}",
        room.why
    );
    assert!(
        room.artefact.text.contains("ls -lh -- /var/tmp/fill\n"),
        "{}",
        room.artefact.text
    );
    let effects = &room.effects;
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

/// A percentage that was at `value` for the last four minutes.
fn percent(name: &str, value: f64) -> Metric {
    let mut metric = disk(0.0);
    (metric.meta.id, metric.limit) = (id(name), None);
    for seen in metric
        .recent
        .iter_mut()
        .filter(|seen| seen.at >= now() - Span::from_mins(4))
    {
        seen.value = value;
    }
    metric
}

#[test]
fn nobody_looks_for_what_takes_less_than_expected() {
    for (name, value, asked) in SIDES {
        let mut world = world(&[]);
        world.0.metrics.insert(id(name), percent(name, value));
        let mut odd = finding(Comparison::ShadowActual, Mark::Odd, &[name], 20.0);
        odd.seen = Shown::Metric {
            now: Some(value),
            band: Some((60.0, 70.0)),
        };
        let found = ask(&[odd], &world);
        let looks = found
            .iter()
            .any(|proposal| proposal.title.starts_with("find what takes"));
        assert_eq!(looks, asked, "{name} {value}");
    }
}

#[test]
fn what_the_kernel_sets_along_goes_back_with_what_was_written() {
    let one = |name: &'static str, from: i64, to: i64| (name, Value::Int(from), Value::Int(to));
    let settings = [
        one("sysctl.net.ipv4.ip_forward", 0, 1),
        one("sysctl.net.ipv4.conf.all.accept_redirects", 1, 0),
        one("sysctl.net.ipv4.conf.eth0.forwarding", 0, 1),
        // It was not as the kernel makes it.
        one("sysctl.net.ipv4.conf.eth1.forwarding", 2, 1),
    ];
    let world = world(&settings);
    let names: Vec<&str> = settings.iter().map(|(name, ..)| *name).collect();
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &names, 14.0);
    let proposals = ask(&[drift], &world);
    let revert = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
    assert_eq!(&*revert.title, "net.ipv4.ip_forward 1 -> 0 (and 1 setting with it)");
    assert_eq!(revert.changes.steps.len(), 2, "{:?}", revert.changes);
    assert!(!revert.artefact.text.contains("eth0"), "{}", revert.artefact.text);
}

#[test]
fn a_finding_that_grows_keeps_the_numbers_of_its_answers() {
    let settings = ["sysctl.vm.swappiness", "sysctl.vm.dirty_ratio"].map(|name| (name, Value::Int(60), Value::Int(1)));
    let world = world(&settings);
    let mut numbers = Numbers::default();
    let mut ids = |series: &[&str]| -> BTreeMap<String, ProposalId> {
        let mut drift = finding(Comparison::DeclaredActual, Mark::Drift, series, 14.0);
        drift.id = FindingId(7);
        let held = held(std::slice::from_ref(&drift));
        let made = propose(held, &world.0, &world.1, &Options::default(), &mut numbers, now(), 1);
        made.iter().map(|one| (format!("{:?}", one.kind), one.id)).collect()
    };
    let first = ids(&["sysctl.vm.swappiness"]);
    assert_eq!(first.len(), 2);
    assert_eq!(ids(&["sysctl.vm.dirty_ratio", "sysctl.vm.swappiness"]), first);
}

#[test]
fn a_unit_that_is_started_again_after_a_failure_is_undone_by_stopping_it() {
    let state = |word: &str| Value::Enum(word.into());
    let name = "unit.nginx.service:state";
    let world = world(&[(name, state("active"), state("failed"))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &[name], 14.0);
    let proposals = ask(&[drift], &world);
    let revert = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
    assert_eq!(
        (&*revert.title, &*revert.undo),
        ("start nginx.service again", "systemctl stop -- nginx.service")
    );
}
