use std::{fs, io::Write as _, path::Path, sync::Arc};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;
use crate::domain::{EventKind, MetricKind, Unit, Value};

fn header() -> Header {
    Header {
        foreshadow_recording: VERSION,
        program: "0.1.0".into(),
        resources: vec![host()],
        from: Timestamp(1_000_000),
        interval: Span::from_secs(2),
        redacted: false,
    }
}

fn host() -> ResourceId {
    ResourceId::new("host", "web-1")
}

fn meta(name: &str) -> MetricMeta {
    MetricMeta {
        id: SeriesId::new(&host(), name),
        unit: Unit::Percent,
        kind: MetricKind::Gauge,
        cadence: Span::from_secs(2),
        source: "proc".into(),
        limit: None,
    }
}

fn record(file: &Path, steps: &[(Batch, Timestamp)], redaction: Option<Redaction>) {
    let mut recorder = Recorder::create(file, &header(), redaction).unwrap();
    for (batch, now) in steps {
        recorder.step(batch, *now).unwrap();
    }
    recorder.finish().unwrap();
}

fn play(file: &Path) -> Result<Vec<(Batch, Timestamp)>, RecordingError> {
    let mut recording = Recording::open(file)?;
    let mut steps = Vec::new();
    while let Some(step) = recording.next()? {
        steps.push(step);
    }
    Ok(steps)
}

#[test]
fn a_recording_that_was_cut_says_in_which_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    let mut text = serde_json::to_string(&header()).unwrap() + "\n";
    text += "{\"now\":\"2026-03-14T13:00:01Z\"}\n{\"now\":\"2026-03-14T13:00:03Z\"}\n";
    for (cut, line, steps) in [
        (text.len(), None, 2),
        (text.len() - 5, Some(3), 1),
        (text.len() - 1, Some(3), 1),
    ] {
        fs::write(&file, &text[..cut]).unwrap();
        let mut recording = Recording::open(&file).unwrap();
        assert_eq!(recording.cut(), None);
        let mut played = 0;
        while recording.next().unwrap().is_some() {
            played += 1;
        }
        assert_eq!((recording.cut(), played), (line, steps));
    }
}

/// Two steps with everything in them.
fn everything() -> Vec<(Batch, Timestamp)> {
    let (a, b) = (meta("cpu.busy_pct"), meta("net.10.1.2.3.rx"));
    let seen = |meta: &MetricMeta, at: i64, value: f64| Observation {
        id: meta.id.clone(),
        point: Point {
            at: Timestamp(at),
            value,
        },
    };
    let first = Batch {
        observations: vec![
            seen(&a, 1_999_000, 0.1 + 0.2),
            seen(&b, 1_999_000, -0.0),
            seen(&a, 2_000_000, 1e-308),
        ],
        metrics: vec![a.clone(), b.clone()],
        snapshots: vec![SettingSnapshot {
            reach: None,
            resource: host(),
            scope: "etc".into(),
            at: Timestamp(1_500_000),
            settings: Some(
                [
                    (Arc::from("etc.motd"), Value::Text("hello from web-1\u{1b}[2J".into())),
                    (Arc::from("etc.hosts:10.1.2.3"), Value::Enum("backend".into())),
                    (Arc::from("etc.mail:ann@example.org"), Value::Int(7)),
                ]
                .into(),
            ),
        }],
        ..Batch::default()
    };
    let second = Batch {
        observations: vec![seen(&b, 4_000_000, f64::MAX)],
        changes: vec![SettingChange {
            id: SeriesId::new(&host(), "etc.motd"),
            at: Timestamp(3_000_000),
            after: Some(Timestamp(2_500_000)),
            from: Some(Value::Text("hello from web-1".into())),
            to: None,
            by: Some("ann@pts/0".into()),
            backfilled: false,
        }],
        events: vec![Event {
            at: Timestamp(3_500_000),
            resource: host(),
            kind: EventKind::Login,
            what: "session opened for ann from 10.1.2.3".into(),
            who: Some("ann".into()),
            backfilled: false,
        }],
        ..Batch::default()
    };
    vec![
        (first, Timestamp(2_000_000)),
        (second, Timestamp(4_000_000)),
        (Batch::default(), Timestamp(6_000_000)),
    ]
}

