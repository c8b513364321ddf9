//! What people do to a host, one deed after the other: each is one finding with its surprise, time and cause, and is answered.

use foreshadow::domain::{
    Comparison, Event, EventKind, Finding, Mark, MetricKind, Proposal, ProposalKind, Severity, Span, Timestamp, Unit,
    Value,
};

use crate::golden::{Host, host, id};

const PERCENT: MetricKind = MetricKind::Bounded { lo: 0.0, hi: 100.0 };

/// A host with two processors as it is read: every two seconds, processes and file systems every ten.
fn real() -> Host {
    let mut real = Host::real();
    for name in ["cpu.busy_pct", "cpu.user_pct", "psi.cpu.some_pct", "mem.used_pct"] {
        let mut meta = Host::meta(name, Unit::Percent, PERCENT);
        meta.cadence = Span::from_secs(2);
        real.metrics.push(meta);
    }
    let mut load = Host::meta("load.1", Unit::Count, MetricKind::Gauge);
    load.cadence = Span::from_secs(2);
    real.metrics.push(load);
    real.metrics.push(Host::meta("fs./.used_pct", Unit::Percent, PERCENT));
    real.metrics
        .push(Host::meta("top.sshd.cpu_pct", Unit::Percent, PERCENT));
    real
}

/// The value of a metric while the processors are busy between `low` and `high`, a process `yes` taking what is above 3 %.
fn value(real: &mut Host, name: &str, (low, high): (f64, f64), load: &mut f64) -> f64 {
    let busy = real
        .noise(f64::midpoint(low, high), (high - low) / 3.0)
        .clamp(low, high);
    match name {
        "cpu.busy_pct" | "cpu.user_pct" => busy,
        "psi.cpu.some_pct" => (busy / 20.0).powi(2) / 4.0,
        "load.1" => {
            *load += (busy / 50.0 - *load) * (1.0 - (-2.0_f64 / 60.0).exp());
            (*load * 100.0).round() / 100.0
        }
        "mem.used_pct" => real.noise(30.0, 0.2),
        "fs./.used_pct" => 61.0,
        "top.sshd.cpu_pct" => 0.6,
        "top.yes.cpu_pct" | "top.make.cpu_pct" => (busy - 3.0).max(0.0),
        _ => 0.0,
    }
}

/// Lives with the processors busy between `low` and `high`.
fn busy(real: &mut Host, time: Span, low: f64, high: f64) {
    let mut load = 0.05;
    real.live_for(time, |real, name, _| value(real, name, (low, high), &mut load));
}

fn calm(real: &mut Host, minutes: i64) {
    busy(real, Span::from_mins(minutes), 1.0, 5.0);
}

fn held(real: &Host) -> Vec<&Finding> {
    real.state.findings.iter().collect()
}

/// The best answer to a finding.
fn answer(real: &Host, finding: &Finding) -> Proposal {
    let first = real
        .state
        .proposals
        .iter()
        .find(|proposal| proposal.finding == finding.id);
    first
        .unwrap_or_else(|| panic!("nothing answers {}", finding.summary))
        .clone()
}

/// The way back from a finding.
fn revert(real: &Host, finding: &Finding) -> String {
    let mut answers = real
        .state
        .proposals
        .iter()
        .filter(|proposal| proposal.finding == finding.id);
    let revert = answers.find(|proposal| proposal.kind == ProposalKind::Revert);
    revert
        .unwrap_or_else(|| panic!("no way back from {}", finding.summary))
        .artefact
        .text
        .clone()
}

fn event(at: Timestamp, kind: EventKind, what: &str) -> Event {
    Event {
        at,
        resource: host(),
        kind,
        what: what.into(),
        who: None,
        backfilled: false,
    }
}

