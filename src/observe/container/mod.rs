//! Containers: what they are made of and what happens to them, from the daemons of Docker and Podman.
#![cfg(target_os = "linux")]

mod http;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::{
    Host, ObserveError, Source,
    scope::{Scope, Sheet},
    secret::scrub,
};
use crate::domain::{Batch, Event, EventKind, Quantity, ResourceId, Span, Timestamp, Unit, Value};

/// Where the daemons listen.
const SOCKETS: [&str; 3] = ["run/docker.sock", "run/podman/podman.sock", "var/run/docker.sock"];
/// Most containers of one daemon that are told of, and most events of one reading.
const MOST: usize = 200;
const MOST_EVENTS: usize = 200;
/// What happens to a container and is told of; the rest is health checks, commands run within, copies.
const TOLD: [&str; 12] = [
    "create", "destroy", "die", "kill", "oom", "pause", "rename", "restart", "start", "stop", "unpause", "update",
];
/// How often all are asked for anew, in readings: a daemon may lose an event.
const ALL_ANEW: u32 = 30;

/// Asks the daemons for their containers; for the facts of one only after something happened to it.
pub(super) struct Containers {
    root: PathBuf,
    resource: ResourceId,
    every: Span,
    scope: Scope,
    /// What is known from each, by its socket.
    daemons: BTreeMap<PathBuf, Daemon>,
    readings: u32,
}

/// What one daemon told.
#[derive(Default)]
struct Daemon {
    /// Facts by the number of the container.
    known: BTreeMap<String, Json>,
    /// When it last answered.
    asked: Option<Timestamp>,
    /// Whether what is known is to be asked for anew.
    stale: bool,
}

impl Containers {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            resource: host.resource.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "container"),
            daemons: BTreeMap::new(),
            readings: 0,
        }
    }

    /// Where daemons listen; two of the paths may be one socket.
    fn sockets(&self) -> Vec<PathBuf> {
        let mut sockets: Vec<PathBuf> = Vec::new();
        let there = SOCKETS
            .iter()
            .filter_map(|path| fs::canonicalize(self.root.join(path)).ok());
        there.for_each(|socket| {
            if !sockets.contains(&socket) {
                sockets.push(socket);
            }
        });
        sockets
    }
}

impl Daemon {
    /// What happened since the last reading; gives the numbers of the containers it happened to.
    fn events(&self, resource: &ResourceId, socket: &Path, now: Timestamp, out: &mut Batch) -> BTreeSet<String> {
        let mut touched = BTreeSet::new();
        let Some(since) = self.asked else { return touched };
        // Both ends are whole seconds that have passed, so that the daemon does not wait for more.
        let target = format!("/events?since={}&until={}", since.secs(), now.secs());
        let Ok(body) = http::get(socket, &target) else {
            return touched;
        };
        for line in body.lines().take(10_000) {
            let Ok(event) = serde_json::from_str::<Json>(line) else {
                continue;
            };
            let text = |path: &str| event.pointer(path).and_then(Json::as_str).unwrap_or_default();
            let action = text("/Action").split(':').next().unwrap_or_default();
            if text("/Type") != "container" || !TOLD.contains(&action) {
                continue;
            }
            touched.insert(text("/Actor/ID").to_owned());
            let at = event
                .get("time")
                .and_then(Json::as_i64)
                .map_or(now, Timestamp::from_secs);
            let (name, code) = (text("/Actor/Attributes/name"), text("/Actor/Attributes/exitCode"));
            let code = if code.is_empty() {
                String::new()
            } else {
                format!(" (exit code {code})")
            };
            if out.events.len() < MOST_EVENTS {
                out.events.push(Event {
                    at,
                    resource: resource.clone(),
                    kind: EventKind::Service,
                    what: scrub(&format!("container {name}: {action}{code}"))
                        .chars()
                        .take(300)
                        .collect::<String>()
                        .into(),
                    who: None,
                    backfilled: false,
                });
            }
        }
        touched
    }