#[test]
fn what_was_recorded_plays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl.gz");
    record(&file, &everything(), None);
    assert_eq!(play(&file).unwrap(), everything());
    assert_eq!(*Recording::open(&file).unwrap().header(), header());
}

proptest! {
    #[test]
    fn every_value_plays_bit_for_bit(steps in proptest::collection::vec((proptest::collection::vec((0_usize..3, any::<f64>(), -5_000_000_i64..0), 0..20), 1_i64..10_000_000), 1..20)) {
        let metas = [meta("a"), meta("b"), meta("c")];
        let mut now = 0;
        let mut told = Vec::new();
        for (number, (values, after)) in steps.into_iter().enumerate() {
            now += after;
            let observations = values.into_iter().map(|(which, value, at)| Observation {
                id: metas[which].id.clone(),
                point: Point { at: Timestamp(now + at), value },
            });
            let metrics = if number == 0 { metas.to_vec() } else { Vec::new() };
            told.push((Batch { metrics, observations: observations.collect(), ..Batch::default() }, Timestamp(now)));
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.jsonl.gz");
        record(&file, &told, None);
        let played = play(&file).unwrap();
        prop_assert_eq!(played.len(), told.len());
        for ((played, played_at), (told, told_at)) in played.iter().zip(&told) {
            prop_assert_eq!(played_at, told_at);
            prop_assert_eq!(played.observations.len(), told.observations.len());
            for (played, told) in played.observations.iter().zip(&told.observations) {
                prop_assert_eq!(&played.id, &told.id);
                prop_assert_eq!(played.point.at, told.point.at);
                let same = played.point.value.to_bits() == told.point.value.to_bits();
                prop_assert!(same || (!told.point.value.is_finite() && played.point.value.is_nan()));
            }
        }
    }
}

#[test]
fn a_recorder_that_was_killed_leaves_what_it_had_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl.gz");
    let mut steps = Vec::new();
    let mut recorder = Recorder::create(&file, &header(), None).unwrap();
    for number in 0..100 {
        let (batch, _) = everything().remove(usize::from(number != 0));
        let at = Timestamp(2_000_000 + number * 2_000_000);
        recorder.step(&batch, at).unwrap();
        steps.push(at);
    }
    // Neither finished nor dropped: as after kill -9.
    std::mem::forget(recorder);
    let played = play(&file).unwrap();
    assert!(played.len() >= 90, "{}", played.len());
    assert!(played.iter().map(|(_, at)| at).eq(&steps[..played.len()]));
    // Cut off anywhere, it plays up to there.
    let whole = fs::read(&file).unwrap();
    for cut in (200..whole.len()).step_by(37) {
        fs::write(&file, &whole[..cut]).unwrap();
        match play(&file) {
            Ok(played) => assert!(played.iter().map(|(_, at)| at).eq(&steps[..played.len()])),
            Err(error) => assert!(error.to_string().contains("no recording"), "{error}"),
        }
    }
}

#[test]
fn other_files_are_refused_in_one_line_that_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    let say = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let error = play(&file).unwrap_err().to_string();
        assert!(!error.contains('\n') && error.contains("a.jsonl"), "{error}");
        error
    };
    for other in [
        "",
        "\n",
        "{}",
        "[1]",
        "hello\nworld\n",
        "\u{0}\u{1}",
        "{\"foreshadow_recording\":\"x\"}\n",
    ] {
        assert!(
            say(other.as_bytes()).contains("a.jsonl:1: this is no recording"),
            "{other:?}"
        );
    }
    let mut head = serde_json::to_vec(&header()).unwrap();
    head.push(b'\n');
    assert!(say(&[&head, &b"{\"now\":3}\n"[..]].concat()).contains("a.jsonl:2: "));
    let unknown = b"{\"now\":\"2026-01-01T00:00:00Z\",\"values\":[[0,[[4,1.5]]]]}\n";
    assert!(say(&[&head, &unknown[..]].concat()).contains("a.jsonl:2: no metric has the number 4 yet"));
    let newer = say(b"{\"foreshadow_recording\":99,\"program\":\"9.0\\u001b[2J\",\"more\":{}}\n");
    assert!(
        newer.contains("written by foreshadow 9.0") && newer.contains("format 99"),
        "{newer}"
    );
    assert!(!newer.contains('\u{1b}'));
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&head).unwrap();
    packed.write_all(&vec![b'x'; 100_000]).unwrap();
    let mut packed = packed.finish().unwrap();
    let middle = packed.len() / 2;
    packed[middle] ^= 0xff;
    say(&packed);
    assert!(matches!(
        Recording::open(&folder.path().join("none")),
        Err(RecordingError::Io { .. })
    ));
    assert!(matches!(
        Recorder::create(&file, &header(), None),
        Err(RecordingError::Io { .. })
    ));
}

