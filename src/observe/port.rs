//! Ports that are listened on, by which program, of which unit and package.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source,
    file::{plain_file, small},
    scope::Scope,
    socket::{CLOSE, LISTEN, Socket, sockets_in},
    witness::Witness,
};
use crate::domain::{Batch, Event, EventKind, ResourceId, Span, Timestamp, Value};

/// Most programs whose package is remembered, and most bytes of a package's list of files.
const MOST_PROGRAMS: usize = 1_000;
const MOST_BYTES: u64 = 16 << 20;

/// Reads the listening sockets of `/proc/net` and finds their programs by inode under `/proc/PID/fd`.
pub(super) struct Ports {
    root: PathBuf,
    proc: PathBuf,
    every: Span,
    scope: Scope,
    /// Programs of the sockets of the last reading, by inode.
    programs: HashMap<u64, Program>,
    /// Where dpkg keeps which file belongs to which package, and what was found out about programs there.
    lists: PathBuf,
    packages: HashMap<String, String>,
    /// The file that names users, and the ports of the last reading.
    users: PathBuf,
    open: Option<BTreeSet<String>>,
    resource: ResourceId,
}

/// Who listens; what could not be found out is empty.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Program {
    /// As the kernel calls it.
    name: String,
    /// The program's file.
    file: String,
    /// The service or container it runs in.
    unit: String,
    /// Its process, and whose that is.
    pid: u32,
    user: String,
}

impl Ports {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            proc: host.root.join("proc"),
            every: host.settings_interval,
            scope: Scope::new(host, "port"),
            programs: HashMap::new(),
            lists: host.root.join("var/lib/dpkg/info"),
            packages: HashMap::new(),
            users: host.root.join("etc/passwd"),
            open: None,
            resource: host.resource.clone(),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// Protocol, address and inode of all ports that wait for others.
    fn listening(&self) -> Result<Vec<(&'static str, Socket)>, ObserveError> {
        let file = |name: &str| self.proc.join("net").join(name);
        let range = small(&self.proc.join("sys/net/ipv4/ip_local_port_range")).unwrap_or_default();
        let mut ends = range.split_ascii_whitespace().flat_map(str::parse::<u16>);
        let handed_out = ends.next().unwrap_or(32_768)..=ends.next().unwrap_or(60_999);
        // A port handed out by the kernel is another one each time. UDP has no listening: a socket without a peer, on a port that was
        // chosen. TCP that others can reach is told all the same.
        let waits = |protocol, socket: &Socket| match protocol {
            "tcp" => !(socket.local.ip().is_loopback() && handed_out.contains(&socket.local.port())),
            _ => socket.remote.port() == 0 && !handed_out.contains(&socket.local.port()),
        };
        let mut all = Vec::new();
        for (name, protocol, state) in [
            ("tcp", "tcp", LISTEN),
            ("tcp6", "tcp", LISTEN),
            ("udp", "udp", CLOSE),
            ("udp6", "udp", CLOSE),
        ] {
            let found = match sockets_in(&file(name), state) {
                // What is missing besides is a protocol that is off.
                Err(error) if name == "tcp" => return Err(error),
                found => found.unwrap_or_default(),
            };
            let waiting = found.into_iter().filter(|socket| waits(protocol, socket));
            all.extend(waiting.map(|socket| (protocol, socket)));
        }
        Ok(all)
    }