    fn read(
        &mut self,
        resource: &ResourceId,
        socket: &Path,
        now: Timestamp,
        out: &mut Batch,
    ) -> Result<(), ObserveError> {
        let touched = self.events(resource, socket, now, out);
        let list = http::json(socket, "/containers/json?all=1")?;
        let mut listed: Vec<(&str, &str)> = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| {
                Some((
                    one.get("Id")?.as_str()?,
                    one.get("State").and_then(Json::as_str).unwrap_or(""),
                ))
            })
            // A number goes into a path.
            .filter(|(id, _)| id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
            .collect();
        listed.sort_unstable();
        for (id, state) in listed.into_iter().take(MOST) {
            let same = self.known.get(id).is_some_and(|known| {
                !self.stale
                    && !touched.contains(id)
                    && known.pointer("/State/Status").and_then(Json::as_str) == Some(state)
            });
            if !same {
                // One that is gone meanwhile is left out.
                match http::json(socket, &format!("/containers/{id}/json")) {
                    Ok(facts) => self.known.insert(id.to_owned(), facts),
                    Err(ObserveError::Malformed { .. }) => self.known.remove(id),
                    // No answer at all says nothing of the container.
                    Err(_) => None,
                };
            }
        }
        let there: BTreeSet<&str> = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("Id")?.as_str())
            .collect();
        self.known.retain(|id, _| there.contains(id.as_str()));
        self.asked = Some(now);
        self.stale = false;
        Ok(())
    }
}

/// The name of a container, else the beginning of its number.
fn name_of(facts: &Json) -> &str {
    let text = |path: &str| facts.pointer(path).and_then(Json::as_str).unwrap_or_default();
    match text("/Name").trim_start_matches('/') {
        "" => text("/Id").get(..12).unwrap_or("unknown"),
        name => name,
    }
}

/// The settings of the container `name`, from what its daemon knows of it.
fn put(sheet: &mut Sheet, name: &str, facts: &Json) {
    let text = |path: &str| facts.pointer(path).and_then(Json::as_str).unwrap_or_default();
    let items = |path: &str| -> Vec<&str> {
        let all = facts.pointer(path).and_then(Json::as_array);
        all.into_iter().flatten().filter_map(Json::as_str).collect()
    };
    for (what, path) in [
        ("image", "/Config/Image"),
        ("image_id", "/Image"),
        ("state", "/State/Status"),
        ("user", "/Config/User"),
        ("restart", "/HostConfig/RestartPolicy/Name"),
        ("network", "/HostConfig/NetworkMode"),
        ("log_driver", "/HostConfig/LogConfig/Type"),
    ] {
        // `restarting` and `removing` pass.
        if !text(path).is_empty() {
            sheet.put(&format!("{name}:{what}"), Value::text(text(path)));
        }
    }
    let command: Vec<&str> = items("/Config/Entrypoint")
        .into_iter()
        .chain(items("/Config/Cmd"))
        .collect();
    sheet.text(&format!("{name}:command"), &command.join(" "));
    for (what, path, unit) in [
        ("memory_limit", "/HostConfig/Memory", Unit::Bytes),
        ("cpu_limit", "/HostConfig/NanoCpus", Unit::Cores),
        ("cpu_quota_us", "/HostConfig/CpuQuota", Unit::Count),
        ("cpu_shares", "/HostConfig/CpuShares", Unit::Count),
        ("pids_limit", "/HostConfig/PidsLimit", Unit::Count),
    ] {
        // Zero is no limit.
        let number = facts
            .pointer(path)
            .and_then(Json::as_f64)
            .filter(|number| *number != 0.0);
        let number = number.map(|number| if unit == Unit::Cores { number / 1e9 } else { number });
        if let Some(limit) = number.and_then(|number| Quantity::new(number, unit)) {
            sheet.put(&format!("{name}:{what}"), Value::Quantity(limit));
        }
    }
    for (what, path) in [
        ("privileged", "/HostConfig/Privileged"),
        ("read_only", "/HostConfig/ReadonlyRootfs"),
    ] {
        if let Some(on) = facts.pointer(path).and_then(Json::as_bool) {
            sheet.put(&format!("{name}:{what}"), Value::Bool(on));
        }
    }
    let environment = items("/Config/Env").into_iter().map(|variable| {
        variable
            .split_once('=')
            .map_or((variable, None), |(name, value)| (name, Some(value)))
    });
    sheet.list(&format!("{name}:env"), environment);
    let added = items("/HostConfig/CapAdd");
    if !added.is_empty() {
        sheet.list(
            &format!("{name}:capabilities"),
            added.into_iter().map(|capability| (capability, None)),
        );
    }
    let mounts: Vec<(String, String)> = facts
        .get("Mounts")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|mount| {
            let field = |name: &str| mount.get(name).and_then(Json::as_str).unwrap_or_default();
            let writable = mount.get("RW").and_then(Json::as_bool).unwrap_or(true);
            let source = format!("{} {}", field("Source"), if writable { "rw" } else { "ro" });
            Some((mount.get("Destination")?.as_str()?.to_owned(), source))
        })
        .collect();
    sheet.list(
        &format!("{name}:mounts"),
        mounts.iter().map(|(to, from)| (to.as_str(), Some(from.as_str()))),
    );
    let ports: Vec<(String, String)> = facts
        .pointer("/HostConfig/PortBindings")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .map(|(port, bound)| {
            let bound = bound.as_array().into_iter().flatten().map(|one| {
                let field = |name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default();
                format!("{}:{}", field("HostIp"), field("HostPort"))
            });
            (port.clone(), bound.collect::<Vec<_>>().join(" "))
        })
        .collect();
    sheet.list(
        &format!("{name}:ports"),
        ports.iter().map(|(port, bound)| (port.as_str(), Some(bound.as_str()))),
    );
}