#[test]
fn a_redacted_recording_names_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl.gz");
    record(&file, &everything(), Some(Redaction::new([3; 32])));
    let played = play(&file).unwrap();
    let text = format!("{played:?} {:?}", Recording::open(&file).unwrap().header());
    for word in [
        "web-1",
        "ann",
        "example",
        "10.1.2.3",
        "hello",
        "backend",
        "session opened",
    ] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    let whole = everything();
    for ((played, played_at), (told, told_at)) in played.iter().zip(&whole) {
        assert_eq!(played_at, told_at);
        assert!(
            played
                .observations
                .iter()
                .map(|seen| seen.point)
                .eq(told.observations.iter().map(|seen| seen.point))
        );
    }
    assert_eq!(&*played[0].0.metrics[0].id.name, "cpu.busy_pct");
    let settings = played[0].0.snapshots[0].settings.as_ref().unwrap();
    assert!(settings.values().any(|value| *value == Value::Int(7)));
    assert!(settings.contains_key("etc.motd"));
}

#[test]
fn labels_of_series_and_urls_in_messages_name_nobody() {
    let target = ResourceId::new("target", "web-1:9100");
    let batch = Batch {
        observations: vec![Observation {
            id: SeriesId::new(&target, "http_requests_total{customer=\"acme\"}"),
            point: Point {
                at: Timestamp(0),
                value: 1.0,
            },
        }],
        events: vec![Event {
            at: Timestamp(0),
            resource: target,
            kind: EventKind::Collector,
            what: "prometheus: https://acme.example:9090: no answer".into(),
            who: None,
            backfilled: false,
        }],
        ..Batch::default()
    };
    let redacted = Redaction::new([3; 32]).batch(&batch);
    let text = format!("{redacted:?}");
    assert!(!text.contains("acme") && !text.contains("web-1"), "{text}");
    assert!(
        redacted.observations[0].id.name.starts_with("http_requests_total{"),
        "{text}"
    );
    assert!(redacted.events[0].what.ends_with("no answer"), "{text}");
}