    /// Finds the programs of `wanted`; those that may not be looked into stay unknown.
    fn find_programs(&mut self, wanted: &HashSet<u64>) {
        self.programs.retain(|inode, _| wanted.contains(inode));
        if wanted.iter().all(|inode| self.programs.contains_key(inode)) {
            return;
        }
        let processes = fs::read_dir(&self.proc).into_iter().flatten().flatten();
        let numbered =
            processes.filter_map(|entry| Some((entry.file_name().to_string_lossy().parse::<u32>().ok()?, entry)));
        let users = small(&self.users).unwrap_or_default();
        for (pid, process) in numbered {
            let Ok(files) = fs::read_dir(process.path().join("fd")) else {
                continue;
            };
            for link in files.flatten().filter_map(|file| fs::read_link(file.path()).ok()) {
                let link = link.to_string_lossy();
                let inode = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
                let Some(inode) = inode.and_then(|inode| inode.parse().ok()) else {
                    continue;
                };
                if wanted.contains(&inode) && !self.programs.contains_key(&inode) {
                    let path = process.path();
                    let file = fs::read_link(path.join("exe")).unwrap_or_default();
                    let file = file.to_string_lossy();
                    let name = small(&path.join("comm")).unwrap_or_default();
                    // What was replaced while it runs is called so.
                    let file = file.trim_end_matches(" (deleted)").to_owned();
                    let started = small(&path.join("cmdline")).unwrap_or_default();
                    let program = Program {
                        file: called(&started, &name)
                            .filter(|link| same(&self.root, link, &file))
                            .unwrap_or(file),
                        name,
                        unit: unit(&small(&path.join("cgroup")).unwrap_or_default()),
                        pid,
                        user: fs::metadata(&path).map_or_else(|_| String::new(), |meta| user(&users, meta.uid())),
                    };
                    self.programs.insert(inode, program);
                }
            }
        }
        // Not asked for again until the sockets change: the scan is the dear part.
        for inode in wanted {
            self.programs.entry(*inode).or_default();
        }
    }
}

impl Ports {
    /// Tells of each port that was opened since the last reading which process of whom listens, as far as that may be seen.
    fn opened(&mut self, now: Timestamp, ports: &BTreeMap<String, Program>, out: &mut Batch) {
        let before = self.open.replace(ports.keys().cloned().collect());
        let Some(before) = before else { return };
        let new = ports
            .iter()
            .filter(|(port, program)| program.pid > 0 && !before.contains(*port));
        out.events.extend(new.map(|(port, program)| {
            Event {
                at: now,
                resource: self.resource.clone(),
                kind: EventKind::Log,
                what: format!(
                    "port {port} is open: {}, pid {}, user {}",
                    program.name, program.pid, program.user
                )
                .into(),
                who: None,
                backfilled: false,
            }
        }));
    }

    /// The package that brought the program `file`. The lists are some megabytes: each program is looked up once.
    fn package(&mut self, file: &str) -> String {
        if let Some(known) = self.packages.get(file) {
            return known.clone();
        }
        // Where /bin is a link to /usr/bin, the list has the name of before.
        let other = file.strip_prefix("/usr").unwrap_or(file);
        let found = fs::read_dir(&self.lists)
            .into_iter()
            .flatten()
            .flatten()
            .find_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let package = name.strip_suffix(".list")?;
                let list = plain_file(&entry.path(), MOST_BYTES)?;
                let own = list
                    .split(|b| *b == b'\n')
                    .any(|line| line == file.as_bytes() || line == other.as_bytes());
                own.then(|| package.split(':').next().unwrap_or(package).to_owned())
            });
        let package = found.unwrap_or_default();
        if self.packages.len() >= MOST_PROGRAMS {
            self.packages.clear();
        }
        self.packages.insert(file.to_owned(), package.clone());
        package
    }
}

/// The file that a program called `name` was started by, where its command line `started` begins with its whole path and bears that name.
/// Programs that are links to one file (`redis-server` to `redis-check-rdb`, those of busybox) are told apart by it alone.
fn called(started: &str, name: &str) -> Option<String> {
    // A program may write all of its command line into the first word.
    let path = started.split(['\0', ' ']).next()?;
    let last = path.strip_prefix('/')?.rsplit('/').next()?;
    // The kernel cuts names after 15 bytes.
    let fits = last == name || name.len() >= 15 && last.starts_with(name);
    (fits && !name.is_empty()).then(|| path.to_owned())
}

/// Whether two paths of the host at `root` lead to one file.
fn same(root: &Path, one: &str, other: &str) -> bool {
    let file = |path: &str| {
        let meta = fs::metadata(root.join(path.trim_start_matches('/'))).ok()?;
        Some((meta.dev(), meta.ino()))
    };
    file(one).is_some_and(|one| file(other) == Some(one))
}

