//! Ansible: what its JSON callback prints of a run (`--check --diff`), and the reports its Foreman callback stores.

use std::collections::BTreeSet;

use serde::de::DeserializeSeed;

use super::{
    Fault, Found, Item,
    hide::hide,
    json::{Take, Tally, Whole},
};
use crate::{domain::Tree, observe::secret::mask};

/// Where the result of a task says what it is about.
const TARGETS: [&str; 6] = ["path", "dest", "name", "service", "user", "repo"];

/// Most hosts that are named.
const NAMED: usize = 5;

/// What of a run is read: its plays task by task, and how it ended on every host.
pub(super) fn of_run(key: &str) -> Take {
    match key {
        "plays" => Take::Into,
        "tasks" => Take::Items,
        "stats" => Take::Whole,
        _ => Take::Skip,
    }
}

/// What of a report is read.
pub(super) fn of_report(key: &str) -> Take {
    match key {
        "config_report" | "host" => Take::Whole,
        "results" => Take::Items,
        _ => Take::Skip,
    }
}

/// Hosts on which a run did not come to its end: what is there was not looked at.
#[derive(Debug, Default)]
pub(super) struct Lost {
    unreachable: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// Whether the run itself said how it ended, which counts: a failure may be ignored, or rescued.
    summed: bool,
    /// What of it is not as Ansible writes it, and so says nothing.
    odd: Option<&'static str>,
}

impl Lost {
    fn task(&mut self, host: &str, result: &Tree) {
        let is = |key: &str| matches!(result.get(key), Some(Tree::Bool(true)));
        if is("unreachable") {
            self.unreachable.insert(host.to_owned());
        } else if is("failed") {
            self.failed.insert(host.to_owned());
        }
    }

    fn sum(&mut self, stats: &Tree) {
        let Tree::Map(hosts) = stats else {
            self.odd = Some("stats");
            return;
        };
        if hosts.is_empty() {
            return;
        }
        *self = Self {
            summed: true,
            odd: self.odd,
            ..Self::default()
        };
        for (host, stats) in hosts {
            let any = |key: &str| matches!(stats.get(key), Some(Tree::Int(1..)));
            if any("unreachable") {
                self.unreachable.insert(host.to_string());
            } else if any("failures") {
                self.failed.insert(host.to_string());
            }
        }
    }

    /// `2 hosts unreachable (db1, db2), 1 failed (web1): not judged`.
    pub(super) fn fault(self) -> Option<Fault> {
        if let Some(odd) = self.odd {
            return Some(Fault::of_file(format!(
                "`{odd}` is not what Ansible writes there: not judged"
            )));
        }
        let mut said = Vec::new();
        for (hosts, what) in [(&self.unreachable, "unreachable"), (&self.failed, "failed")] {
            if hosts.is_empty() {
                continue;
            }
            let mut names: Vec<&str> = hosts.iter().take(NAMED).map(String::as_str).collect();
            if hosts.len() > NAMED {
                names.push("…");
            }
            let word = if hosts.len() == 1 { "host" } else { "hosts" };
            said.push(format!("{} {word} {what} ({})", hosts.len(), names.join(", ")));
        }
        (!said.is_empty()).then(|| Fault::of_file(format!("{}: not judged", said.join(", "))))
    }
}

/// A piece of a run: the changes of a task, or how the run ended.
pub(super) fn piece(section: &str, piece: &Tree, lost: &mut Lost, key: &[u8; 32], each: &mut dyn FnMut(Item)) {
    if section == "stats" {
        return lost.sum(piece);
    }
    let name = piece.at(&["task", "name"]).and_then(Tree::as_str).unwrap_or_default();
    let Some(Tree::Map(hosts)) = piece.get("hosts") else {
        lost.odd = Some("hosts");
        return;
    };
    for (host, result) in hosts {
        if !matches!(result, Tree::Map(_)) {
            lost.odd = Some("hosts");
            continue;
        }
        if !lost.summed {
            lost.task(host, result);
        }
        changes(host, name, result, key, each);
    }
}