#[test]
fn a_hog_after_a_busy_start_is_told_within_a_minute_with_its_process() {
    for (low, high) in [(49.0, 55.0), (97.0, 100.0)] {
        let mut real = real();
        busy(&mut real, Span::from_mins(3), 80.0, 100.0);
        calm(&mut real, 10);
        assert_eq!(held(&real), Vec::<&Finding>::new());
        assert!(
            real.began.is_empty(),
            "quiet in the busy start and as it calms down: {:#?}",
            real.began
        );

        let began = real.now;
        real.metrics.push(Host::meta("top.yes.cpu_pct", Unit::Percent, PERCENT));
        busy(&mut real, Span::from_mins(1), low, high);
        let (told, finding) = real.began.first().expect("the hog is told").clone();
        assert!(told - began <= Span::from_secs(60), "{}", told - began);
        assert!(finding.series[0].name.starts_with("cpu."), "{}", finding.summary);
        assert_eq!((finding.mark, finding.since), (Mark::Odd, began), "{}", finding.summary);
        assert!(
            finding
                .earliest
                .is_some_and(|earliest| earliest < began && began - earliest <= Span::from_secs(10))
        );
        assert!(finding.bits >= 6.0, "{}", finding.bits);
        // A reading later its process is known too.
        let finding = real.finding("cpu.busy_pct").clone();
        let cause = finding.causes.first().expect("a cause");
        assert_eq!(cause.series.as_ref(), Some(&id("top.yes.cpu_pct")));
        assert!(cause.what.starts_with("yes takes") && cause.weight > 0.5, "{cause:?}");
        let answer = answer(&real, &finding);
        assert_eq!(&*answer.title, "slow down or end yes");
        assert!(
            answer
                .artefact
                .text
                .contains("| awk -v name=yes '/^top/ {n++} n == 2 && $12 == name && $4 < 10"),
            "{}",
            answer.artefact.text
        );
        assert_eq!(held(&real).len(), 1, "one deed, one finding: {:#?}", held(&real));

        // Where another one takes it now, it is that one's doing.
        real.metrics.pop();
        real.metrics
            .push(Host::meta("top.make.cpu_pct", Unit::Percent, PERCENT));
        busy(&mut real, Span::from_mins(2), low, high);
        let finding = real.finding("cpu.busy_pct").clone();
        let cause = finding.causes.first().expect("a cause");
        assert!(cause.what.starts_with("make takes"), "{cause:?}");
        assert_eq!(&*self::answer(&real, &finding).title, "slow down or end make");

        // What is over took it, and nobody is to be slowed down for it.
        real.metrics.pop();
        busy(&mut real, Span::from_secs(80), 1.0, 5.0);
        for finding in held(&real) {
            let takes = finding.causes.iter().find(|cause| cause.what.contains(" takes "));
            assert_eq!(takes, None, "{}", finding.summary);
        }
        let slow = real.state.proposals.iter().find(|one| one.title.contains("end make"));
        assert_eq!(slow.map(|one| &one.title), None);
        calm(&mut real, 10);
        assert_eq!(held(&real), Vec::<&Finding>::new());
    }
}

#[test]
fn a_hog_where_half_of_what_is_known_was_a_busy_start_is_told_once_it_lasts_longer_than_that() {
    let mut real = real();
    busy(&mut real, Span::from_mins(6), 90.0, 100.0);
    calm(&mut real, 7);
    let began = real.now;
    real.metrics.push(Host::meta("top.yes.cpu_pct", Unit::Percent, PERCENT));
    busy(&mut real, Span::from_mins(5), 95.0, 100.0);
    assert!(
        real.began.is_empty(),
        "as long as that it was before: {:#?}",
        real.began
    );
    busy(&mut real, Span::from_mins(3), 95.0, 100.0);
    let (told, finding) = real.began.first().expect("it is told").clone();
    assert!(
        (Span::from_mins(5)..Span::from_mins(8)).contains(&(told - began)),
        "{}",
        told - began
    );
    assert_eq!((finding.mark, finding.since), (Mark::Odd, began), "{}", finding.summary);
    let cause = real.finding("cpu.busy_pct").causes.first().expect("a cause").clone();
    assert_eq!(cause.series.as_ref(), Some(&id("top.yes.cpu_pct")));
    // One that is shorter is told to nobody.
    let mut real = self::real();
    busy(&mut real, Span::from_mins(6), 90.0, 100.0);
    calm(&mut real, 7);
    busy(&mut real, Span::from_mins(4), 90.0, 100.0);
    calm(&mut real, 30);
    assert!(real.began.is_empty(), "{:#?}", real.began);
}

#[test]
fn a_start_of_any_length_is_quiet_and_so_is_its_end() {
    for minutes in [1, 4, 7, 12, 20] {
        let mut real = real();
        busy(&mut real, Span::from_mins(minutes), 80.0, 100.0);
        calm(&mut real, 60);
        let told: Vec<_> = real.began.iter().map(|(at, finding)| (at, &finding.summary)).collect();
        assert!(told.is_empty(), "{minutes} busy minutes: {told:#?}");
    }
}

#[test]
fn what_recurs_is_told_twice_and_then_known() {
    let mut real = real();
    calm(&mut real, 30);
    let mut times = Vec::new();
    for _ in 0..5 {
        let before = real.began.len();
        busy(&mut real, Span::from_mins(3), 90.0, 100.0);
        calm(&mut real, 20);
        times.push(real.began.len() - before);
    }
    assert_eq!(times, [1, 1, 0, 0, 0]);
}