/// The name of the user with that number in the lines of `/etc/passwd`, else the number.
fn user(users: &str, number: u32) -> String {
    let number = number.to_string();
    let mut lines = users.lines().map(|line| line.split(':'));
    let name = lines.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}

/// The system's unit in the lines of `/proc/PID/cgroup`: `0::/system.slice/nginx.service`.
fn unit(text: &str) -> String {
    let parts = text
        .lines()
        .filter_map(|line| line.rsplit_once(':'))
        .flat_map(|(_, path)| path.split('/'));
    let mut units = parts.filter(|part| part.ends_with(".service") || part.ends_with(".scope"));
    // The units of a user are unknown to the system's manager, which may have one of the same name.
    let users = units.clone().find(|part| part.starts_with("user@"));
    users.or_else(|| units.next_back()).unwrap_or_default().to_owned()
}

impl Source for Ports {
    fn name(&self) -> &'static str {
        "port"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let listening = self.listening()?;
        let inodes: HashSet<u64> = listening.iter().map(|(_, socket)| socket.inode).collect();
        self.find_programs(&inodes);
        // Several sockets may share a port (SO_REUSEPORT); one is enough, always the same.
        let mut ports: BTreeMap<String, Program> = BTreeMap::new();
        for (protocol, socket) in &listening {
            let program = self.programs.get(&socket.inode).cloned().unwrap_or_default();
            let known = ports.entry(format!("{protocol}/{}", socket.local)).or_default();
            if program > *known {
                *known = program;
            }
        }
        self.opened(now, &ports, out);
        let mut sheet = self.scope.sheet();
        for (port, program) in ports {
            let name = if program.name.is_empty() {
                "unknown"
            } else {
                &program.name
            };
            sheet.put(&port, Value::text(name));
            let package = if program.file.is_empty() {
                String::new()
            } else {
                self.package(&program.file)
            };
            for (what, text) in [
                ("program", &program.file),
                ("unit", &program.unit),
                ("package", &package),
            ] {
                if !text.is_empty() {
                    sheet.put(&format!("{port}:{what}"), Value::text(text));
                }
            }
        }
        self.scope.tell(now, sheet, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    fn line(port: u16, state: u8, inode: u64) -> String {
        format!("0: 00000000:{port:04X} 00000000:0000 {state:02X} 0:0 0:0 0 0 0 {inode} 1\n")
    }

    #[test]
    fn ports_and_their_programs() {
        let tree = Tree::new();
        tree.write(
            "proc/net/tcp",
            line(22, LISTEN, 500)
                + &line(22, 1, 501)
                + &line(8080, LISTEN, 502)
                + "0: 0100007F:9C40 00000000:0000 0A 0:0 0:0 0 0 0 505 1\n",
        );
        tree.write("proc/net/udp", line(53, CLOSE, 503) + &line(40_000, CLOSE, 504));
        tree.write("proc/9/comm", "sshd\u{1b}\n");
        fs::create_dir_all(tree.path("proc/9/fd")).unwrap();
        std::os::unix::fs::symlink("socket:[500]", tree.path("proc/9/fd/3")).unwrap();
        std::os::unix::fs::symlink("/usr/sbin/sshd (deleted)", tree.path("proc/9/exe")).unwrap();
        tree.write("proc/9/cgroup", "1:name=systemd:/\n0::/system.slice/ssh.service\n");
        tree.write("var/lib/dpkg/info/bash.list", "/bin/bash\n");
        tree.write("var/lib/dpkg/info/openssh-server:amd64.list", "/.\n/usr/sbin/sshd\n");
        let mut source = Ports::new(&tree.host());
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(setting(&batch, "port.tcp/0.0.0.0:22"), Some(Value::text("sshd\u{1b}")));
        assert_eq!(setting(&batch, "port.tcp/0.0.0.0:8080"), Some(Value::text("unknown")));
        assert_eq!(setting(&batch, "port.udp/0.0.0.0:53"), Some(Value::text("unknown")));
        let own = setting(&batch, "port.tcp/127.0.0.1:40000");
        assert_eq!(own, None, "a port for itself, another one each time");
        assert!(batch.events.is_empty(), "what was open is no news");
        let shown = |name: &str| setting(&batch, &format!("port.tcp/0.0.0.0:22:{name}")).map(|value| value.to_string());
        assert_eq!(shown("program").as_deref(), Some("/usr/sbin/sshd"));
        assert_eq!(shown("unit").as_deref(), Some("ssh.service"));
        assert_eq!(shown("package").as_deref(), Some("openssh-server"));
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 6);
    }

