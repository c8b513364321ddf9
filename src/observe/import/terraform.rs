//! Terraform and OpenTofu: plans (`terraform show -json`), and states of versions 3 and 4.

mod flat;

use std::collections::BTreeMap;

use super::{
    Fault, Item, States,
    hide::{conceal, conceal_marked, hide},
    json::{Outline, Take},
};
use crate::domain::{Document, Tree};

/// What a plan may be about to do with a resource.
const ACTIONS: [&str; 6] = ["no-op", "create", "read", "update", "delete", "forget"];

/// What of a plan is read; the rest of it repeats these.
pub(super) fn of_plan(key: &str) -> Take {
    match key {
        "resource_drift" | "resource_changes" => Take::Items,
        _ => Take::Skip,
    }
}

/// What of a state, and of what `terraform show -json` prints of one, is read.
pub(super) fn of_state(key: &str) -> Take {
    match key {
        "resources" | "modules" => Take::Items,
        // What `terraform show -json` prints has modules in modules.
        "values" | "root_module" | "child_modules" => Take::Into,
        _ => Take::Skip,
    }
}

/// Why this version of a plan cannot be read.
pub(super) fn plan_fault(outline: &Outline) -> Option<Fault> {
    let keys = ["format_version", "plan_format_version"];
    let odd = |key: &&&str| (outline.scalars.get(**key)).is_some_and(|version| version.scalar().is_none());
    if let Some(key) = keys.iter().find(odd) {
        return Some(Fault::of_file(format!(
            "`{key}` is no version; formats 0 and 1 are known"
        )));
    }
    let version = keys.iter().find_map(|key| outline.scalars.get(*key)?.scalar())?;
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    (!matches!(major, Some(0 | 1)))
        .then(|| Fault::of_file(format!("a plan of format {version}; formats 0 and 1 are known")))
}

/// What a plan says that it did not get to.
pub(super) fn broke_off(outline: &Outline) -> Option<Fault> {
    let says = |key: &str, what: bool| outline.scalars.get(key) == Some(&Tree::Bool(what));
    if says("errored", true) {
        Some(Fault::of_file(
            "planning broke off with an error: what it did not reach is not judged",
        ))
    } else if says("complete", false) {
        Some(Fault::of_file(
            "an incomplete plan (targeted, or deferred): what it left out is not judged",
        ))
    } else {
        None
    }
}

/// Why this version of a state cannot be read.
pub(super) fn state_fault(outline: &Outline) -> Option<Fault> {
    match outline.scalars.get("version") {
        Some(Tree::Int(3 | 4)) | None => None,
        Some(other) => {
            let version = other.scalar().unwrap_or_default();
            Some(Fault::of_file(format!(
                "a state of version {version}; versions 3 and 4 are known"
            )))
        }
    }
}