#[test]
fn no_name_of_a_thing_of_somebodys_leaves_the_house() {
    let names = [
        "account.user.anna:uid",
        "account.group.bob:gid",
        "account.ssh_key.anna",
        "account.sudo.bob",
        "account.user.anna.password_left_secs",
        "limits.session.anna:nofile:soft",
        "net.hosts.aud4",
        "net.hosts.db-x",
        "net.ve-aud4.rx_bytes_per_s",
        "net.route.default@ve-aud4",
        "etc.nginx/sites-enabled/shop.acme.org:server[443 ssl aud4].server_name",
        "etc.nginx/nginx.conf:http.map[$host $who].acme.org",
        "etc.myapp/users:content",
        "etc.samba/smb.conf:anna.path",
        "cron.user anna:/home/anna/job.sh --for acme",
        "cron./etc/cron.d/aud:/usr/bin/true aud",
        "file./srv/acme/app.json:customers.acme.key",
        "mount./home/anna:options",
        "fs./mnt/acme.private.used_pct",
        "unit.backup-anna.service:state",
        "unit.getty@anna.service:Service.ExecStart",
        "unit.acme.restarts",
        "top.acme-worker.cpu_pct",
        "cgroup.acme.slice/shop.service.mem_bytes",
        "container.acme_db:image",
        "firewall.set inet filter anna_ips",
        "port.tcp/10.1.2.3:80:program",
        "cert./etc/ssl/acme.org.pem:subject",
        "sysctl.net.ipv4.conf.ve-aud4.rp_filter",
        "integrity./srv/acme/bin/shop.acme",
        "pkg.aud4-tools",
        "vendor./usr/lib/sysctl.d/50-acme.conf:net.ipv4.conf.ve-aud4.rp_filter",
        "something.acme",
        "temp.aud4",
    ];
    let settings = |names: &[&str]| {
        let value = |name: &&str| match name.ends_with("id") {
            true => Value::Int(1_000),
            false => Value::Enum("anna".into()),
        };
        names.iter().map(|name| (Arc::from(*name), value(name))).collect()
    };
    let event = |kind, what: &str| Event {
        at: Timestamp(0),
        resource: host(),
        kind,
        what: what.into(),
        who: Some("anna".into()),
        backfilled: false,
    };
    let ours = [
        "cpu.0.busy_pct",
        "net.eth0.rx_bytes_per_s",
        "disk.nvme0n1.await_secs",
        "fs./var/log.used_pct",
        "sysctl.net.ipv4.conf.all.rp_filter",
        "unit.nginx.service:Service.Restart",
        "unit.systemd-journald.service:state",
        "etc.ssh/sshd_config:PermitRootLogin",
        "etc.hostname:line",
        "pkg.openssh-server",
        "mount./:options",
        "firewall.ip filter INPUT:order",
        "limits.pid1.nofile:soft",
        "account.ssh_host_key",
        "net.resolver.nameserver",
    ];
    let batch = Batch {
        metrics: names.iter().map(|name| meta(name)).collect(),
        snapshots: vec![SettingSnapshot {
            reach: None,
            resource: host(),
            scope: "all".into(),
            at: Timestamp(0),
            settings: Some(settings(&[&names[..], &ours[..]].concat())),
        }],
        events: vec![
            event(EventKind::Package, "ran apt install /home/anna/acme.deb"),
            event(EventKind::Package, "install aud4-tools 1.2"),
            event(
                EventKind::Collector,
                "partly: /etc/acme/x.json:3 is not JSON; aud4 and anna, at 10.1.2.3:80",
            ),
        ],
        ..Batch::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl.gz");
    record(&file, &[(batch, Timestamp(0))], Some(Redaction::new([3; 32])));
    let played = play(&file).unwrap();
    let text = format!("{played:?}");
    for word in [
        "anna", "bob", "aud", "db-x", "acme", "shop", "private", "10.1.2.3", "ips", "backup-", "web-1",
    ] {
        let at = text
            .find(word)
            .map(|at| &text[at.saturating_sub(60)..(at + 60).min(text.len())]);
        assert_eq!(at, None, "{word}");
    }
    let kept = played[0].0.snapshots[0].settings.as_ref().unwrap();
    for name in ours {
        assert!(kept.contains_key(name), "{name}");
    }
    assert_eq!(kept.len(), names.len() + ours.len(), "two things are still two");
    assert!(
        kept.keys()
            .any(|name| name.starts_with("account.user.") && name.ends_with(":uid"))
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_as_a_file_is_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (file, pipe) = (folder.path().join("a.jsonl"), folder.path().join("pipe"));
    let recorder = Recorder::create(&file, &header(), None).unwrap();
    recorder.finish().unwrap();
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).unwrap();
    let written = std::thread::spawn({
        let (file, pipe) = (file.clone(), pipe.clone());
        move || std::fs::copy(file, pipe)
    });
    let mut played = Recording::open(&pipe).unwrap();
    assert_eq!(*played.header(), header());
    assert!(played.next().unwrap().is_none());
    assert!(written.join().unwrap().is_ok());
    for path in [Path::new("/dev/zero"), folder.path()] {
        let said = Recording::open(path).err().unwrap().to_string();
        assert!(said.ends_with("it is neither a file nor a pipe"), "{said}");
    }
}
