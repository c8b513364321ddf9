//! What a proposal takes away, by one measure.

use super::*;

/// `etc.ssh/sshd_config:PermitRootLogin yes -> no`, and others of the file.
fn fix(names: &[&str]) -> ChangeSet {
    let set = |name: &&str| Step {
        change: Change::Setting {
            id: id(name),
            from: Some(Value::Bool(true)),
            to: Some(Value::Bool(false)),
        },
        at: None,
        on: true,
    };
    ChangeSet {
        steps: names.iter().map(set).collect(),
    }
}

#[test]
fn a_remedy_takes_what_its_issue_adds_and_its_share_of_the_rest() {
    let names = ["a.one", "a.two", "a.three", "a.four"];
    let mut finding = finding(Comparison::DeclaredActual, Mark::Drift, &names, 8.0);
    finding.score = 20.0;
    let taken = |names: &[&str]| issue::taken(&finding, &fix(names));
    assert!((taken(&names) - 20.0).abs() < 1e-9);
    assert!((taken(&names[..1]) - 14.0).abs() < 1e-9);
    assert!((taken(&["b.other"]) - 12.0).abs() < 1e-9);
    assert!(covers(&fix(&names), &fix(&names[1..3])) && !covers(&fix(&names[1..]), &fix(&names)));
    assert!(!covers(&fix(&names), &ChangeSet::default()));
}

#[test]
fn what_ends_a_finding_of_a_known_issue_takes_the_issue_too() {
    let world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let impact = |score: f64| {
        let mut drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 8.0);
        drift.score = score;
        let proposals = ask(&[drift], &world);
        let revert = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
        revert.factors.impact
    };
    // Eight bits, and eight that a rule adds.
    assert!((impact(16.0) / impact(8.0) - 2.0).abs() < 1e-9);
}

#[test]
fn a_harm_of_seconds_moves_no_other_score() {
    let world = world(&[("etc.app.conf:cache", Value::Int(1), Value::Int(2))]);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["etc.app.conf:cache"], 30.0);
    let of_harm = |harm: Option<Finding>| {
        let findings: Vec<Finding> = [Some(drift.clone()), harm].into_iter().flatten().collect();
        let proposals = ask(&findings, &world);
        let of = |one: &&Proposal| one.finding == drift.id;
        proposals.iter().filter(of).map(|one| one.factors.score()).sum::<f64>()
    };
    let since = |ago: Span| Finding {
        since: now() - ago,
        severity: Severity::Critical,
        ..finding(Comparison::ShadowActual, Mark::Odd, &["cpu.busy_pct"], 6.0)
    };
    let alone = of_harm(None);
    let (brief, long) = (Span::from_secs(20), Span::from_mins(2));
    assert_eq!(of_harm(Some(since(brief))), alone);
    assert!(of_harm(Some(since(long))) < alone);
    // It was off before it got so bad, or was last seen well long ago.
    let worse = Finding {
        began: Some(now() - long),
        ..since(brief)
    };
    let seldom = Finding {
        earliest: Some(now() - long),
        ..since(brief)
    };
    assert!([worse, seldom].into_iter().all(|harm| of_harm(Some(harm)) < alone));
}

#[test]
fn the_room_that_is_asked_for_moves_in_small_steps() {
    let (mut shadows, baseline) = world(&[]);
    let mut asked = Vec::new();
    for limit in 0..24 {
        let mut metric = disk(0.02);
        metric.limit.as_mut().unwrap().value = 71.0 - 0.5 * f64::from(limit);
        shadows.metrics.insert(metric.meta.id.clone(), metric);
        let breach = finding(Comparison::FutureLimit, Mark::Breach, &["fs./var.used_pct"], 0.0);
        let proposals = ask(&[breach], &(shadows.clone(), baseline.clone()));
        if let Some(Change::Capacity { factor, .. }) = proposals[0].changes.active().next() {
            asked.push(*factor);
        }
    }
    assert!(asked.len() > 12, "{asked:?}");
    let jumps = asked.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(jumps.clone().all(|jump| (-0.001..0.0501).contains(&jump)), "{asked:?}");
}