#[test]
fn a_changed_parameter_with_its_file_is_one_deed() {
    let mut real = real();
    calm(&mut real, 30);
    let began = real.now;
    let who = "sudo: ann : COMMAND=/usr/sbin/sysctl -w vm.swappiness=1";
    real.settings.insert("sysctl.vm.swappiness".into(), Value::Int(1));
    real.settings
        .insert("etc.sysctl.d/60-vm.conf".into(), Value::text("mode=0644"));
    real.settings
        .insert("etc.sysctl.d/60-vm.conf:vm.swappiness".into(), Value::Int(1));
    real.events.push(event(began, EventKind::Login, who));
    calm(&mut real, 2);
    assert_eq!(held(&real).len(), 1, "{:#?}", held(&real));
    let finding = real.finding("sysctl.vm.swappiness");
    assert_eq!(&*finding.summary, "sysctl.vm.swappiness 60 -> 1 (and 2 more settings)");
    assert!(finding.bits > 0.0);
    let earliest = finding.earliest.expect("an interval");
    assert!(earliest < finding.since && finding.since - earliest <= Span::from_secs(60));
    assert!(
        finding.since >= began && finding.since - began <= Span::from_secs(60),
        "within its cadence"
    );
    assert!(
        finding.causes[0].what.contains("sysctl -w vm.swappiness=1"),
        "{:?}",
        finding.causes
    );
    assert_eq!(
        revert(&real, finding),
        "sysctl -w vm.swappiness=60\n\
         mkdir -p /var/backups/foreshadow/sysctl.d && \
         mv -- /etc/sysctl.d/60-vm.conf /var/backups/foreshadow/sysctl.d/60-vm.conf.aside-$(date +%s.%N) && sysctl --system\n\
         # what is moved aside stays in /var/backups/foreshadow until someone removes it there\n"
    );
    assert!(
        real.state
            .proposals
            .iter()
            .all(|proposal| (1..10).contains(&proposal.id.0)),
        "numbers to type"
    );
}

#[test]
fn an_edited_file_is_a_deed_without_a_cause_where_nobody_saw_one() {
    let mut real = real();
    real.settings
        .insert("etc.ssh/sshd_config:PermitRootLogin".into(), Value::infer("no"));
    calm(&mut real, 30);
    real.settings
        .insert("etc.ssh/sshd_config:PermitRootLogin".into(), Value::infer("yes"));
    real.events
        .push(event(real.now, EventKind::Log, "something else entirely"));
    calm(&mut real, 2);
    assert_eq!(held(&real).len(), 1);
    let finding = real.finding("etc.ssh/sshd_config:PermitRootLogin");
    assert!(finding.bits > 0.0 && finding.earliest.is_some());
    assert_eq!(finding.causes, [], "no cause found is an answer");
    let command = revert(&real, finding);
    assert!(
        command.starts_with("f=/etc/ssh/sshd_config && ") && command.contains("sshd -t || "),
        "{command}"
    );
}

#[test]
fn a_package_with_all_it_brings_is_one_deed() {
    let brought = [
        ("pkg.nginx", "1.22.1-9"),
        ("pkg.nginx-common", "1.22.1-9"),
        ("etc.nginx/nginx.conf", "mode=0644"),
        ("etc.nginx/nginx.conf:user", "www-data"),
        ("etc.logrotate.d/nginx:content", "blake3 1"),
        ("etc.rc3.d/S01nginx", "-> ../init.d/nginx"),
        ("unit.nginx.service:state", "active"),
        ("unit.nginx.service:enabled", "enabled"),
        ("port.tcp/0.0.0.0:80", "nginx"),
    ];
    let mut real = real();
    calm(&mut real, 30);
    busy(&mut real, Span::from_secs(20), 1.0, 5.0);
    let at = real.now;
    for (name, value) in brought {
        real.settings.insert(name.into(), Value::infer(value));
    }
    real.events
        .push(event(at, EventKind::Package, "install nginx-common 1.22.1-9"));
    real.events.push(event(
        at + Span::from_secs(2),
        EventKind::Package,
        "install nginx 1.22.1-9",
    ));
    busy(&mut real, Span::from_secs(70), 1.0, 5.0);
    assert_eq!(held(&real).len(), 1, "{:#?}", held(&real));
    let finding = real.finding("pkg.nginx").clone();
    assert_eq!(
        (&*finding.summary, finding.series.len()),
        ("package nginx 1.22.1-9 installed (and 1 more package, 7 settings)", 9)
    );
    assert_eq!(finding.series[0], id("pkg.nginx"));
    assert!(finding.bits > 0.0 && finding.earliest.is_some());
    let cause = finding.causes.first().expect("the log of packages tells it");
    assert!(
        cause.what.contains("install nginx") && cause.at <= finding.since,
        "{cause:?}"
    );
    assert_eq!(
        revert(&real, &finding),
        "# the 7 settings that changed with it are the package's own\n\
         # purge also takes the data that its scripts made: what a service stored since is gone\n\
         apt-get purge nginx nginx-common\n"
    );
    // Taken away again, all is as it was.
    for (name, _) in brought {
        real.settings.remove(name);
    }
    calm(&mut real, 2);
    assert_eq!(held(&real), Vec::<&Finding>::new());
}