/// The changes of a Foreman report, and those of the proxy's; `host` is remembered between its pieces.
pub(super) fn report(
    section: &str,
    piece: &Tree,
    host: &mut String,
    lost: &mut Lost,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
) {
    let text = |tree: &Tree, path: &[&str]| tree.at(path).and_then(Tree::as_str).unwrap_or_default().to_owned();
    match section {
        "host" => *host = piece.scalar().unwrap_or_default(),
        "results" => {
            if let Some(result) = piece.get("result") {
                lost.task(host, result);
                changes(host, &text(piece, &["task", "name"]), result, key, each);
            }
        }
        _ => {
            let host = text(piece, &["host"]);
            if matches!(piece.at(&["status", "failed"]), Some(Tree::Int(1..))) {
                lost.failed.insert(host.clone());
            }
            for entry in piece.get("logs").map(Tree::items).unwrap_or_default() {
                let message = text(entry, &["log", "messages", "message"]);
                let task = text(entry, &["log", "sources", "source"]);
                let result = Whole(&Tally::default()).deserialize(&mut serde_json::Deserializer::from_str(&message));
                match result {
                    Ok(result @ Tree::Map(_)) => changes(&host, &task, &result, key, each),
                    // Older callbacks write a sentence.
                    _ if text(entry, &["log", "level"]) == "notice" => {
                        event(&host, &task, Vec::new(), None, None, key, each)
                    }
                    _ => {}
                }
            }
        }
    }
}

