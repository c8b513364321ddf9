use super::*;
use crate::{
    domain::{Comparison, LazyRules, Level, Mark, Operand, Options, Severity, Tree, Unit},
    drift::{
        Baseline, DriftState,
        sample::{self, MINUTE, T0, setting},
    },
};

fn condition(name: &str, test: Test) -> Condition {
    Condition {
        what: What::Setting(name.into()),
        except: Vec::new(),
        word: None,
        default: None,
        tests: vec![test],
        lasts: crate::domain::Span::ZERO,
    }
}

fn rule(id: &str, level: Option<Level>, when: Vec<Condition>, fix: &[(&str, Value)]) -> Rule {
    Rule {
        id: id.into(),
        level,
        title: "it is so".into(),
        why: "it does harm".into(),
        article: "https://example.org/".into(),
        about: About::Resource,
        runs: Vec::new(),
        when,
        fix: fix
            .iter()
            .map(|(name, value)| ((*name).into(), value.clone()))
            .collect(),
        fires: Tree::Null,
        quiet: Tree::Null,
        from: "a.toml:1".into(),
    }
}

fn options(rules: Vec<Rule>) -> Options {
    Options {
        rules: LazyRules::new(move || Rules {
            facts: Vec::new(),
            rules,
        }),
        ..Options::default()
    }
}

fn swappiness(level: Option<Level>) -> Rule {
    let above = condition("sysctl.vm.swappiness", Test::Above(Operand::Value(Value::Int(10))));
    rule("swaps", level, vec![above], &[("sysctl.vm.swappiness", Value::Int(10))])
}

#[test]
fn a_known_issue_is_a_finding_of_its_own_level_and_number() {
    let shadows = sample::settings(&[("sysctl.vm.swappiness", "60")]);
    let baseline = Baseline::take(&shadows, T0);
    let options = options(vec![swappiness(Some(Level::Low))]);
    let mut state = DriftState::default();
    let first = state.judge(&shadows, &baseline, &options, T0, 7);
    let [finding] = &first[..] else { panic!("{first:?}") };
    assert_eq!(
        (finding.mark, finding.level, finding.severity),
        (Mark::Drift, Level::Low, Severity::Notice)
    );
    assert_eq!(finding.comparison, Comparison::DeclaredActual);
    assert_eq!(&*finding.summary, "it is so: sysctl.vm.swappiness is 60");
    assert!(finding.stands() && finding.since == T0);
    // That it is looked at for the first time later is no change of it.
    let late = DriftState::default().judge(&shadows, &baseline, &options, T0 + MINUTE * 9, 7);
    assert_eq!(late[0].since, T0);
    assert!(
        finding
            .evidence
            .iter()
            .any(|line| line.contains("https://example.org/"))
    );
    let later = state.judge(&shadows, &baseline, &options, T0 + MINUTE * 5, 7);
    assert_eq!((later[0].id, later[0].since), (finding.id, T0), "it goes on");
    // It ends when the setting is right, and says so once.
    let right = sample::settings(&[("sysctl.vm.swappiness", "10")]);
    let ended = state.judge(&right, &Baseline::take(&right, T0), &options, T0 + MINUTE * 6, 7);
    assert!(ended[0].ended.is_some() && ended.len() == 1);
}

#[test]
fn a_note_and_a_muted_rule_raise_nothing() {
    let shadows = sample::settings(&[("sysctl.vm.swappiness", "60")]);
    let baseline = Baseline::take(&shadows, T0);
    let judged = |options: &Options| DriftState::default().judge(&shadows, &baseline, options, T0, 7).len();
    assert_eq!(judged(&options(vec![swappiness(None)])), 0);
    for pattern in ["rule.swaps", "rule.*", "sysctl.vm.*"] {
        let mut options = options(vec![swappiness(Some(Level::High))]);
        assert_eq!(judged(&options), 1);
        options.mute = vec![pattern.into()];
        assert_eq!(judged(&options), 0, "{pattern}");
    }
}

#[test]
fn where_the_baseline_and_a_rule_say_different_things_both_are_told() {
    let mut shadows = sample::settings(&[("sysctl.vm.swappiness", "40")]);
    let baseline = Baseline::take(&shadows, T0);
    sample::change(&mut shadows, "sysctl.vm.swappiness", Some("60"), T0 + MINUTE);
    let options = options(vec![swappiness(Some(Level::High))]);
    let judged = DriftState::default().judge(&shadows, &baseline, &options, T0 + MINUTE * 2, 7);
    let told = "it was accepted or declared as 40; by known issue swaps it should be 10";
    assert!(
        judged[0].evidence.iter().any(|line| **line == *told),
        "{:?}",
        judged[0].evidence
    );
    let mut agreed = sample::settings(&[("sysctl.vm.swappiness", "10")]);
    let baseline = Baseline::take(&agreed, T0);
    sample::change(&mut agreed, "sysctl.vm.swappiness", Some("60"), T0 + MINUTE);
    let judged = DriftState::default().judge(&agreed, &baseline, &options, T0 + MINUTE * 2, 7);
    assert!(
        !judged[0].evidence.iter().any(|line| line.contains("should be")),
        "{:?}",
        judged[0].evidence
    );
}

