//! Containers as their engines tell of them.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
};

use super::*;
use crate::observe::fixture::{Tree, setting};

const ID: &str = "0123456789abcdef";
const LIST: &str = r#"[{"Id":"0123456789abcdef","State":"running"},{"Id":"../../x","State":"running"}]"#;
const FACTS: &str = r#"{"Id":"0123456789abcdef","Name":"/web","Image":"sha256:1","State":{"Status":"running"},
    "Config":{"Image":"nginx:1.25","User":"","Env":["A=1","DB_PASSWORD=hunter2"],"Cmd":["nginx","-g","x"]},
    "HostConfig":{"Memory":536870912,"NanoCpus":1500000000,"PidsLimit":0,"Privileged":false,"RestartPolicy":{"Name":"always"},
    "PortBindings":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]}},
    "Mounts":[{"Source":"/srv","Destination":"/data","RW":false}]}"#;
const EVENTS: &str = "{\"Type\":\"container\",\"Action\":\"die\",\"time\":100,\"Actor\":{\"ID\":\"x\",\"Attributes\":{\"name\":\"we\\u001bb\",\"exitCode\":\"137\"}}}\n\
    {\"Type\":\"container\",\"Action\":\"exec_start: ls\",\"time\":100,\"Actor\":{}}\nnonsense\n";

/// A daemon that answers each request by its path and then hangs up; it tells what it was asked.
fn daemon(tree: &Tree, socket: &str) -> Receiver<String> {
    daemon_that(tree, socket, Arc::default())
}

/// The same, one that tells of an error of its own as long as it `fails`.
fn daemon_that(tree: &Tree, socket: &str, fails: Arc<AtomicBool>) -> Receiver<String> {
    let path = tree.path(socket);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    let (tell, asked) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut held = [0; 4096];
            let mut read = 0;
            while !held[..read].ends_with(b"\r\n\r\n") {
                match stream.read(&mut held[read..]).unwrap() {
                    0 => return,
                    count => read += count,
                }
            }
            let target = String::from_utf8_lossy(&held[..read])
                .split(' ')
                .nth(1)
                .unwrap()
                .to_owned();
            let body = match target.as_str() {
                "/containers/json?all=1" => LIST,
                target if target.starts_with("/events") => EVENTS,
                target if target.contains(ID) => FACTS,
                _ => "",
            };
            let status = if fails.load(Ordering::SeqCst) {
                "500 Oops"
            } else {
                "200 OK"
            };
            let answer = format!("HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n{body}");
            // Told first: who has the answer looks at once at what was asked.
            if tell.send(target).is_err() || stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    asked
}

#[test]
fn what_a_container_is_made_of_and_what_happened_to_it() {
    let tree = Tree::new();
    let mut source = Containers::new(&tree.host());
    assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
    let asked = daemon(&tree, SOCKETS[0]);
    let batch = tree.read(&mut source, 60).unwrap();
    let shown = |name: &str| {
        setting(&batch, &format!("container.web:{name}"))
            .map(|value| value.to_string())
            .unwrap_or_default()
    };
    assert_eq!(shown("image"), "nginx:1.25");
    assert_eq!(shown("command"), "nginx -g x");
    assert_eq!(shown("memory_limit"), "512M");
    assert_eq!(shown("cpu_limit"), "1.5");
    assert_eq!(shown("pids_limit"), "");
    assert_eq!(shown("restart"), "always");
    assert_eq!(shown("ports"), "80/tcp=0.0.0.0:8080");
    assert_eq!(shown("mounts"), "/data=/srv ro");
    assert!(shown("env").starts_with("A=1 DB_PASSWORD=secret#"));
    assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
    let again = tree.read(&mut source, 120).unwrap();
    assert!(again.snapshots[0].settings.is_none());
    let what: Vec<&str> = again.events.iter().map(|event| &*event.what).collect();
    assert_eq!(what, ["container we\u{1b}b: die (exit code 137)"]);
    assert_eq!(again.events[0].at, Timestamp::from_secs(100));
    let asked: Vec<String> = asked.try_iter().collect();
    assert_eq!(asked[2..], ["/events?since=60&until=120", "/containers/json?all=1"]);
}

#[test]
fn each_daemon_is_read_whatever_the_other_does() {
    let tree = Tree::new();
    let mut source = Containers::new(&tree.host());
    let _podman = daemon(&tree, SOCKETS[1]);
    // Nobody listens at the other.
    drop(UnixListener::bind(tree.path(SOCKETS[0])).unwrap());
    let mut batch = Batch::default();
    let error = source.read(Timestamp::from_secs(60), &mut batch).unwrap_err();
    assert!(
        error.to_string().starts_with("partly: ") && error.to_string().contains("docker.sock"),
        "{error}"
    );
    assert!(setting(&batch, "container.web:image").is_some());
    fs::remove_file(tree.path(SOCKETS[0])).unwrap();
    let _docker = daemon(&tree, SOCKETS[0]);
    let batch = tree.read(&mut source, 120).unwrap();
    assert!(setting(&batch, "container.web:image").is_some());
    assert!(setting(&batch, "container.web@podman:image").is_some());
}

#[test]
fn containers_of_a_daemon_that_fails_are_not_told_as_gone() {
    let tree = Tree::new();
    let fails = Arc::new(AtomicBool::new(false));
    let _docker = daemon_that(&tree, SOCKETS[0], fails.clone());
    let _podman = daemon(&tree, SOCKETS[1]);
    let mut source = Containers::new(&tree.host());
    let batch = tree.read(&mut source, 60).unwrap();
    assert!(setting(&batch, "container.web@podman:image").is_some());
    fails.store(true, Ordering::SeqCst);
    for reading in 2..=i64::from(ALL_ANEW) + 1 {
        let mut batch = Batch::default();
        source.read(Timestamp::from_secs(60 * reading), &mut batch).unwrap_err();
        let changed = batch.snapshots.iter().any(|snapshot| snapshot.settings.is_some());
        assert!(!changed, "reading {reading}");
    }
    // After a restart nothing is known of it.
    let mut source = Containers::new(&tree.host());
    let mut batch = Batch::default();
    let error = source.read(Timestamp::from_secs(9_000), &mut batch).unwrap_err();
    assert!(error.to_string().contains("docker.sock"), "{error}");
    assert!(batch.snapshots.is_empty());
    fails.store(false, Ordering::SeqCst);
    let batch = tree.read(&mut source, 9_060).unwrap();
    assert!(setting(&batch, "container.web:image").is_some());
    assert!(setting(&batch, "container.web@podman:image").is_some());
}

#[test]
fn facts_of_any_shape() {
    let scope = Scope::new(&Tree::new().host(), "container");
    for text in [
        "null",
        "[]",
        "{}",
        r#"{"Name":3,"Config":[],"Mounts":{"a":1},"HostConfig":{"Memory":"x","PortBindings":[1]}}"#,
    ] {
        let mut sheet = scope.sheet();
        let facts: Json = serde_json::from_str(text).unwrap();
        put(&mut sheet, name_of(&facts), &facts);
    }
}
