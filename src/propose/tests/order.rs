//! Which of several answers stands first.

use super::*;

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
fn how_likely_a_change_is_undone_is_one_figure_everywhere() {
    let mut world = world(&[("etc.app.conf:cache", Value::Int(1), Value::Int(1))]);
    world.0.settings.observe(&SettingChange {
        id: id("etc.app.conf:cache"),
        at: now() - Span::from_days(3),
        from: Some(Value::Int(1)),
        to: Some(Value::Int(2)),
        by: Some("ann".into()),
        after: None,
        backfilled: false,
    });
    let state = world.0.settings.get(&id("etc.app.conf:cache")).unwrap();
    let undone = state.undoing.as_ref().unwrap().probability * 100.0;
    let proposals = ask(&[drift("etc.app.conf:cache", 14.0)], &world);
    let sure = |kind: ProposalKind| &*proposals.iter().find(|one| one.kind == kind).unwrap().sure;
    let figure = format!("{undone:.0} %");
    assert!(sure(ProposalKind::Revert).starts_with(&figure));
    let accept = sure(ProposalKind::Adopt);
    let stay = format!("{:.0} % of changes like this one stay", 100.0 - undone.round());
    assert!(accept.starts_with(&stay) && accept.contains(&figure), "{accept}");
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

/// What stands first for a setting that someone who is known changed, and why; `others` are settings as they are besides.
fn first(name: &str, before: Value, now: Value, others: &[(&str, Value)]) -> (ProposalKind, String) {
    let mut settings = vec![(name, before.clone(), before.clone())];
    settings.extend(others.iter().map(|(name, value)| (*name, value.clone(), value.clone())));
    let mut world = world(&settings);
    world.0.settings.observe(&SettingChange {
        id: id(name),
        at: super::now() - Span::from_mins(2),
        from: Some(before),
        to: Some(now),
        by: Some("ann".into()),
        after: None,
        backfilled: false,
    });
    let best = ask(&[drift(name, 14.0)], &world).remove(0);
    (best.kind, best.why.join("; "))
}

#[test]
fn a_service_that_starts_by_itself_is_started_again_unless_it_was_disabled_too() {
    let is = |word: &str| Value::Enum(word.into());
    let stopped = |enabled: &str| {
        let others = [("unit.app.service:enabled", is(enabled))];
        first("unit.app.service:state", is("active"), is("inactive"), &others)
    };
    let (kind, why) = stopped("enabled");
    assert_eq!(kind, ProposalKind::Revert);
    assert!(why.contains("it starts again with the machine"), "{why}");
    assert_eq!(stopped("disabled").0, ProposalKind::Adopt, "that was meant");
    // Started by someone who is known, it is as it should be.
    let others = [("unit.app.service:enabled", is("enabled"))];
    let started = first("unit.app.service:state", is("inactive"), is("active"), &others);
    assert_eq!(started.0, ProposalKind::Adopt);
}

#[test]
fn what_protects_the_host_is_put_back_first_whoever_took_it_away() {
    let list = |items: &[(&str, &str)]| {
        let items = items.iter().map(|(name, value)| ((*name).into(), Value::text(value)));
        Value::list(items.collect())
    };
    let mode = |mode: &str| list(&[("mode", mode), ("owner", "0:0")]);
    let on = |value: &str| Value::infer(value);
    for (name, strong, weak) in [
        ("sysctl.kernel.kptr_restrict", on("2"), on("0")),
        ("unit.fail2ban.service:enabled", on("enabled"), on("disabled")),
        ("sysctl.net.ipv4.conf.eth0.accept_redirects", on("0"), on("1")),
        ("etc.app.conf", mode("0640"), mode("0644")),
        ("etc.app.conf", mode("0644"), mode("0666")),
        ("etc.redis/redis.conf:bind", on("127.0.0.1 -::1"), on("* -::*")),
        (
            "etc.nginx/nginx.conf:http.server[a].listen",
            on("127.0.0.1:80"),
            on("80"),
        ),
        (
            "etc.postgresql/15/main/postgresql.conf:listen_addresses",
            on("localhost"),
            on("*"),
        ),
    ] {
        let (kind, why) = first(name, strong.clone(), weak.clone(), &[]);
        assert_eq!(kind, ProposalKind::Revert, "{name}");
        assert!(why.contains("it takes away what protects the host"), "{name}: {why}");
        assert_eq!(first(name, weak, strong, &[]).0, ProposalKind::Adopt, "{name}");
    }
    let (kind, why) = first(
        "etc.postgresql/15/main/pg_hba.conf:local all all",
        on("peer"),
        on("trust"),
        &[],
    );
    assert_eq!(kind, ProposalKind::Revert);
    assert!(why.contains("who gets in"), "{why}");
}

#[test]
fn what_harms_nobody_waits_for_a_limit_that_is_passed() {
    let name = "sysctl.kernel.kptr_restrict";
    let (mut shadows, baseline) = world(&[(name, Value::Int(2), Value::Int(0))]);
    let metric = disk(0.1);
    shadows.metrics.insert(metric.meta.id.clone(), metric);
    let world = (shadows, baseline);
    let weaker = finding(Comparison::DeclaredActual, Mark::Drift, &[name], 14.0);
    let mut full = finding(Comparison::FutureLimit, Mark::Cross, &["fs./var.used_pct"], 0.0);
    full.crossing = Some(crate::domain::Crossing {
        limit: 90.0,
        probability: 0.9,
        horizon: Span::from_hours(6),
        at: [None; 3],
        at95: [None; 2],
    });
    let alone = ask(std::slice::from_ref(&weaker), &world);
    let both = ask(&[weaker, full.clone()], &world);
    assert_eq!(both[0].finding, full.id, "{both:?}");
    let kinds = |all: &[Proposal]| -> Vec<ProposalKind> {
        let own = all.iter().filter(|one| one.finding != full.id);
        own.map(|one| one.kind).collect()
    };
    assert_eq!(kinds(&both), kinds(&alone), "among themselves they keep their order");
}
