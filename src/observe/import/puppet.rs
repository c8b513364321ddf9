//! Puppet's reports, formats 0 to 12: YAML as the agent writes it, JSON of its report processors and of PuppetDB.

use std::collections::BTreeMap;

use super::{Fault, Found, Item, hide::hide};
use crate::{domain::Tree, observe::secret::mask};

/// Newest format of reports that is known.
const NEWEST: i64 = 12;

/// Whether a tree is a report.
pub(super) fn is_one(tree: &Tree) -> bool {
    let Tree::Map(fields) = tree else { return false };
    let has = |key: &str| fields.contains_key(key);
    has("resource_statuses")
        || has("report_format")
        || has("report-format")
        || has("resource_events")
        || has("host") && has("logs") && (has("metrics") || has("records"))
        || has("certname") && (has("resources") || has("metrics"))
}

/// Whether the outermost keys are those of a report.
pub(super) fn has_keys<'k>(keys: impl Iterator<Item = &'k String>) -> bool {
    let nothing = |key: &String| (Box::from(key.as_str()), Tree::Bool(true));
    is_one(&Tree::Map(keys.map(nothing).collect()))
}

/// Of what a report says of a resource, what is read.
pub(super) fn brief(status: Tree) -> Tree {
    let Tree::Map(mut fields) = status else { return status };
    if is_nothing(fields.get("events")) {
        return Tree::Null;
    }
    fields.retain(|name, _| {
        let of = [
            "events",
            "resource",
            "resource_id",
            "resource_type",
            "resource-type",
            "resource_title",
            "resource-title",
            "title",
        ];
        of.contains(&&**name)
    });
    Tree::Map(fields)
}

/// Calls `each` with every event of a report: what was changed, would be, or could not be.
pub(super) fn events(report: &Tree, key: &[u8; 32], each: &mut dyn FnMut(Item), fault: &mut dyn FnMut(Fault)) {
    if let Some(format) =
        any(report, &["report_format", "report-format"]).filter(|format| !matches!(format, Tree::Null))
    {
        let said = format.scalar().unwrap_or_default();
        match said.parse::<i64>() {
            Ok(0..=NEWEST) => {}
            Ok(_) => {
                return fault(Fault::of_file(format!(
                    "a report of format {said}; formats 0 to {NEWEST} are known"
                )));
            }
            Err(_) => {
                return fault(Fault::of_file(format!(
                    "`report_format` is no number; formats 0 to {NEWEST} are known"
                )));
            }
        }
    }
    let host = any(report, &["host", "certname"]).and_then(Tree::scalar);
    let host = host.as_deref().filter(|host| !host.is_empty());
    let each = &mut |found: Found| {
        each(Item::Event(Found {
            host: host.map(Into::into),
            ..found
        }));
    };
    let nothing = ["resource_statuses", "resources", "resource_events", "resource-events"]
        .iter()
        .all(|key| {
            report
                .get(key)
                .is_none_or(|tree| tree.get("data").unwrap_or(tree).is_blank())
        });
    if nothing
        && report
            .get("status")
            .and_then(Tree::as_str)
            .is_some_and(|status| symbol(status) == "failed")
    {
        let host = host.map_or_else(String::new, |host| format!(" of {host}"));
        fault(Fault::of_file(format!(
            "the run{host} failed before it looked at any resource: not judged"
        )));
    }
    // PuppetDB lists events with their resource, or resources with their events; an agent keeps resources by name.
    let mut odd: BTreeMap<&str, usize> = BTreeMap::new();
    for key_of in ["resource_events", "resource-events"] {
        for (_, event) in pieces(report, key_of, &mut odd) {
            take(event, event, "", key, each);
        }
    }
    for key_of in ["resources", "resource_statuses"] {
        for (name, resource) in pieces(report, key_of, &mut odd) {
            for (_, event) in pieces(resource, "events", &mut odd) {
                take(event, resource, name, key, each);
            }
        }
    }
    for (section, pieces) in odd {
        fault(super::odd(section, pieces, "what Puppet writes there"));
    }
}

/// What stands at a key: a list, the list that PuppetDB puts at `data`, or a map by name. What is nothing of the sort is counted.
fn pieces<'t>(tree: &'t Tree, key: &'static str, odd: &mut BTreeMap<&'static str, usize>) -> Vec<(&'t str, &'t Tree)> {
    let Some(tree) = tree.get(key).filter(|tree| !is_nothing(Some(*tree))) else {
        return Vec::new();
    };
    let mut found: Vec<(&str, &Tree)> = match tree.get("data").unwrap_or(tree) {
        Tree::List(items) => items.iter().map(|item| ("", item)).collect(),
        Tree::Map(fields) if key == "resource_statuses" => fields.iter().map(|(name, item)| (&**name, item)).collect(),
        _ => {
            *odd.entry(key).or_default() += 1;
            return Vec::new();
        }
    };
    found.retain(|(_, item)| {
        let fits = matches!(item, Tree::Map(_));
        // Of a resource without events nothing was kept.
        if !fits && !matches!(item, Tree::Null) {
            *odd.entry(key).or_default() += 1;
        }
        fits
    });
    found
}

/// Whether nothing is said; of what it was not asked for PuppetDB gives the address alone.
fn is_nothing(tree: Option<&Tree>) -> bool {
    match tree {
        None => true,
        Some(Tree::Map(fields)) if fields.contains_key("href") => fields.get("data").is_none_or(Tree::is_blank),
        Some(tree) => tree.is_blank(),
    }
}

fn any<'t>(tree: &'t Tree, keys: &[&str]) -> Option<&'t Tree> {
    keys.iter().find_map(|key| tree.get(key))
}