/// A piece of a plan: what drifted, or is to change. `false` when it says nothing of the sort.
pub(super) fn plan_piece(section: &str, piece: Tree, key: &[u8; 32], each: &mut dyn FnMut(Item)) -> bool {
    let Tree::Map(mut fields) = piece else { return false };
    let Some(Tree::Map(mut change)) = fields.remove("change") else {
        return false;
    };
    let text = |key: &str| fields.get(key).and_then(Tree::as_str);
    let kind = text("type").unwrap_or_default().to_owned();
    let Some(mut address) = text("address").map(str::to_owned).or_else(|| address(&fields)) else {
        return false;
    };
    // Of a replacement that broke off the old copy is left beside the new one.
    if let Some(copy) = text("deposed") {
        address.push_str(&format!(" (deposed {copy})"));
    }
    let actions = change.get("actions").map(Tree::items).unwrap_or_default();
    let known = actions
        .iter()
        .filter_map(Tree::as_str)
        .filter(|action| ACTIONS.contains(action));
    let known: Vec<Box<str>> = known.map(Into::into).collect();
    if known.is_empty() || known.len() < actions.len() {
        return false;
    }
    let actions = known;
    let pending = section != "resource_drift";
    // Only moved in the configuration: nothing drifted. Only read: nothing changes.
    if actions
        .iter()
        .all(|action| &**action == "no-op" || pending && &**action == "read")
    {
        return true;
    }
    let because = because(text("action_reason").unwrap_or_default(), &change);
    // What is a secret on one side is one on the other: a mark comes or goes with the configuration.
    let marks: Vec<Tree> = (["before_sensitive", "after_sensitive"].into_iter())
        .filter_map(|name| change.remove(name))
        .collect();
    let mut side = |name: &str| {
        let mut tree = change.remove(name).filter(|tree| !matches!(tree, Tree::Null))?;
        for marks in &marks {
            conceal_marked(&mut tree, marks, key);
        }
        Some(tree)
    };
    let (before, mut after) = (side("before"), side("after"));
    if let (Some(after), Some(unknown)) = (&mut after, change.get("after_unknown")) {
        forget(after, before.as_ref(), unknown);
    }
    each(Item::Change {
        resource: address.into(),
        kind: kind.into(),
        actions,
        because,
        states: States::new(before, after, key),
        pending,
    });
    true
}

/// Why a resource has to be made anew.
fn because(reason: &str, change: &BTreeMap<Box<str>, Tree>) -> Vec<Box<str>> {
    let said = match reason {
        "replace_because_tainted" => "its taint",
        "replace_by_request" => "a request",
        "replace_by_triggers" => "its triggers",
        _ => "",
    };
    let path = |path: &Tree| {
        let steps = path.items().iter().enumerate();
        let step = |(at, step): (usize, &Tree)| match step {
            Tree::Text(name) if at == 0 => name.to_string(),
            Tree::Text(name) => format!(".{name}"),
            place => format!("[{}]", place.scalar().unwrap_or_default()),
        };
        steps.map(step).collect::<String>().into_boxed_str()
    };
    let paths = change.get("replace_paths").map(Tree::items).unwrap_or_default();
    let said = Some(said).filter(|said| !said.is_empty()).map(Into::into);
    let paths = paths.iter().map(path).filter(|path| !path.is_empty());
    said.into_iter().chain(paths).collect()
}

/// The address made from its parts, where a piece does not say it.
fn address(fields: &BTreeMap<Box<str>, Tree>) -> Option<String> {
    let text = |key: &str| fields.get(key).and_then(Tree::as_str);
    let (kind, name) = (text("type")?, text("name")?);
    let module = text("module_address").map_or_else(String::new, |module| format!("{module}."));
    let data = if text("mode") == Some("data") { "data." } else { "" };
    Some(format!("{module}{data}{kind}.{name}{}", index(fields.get("index"))))
}

/// The index of one of several instances, as an address has it.
fn index(key: Option<&Tree>) -> String {
    match key {
        Some(Tree::Text(key)) => format!("[\"{key}\"]"),
        Some(other) => other.scalar().map_or_else(String::new, |place| format!("[{place}]")),
        None => String::new(),
    }
}

/// What is not known until it is applied is taken to stay as it is.
fn forget(after: &mut Tree, before: Option<&Tree>, unknown: &Tree) {
    match (after, unknown) {
        (Tree::Map(fields), Tree::Map(unknown)) => {
            for (name, unknown) in unknown {
                let old = before.and_then(|before| before.get(name));
                match unknown {
                    Tree::Bool(true) => {
                        if let Some(old) = old {
                            fields.insert(name.clone(), old.clone());
                        } else {
                            fields.remove(name);
                        }
                    }
                    _ => {
                        if let Some(value) = fields.get_mut(name) {
                            forget(value, old, unknown);
                        }
                    }
                }
            }
        }
        (Tree::List(items), Tree::List(unknown)) => {
            let olds = before.map(Tree::items).unwrap_or_default();
            let in_place = olds.len() == items.len();
            for (at, (item, unknown)) in items.iter_mut().zip(unknown).enumerate() {
                // The one that says the same in all that is known; among as many as before, else the one that stood there.
                let same = olds.iter().find(|old| is_as(item, old, unknown));
                let old = same.or_else(|| olds.get(at).filter(|_| in_place));
                match (unknown, old) {
                    (Tree::Bool(true), Some(old)) => *item = old.clone(),
                    (Tree::Bool(true), None) => *item = Tree::text("(known after apply)"),
                    _ => forget(item, old, unknown),
                }
            }
        }
        _ => {}
    }
}

