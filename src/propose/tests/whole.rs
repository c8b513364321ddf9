//! What is new as a whole is taken away as one, and what is right is not taken back.

use super::*;
use crate::domain::{About, LazyRules, Rule, Rules, Tree};

/// The settings come a quarter of an hour before now, at one time.
fn came(world: &mut (Shadows, Baseline), settings: &[(&str, Value)]) {
    for (name, value) in settings {
        world.0.settings.observe(&SettingChange {
            id: id(name),
            at: now() - Span::from_mins(15),
            from: None,
            to: Some(value.clone()),
            by: None,
            after: None,
            backfilled: false,
        });
    }
}

fn word(text: &str) -> Value {
    Value::Enum(text.into())
}

fn caused_by(mut finding: Finding, setting: &str) -> Finding {
    finding.causes = vec![Cause {
        series: Some(id(setting)),
        what: format!("{setting} came").into(),
        at: now() - Span::from_mins(15),
        lead: Span::from_mins(1),
        weight: 0.7,
        earliest: None,
    }];
    finding
}

const STATE: &str = "unit.export.service:state";
const START: &str = "unit.export.service:Service.ExecStart";

fn export() -> (Shadows, Baseline) {
    let mut world = world(&[]);
    came(
        &mut world,
        &[(START, Value::text("/bin/export")), (STATE, word("active"))],
    );
    world
}

#[test]
fn a_new_unit_is_stopped_as_one_whichever_of_its_properties_is_named() {
    let disk = || {
        caused_by(
            finding(Comparison::ShadowActual, Mark::Odd, &["fs./srv.used_pct"], 20.0),
            START,
        )
    };
    let started = finding(Comparison::DeclaredActual, Mark::Drift, &[STATE], 6.5);
    // Told as a change of its own, or accepted meanwhile.
    for findings in [&[disk(), started][..], &[disk()]] {
        let proposals = ask(findings, &export());
        let back: Vec<&Proposal> = proposals
            .iter()
            .filter(|one| one.kind == ProposalKind::Revert)
            .collect();
        let [back] = back[..] else { panic!("{proposals:?}") };
        assert_eq!(&*back.title, "stop export.service");
        assert_eq!(back.artefact.text, "systemctl stop -- export.service\n");
        assert_eq!(&*back.undo, "systemctl start -- export.service");
        assert!(
            !back.why.iter().any(|line| line.contains("(absent) ->")),
            "{:?}",
            back.why
        );
        assert!(
            back.why.iter().any(|line| line.contains("fs./srv.used_pct")),
            "{:?}",
            back.why
        );
        let all: Vec<&Finding> = findings.iter().collect();
        assert!(helped(&all, &proposals, &back.changes).contains(&id("fs./srv.used_pct")));
    }
}

#[test]
fn one_way_back_that_answers_two_findings_is_told_once() {
    let odd = |name: &str| caused_by(finding(Comparison::ShadowActual, Mark::Odd, &[name], 20.0), START);
    let mut second = odd("fs./data.used_pct");
    second.id = FindingId(7);
    let proposals = ask(&[odd("fs./srv.used_pct"), second], &export());
    assert_eq!(proposals.len(), 1, "{proposals:?}");
    assert!(proposals[0].why.iter().any(|line| line.contains("fs./data.used_pct")));
}

#[test]
fn a_unit_that_failed_is_not_stopped() {
    let mut world = world(&[]);
    came(
        &mut world,
        &[
            ("unit.pay.service:state", word("failed")),
            ("unit.pay.service:Service.ExecStart", Value::text("/bin/pay")),
        ],
    );
    let drift = finding(
        Comparison::DeclaredActual,
        Mark::Drift,
        &["unit.pay.service:state"],
        9.0,
    );
    let proposals = ask(std::slice::from_ref(&drift), &world);
    let back = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
    assert_eq!(&*back.title, "forget the failure of pay.service");
    assert_eq!(back.artefact.text, "systemctl reset-failed -- pay.service\n");
    assert!(!back.undo.contains("systemctl"), "{}", back.undo);

    came(&mut world, &[("unit.pay.service:enabled", word("enabled"))]);
    let with = |name: &str| {
        let mut drift = drift.clone();
        drift.series.push(id(name));
        let proposals = ask(&[drift], &world);
        let back = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
        (back.title.to_string(), back.artefact.text.clone())
    };
    let gone = "systemctl disable --now -- pay.service\nsystemctl reset-failed -- pay.service\n";
    assert_eq!(
        with("unit.pay.service:enabled"),
        ("disable pay.service".into(), gone.into())
    );
    let modes = Value::list([("mode".into(), Value::text("0644"))].into());
    came(&mut world, &[("etc.systemd/system/pay.service", modes)]);
    let mut whole = drift.clone();
    whole.series.push(id("etc.systemd/system/pay.service"));
    let proposals = ask(&[whole], &world);
    let back = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
    assert_eq!(&*back.title, "remove pay.service (and 1 setting with it)");
}