fn take(event: &Tree, resource: &Tree, name: &str, key: &[u8; 32], each: &mut dyn FnMut(Found)) {
    let text = |tree: &Tree, keys: &[&str]| {
        any(tree, keys)
            .and_then(Tree::scalar)
            .map(|text| symbol(&text).to_owned())
    };
    let status = text(event, &["status"]).unwrap_or_default();
    // An audit only looks, what is skipped was not looked at.
    if !matches!(status.as_str(), "success" | "noop" | "failure") {
        return;
    }
    let of = |kinds: &[&str], titles: &[&str]| {
        let found = |tree: &Tree| Some((text(tree, kinds)?, text(tree, titles)?));
        found(event).or_else(|| found(resource))
    };
    let typed = of(
        &["resource_type", "resource-type"],
        &["resource_title", "resource-title", "title"],
    );
    let resource = match typed {
        Some((kind, title)) => format!("{kind}[{title}]"),
        None => text(event, &["resource"])
            .or_else(|| text(resource, &["resource", "resource_id"]))
            .filter(|_| name.is_empty())
            .unwrap_or_else(|| name.to_owned()),
    };
    let property = text(event, &["property"]).filter(|property| !property.is_empty());
    // `Ini_setting[/etc/a [main] password]` has its value at `value`: its title says what that is.
    let title = resource.trim_end_matches(']').rsplit(['[', ' ', '/']).next();
    let named = match property.as_deref() {
        Some("value") => title,
        property => property,
    };
    let value = |keys: &[&str]| {
        let mut tree = any(event, keys)?.clone();
        if let Tree::Text(text) = &tree {
            tree = Tree::text(symbol(text));
        }
        hide(&mut tree, named.unwrap_or_default(), key);
        Some(tree)
    };
    each(Found {
        host: None,
        kind: resource.split('[').next().unwrap_or_default().into(),
        desired: value(&["desired_value", "new_value", "new-value"]),
        live: value(&["previous_value", "old_value", "old-value"]),
        path: property.iter().map(|property| property.as_str().into()).collect(),
        // The title of an Exec is its command, which does not begin with its kind.
        resource: match resource.split_once('[') {
            Some((kind, title)) => format!("{kind}[{}", mask(title, key, true)).into(),
            None => mask(&resource, key, true).into(),
        },
        failed: status == "failure",
    });
}

/// A Ruby symbol without its colon.
fn symbol(text: &str) -> &str {
    text.strip_prefix(':')
        .filter(|rest| !rest.is_empty() && !rest.contains([':', ' ']))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::import::yaml;

    fn told(text: &str) -> (Vec<String>, Vec<String>) {
        let (mut events_told, mut faults) = (Vec::new(), Vec::new());
        yaml::documents(
            text.as_bytes(),
            &mut |outer, _, tree| {
                Some(if outer == "resource_statuses" {
                    brief(tree)
                } else {
                    tree
                })
            },
            &mut |tree, _| {
                assert!(is_one(&tree));
                events(
                    &tree,
                    &[7; 32],
                    &mut |item| {
                        let Item::Event(found) = item else { return };
                        let shown =
                            |tree: &Option<Tree>| tree.as_ref().and_then(Tree::scalar).unwrap_or_else(|| "-".into());
                        events_told.push(format!(
                            "{} {:?} {} {} {}",
                            found.resource,
                            found.path,
                            shown(&found.desired),
                            shown(&found.live),
                            found.failed
                        ));
                    },
                    &mut |fault| faults.push(fault.what),
                );
            },
            &mut |fault| panic!("{fault:?}"),
        );
        (events_told, faults)
    }

    #[test]
    fn events_of_all_shapes() {
        let agent = "--- !ruby/object:Puppet::Transaction::Report\nhost: a\nlogs: []\nmetrics: {}\nresource_statuses:\n  \
            \"File[/etc/motd]\": !ruby/object:Puppet::Resource::Status\n    resource: \"File[/etc/motd]\"\n    events:\n      \
            - !ruby/object:Puppet::Transaction::Event\n        property: mode\n        previous_value: !ruby/sym absent\n        \
            desired_value: \"0644\"\n        status: noop\n      - {property: owner, status: audit}\n";
        assert_eq!(told(agent).0, ["File[/etc/motd] [\"mode\"] 0644 absent false"]);
        let database = r#"{"certname": "a", "report_format": 10, "resources": {"href": "x", "data": [
            {"resource_type": "User", "resource_title": "app", "events": {"data": [
              {"status": "failure", "property": "password", "old_value": "hunter2x", "new_value": "hunter3x"}]}}]}}"#;
        let (events, _) = told(database);
        assert!(
            events[0].starts_with("User[app] [\"password\"] secret#") && events[0].ends_with("true"),
            "{events:?}"
        );
        let wire = r#"{"certname": "a", "metrics": [], "resource-events": [
            {"status": "success", "resource-type": "Exec", "resource-title": "x", "property": null}]}"#;
        assert_eq!(told(wire).0, ["Exec[x] [] - - false"]);
        let curl = wire.replace("\"x\"", "\"curl -u admin:hunter2x https://a/\"");
        let (events, _) = told(&curl);
        assert!(
            events[0].starts_with("Exec[curl -u ") && !events[0].contains("hunter2x"),
            "{events:?}"
        );
        assert_eq!(told("host: a\nlogs: []\nrecords: {}\n").0, Vec::<String>::new());
        let failed = told("host: a\nstatus: failed\nlogs: []\nmetrics: {}\nresource_statuses: {}\n");
        assert_eq!(
            (failed.0.len(), &*failed.1[0]),
            (0, "the run of a failed before it looked at any resource: not judged")
        );
        assert!(told("report_format: 13\nhost: a\n").1[0].contains("format 13"));
    }
}