    #[test]
    fn a_program_that_is_a_link_is_called_by_its_own_name() {
        let tree = Tree::new();
        tree.write(
            "proc/net/tcp",
            line(6379, LISTEN, 500) + &line(80, LISTEN, 501) + &line(81, LISTEN, 502),
        );
        tree.write("usr/bin/redis-check-rdb", "x");
        tree.write("usr/bin/other", "x");
        std::os::unix::fs::symlink("redis-check-rdb", tree.path("usr/bin/redis-server")).unwrap();
        tree.write("var/lib/dpkg/info/redis-server.list", "/usr/bin/redis-server\n");
        for (pid, started, comm) in [
            (500, "/usr/bin/redis-server 127.0.0.1:6379\0\0", "redis-server"),
            // What a program says of itself is believed where the file bears it out.
            (501, "/usr/bin/other\0", "other"),
            (502, "redis: worker\0", "redis"),
        ] {
            tree.write(&format!("proc/{pid}/comm"), format!("{comm}\n"));
            tree.write(&format!("proc/{pid}/cmdline"), started);
            fs::create_dir_all(tree.path(&format!("proc/{pid}/fd"))).unwrap();
            std::os::unix::fs::symlink(format!("socket:[{pid}]"), tree.path(&format!("proc/{pid}/fd/3"))).unwrap();
            std::os::unix::fs::symlink("/usr/bin/redis-check-rdb", tree.path(&format!("proc/{pid}/exe"))).unwrap();
        }
        let batch = tree.read(&mut Ports::new(&tree.host()), 0).unwrap();
        let shown = |name: &str| setting(&batch, &format!("port.tcp/0.0.0.0:{name}")).map(|value| value.to_string());
        assert_eq!(shown("6379:program").as_deref(), Some("/usr/bin/redis-server"));
        assert_eq!(shown("6379:package").as_deref(), Some("redis-server"));
        for port in ["80", "81"] {
            let program = shown(&format!("{port}:program"));
            assert_eq!(program.as_deref(), Some("/usr/bin/redis-check-rdb"), "{port}");
        }
    }

    #[test]
    fn a_port_that_is_opened_says_by_which_process_of_whom() {
        let tree = Tree::new();
        tree.write("proc/net/tcp", line(22, LISTEN, 500));
        let mut source = Ports::new(&tree.host());
        tree.read(&mut source, 0).unwrap();
        tree.write("proc/net/tcp", line(22, LISTEN, 500) + &line(8080, LISTEN, 600));
        tree.write("proc/812/comm", "python3\n");
        fs::create_dir_all(tree.path("proc/812/fd")).unwrap();
        std::os::unix::fs::symlink("socket:[600]", tree.path("proc/812/fd/3")).unwrap();
        let owner = fs::metadata(tree.path("proc/812")).unwrap().uid();
        tree.write(
            "etc/passwd",
            format!("bin:x:{}:0::/:/bin/sh\nalice:x:{owner}:0::/:/bin/sh\n", owner + 1),
        );
        let batch = tree.read(&mut source, 60).unwrap();
        let told: Vec<&str> = batch.events.iter().map(|event| &*event.what).collect();
        assert_eq!(told, ["port tcp/0.0.0.0:8080 is open: python3, pid 812, user alice"]);
        assert!(tree.read(&mut source, 120).unwrap().events.is_empty());
    }
}
