//! What one cycle over the files of this host costs, beside other programs: `cycle [--grow FILES]`.
//!
//! Prints CPU seconds and peak memory of a cycle over `/etc` and over `/etc` and `/usr` while nothing changes, and of reading
//! all content of `/usr`; then those of AIDE, `dpkg --verify` and `find` over the same files. `--grow` does the first with as
//! many files made for it in a temporary folder.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use foreshadow::{
    domain::{Batch, ResourceId, Span},
    engine::clock,
    observe::{Effort, Host, Integrity, metric_groups, setting_groups},
};

const WHOLE: Effort = Effort {
    files: usize::MAX,
    bytes: u64::MAX,
    reread: false,
};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let grow = match arguments.next().as_deref() {
        Some("--grow") => Some(arguments.next().context("how many files?")?.parse()?),
        Some(other) => anyhow::bail!("{other} is not known"),
        None => None,
    };
    println!(
        "{:<52} {:>8} {:>8} {:>9} {:>10}",
        "", "CPU s", "wall s", "peak MB", "files"
    );
    if let Some(files) = grow {
        return grown(files);
    }
    ours()?;
    let own = tempfile::tempdir()?;
    run(
        "find /usr /etc -printf (all metadata)",
        "find",
        &["/usr", "/etc", "-xdev", "-printf", "%p %i %s %T@ %C@ %m %U %G\\n"],
    )?;
    run("dpkg --verify (MD5 of packages' files)", "dpkg", &["--verify"])?;
    for (sort, rule) in [
        ("metadata", "p+i+u+g+s+m+c"),
        ("metadata and SHA-256", "p+i+u+g+s+m+c+sha256"),
    ] {
        let folder = own.path().display();
        let config = own.path().join("aide.conf");
        let text = format!(
            "database_in=file:{folder}/aide.db\ndatabase_out=file:{folder}/aide.new\ngzip_dbout=no\nR={rule}\n/usr R\n/etc R\n"
        );
        fs::write(&config, text)?;
        let config = format!("--config={}", config.display());
        run(&format!("aide --init, {sort}"), "aide", &[&config, "--init"])?;
        if own.path().join("aide.new").exists() {
            fs::rename(own.path().join("aide.new"), own.path().join("aide.db"))?;
            run(&format!("aide --check, {sort}"), "aide", &[&config, "--check"])?;
        }
    }
    Ok(())
}

fn host(root: &Path, memory: &Path) -> Host {
    Host {
        root: root.into(),
        resource: ResourceId::new("host", "bench"),
        secret_key: [7; 32],
        interval: Span::from_secs(2),
        settings_interval: Span::from_secs(60),
        paths: Vec::new(),
        keep_lines: false,
        dns: String::new(),
        memory: Some(memory.into()),
        known: Default::default(),
    }
}

fn ours() -> Result<()> {
    let own = tempfile::tempdir()?;
    let host = host(Path::new("/"), &own.path().join("files"));
    let mut etc = setting_groups(&host)
        .into_iter()
        .flat_map(|group| group.sources)
        .find(|source| source.name() == "etc")
        .context("there is no source of /etc")?;
    let mut out = Batch::default();
    etc.read(clock::now(), &mut out)?;
    let files = out
        .snapshots
        .iter()
        .filter_map(|told| told.settings.as_ref())
        .map(|settings| settings.len())
        .sum();
    // Two minutes after the last reading it looks, and does not only listen.
    let mut at = clock::now();
    let mut look = || {
        at += Span::from_mins(2);
        etc.read(at, &mut Batch::default())
    };
    measured("foreshadow: cycle over /etc, unchanged", 10, || {
        look()?;
        Ok(files)
    })?;
    let mut usr = Integrity::new(&host);
    measured("foreshadow: first sight of /usr, all content", 1, || {
        sweep(&mut usr, WHOLE)
    })?;
    measured("foreshadow: cycle over /etc and /usr, unchanged", 3, || {
        look()?;
        sweep(&mut usr, WHOLE)
    })?;
    measured("foreshadow: one reading of that, as every minute", 3, || {
        sweep(&mut usr, Effort::ONE)
    })?;
    while !partly(&mut usr)? {}
    let reread = Effort { reread: true, ..WHOLE };
    measured("foreshadow: all content of /usr read again", 1, || {
        sweep(&mut usr, reread)
    })?;
    measured("foreshadow: started again, cycle over /usr", 1, || {
        usr = Integrity::new(&host);
        sweep(&mut usr, WHOLE)
    })
}

fn grown(files: usize) -> Result<()> {
    let own = tempfile::tempdir()?;
    for number in 0..files.div_ceil(1_000) {
        let folder = own.path().join(format!("usr/lib/{}/{number}", number / 100));
        fs::create_dir_all(&folder)?;
        for file in 0..1_000.min(files - number * 1_000) {
            fs::write(folder.join(format!("file-{file:04}.so")), "x")?;
        }
    }
    let host = host(own.path(), &own.path().join("files"));
    containers_and_units(&host, files / 1_000)?;
    let mut usr = Integrity::new(&host);
    measured("first sight, all content", 1, || sweep(&mut usr, WHOLE))?;
    measured("cycle, unchanged", 3, || sweep(&mut usr, WHOLE))?;
    measured("one reading, as every minute", 3, || sweep(&mut usr, Effort::ONE))
}

