use super::*;
use crate::{
    domain::SettingSnapshot,
    drift::{
        Baseline, DriftState,
        sample::{self, MINUTE, T0, setting},
    },
};

const FILE: &str = "etc.sysctl.d/50-x.conf";

/// What is told of settings as they were first seen.
fn told(values: &[(&str, &str)]) -> Vec<String> {
    let shadows = sample::settings(values);
    let baseline = Baseline::take(&shadows, T0);
    let findings = DriftState::default().judge(&shadows, &baseline, &Options::default(), T0 + MINUTE * 10, 7);
    findings.iter().map(|finding| finding.summary.to_string()).collect()
}

/// The settings of a scope are read, and are as before.
fn read(shadows: &mut Shadows, scope: &str, at: Timestamp) {
    shadows.settings.snapshot(&SettingSnapshot {
        reach: None,
        resource: sample::host(),
        scope: scope.into(),
        at,
        settings: None,
    });
}

#[test]
fn a_parameter_that_the_kernel_has_otherwise_is_told_with_both_values() {
    let line = format!("{FILE}:net.core.somaxconn");
    let shadows = sample::settings(&[(FILE, "x"), (&line, "4096"), ("sysctl.net.core.somaxconn", "128")]);
    let baseline = Baseline::take(&shadows, T0);
    let now = T0 + MINUTE;
    let findings = DriftState::default().judge(&shadows, &baseline, &Options::default(), now, 7);
    let [finding] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(
        &*finding.summary,
        "net.core.somaxconn: 50-x.conf says 4096, the kernel has 128"
    );
    assert!(finding.stands() && finding.since == T0);
    let (now_is, expected) = (Some(Value::Int(128)), Some(Value::Int(4096)));
    assert_eq!(finding.seen, Seen::Setting { now: now_is, expected });
    let muted = Options {
        mute: vec!["rule.not-in-force".into()],
        ..Options::default()
    };
    assert!(
        DriftState::default()
            .judge(&shadows, &baseline, &muted, now, 7)
            .is_empty()
    );
}

#[test]
fn the_last_line_by_the_name_of_its_file_counts() {
    let kernel = ("sysctl.vm.swappiness", "60");
    let etc = |file: &str| format!("etc.sysctl.d/{file}:vm.swappiness");
    let vendor = |file: &str| format!("vendor./usr/lib/sysctl.d/{file}:vm.swappiness");
    let says = |lines: &[(&str, &str)]| {
        let mut all = lines.to_vec();
        all.push(kernel);
        told(&all)
    };
    assert_eq!(says(&[(&etc("10.conf"), "1"), (&etc("20.conf"), "60")]), [""; 0]);
    assert_eq!(
        says(&[(&etc("10.conf"), "60"), (&etc("20.conf"), "1")]),
        ["vm.swappiness: 20.conf says 1, the kernel has 60"]
    );
    // A package's file that comes later, or one that a file of the same name hides.
    assert_eq!(says(&[(&etc("10.conf"), "1"), (&vendor("20.conf"), "60")]), [""; 0]);
    let hides = [("etc.sysctl.d/20.conf", "-> /dev/null"), (&etc("10.conf"), "1")];
    assert_eq!(says(&[&hides[..], &[(&vendor("20.conf"), "60")]].concat()).len(), 1);
    // What a package says is left to it.
    assert_eq!(says(&[(&vendor("20.conf"), "1")]), [""; 0]);
    // The file of old comes last, or where a link to it stands.
    let old = ("etc.sysctl.conf:vm.swappiness", "60");
    assert_eq!(says(&[(&etc("99-z.conf"), "1"), old]), [""; 0]);
    let link = ("etc.sysctl.d/99-sysctl.conf", "-> ../sysctl.conf");
    assert_eq!(says(&[(&etc("99-z.conf"), "1"), old, link]).len(), 1);
    assert_eq!(says(&[(&etc("10.txt"), "1")]), [""; 0]);
}

#[test]
fn systemd_does_not_read_the_file_of_old_without_a_link_to_it() {
    let systemd = ("unit.ssh.service:state", "active");
    let old = ("etc.sysctl.conf:vm.swappiness", "10");
    let etc = ("etc.sysctl.d/50.conf:vm.swappiness", "60");
    let says = |more: &[(&str, &str)]| told(&[&[systemd, old, ("sysctl.vm.swappiness", "60")], more].concat());
    assert_eq!(says(&[etc]), [""; 0], "what it does read is in force");
    assert_eq!(
        says(&[]),
        ["vm.swappiness: sysctl.conf, which is not read at the start, says 10, the kernel has 60"]
    );
    let link = ("etc.sysctl.d/99-sysctl.conf", "-> ../sysctl.conf");
    assert_eq!(
        says(&[etc, link]),
        ["vm.swappiness: sysctl.conf says 10, the kernel has 60"]
    );
}