#[test]
fn a_second_root_is_locked_by_title_command_and_undo() {
    let mut world = world(&[]);
    let list = |name: &str| Value::list([(name.into(), Value::Bool(true))].into());
    let all = [
        ("account.user.mallory:uid", Value::Int(0)),
        ("account.user.mallory:gid", Value::text("0")),
        ("account.group.root:members", list("mallory")),
    ];
    came(&mut world, &all);
    let names = all.map(|(name, _)| name);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &names, 9.0);
    let proposals = ask(&[drift], &world);
    let back = proposals.iter().find(|one| one.kind == ProposalKind::Revert).unwrap();
    assert_eq!(&*back.title, "lock user mallory, a second root (and 1 setting with it)");
    let text = &back.artefact.text;
    assert!(text.starts_with("usermod --lock --expiredate 1 -- mallory\n"), "{text}");
    assert!(!text.contains("# by hand"), "it is a member by its first group: {text}");
    assert_eq!(&*back.undo, "usermod --unlock --expiredate '' -- mallory");
}

/// A line that was not there, of which the ssh server said what it has by default.
fn root_login(line: &str, server: &str) -> (Shadows, Baseline) {
    let mut world = world(&[("sshd.permitrootlogin", word("without-password"), word(server))]);
    came(&mut world, &[("etc.ssh/sshd_config:PermitRootLogin", word(line))]);
    world
}

#[test]
fn advice_that_was_followed_is_not_taken_back() {
    let name = "etc.ssh/sshd_config:PermitRootLogin";
    let rule = Rule {
        id: "ssh-root-password".into(),
        level: Some(Level::High),
        title: "root may log in with a password".into(),
        why: "it does harm".into(),
        article: "https://man.openbsd.org/sshd_config".into(),
        about: About::Resource,
        runs: Vec::new(),
        when: Vec::new(),
        fix: vec![(name.into(), word("prohibit-password"))],
        fires: Tree::Null,
        quiet: Tree::Null,
        from: "test".into(),
    };
    let rules = Rules {
        facts: Vec::new(),
        rules: vec![rule],
    };
    let kinds = |world: &(Shadows, Baseline), rules: Rules| -> Vec<ProposalKind> {
        let options = Options {
            rules: LazyRules::new(move || rules),
            ..Options::default()
        };
        let drift = finding(Comparison::DeclaredActual, Mark::Drift, &[name], 9.0);
        let findings = [drift];
        let proposals = propose(
            held(&findings),
            &world.0,
            &world.1,
            &options,
            &mut Numbers::default(),
            now(),
            1,
        );
        proposals.iter().map(|one| one.kind).collect()
    };
    let (accept, both) = (ProposalKind::Adopt, [ProposalKind::Revert, ProposalKind::Adopt]);
    let other = root_login("prohibit-password", "no");
    assert_eq!(kinds(&other, rules), [accept], "what a rule says is right");
    // Without a rule: what the server does is what it did before the line was there.
    assert_eq!(
        kinds(&root_login("prohibit-password", "without-password"), Rules::default()),
        [accept]
    );
    assert_eq!(kinds(&root_login("yes", "yes"), Rules::default()), both);
}

#[test]
fn what_waits_for_a_harm_says_so() {
    let mut world = world(&[("sysctl.vm.swappiness", Value::Int(60), Value::Int(1))]);
    let metric = disk(0.5);
    world.0.metrics.insert(metric.meta.id.clone(), metric);
    let breach = finding(Comparison::FutureLimit, Mark::Breach, &["fs./var.used_pct"], 0.0);
    let drift = finding(Comparison::DeclaredActual, Mark::Drift, &["sysctl.vm.swappiness"], 40.0);
    let why = |findings: &[Finding]| {
        let proposals = ask(findings, &world);
        let back = proposals
            .into_iter()
            .find(|one| one.kind == ProposalKind::Revert)
            .unwrap();
        (back.factors.score(), back.why)
    };
    let (alone, _) = why(std::slice::from_ref(&drift));
    let (waits, why) = why(&[breach, drift]);
    assert!(waits < alone, "{waits} {alone}");
    let told = "what mends a harm comes before it: fs./var.used_pct is beyond its limit";
    assert!(why.iter().any(|line| **line == *told), "{why:?}");
}