#[test]
fn a_removed_package_comes_back_whole() {
    let mut real = real();
    for (name, value) in [
        ("pkg.tree", "2.1.0-1"),
        ("etc.tree.conf:a", "1"),
        ("unit.tree.service:state", "active"),
    ] {
        real.settings.insert(name.into(), Value::infer(value));
    }
    calm(&mut real, 30);
    for name in ["pkg.tree", "etc.tree.conf:a", "unit.tree.service:state"] {
        real.settings.remove(name);
    }
    calm(&mut real, 2);
    assert_eq!(held(&real).len(), 1, "{:#?}", held(&real));
    let finding = real.finding("pkg.tree");
    assert_eq!(&*finding.summary, "package tree 2.1.0-1 removed (and 2 more settings)");
    assert_eq!(
        revert(&real, finding),
        "# the 2 settings that changed with it are the package's own\napt-get install --allow-downgrades tree=2.1.0-1\n"
    );
}

#[test]
fn a_small_mount_that_is_filled_is_told_before_it_is_full_and_forgotten_when_it_is_gone() {
    let mut real = real();
    calm(&mut real, 30);
    let mounted = real.now;
    for (part, value) in [("device", "tmpfs"), ("fstype", "tmpfs"), ("options", "rw")] {
        real.settings
            .insert(format!("mount./mnt/x:{part}").as_str().into(), Value::text(value));
    }
    real.metrics
        .push(Host::meta("fs./mnt/x.used_pct", Unit::Percent, PERCENT));
    let fill = |real: &mut Host, time: Span, from: f64, per_second: f64| {
        let start = real.now;
        real.live_for(time, |real, name, _| match name {
            "fs./mnt/x.used_pct" => (from + per_second * (real.now - start).secs_f64()).min(100.0),
            _ => value(real, name, (1.0, 5.0), &mut 0.05),
        });
    };
    fill(&mut real, Span::from_secs(70), 0.0, 0.0);
    assert_eq!(held(&real).len(), 1, "the mount itself: {:#?}", held(&real));
    let mount = real.finding("mount./mnt/x:device").clone();
    assert_eq!(&*mount.summary, "/mnt/x is mounted from tmpfs");
    let away = revert(&real, &mount);
    assert!(
        away.starts_with("# by hand: copy what is needed") && away.ends_with("then umount /mnt/x\n"),
        "{away}"
    );

    // 1 % a second: 90 % after a minute and a half.
    let began = real.now;
    fill(&mut real, Span::from_secs(60), 0.0, 1.0);
    let cross = real.finding("fs./mnt/x.used_pct").clone();
    assert_eq!((cross.comparison, cross.mark), (Comparison::FutureLimit, Mark::Cross));
    let (told, _) = real
        .began
        .iter()
        .find(|(_, finding)| finding.id == cross.id)
        .expect("it began");
    assert!(*told - began <= Span::from_secs(50), "half way: {}", *told - began);
    assert!(cross.bits > 0.0, "too new for a shadow, it is judged by all limits");
    let median = cross.crossing.expect("a crossing").at[1].expect("a median");
    assert!(
        (median - (began + Span::from_secs(90))).0.abs() < Span::from_secs(10).0,
        "{median}"
    );
    let cause = cross.causes.first().expect("a cause");
    assert_eq!(cause.series.as_ref(), Some(&id("mount./mnt/x:device")), "{cause:?}");
    assert!(cause.at <= cross.since && cause.at - mounted <= Span::from_secs(60));
    let text = answer(&real, &cross).artefact.text;
    assert!(text.starts_with("du -axh --max-depth=2 /mnt/x | sort -h"), "{text}");

    fill(&mut real, Span::from_secs(60), 60.0, 1.0);
    let breach = real.finding("fs./mnt/x.used_pct").clone();
    assert_eq!(
        (breach.mark, breach.severity, breach.id),
        (Mark::Breach, Severity::Critical, cross.id)
    );
    assert!(breach.bits > 0.0);

    // Unmounted: what was said of it ends within a few readings, and nothing is stale.
    real.metrics.pop();
    for part in ["device", "fstype", "options"] {
        real.settings.remove(format!("mount./mnt/x:{part}").as_str());
    }
    calm(&mut real, 1);
    assert_eq!(held(&real), Vec::<&Finding>::new());
    calm(&mut real, 10);
    assert_eq!(held(&real), Vec::<&Finding>::new());
    assert!(real.began.iter().all(|(_, finding)| finding.mark != Mark::Stale));
}