#[test]
fn what_a_container_may_not_set_is_none_of_its_declarations() {
    let lines = [
        ("etc.sysctl.d/50.conf:vm.swappiness", "1"),
        ("etc.sysctl.d/50.conf:net.core.somaxconn", "4096"),
        ("sysctl.vm.swappiness", "60"),
        ("sysctl.net.core.somaxconn", "128"),
        ("mount./proc/sys:options", "nodev noexec ro"),
        ("mount./proc/sys/net:options", "nodev rw"),
    ];
    assert_eq!(
        told(&lines),
        ["net.core.somaxconn: 50.conf says 4096, the kernel has 128"]
    );
    assert_eq!(told(&lines[..4]).len(), 1, "both, in one row");
    assert!(told(&lines[..4])[0].ends_with("(and 1 more)"));
}

#[test]
fn what_is_written_otherwise_and_means_the_same_is_in_force() {
    let line = |key: &str| format!("{FILE}:{key}");
    let same = [
        (line("kernel.sysrq"), "0x01b6"),
        (line("net/ipv4/conf/eth0.100/rp_filter"), "1"),
        (line("net.ipv4.tcp_rmem"), "4096 131072 6291456"),
        (line("kernel.printk"), "3"),
        (line("net.ipv4.conf.*.rp_filter"), "2"),
        (line("-net.ipv4.conf.all.rp_filter"), ""),
        (line("net.gone.parameter"), "5"),
    ];
    let mut values: Vec<(&str, &str)> = same.iter().map(|(name, value)| (&**name, *value)).collect();
    values.extend([
        ("sysctl.kernel.sysrq", "438"),
        ("sysctl.net.ipv4.conf.eth0/100.rp_filter", "1"),
        ("sysctl.net.ipv4.conf.all.rp_filter", "0"),
        ("sysctl.net.ipv4.tcp_rmem", "4096\t131072\t6291456"),
        ("sysctl.kernel.printk", "3 4 1 7"),
    ]);
    assert_eq!(told(&values), [""; 0]);
}

#[test]
fn who_writes_a_file_has_a_minute_to_load_it() {
    let line = format!("{FILE}:vm.swappiness");
    let mut shadows = sample::settings(&[("etc.fstab", "x"), ("sysctl.vm.swappiness", "60")]);
    let baseline = Baseline::take(&shadows, T0);
    let written = T0 + MINUTE * 5;
    sample::change(&mut shadows, FILE, Some("x"), written);
    sample::change(&mut shadows, &line, Some("1"), written);
    let mut state = DriftState::default();
    let mut judge = |shadows: &Shadows, now| {
        let findings = state.judge(shadows, &baseline, &Options::default(), now, 7);
        let [finding] = &findings[..] else {
            panic!("{findings:?}")
        };
        finding.summary.to_string()
    };
    assert!(
        !judge(&shadows, written + MINUTE * 2).contains("the kernel has"),
        "it was not read since"
    );
    read(&mut shadows, "sysctl", written + MINUTE * 2);
    let told = judge(&shadows, written + MINUTE * 3);
    assert!(
        told.starts_with("vm.swappiness: 50-x.conf says 1, the kernel has 60 (/etc/sysctl.d/50-x.conf is new"),
        "{told}"
    );
}

#[test]
fn a_value_set_while_the_system_runs_is_told_with_what_the_next_start_brings() {
    let line = format!("{FILE}:vm.swappiness");
    let mut shadows = sample::settings(&[(FILE, "x"), (&line, "10"), ("sysctl.vm.swappiness", "10")]);
    let baseline = Baseline::take(&shadows, T0);
    sample::change(&mut shadows, "sysctl.vm.swappiness", Some("60"), T0 + MINUTE);
    read(&mut shadows, "sysctl", T0 + MINUTE * 3);
    let now = T0 + MINUTE * 3;
    let findings = DriftState::default().judge(&shadows, &baseline, &Options::default(), now, 7);
    let [finding] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(
        &*finding.summary,
        "sysctl.vm.swappiness 10 -> 60 by root, until the next start: 50-x.conf says 10"
    );
    assert!(!finding.stands() && finding.series == [setting("sysctl.vm.swappiness")]);
}

