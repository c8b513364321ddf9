//! Ansible: what its JSON callback prints of a run (`--check --diff`), and the reports its Foreman callback stores.

use std::cell::Cell;

use serde::de::DeserializeSeed;

use super::{
    Item,
    hide::hide,
    json::{Take, Whole},
};
use crate::{domain::Tree, observe::secret::mask};

/// Where the result of a task says what it is about.
const TARGETS: [&str; 6] = ["path", "dest", "name", "service", "user", "repo"];

/// What of a run is read.
pub(super) fn of_run(key: &str) -> Take {
    match key {
        "plays" => Take::Items,
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

/// The changes of a play of a run.
pub(super) fn play(play: &Tree, key: &[u8; 32], each: &mut dyn FnMut(Item)) {
    for task in play.get("tasks").map(Tree::items).unwrap_or_default() {
        let name = task.at(&["task", "name"]).and_then(Tree::as_str).unwrap_or_default();
        let Some(Tree::Map(hosts)) = task.get("hosts") else {
            continue;
        };
        for (host, result) in hosts {
            changes(host, name, result, key, each);
        }
    }
}

/// The changes of a Foreman report, and those of the proxy's; `host` is remembered between its pieces.
pub(super) fn report(section: &str, piece: &Tree, host: &mut String, key: &[u8; 32], each: &mut dyn FnMut(Item)) {
    let text = |tree: &Tree, path: &[&str]| tree.at(path).and_then(Tree::as_str).unwrap_or_default().to_owned();
    match section {
        "host" => *host = piece.scalar().unwrap_or_default(),
        "results" => {
            if let Some(result) = piece.get("result") {
                changes(host, &text(piece, &["task", "name"]), result, key, each);
            }
        }
        _ => {
            let host = text(piece, &["host"]);
            for entry in piece.get("logs").map(Tree::items).unwrap_or_default() {
                let message = text(entry, &["log", "messages", "message"]);
                let task = text(entry, &["log", "sources", "source"]);
                let result = Whole(&Cell::new(0)).deserialize(&mut serde_json::Deserializer::from_str(&message));
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
        let header = ["after_header", "before_header"]
            .iter()
            .find_map(|key| diff.get(key).and_then(Tree::as_str));
        let header = header.map(|header| header.split(" (").next().unwrap_or(header).to_owned());
        let about = header
            .filter(|header| header.starts_with('/'))
            .unwrap_or_else(|| about.clone());
        let side = |name: &str| {
            let mut tree = diff.get(name).cloned().filter(|tree| tree.as_str() != Some(""))?;
            hide(&mut tree, "", key);
            Some(tree)
        };
        let (before, after) = (side("before"), side("after"));
        match (&before, &after) {
            (Some(Tree::Map(old)), Some(Tree::Map(new))) => {
                let mut names: Vec<&str> = old.keys().chain(new.keys()).map(|name| &**name).collect();
                names.sort_unstable();
                names.dedup();
                for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
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
    each(Item::Event {
        kind: "".into(),
        // What a task is called may repeat what it was given.
        resource: format!("{host}/{}", mask(about, key, true)).into(),
        path,
        desired,
        live,
        failed: false,
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(json: serde_json::Value) -> Vec<String> {
        let mut told = Vec::new();
        play(&Tree::from(json), &[7; 32], &mut |item| {
            let Item::Event {
                resource,
                path,
                desired,
                live,
                ..
            } = item
            else {
                return;
            };
            let shown = |tree: Option<Tree>| tree.and_then(|tree| tree.scalar()).unwrap_or_else(|| "-".into());
            told.push(format!(
                "{resource} {} {} {}",
                path.join("/"),
                shown(desired),
                shown(live)
            ));
        });
        told
    }

    fn task(result: serde_json::Value) -> serde_json::Value {
        json!({"tasks": [{"task": {"name": "t"}, "hosts": {"h": result}}]})
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
}