impl Source for Containers {
    fn name(&self) -> &'static str {
        "container"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let sockets = self.sockets();
        if sockets.is_empty() {
            return Err(ObserveError::Absent {
                what: "a socket of Docker or Podman".into(),
            });
        }
        self.readings += 1;
        if self.readings.is_multiple_of(ALL_ANEW) {
            self.daemons.values_mut().for_each(|daemon| daemon.stale = true);
        }
        self.daemons.retain(|socket, _| sockets.contains(socket));
        let mut failed = Vec::new();
        let mut unknown = false;
        for socket in &sockets {
            let daemon = self.daemons.entry(socket.clone()).or_default();
            let Err(why) = daemon.read(&self.resource, socket, now, out) else {
                continue;
            };
            // Nobody listens at an old socket, and who is not let in was not told of; of another its containers may be known from before a
            // restart, and without them they would look gone.
            let lacking = !matches!(why, ObserveError::Absent { .. } | ObserveError::Denied { .. });
            unknown |= daemon.asked.is_none() && lacking;
            failed.push(why);
        }
        if failed.len() == sockets.len() {
            return failed.into_iter().next().map_or(Ok(()), Err);
        }
        let partly = || match failed.last() {
            None => Ok(()),
            Some(why) => Err(ObserveError::Partly {
                what: "containers".into(),
                why: why.to_string(),
            }),
        };
        if unknown {
            return partly();
        }
        let mut sheet = self.scope.sheet();
        let mut names = BTreeSet::new();
        for socket in &sockets {
            for facts in self.daemons[socket].known.values() {
                // Another daemon may have one of the same name.
                let name = name_of(facts);
                if names.insert(name) {
                    put(&mut sheet, name, facts);
                } else {
                    let daemon = socket.file_stem().unwrap_or_default().to_string_lossy();
                    put(&mut sheet, &format!("{name}@{daemon}"), facts);
                }
            }
        }
        self.scope.tell(now, sheet, out);
        partly()
    }
}

#[cfg(test)]
mod tests;
