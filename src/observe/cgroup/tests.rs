use super::*;
use crate::observe::fixture::{Tree as Files, value};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn two(files: &Files, path: &str, usec: u64, bytes: u64) {
    let at = |name: &str| format!("sys/fs/cgroup/{path}/{name}");
    files.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
    files.write(
        &at("cpu.stat"),
        format!(
            "usage_usec {usec}\nnr_periods {}\nnr_throttled {}\n",
            usec / 10,
            usec / 40
        ),
    );
    files.write(&at("memory.current"), format!("{bytes}\n"));
    files.write(&at("memory.stat"), format!("anon 1\ninactive_file {}\n", bytes / 2));
    files.write(&at("memory.max"), format!("{}\n", bytes * 2));
    files.write(&at("memory.events"), "low 0\noom 0\noom_kill 0\n");
    files.write(
        &at("io.stat"),
        format!("8:0 rbytes={bytes} wbytes=1 rios=1\n8:16 rbytes=1\n"),
    );
}

#[test]
fn one_tree_for_all_controllers() {
    let files = Files::new();
    let mut source = Groups::new(&files.host());
    let web = "system.slice/nginx.service";
    let container = format!("system.slice/docker-{ID}.scope");
    files.write(
        &format!("var/lib/docker/containers/{ID}/config.v2.json"),
        r#"{"Name":"/web\u001b"}"#,
    );
    two(&files, web, 1_000_000, 8_000_000);
    two(&files, &container, 1_000_000, 4_000_000);
    two(&files, "system.slice", 9, 12_000_000);
    files.write("sys/fs/cgroup/system.slice/nginx.service/inner.service/cpu.stat", "x");
    let first = files.read(&mut source, 0).unwrap();
    assert_eq!(value(&first, "service.nginx.mem_bytes"), Some(4_000_000.0));
    assert_eq!(value(&first, "service.nginx.mem_limit_pct"), Some(25.0));
    assert_eq!(value(&first, "service.nginx.cpu_cores"), None);
    two(&files, web, 6_000_000, 8_000_000);
    files.write("sys/fs/cgroup/system.slice/nginx.service/memory.events", "oom_kill 2\n");
    let second = files.read(&mut source, 10).unwrap();
    assert_eq!(value(&second, "service.nginx.cpu_cores"), Some(0.5));
    assert_eq!(value(&second, "service.nginx.cpu_throttled_pct"), Some(25.0));
    assert_eq!(value(&second, "service.nginx.oom_kills_per_s"), Some(0.2));
    assert_eq!(value(&second, "service.nginx.read_bytes_per_s"), Some(0.0));
    assert_eq!(value(&second, "container.web\\u{1b}.mem_bytes"), Some(2_000_000.0));
    assert_eq!(value(&second, "slice.system.mem_bytes"), Some(6_000_000.0));
    assert_eq!(value(&second, "service.nginx.starts_1h"), None);
    assert_eq!(value(&second, "service.inner.cpu_cores"), None);
}

#[test]
fn a_tree_a_controller() {
    let files = Files::new();
    let mut source = Groups::new(&files.host());
    let at = |controller: &str, name: &str| format!("sys/fs/cgroup/{controller}/system.slice/db.service/{name}");
    for (secs, nanos) in [(0, 0u64), (10, 20_000_000_000)] {
        files.write(&at("cpuacct", "cpuacct.usage"), format!("{nanos}\n"));
        files.write(&at("memory", "memory.usage_in_bytes"), "5000000\n");
        files.write(&at("memory", "memory.limit_in_bytes"), "9223372036854771712\n");
        files.write(&at("memory", "memory.stat"), "cache 1\ntotal_inactive_file 1000000\n");
        files.write(
            &at("blkio", "blkio.throttle.io_service_bytes_recursive"),
            format!("8:0 Read {}\n8:0 Write 5\nTotal 9\n", nanos / 1_000_000),
        );
        let batch = files.read(&mut source, secs).unwrap();
        assert_eq!(value(&batch, "service.db.mem_bytes"), Some(4_000_000.0));
        assert_eq!(value(&batch, "service.db.mem_limit_pct"), None, "no limit");
        assert_eq!(value(&batch, "service.db.cpu_cores"), (secs > 0).then_some(2.0));
        assert_eq!(
            value(&batch, "service.db.read_bytes_per_s"),
            (secs > 0).then_some(2_000.0)
        );
    }
}