#[test]
fn a_mount_of_fstab_that_is_missing_or_otherwise_is_told() {
    let root = [
        ("mount./:device", "/dev/vda1"),
        ("mount./:options", "rw relatime"),
        ("etc.fstab:/", "/dev/vda1 ext4 errors=remount-ro 0 1"),
    ];
    let with = |more: &[(&str, &str)]| told(&[&root[..], more].concat());
    assert_eq!(
        with(&[("etc.fstab:/data", "UUID=1 ext4 defaults 0 2")]),
        ["/data: fstab mounts UUID=1 there, nothing is mounted"]
    );
    let data = [
        ("mount./data:device", "/dev/vdb1"),
        ("mount./data:options", "ro noatime"),
    ];
    let line = |text| with(&[&data[..], &[("etc.fstab:/data", text)]].concat());
    assert_eq!(
        line("UUID=1 ext4 defaults,noatime 0 2"),
        ["/data: fstab has it writable, it is mounted read-only"]
    );
    assert_eq!(
        line("UUID=1 ext4 ro,noexec 0 2"),
        ["/data: fstab says noexec, it is mounted without"]
    );
    for quiet in [
        "UUID=1 ext4 ro,noatime 0 2",
        "/dev/sr0 iso9660 defaults 0 0",
        "UUID=1 ext4 ro,noexec,exec 0 2",
    ] {
        assert_eq!(line(quiet), [""; 0], "{quiet}");
    }
    let quiet = [
        ("etc.fstab:/media/cdrom0", "/dev/sr0 udf,iso9660 user,noauto 0 0"),
        ("etc.fstab:/backup", "UUID=2 ext4 nofail 0 0"),
        ("etc.fstab:none", "/dev/vda2 swap sw 0 0"),
        ("etc.fstab:swap", "/swapfile swap sw 0 0"),
        ("etc.fstab:/run/x", "tmpfs tmpfs defaults 0 0"),
    ];
    assert_eq!(with(&quiet), [""; 0]);
    // In a container nothing tells of mounts.
    assert_eq!(told(&[("etc.fstab:/data", "UUID=1 ext4 defaults 0 2")]), [""; 0]);
}

#[test]
fn a_service_that_is_to_run_always_and_stands_is_told() {
    let unit = |state: &'static str, restart: &'static str| {
        vec![
            ("unit.a.service:enabled", "enabled"),
            ("unit.a.service:state", state),
            ("unit.a.service:Service.Restart", restart),
        ]
    };
    assert_eq!(
        told(&unit("inactive", "always")),
        ["a.service: it is enabled and to run always, it is stopped"]
    );
    for quiet in [
        unit("active", "always"),
        unit("inactive", "on-failure"),
        unit("on demand", "always"),
    ] {
        assert_eq!(told(&quiet), [""; 0], "{quiet:?}");
    }
    let mut bound = unit("inactive", "always");
    bound.push(("unit.a.service:Unit.ConditionPathExists", "/x"));
    assert_eq!(told(&bound), [""; 0]);
}

#[test]
fn what_the_kernel_writes_in_its_own_way_is_in_force() {
    let ports = format!("{FILE}:net.ipv4.ip_local_reserved_ports");
    let kernel = "sysctl.net.ipv4.ip_local_reserved_ports";
    assert_eq!(told(&[(&ports, "8080,8081"), (kernel, "8080-8081")]), [""; 0]);
    let (ratio, bytes) = (format!("{FILE}:vm.dirty_ratio"), format!("{FILE}:vm.dirty_bytes"));
    let has = [("sysctl.vm.dirty_ratio", "0"), ("sysctl.vm.dirty_bytes", "4096")];
    assert_eq!(told(&[(&ratio, "20"), (&bytes, "4096"), has[0], has[1]]), [""; 0]);
    assert_eq!(told(&[(&ratio, "20"), has[0], has[1]]).len(), 1);
}

#[test]
fn an_automount_that_waits_is_as_declared() {
    let root = ("mount./:device", "/dev/vda1");
    let line = ("etc.fstab:/mnt", "nas:/x nfs noauto,x-systemd.automount,ro,nosuid 0 0");
    let waits = [
        ("mount./mnt:device", "systemd-1"),
        ("mount./mnt:fstype", "autofs"),
        ("mount./mnt:options", "rw"),
    ];
    assert_eq!(told(&[root, line, waits[0], waits[1], waits[2]]), [""; 0]);
}