/// Whether all that is known of an item is as it was in `old`.
fn is_as(item: &Tree, old: &Tree, unknown: &Tree) -> bool {
    let (Tree::Map(fields), Tree::Map(old), Tree::Map(unknown)) = (item, old, unknown) else {
        return false;
    };
    let known = fields.iter().filter(|(name, _)| !unknown.contains_key(*name));
    known.into_iter().all(|(name, value)| old.get(name) == Some(value))
}

/// A piece of a state: a resource, of which each instance is a document. `false` when it is nothing of the sort.
pub(super) fn state_piece(section: &str, piece: Tree, key: &[u8; 32], each: &mut dyn FnMut(Item)) -> bool {
    let text = |name: &str| piece.get(name).and_then(Tree::as_str).unwrap_or_default();
    // Version 3.
    if section == "modules" {
        return old_module(&piece, key, each);
    }
    let kind = text("type").to_owned();
    // `terraform show -json`.
    if piece.get("address").is_some() {
        let address = text("address").to_owned();
        let Tree::Map(mut fields) = piece else { return false };
        let mut values = fields.remove("values").unwrap_or(Tree::Null);
        if let Some(marks) = fields.get("sensitive_values") {
            conceal_marked(&mut values, marks, key);
        }
        document(&address, &kind, values, key, each);
        return true;
    }
    // Version 4.
    if kind.is_empty() {
        return false;
    }
    let data = if text("mode") == "data" { "data." } else { "" };
    let module = Some(text("module")).filter(|module| !module.is_empty());
    let module = module.map_or_else(String::new, |module| format!("{module}."));
    let name = format!("{module}{data}{kind}.{}", text("name"));
    let Tree::Map(mut fields) = piece else { return false };
    let Some(Tree::List(instances)) = fields.remove("instances") else {
        return false;
    };
    let mut all = true;
    for instance in instances {
        let Tree::Map(mut instance) = instance else {
            all = false;
            continue;
        };
        let address = format!("{name}{}", index(instance.get("index_key")));
        let nested = instance.remove("attributes").filter(|tree| !matches!(tree, Tree::Null));
        let mut tree = nested
            .or_else(|| Some(flat::unflattened(instance.remove("attributes_flat")?)))
            .unwrap_or(Tree::Null);
        for path in instance
            .get("sensitive_attributes")
            .map(Tree::items)
            .unwrap_or_default()
        {
            conceal_path(&mut tree, path, key);
        }
        document(&address, &kind, tree, key, each);
    }
    all
}

/// The resources of a module of version 3.
fn old_module(piece: &Tree, key: &[u8; 32], each: &mut dyn FnMut(Item)) -> bool {
    let path = piece
        .get("path")
        .map(Tree::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Tree::as_str);
    let module: String = path.skip(1).map(|part| format!("module.{part}.")).collect();
    let Some(Tree::Map(resources)) = piece.get("resources") else {
        return false;
    };
    for (name, resource) in resources {
        let attributes = resource.at(&["primary", "attributes"]).cloned().unwrap_or(Tree::Null);
        let kind = resource.get("type").and_then(Tree::as_str).unwrap_or_default();
        let address = format!("{module}{}", flat::address(name));
        document(&address, kind, flat::unflattened(attributes), key, each);
    }
    true
}

