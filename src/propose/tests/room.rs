//! More of what runs out.

use super::*;

#[test]
fn a_limit_ahead_is_answered_with_enough_room_and_its_what_if() {
    let (mut shadows, baseline) = world(&[]);
    let metric = disk(0.1);
    let mut other = metric.clone();
    other.meta.id = id("fs./.used_pct");
    for metric in [metric, other] {
        shadows.metrics.insert(metric.meta.id.clone(), metric);
    }
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
    assert!(adjust.artefact.text.contains("du -axh --max-depth=2 /var | sort -h"));
    let change = &adjust.changes.steps[0].change;
    assert!(matches!(change, Change::Capacity { factor, .. } if *factor > 1.0));
    assert!(change.to_string().starts_with("disk /var x"), "{change}");
    let touched: Vec<&str> = adjust.effects.iter().map(|effect| &*effect.series.name).collect();
    assert_eq!(touched, ["fs./var.used_pct"], "no other file system grows");
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