#[test]
fn drift_of_a_setting_that_a_rule_knows_scores_both() {
    let mut shadows = sample::settings(&[("sysctl.vm.swappiness", "10")]);
    let baseline = Baseline::take(&shadows, T0);
    sample::change(&mut shadows, "sysctl.vm.swappiness", Some("60"), T0 + MINUTE);
    let judged = |options: &Options| DriftState::default().judge(&shadows, &baseline, options, T0 + MINUTE * 2, 7);
    let (alone, known) = (
        judged(&Options::default()),
        judged(&options(vec![swappiness(Some(Level::High))])),
    );
    assert_eq!((alone.len(), known.len()), (1, 1), "one finding tells both");
    let high = Options::default().drift.high;
    assert!((known[0].score - alone[0].score - high).abs() < 1e-9);
    assert_eq!((known[0].level, known[0].rule.as_deref()), (Level::High, Some("swaps")));
    assert!(!known[0].stands() && known[0].id == alone[0].id);
}

#[test]
fn conditions_share_what_their_holes_stand_for() {
    let off = |name: &str| condition(name, Test::Is(vec![Value::Bool(false)]));
    let rules = Rules {
        facts: Vec::new(),
        rules: vec![rule(
            "both",
            Some(Level::Low),
            vec![off("etc.{file}:a"), off("etc.{file}:b")],
            &[("etc.{file}:a", Value::Bool(true))],
        )],
    };
    let shadows = sample::settings(&[
        ("etc.x:a", "off"),
        ("etc.y:b", "off"),
        ("etc.z:a", "off"),
        ("etc.z:b", "off"),
    ]);
    let found = matching(&rules, &shadows, T0);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].series, [setting("etc.z:a"), setting("etc.z:b")]);
    assert_eq!(found[0].fix.steps[0].change.to_string(), "etc.z:a off -> true");
}

#[test]
fn what_is_missing_tells_and_not_what_only_had_to_be_there() {
    let there = Condition {
        tests: Vec::new(),
        ..condition("etc.nginx/nginx.conf:events.worker_connections", Test::Absent(false))
    };
    let says = |missing: &str| {
        let when = vec![there.clone(), condition(missing, Test::Absent(true))];
        let rules = Rules {
            facts: Vec::new(),
            rules: vec![rule("open", Some(Level::Low), when, &[])],
        };
        let shadows = sample::settings(&[("etc.nginx/nginx.conf:events.worker_connections", "768")]);
        matching(&rules, &shadows, T0).remove(0)
    };
    let one = says("etc.nginx/nginx.conf:http.server_tokens");
    assert_eq!(&*one.says[0], "etc.nginx/nginx.conf:http.server_tokens is not set");
    assert_eq!(one.series[0], setting("etc.nginx/nginx.conf:http.server_tokens"));
    let any = says("etc.nginx/*:http.server_tokens");
    assert_eq!(&*any.says[0], "etc.nginx/*:http.server_tokens is not set");
    assert_eq!(any.series, [setting("etc.nginx/nginx.conf:events.worker_connections")]);
}

#[test]
fn a_metric_must_behave_so_for_all_of_the_time() {
    let busy = Condition {
        what: What::Metric("cpu.busy_pct".into()),
        lasts: MINUTE * 5,
        ..condition("", Test::Above(Operand::Value(Value::Int(4))))
    };
    let rules = Rules {
        facts: Vec::new(),
        rules: vec![rule("busy", Some(Level::Low), vec![busy], &[])],
    };
    let mut shadows = Shadows::default();
    let metric = sample::calm("cpu.busy_pct", 400);
    let now = metric.minutes.back().unwrap().at + MINUTE;
    shadows.metrics.insert(metric.meta.id.clone(), metric);
    assert_eq!(matching(&rules, &shadows, now).len(), 1);
    assert_eq!(
        matching(&rules, &shadows, now + MINUTE * 30).len(),
        0,
        "a metric that went silent says nothing"
    );
    let id = setting("cpu.busy_pct");
    shadows
        .metrics
        .get_mut(&id)
        .unwrap()
        .minutes
        .iter_mut()
        .nth_back(2)
        .unwrap()
        .min = 1.0;
    assert_eq!(matching(&rules, &shadows, now).len(), 0);
    let mut short = sample::metric("cpu.busy_pct", Unit::Percent);
    sample::seen(&mut short, 0, 9.0, 1.0);
    shadows.metrics.insert(id, short);
    assert_eq!(matching(&rules, &shadows, T0 + MINUTE).len(), 0, "too short a past");
}
