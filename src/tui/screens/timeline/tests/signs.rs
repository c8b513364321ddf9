//! What came first, and what is linked with it.

use super::*;

#[test]
fn what_came_first_lies_before_the_departure_and_not_before_the_limit() {
    let mut shown = answered(80, 24);
    blamed(&mut shown);
    let first = first::first(&shown);
    assert!(
        first.starts_with("13:38:00, 90 s before mem.available_pct left its shadow (breach 13:58): etc."),
        "{first}"
    );
    let picture = drawn(&shown, 80, 20);
    assert!(
        picture.contains("shared_buffers 8GB -> 24GB by a"),
        "the cause has a row of its own: {picture}"
    );
    let at_once = shown.timeline.data.as_mut().unwrap().findings.iter_mut();
    let cause = at_once.flat_map(|finding| &mut finding.causes).next().unwrap();
    (cause.at, cause.lead) = (fixture::at("13:58:00"), Span::ZERO);
    let first = first::first(&shown);
    assert!(
        first.starts_with("13:58:00, as mem.available_pct left its shadow (breach): "),
        "{first}"
    );
}

#[test]
fn what_came_first_is_linked_to_what_left_with_it_without_an_incident() {
    let mut shown = answered(80, 24);
    let mut live = (*shown.live).clone();
    live.incidents = [].into();
    shown.live = Arc::new(live);
    assert_eq!(first::linked(&shown, &[], 80), "nothing: no incident is shown");
    blamed(&mut shown);
    assert!(first::first(&shown).starts_with("13:38:00"), "{}", first::first(&shown));
    let linked = first::linked(&shown, &[], 80);
    assert!(linked.contains(" mem.available_pct"), "{linked}");
}

#[test]
fn what_came_first_is_the_first_sign_and_not_the_likeliest_cause() {
    let mut shown = answered(80, 24);
    let data = shown.timeline.data.as_mut().unwrap();
    let breach = data.findings.iter().find(|one| one.mark == Mark::Breach).unwrap();
    let mut swap = breach.clone();
    swap.mark = Mark::Odd;
    swap.id = crate::domain::FindingId(99);
    swap.series = vec![fixture::id("db-01/mem.swap_in")];
    swap.since = fixture::at("14:03:00");
    swap.causes = vec![Cause {
        series: None,
        what: "backup takes 60 % of memory".into(),
        at: fixture::at("14:03:00"),
        earliest: None,
        lead: Span::ZERO,
        weight: 0.9,
    }];
    data.findings.push(swap);
    assert_eq!(
        first::first(&shown),
        "13:58:00, mem.available_pct left its shadow: no change before it is known to cause it"
    );
    // A change of settings that belongs to it came before.
    blamed(&mut shown);
    assert!(first::first(&shown).starts_with("13:38:00, 90 s before mem.available_pct"));
    // One that is only possible is told as that.
    let findings = &mut shown.timeline.data.as_mut().unwrap().findings;
    let breach = findings.iter_mut().find(|one| one.mark == Mark::Breach).unwrap();
    breach.causes[0].weight = 0.3;
    let told = first::first(&shown);
    assert!(told.contains("(breach 13:58): possibly etc."), "{told}");
}

#[test]
fn a_setting_that_changed_alone_is_an_incident_of_a_moment() {
    let mut shown = answered(80, 24);
    let mut live = (*shown.live).clone();
    let mut alone = live.incidents[1].clone();
    (alone.from, alone.to) = (fixture::at("13:52:00"), Some(fixture::at("13:52:00")));
    alone.lanes = vec![fixture::id("db-01/etc.ssh/sshd_config:PermitRootLogin")];
    let changed = crate::domain::Finding {
        since: alone.from,
        mark: Mark::Drift,
        seen: crate::domain::Seen::Setting {
            now: None,
            expected: None,
        },
        series: alone.lanes.clone(),
        summary: "etc.ssh/sshd_config:PermitRootLogin no -> yes by ana".into(),
        ..shown.timeline.data.as_ref().unwrap().findings[0].clone()
    };
    live.incidents = [alone].into();
    shown.live = Arc::new(live);
    shown.at = Some(fixture::at("13:52:00"));
    shown.timeline.data.as_mut().unwrap().findings.push(changed);
    assert_eq!(crumbs(&shown), ["incident 41 (13:52)"]);
    let picture = drawn(&shown, 80, 20);
    assert!(
        picture.contains(" incident 41 of 41   at 13:52   ~ drift, 16.0 bits"),
        "{picture}"
    );
    let first = first::first(&shown);
    assert_eq!(first, "13:52:00, etc.ssh/sshd_config:PermitRootLogin no -> yes by ana");
}

#[test]
fn nothing_later_than_the_cursor_is_told() {
    let mut shown = answered(80, 24);
    blamed(&mut shown);
    let mut live = (*shown.live).clone();
    live.incidents = [].into();
    shown.live = Arc::new(live);
    shown.at = Some(fixture::at("13:57:00"));
    for told in [first::first(&shown), first::linked(&shown, &[], 80)] {
        assert_eq!(told, "nothing: no incident at 13:57");
    }
    shown.at = Some(fixture::at("13:59:00"));
    assert!(first::first(&shown).starts_with("13:38:00"));
    // Nor what was over by then.
    for finding in &mut shown.timeline.data.as_mut().unwrap().findings {
        finding.ended = Some(fixture::at("13:58:30"));
    }
    assert_eq!(first::first(&shown), "nothing: no incident at 13:59");
}