#[test]
fn time_is_counted_in_the_tree_beside_the_others() {
    let files = Files::new();
    let mut source = Groups::new(&files.host());
    for (secs, usec) in [(0, 0), (10, 5_000_000)] {
        files.write(
            "sys/fs/cgroup/unified/system.slice/db.service/cpu.stat",
            format!("usage_usec {usec}\n"),
        );
        files.write(
            "sys/fs/cgroup/memory/system.slice/db.service/memory.usage_in_bytes",
            "5000000\n",
        );
        let batch = files.read(&mut source, secs).unwrap();
        assert_eq!(value(&batch, "service.db.cpu_cores"), (secs > 0).then_some(0.5));
    }
}

#[test]
fn of_many_services_the_same_few_are_told() {
    let files = Files::new();
    let mut source = Groups::new(&files.host());
    let mut names = std::collections::BTreeSet::new();
    for round in 0..20u64 {
        for n in 0..100u64 {
            // Who takes the most memory changes at every reading.
            let bytes = 2_000_000 + (n * 37 + round * 13) % 100 * 1_000_000;
            two(&files, &format!("system.slice/s{n:03}.service"), 0, bytes);
        }
        let batch = files.read(&mut source, round as i64 * 10).unwrap();
        let told = batch.observations.iter().filter(|o| o.id.name.ends_with(".mem_bytes"));
        assert!(told.clone().count() <= 14);
        names.extend(told.map(|o| o.id.name.to_string()));
    }
    assert!(source.told.len() <= 14);
    assert!(names.len() < 100, "{}", names.len());
}

#[test]
fn a_service_made_anew_was_started() {
    let files = Files::new();
    let mut source = Groups::new(&files.host());
    let folder = "sys/fs/cgroup/system.slice/app.service";
    let mut counts = Vec::new();
    for secs in [0, 10, 20] {
        // Each life has used more by then than the one before, and nothing is known of when.
        two(&files, "system.slice/app.service", secs as u64 * 1_000_000, 8_000_000);
        let batch = files.read(&mut source, secs).unwrap();
        assert_eq!(value(&batch, "service.app.cpu_cores"), None);
        counts.push(value(&batch, "service.app.starts_1h"));
        // The new folder exists before the old one goes, so that it cannot get its inode.
        fs::rename(files.path(folder), files.path(&format!("old{secs}"))).unwrap();
    }
    assert_eq!(counts, [None, Some(1.0), Some(2.0)]);
    two(&files, "system.slice/app.service", 0, 8_000_000);
    fs::remove_dir_all(files.path("sys/fs/cgroup/system.slice/app.service/")).unwrap();
    assert_eq!(
        value(&files.read(&mut source, 4_000).unwrap(), "service.app.starts_1h"),
        Some(0.0)
    );
}

#[test]
fn a_system_in_a_container_keeps_its_services_to_itself() {
    let files = Files::new();
    let mut source = Groups::new(&files.host());
    for secs in [0, 10, 20] {
        // As systemd-nspawn and LXC nest them.
        for inner in ["", "payload/", "lxc/web/", "machine.slice/guest/"] {
            let bytes = if inner.is_empty() { 8_000_000 } else { 90_000_000 };
            two(&files, &format!("{inner}init.scope"), 0, 1);
            two(&files, &format!("{inner}system.slice/cron.service"), 0, bytes);
        }
        two(&files, "lxc/web", 0, 100_000_000);
        two(&files, "machine.slice/sub.slice/vm.service", 0, 6_000_000);
        let batch = files.read(&mut source, secs).unwrap();
        assert_eq!(value(&batch, "service.cron.mem_bytes"), Some(4_000_000.0));
        assert_eq!(value(&batch, "service.cron.starts_1h"), None);
        assert_eq!(value(&batch, "service.vm.mem_bytes"), Some(3_000_000.0));
        assert_eq!(value(&batch, "cgroup.web.mem_bytes"), Some(50_000_000.0));
    }
}

#[test]
fn a_host_without_groups_and_one_with_nonsense() {
    let files = Files::new();
    let mut source = Groups::new(&files.host());
    assert!(matches!(files.read(&mut source, 0), Err(ObserveError::Absent { .. })));
    files.write("sys/fs/cgroup/cgroup.controllers", "");
    files.write("sys/fs/cgroup/a.slice/b.service/cpu.stat", b"\xff\x00usage_usec nan\n");
    files.write("sys/fs/cgroup/a.slice/b.service/memory.current", "-1e999");
    let batch = files.read(&mut source, 10).unwrap();
    assert!(batch.observations.iter().all(|seen| seen.point.value.is_finite()));
}
