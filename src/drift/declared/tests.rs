//! Documents in, departures out.

mod custom;
mod defaults;
mod departures;
mod pods;
mod resources;
mod trees;

use serde_json::{Value as Json, json};

use super::{Departure, compare};
use crate::domain::Document;

fn document(json: Json) -> Document {
    let text = |path: &[&str]| {
        path.iter()
            .try_fold(&json, |at, key| at.get(key))
            .and_then(Json::as_str)
            .map(str::to_owned)
    };
    let group = text(&["apiVersion"]).unwrap_or_default();
    Document {
        group: group.split_once('/').map_or("", |(group, _)| group).into(),
        kind: text(&["kind"]).unwrap_or_default().into(),
        namespace: text(&["metadata", "namespace"]).map(Into::into),
        name: text(&["metadata", "name"]).unwrap_or_default().into(),
        tree: json.into(),
    }
}

fn departures(desired: Json, live: Json) -> Vec<Departure> {
    compare(&[document(desired)], &[document(live)]).departures
}

/// The paths of what differs between two bodies of one object, sorted.
fn paths(version: &str, kind: &str, desired: Json, live: Json) -> Vec<String> {
    let object = |body: Json| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
        for (key, value) in body.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    let mut paths: Vec<String> = departures(object(desired), object(live))
        .iter()
        .map(|one| one.path.to_string())
        .collect();
    paths.sort();
    paths
}

fn in_sync(version: &str, kind: &str, desired: Json, live: Json) {
    assert_eq!(paths(version, kind, desired, live), Vec::<String>::new(), "{kind}");
}