fn document(address: &str, kind: &str, mut tree: Tree, key: &[u8; 32], each: &mut dyn FnMut(Item)) {
    // Of what is one itself not every release marks the fields that hold it.
    let words: Vec<&str> = kind.split('_').collect();
    if ["password", "secret", "token", "credential", "credentials"]
        .iter()
        .any(|word| words.contains(word))
        && let Tree::Map(fields) = &mut tree
    {
        for name in ["result", "value", "bcrypt_hash", "plaintext_value", "data"] {
            if let Some(value) = fields.get_mut(name) {
                conceal(value, key);
            }
        }
    }
    hide(&mut tree, "", key);
    let document = Document {
        group: kind.into(),
        kind: "".into(),
        namespace: None,
        name: address.into(),
        tree,
    };
    each(Item::Document(document, None));
}

/// Hashes the value at a path of version 4: a list of steps, of which some releases wrote a list of lists.
fn conceal_path(tree: &mut Tree, path: &Tree, key: &[u8; 32]) {
    let steps = path.items();
    let Some((step, rest)) = steps.split_first() else {
        return conceal(tree, key);
    };
    let name = step
        .get("value")
        .and_then(|value| value.get("value").or(Some(value)))
        .and_then(Tree::scalar);
    let Some(name) = name else { return };
    let below = match tree {
        Tree::Map(fields) => fields.get_mut(name.as_str()),
        Tree::List(items) => name.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
        _ => None,
    };
    if let Some(below) = below {
        conceal_path(below, &Tree::List(rest.to_vec()), key);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn change(section: &str, json: serde_json::Value) -> Option<(String, String, String)> {
        let mut seen = None;
        plan_piece(section, Tree::from(json), &KEY, &mut |item| {
            let Item::Change { resource, states, .. } = item else {
                return;
            };
            let (before, after) = states.hidden();
            let text = |tree: &Option<Tree>| serde_json::to_string(tree).unwrap();
            seen = Some((resource.to_string(), text(&before), text(&after)));
        });
        seen
    }

    #[test]
    fn marked_values_are_hidden_and_unknown_ones_stay() {
        let piece = json!({"address": "a.b", "type": "a", "change": {"actions": ["update"],
            "before": {"x": "hidden-one", "id": 1, "n": {"y": 1}}, "after": {"x": "hidden-two", "n": {"y": 2}},
            "before_sensitive": {"x": true}, "after_sensitive": {"x": true}, "after_unknown": {"id": true, "n": {}}}});
        let (resource, before, after) = change("resource_drift", piece).unwrap();
        assert_eq!(resource, "a.b");
        assert!(!(before.clone() + &after).contains("hidden"), "{before} {after}");
        assert!(after.contains("\"id\":1") && after.contains("\"y\":2"), "{after}");
    }

    #[test]
    fn what_one_side_marks_is_hidden_on_both() {
        for (before, after, before_marks, after_marks) in [
            (
                json!({"q": "hidden-one"}),
                json!({"q": "hidden-one"}),
                json!({}),
                json!({"q": true}),
            ),
            (
                json!({"q": "hidden-one"}),
                json!({"q": "hidden-two"}),
                json!({"q": true}),
                json!({}),
            ),
            (
                json!({"q": "hidden-one"}),
                json!({"q": "hidden-two"}),
                json!({"q": true}),
                json!(false),
            ),
            (
                json!({"q": ["hidden-one", "b"]}),
                json!({"q": ["z", "hidden-one", "b"]}),
                json!({"q": [true, false]}),
                json!({"q": [false, true, false]}),
            ),
            (
                json!({"q": [{"v": "hidden-one"}]}),
                json!({"q": [{"v": "z"}, {"v": "hidden-one"}]}),
                json!({"q": [{"v": true}]}),
                json!({"q": [{}, {}]}),
            ),
            (
                json!({"q": "hidden-one"}),
                json!({"q": {"v": "hidden-one"}}),
                json!({}),
                json!({"q": {"v": true}}),
            ),
            (json!("hidden-one"), json!("hidden-two"), json!(true), json!(false)),
        ] {
            let piece = json!({"address": "a.b", "type": "a", "change": {"actions": ["update"], "before": before, "after": after,
                "before_sensitive": before_marks, "after_sensitive": after_marks}});
            let (_, before, after) = change("resource_drift", piece).unwrap();
            assert!(!(before.clone() + &after).contains("hidden"), "{before} {after}");
            assert!(
                before.contains("secret#") && after.contains("secret#"),
                "{before} {after}"
            );
        }
    }

    #[test]
    fn what_is_unknown_within_lists_stays() {
        let piece = json!({"address": "a.b", "type": "a", "change": {"actions": ["update"],
            "before": {"disk": [{"x": "1", "y": "2"}], "ip": ["10.0.0.1"], "rule": [{"n": "a", "id": "i"}]},
            "after": {"disk": [{"x": "1"}], "ip": [null], "rule": [{"n": "b"}, {"n": "a"}]},
            "after_unknown": {"disk": [{"y": true}], "ip": [true], "rule": [{"id": true}, {"id": true}]}}});
        let (_, before, after) = change("resource_changes", piece).unwrap();
        let [before, after] = [before, after].map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
        assert_eq!(after["disk"], before["disk"]);
        assert_eq!(after["ip"], before["ip"]);
        // The new one stands before the old one, and is not taken for it.
        assert_eq!(after["rule"], json!([{"n": "b"}, {"id": "i", "n": "a"}]));
    }

    #[test]
    fn what_only_moved_did_not_drift() {
        let piece = json!({"address": "a.b", "previous_address": "a.c", "change": {"actions": ["no-op"], "before": {}, "after": {}}});
        assert_eq!(change("resource_drift", piece), None);
        let gone = json!({"mode": "managed", "type": "a", "name": "b", "module_address": "module.m", "index": "k",
            "change": {"actions": ["update"], "before": {}, "after": {}}});
        assert_eq!(change("resource_drift", gone).unwrap().0, "module.m.a.b[\"k\"]");
        let gone = json!({"address": "a.b", "change": {"actions": ["delete"], "before": {"x": 1}, "after": null}});
        assert_eq!(change("resource_drift", gone).unwrap().2, "null");
    }

    #[test]
    fn states_of_both_versions_have_addresses() {
        let mut seen = Vec::new();
        let mut each = |item: Item| {
            if let Item::Document(document, _) = item {
                seen.push((
                    document.name.to_string(),
                    serde_json::to_string(&document.tree).unwrap(),
                ));
            }
        };
        let v4 = json!({"mode": "managed", "module": "module.m", "type": "t", "name": "n", "instances": [
            {"index_key": "k", "attributes": {"a": {"b": ["s3cr3t-value"]}},
             "sensitive_attributes": [[{"type": "get_attr", "value": "a"}, {"type": "get_attr", "value": "b"},
                {"type": "index", "value": {"value": 0, "type": "number"}}]]},
            {"index_key": 1, "attributes": {}}]});
        state_piece("resources", Tree::from(v4), &KEY, &mut each);
        let v3 = json!({"path": ["root", "m"], "resources": {"t.n.0": {"type": "t", "primary": {"attributes": {"id": "1"}}}}});
        state_piece("modules", Tree::from(v3), &KEY, &mut each);
        let show = json!({"address": "module.m.t.n", "type": "t", "values": {"a": "s3cr3t-value"}, "sensitive_values": {"a": true}});
        state_piece("resources", Tree::from(show), &KEY, &mut each);
        let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "module.m.t.n[\"k\"]",
                "module.m.t.n[1]",
                "module.m.t.n[0]",
                "module.m.t.n"
            ]
        );
        assert!(seen.iter().all(|(_, tree)| !tree.contains("s3cr3t")), "{seen:?}");
    }
}