/// What a task changed, or would have.
fn changes(host: &str, task: &str, result: &Tree, key: &[u8; 32], each: &mut dyn FnMut(Item)) {
    let changed = |tree: &Tree| matches!(tree.get("changed"), Some(Tree::Bool(true)));
    if !changed(result) {
        return;
    }
    let rounds: Vec<&Tree> = result
        .get("results")
        .map(Tree::items)
        .unwrap_or_default()
        .iter()
        .filter(|round| changed(round))
        .collect();
    if !rounds.is_empty() {
        return rounds
            .into_iter()
            .for_each(|round| changes(host, task, round, key, each));
    }
    let mut told = false;
    let mut tell = |path: Vec<Box<str>>, desired: Option<Tree>, live: Option<Tree>, about: &str| {
        told = true;
        event(host, about, path, desired, live, key, each);
    };
    let about = target(result).unwrap_or_else(|| task.to_owned());
    let diffs = match result.get("diff") {
        Some(Tree::List(diffs)) => &diffs[..],
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for diff in diffs {
        let about = place(result, diff).unwrap_or_else(|| about.clone());
        let file = about
            .rsplit('/')
            .next()
            .filter(|name| *name != "passwd")
            .unwrap_or_default();
        let prepared = diff.get("prepared").and_then(Tree::as_str);
        let side = |name: &str, sign: char| {
            let lines = || Some(Tree::Text(prepared.map(|text| lines_of(text, sign))?.into()));
            let given = diff.get(name).cloned().or_else(lines);
            let mut tree = given.filter(|tree| tree.as_str() != Some(""))?;
            // A file may hold nothing but a secret, and say so by its name alone.
            hide(&mut tree, file, key);
            Some(tree)
        };
        let (before, after) = (side("before", '-'), side("after", '+'));
        match (&before, &after) {
            (Some(Tree::Map(old)), Some(Tree::Map(new))) => {
                let mut names: Vec<&str> = old.keys().chain(new.keys()).map(|name| &**name).collect();
                names.sort_unstable();
                names.dedup();
                for name in names.into_iter().filter(|name| !same(old.get(*name), new.get(*name))) {
                    tell(
                        vec![name.into()],
                        new.get(name).cloned(),
                        old.get(name).cloned(),
                        &about,
                    );
                }
            }
            _ if before == after => {}
            _ => tell(vec!["content".into()], after, before, &about),
        }
    }
    if !told {
        // What it changed is hidden (`no_log`), or the module does not say.
        event(host, &about, Vec::new(), None, None, key, each);
    }
}

/// Whether two values say the same; in which order a module tells the groups of a user means nothing.
fn same(old: Option<&Tree>, new: Option<&Tree>) -> bool {
    let (Some(Tree::List(old)), Some(Tree::List(new))) = (old, new) else {
        return old == new;
    };
    let sorted = |items: &[Tree]| {
        let mut items: Vec<String> = items
            .iter()
            .map(|item| serde_json::to_string(item).unwrap_or_default())
            .collect();
        items.sort_unstable();
        items
    };
    sorted(old) == sorted(new)
}

/// The lines that a diff made by the module itself takes away, or puts in.
fn lines_of(diff: &str, sign: char) -> String {
    let body = |line: &&str| !["--- ", "+++ "].iter().any(|mark| line.starts_with(mark));
    let lines = diff.lines().filter(body).filter_map(|line| line.strip_prefix(sign));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The file that a diff is about: what the module was given, or a file below it. Of a template only the header of a temporary file tells.
fn place(result: &Tree, diff: &Tree) -> Option<String> {
    let absolute = |text: &&str| text.starts_with('/') && text.len() <= 200;
    let given = |tree: &'_ Tree| {
        let names = ["path", "dest"].into_iter();
        names
            .filter_map(|key| tree.get(key)?.as_str())
            .find(absolute)
            .map(str::to_owned)
    };
    let given = given(result).or_else(|| given(result.at(&["invocation", "module_args"])?));
    let headers = ["before_header", "after_header"].into_iter();
    let header = headers
        .filter_map(|key| diff.get(key)?.as_str())
        .map(|header| header.split(" (").next().unwrap_or(header))
        .find(|header| absolute(header) && !header.contains("/.ansible/tmp/"));
    match (given, header) {
        (Some(given), Some(header)) => {
            let below = header.strip_prefix(given.trim_end_matches('/'));
            Some(if below.is_some_and(|rest| rest.starts_with('/')) {
                header.into()
            } else {
                given
            })
        }
        (given, header) => given.or_else(|| header.map(str::to_owned)),
    }
}

fn target(result: &Tree) -> Option<String> {
    let of = |tree: &Tree| {
        TARGETS
            .iter()
            .find_map(|key| tree.get(key).and_then(Tree::as_str).map(str::to_owned))
    };
    of(result)
        .or_else(|| of(result.at(&["invocation", "module_args"])?))
        .filter(|text| text.len() <= 200)
}

fn event(
    host: &str,
    about: &str,
    path: Vec<Box<str>>,
    desired: Option<Tree>,
    live: Option<Tree>,
    key: &[u8; 32],
    each: &mut dyn FnMut(Item),
) {
    each(Item::Event(Found {
        // What a task is called may repeat what it was given.
        resource: format!("{host}/{}", mask(about, key, true)).into(),
        path,
        desired,
        live,
        ..Found::default()
    }));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(json: serde_json::Value) -> Vec<String> {
        let mut told = Vec::new();
        piece(
            "tasks",
            &Tree::from(json),
            &mut Lost::default(),
            &[7; 32],
            &mut |item| {
                let Item::Event(found) = item else { return };
                let shown = |tree: Option<Tree>| tree.and_then(|tree| tree.scalar()).unwrap_or_else(|| "-".into());
                told.push(format!(
                    "{} {} {} {}",
                    found.resource,
                    found.path.join("/"),
                    shown(found.desired),
                    shown(found.live)
                ));
            },
        );
        told
    }

    fn task(result: serde_json::Value) -> serde_json::Value {
        json!({"task": {"name": "t"}, "hosts": {"h": result}})
    }

    #[test]
    fn changed_tasks_tell_what_they_changed() {
        let attributes = json!({"changed": true, "path": "/a", "diff": [
            {"before": {"mode": "0600", "path": "/a"}, "after": {"mode": "0644", "path": "/a"}}]});
        assert_eq!(told(task(attributes)), ["h//a mode 0644 0600"]);
        let content =
            json!({"changed": true, "diff": {"before": "", "after": "port = 1\n", "after_header": "/a (content)"}});
        assert_eq!(told(task(content)), ["h//a content port = 1\n -"]);
        let called = json!({"changed": true, "name": "curl https://app:hunter2x@host/x"});
        assert!(
            !told(task(called.clone()))[0].contains("hunter2x"),
            "{:?}",
            told(task(called))
        );
        let hidden = json!({"changed": true, "censored": "x"});
        assert_eq!(told(task(hidden)), ["h/t  - -"]);
        let rounds =
            json!({"changed": true, "results": [{"changed": true, "name": "x"}, {"changed": false, "name": "y"}]});
        assert_eq!(told(task(rounds)), ["h/x  - -"]);
        assert!(told(task(json!({"changed": false, "diff": [{"before": "a", "after": "b"}]}))).is_empty());
        let secret = json!({"changed": true, "path": "/a", "diff": [
            {"before": "user = a\npassword = hunter2-old\n", "after": "user = a\npassword = hunter2-new\n"}]});
        let told = told(task(secret));
        assert!(told[0].contains("user = a") && !told[0].contains("hunter2"), "{told:?}");
    }

    #[test]
    fn a_diff_is_about_the_file_that_was_asked_for() {
        let of = |args: serde_json::Value, headers: [&str; 2]| {
            let result = json!({"changed": true, "invocation": {"module_args": args}, "diff": [
                {"before": "", "after": "a\n", "before_header": headers[0], "after_header": headers[1]}]});
            told(task(result))[0].split(' ').next().unwrap().to_owned()
        };
        let temporary = "/root/.ansible/tmp/ansible-local-1/tmp01/t.j2";
        assert_eq!(of(json!({"dest": "/etc/a.conf"}), ["", temporary]), "h//etc/a.conf");
        assert_eq!(of(json!({}), ["/etc/a.conf (content)", temporary]), "h//etc/a.conf");
        assert_eq!(of(json!({"msg": 1}), ["", temporary]), "h/t");
        // Of a folder the files in it are told apart; where the source stands says nothing.
        assert_eq!(of(json!({"dest": "/etc/d/"}), ["/etc/d/x", "/src/x"]), "h//etc/d/x");
        assert_eq!(of(json!({"dest": "/etc/x"}), ["/etc/x", "/src/x"]), "h//etc/x");
    }

    #[test]
    fn a_file_called_as_a_secret_holds_one() {
        let of = |path: &str, text: &str| {
            told(task(
                json!({"changed": true, "path": path, "diff": [{"before": text, "after": ""}]}),
            ))
            .concat()
        };
        for path in [
            "/etc/db_password",
            "/root/.pgpass",
            "/srv/SECRET_KEY_BASE",
            "/etc/nginx/.htpasswd",
        ] {
            let told = of(path, "db:5432:prod:app:Ju3JTEDZ\n");
            assert!(told.contains(path) && !told.contains("Ju3JTEDZ"), "{told}");
        }
        for path in ["/etc/passwd", "/etc/app.conf", "/etc/pam.d/common-password"] {
            assert!(
                of(path, "password required pam_unix.so\n").contains("pam_unix.so"),
                "{path}"
            );
        }
    }

    #[test]
    fn a_diff_of_the_module_is_told_and_order_is_not() {
        let prepared = json!({"changed": true, "path": "/a", "diff": [{"prepared":
            "--- before\n+++ after\n@@ -1,3 +1,3 @@\n a\n-port = 1\n-password = hunter2-old\n+port = 2\n+password = hunter2-new\n"}]});
        let lines = told(task(prepared));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].contains("port = 1") && lines[0].contains("port = 2"),
            "{lines:?}"
        );
        assert!(!lines[0].contains("hunter2"), "{lines:?}");
        let order = json!({"changed": true, "name": "app", "diff": [
            {"before": {"groups": ["a", "b"]}, "after": {"groups": ["b", "a"]}}]});
        assert_eq!(told(task(order)), ["h/app  - -"]);
    }

    #[test]
    fn hosts_that_were_not_reached_or_failed_are_told() {
        let of = |pieces: &[(&str, serde_json::Value)]| {
            let mut lost = Lost::default();
            for (section, json) in pieces {
                piece(section, &Tree::from(json.clone()), &mut lost, &[7; 32], &mut |_| {});
            }
            lost.fault().map(|fault| fault.what)
        };
        let tasks = json!({"task": {"name": "t"}, "hosts": {
            "db1": {"changed": false, "unreachable": true}, "web1": {"failed": true}, "web2": {"changed": false}}});
        assert_eq!(
            of(&[("tasks", tasks.clone()), ("stats", json!({}))]).as_deref(),
            Some("1 host unreachable (db1), 1 host failed (web1): not judged")
        );
        // A failure that was rescued is none.
        let stats = json!({"db1": {"unreachable": 1, "failures": 0}, "web1": {"failures": 0, "rescued": 1}});
        assert_eq!(
            of(&[("tasks", tasks), ("stats", stats)]).as_deref(),
            Some("1 host unreachable (db1): not judged")
        );
        assert_eq!(of(&[("stats", json!({"web2": {"ok": 3, "failures": 0}}))]), None);
        let mut lost = Lost::default();
        let foreman = json!({"host": "h", "status": {"applied": 1, "failed": 2}, "logs": []});
        report(
            "config_report",
            &Tree::from(foreman),
            &mut String::new(),
            &mut lost,
            &[7; 32],
            &mut |_| {},
        );
        assert!(lost.fault().unwrap().what.contains("1 host failed (h)"));
    }
}