/// As many units with a file of their own as given, and as many containers.
fn containers_and_units(host: &Host, many: usize) -> Result<()> {
    let group = host.root.join("sys/fs/cgroup");
    fs::create_dir_all(host.root.join("etc/systemd/system"))?;
    fs::create_dir_all(&group)?;
    fs::write(group.join("cgroup.controllers"), "cpu io memory\n")?;
    for number in 0..many {
        let unit = host.root.join(format!("etc/systemd/system/made-{number}.service"));
        fs::write(unit, "[Service]\nExecStart=/bin/true\nRestart=always\nMemoryMax=1G\n")?;
        let container = group.join(format!("system.slice/docker-{number:064x}.scope"));
        fs::create_dir_all(&container)?;
        for (name, text) in [
            ("cpu.stat", "usage_usec 1\nnr_periods 0\nnr_throttled 0\n"),
            ("memory.current", "1\n"),
            ("memory.stat", "anon 1\ninactive_file 1\n"),
            ("memory.max", "max\n"),
            ("memory.events", "oom 0\noom_kill 0\n"),
            ("io.stat", "8:0 rbytes=1 wbytes=1 rios=1\n"),
        ] {
            fs::write(container.join(name), text)?;
        }
    }
    let groups = metric_groups(host).into_iter().chain(setting_groups(host));
    let mut sources: Vec<_> = groups.flat_map(|group| group.sources).collect();
    for (name, what) in [
        ("etc", "units: cycle over their files"),
        ("cgroup", "containers: one reading"),
    ] {
        let source = sources
            .iter_mut()
            .find(|source| source.name() == name)
            .context("there is no such source")?;
        let mut at = clock::now();
        source.read(at, &mut Batch::default())?;
        measured(what, 10, || {
            at += Span::from_mins(2);
            source.read(at, &mut Batch::default())?;
            Ok(many)
        })?;
    }
    Ok(())
}

fn sweep(usr: &mut Integrity, effort: Effort) -> Result<usize> {
    match usr.sweep(clock::now(), effort, &mut Batch::default()) {
        Ok(swept) => Ok(swept.files),
        Err(why) => {
            println!("{why}");
            Ok(0)
        }
    }
}

fn partly(usr: &mut Integrity) -> Result<bool> {
    Ok(usr.sweep(clock::now(), Effort::ONE, &mut Batch::default())?.ended)
}

/// Runs `work` a few times, and prints what one time takes and how much memory it needs beyond what there was before.
fn measured(what: &str, times: u32, mut work: impl FnMut() -> Result<usize>) -> Result<()> {
    // Forgets the peak so far.
    fs::write("/proc/self/clear_refs", "5").ok();
    let before = (kilobytes("self", "VmRSS:"), cpu()?, clock::Stopwatch::start());
    let mut files = 0;
    for _ in 0..times {
        files = work()?;
    }
    let (used, wall) = (cpu()? - before.1, before.2.elapsed().as_secs_f64());
    let peak = kilobytes("self", "VmHWM:") - before.0;
    row(
        what,
        [used / f64::from(times), wall / f64::from(times), peak / 1e3],
        Some(files),
    );
    Ok(())
}

fn row(what: &str, [cpu, wall, peak]: [f64; 3], files: Option<usize>) {
    let files = files.map(|files| files.to_string()).unwrap_or_default();
    println!("{what:<52} {cpu:>8.4} {wall:>8.3} {peak:>9.1} {files:>10}");
}

/// CPU of this thread, seconds.
fn cpu() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanos / 1e9)
}

/// A line of `/proc/PROCESS/status`; 0 when the process has ended.
fn kilobytes(process: &str, label: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// CPU of all children that ended, seconds (proc(5): user and system time in hundredths).
fn children() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok());
    Ok((ticks(13).context("no time of children")? + ticks(14).unwrap_or(0.0)) / 100.0)
}

/// Another program over the same files.
fn run(what: &str, program: &str, arguments: &[&str]) -> Result<()> {
    let (before, watch) = (children()?, clock::Stopwatch::start());
    let child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = child else {
        println!("{what:<52} skipped: {program} is not installed");
        return Ok(());
    };
    let peak = wait(child)?;
    row(
        what,
        [children()? - before, watch.elapsed().as_secs_f64(), peak / 1e3],
        None,
    );
    Ok(())
}

/// Waits for `child` and gives the most memory it was seen to have, kB.
fn wait(mut child: Child) -> Result<f64> {
    let mut peak = 0.0;
    while child.try_wait()?.is_none() {
        peak = kilobytes(&child.id().to_string(), "VmHWM:").max(peak);
        // Its memory can only be asked for while it runs.
        pause();
    }
    Ok(peak)
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells when another program's memory grows"
)]
fn pause() {
    thread::sleep(Duration::from_millis(5));
}
