//! Any two trees.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{super::compare_states, departures};
use crate::domain::Tree;

#[test]
fn states_are_compared_as_written_and_sets_without_order() {
    let told = |before: Json, after: Json| {
        let departures = compare_states("aws_x.a", "aws_x", &before.into(), &after.into());
        departures
            .into_iter()
            .map(|one| one.path.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(
            json!({"protocol": "TCP", "tags": null, "cidrs": ["b", "a"]}),
            json!({"protocol": "tcp", "tags": {}, "cidrs": ["a", "b"]})
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        told(
            json!({"tag": "Prod", "ttl": "1h", "policy": "{\"a\": [1]}"}),
            json!({"tag": "prod", "ttl": "60m", "policy": "{ \"a\":[1] }"})
        ),
        ["/tag", "/ttl"]
    );
    assert_eq!(
        told(json!({"size": 1, "gone": "x"}), json!({"size": 2, "new": "y"})),
        ["/gone", "/new", "/size"]
    );
}

fn tree() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-5i64..5).prop_map(Json::from),
        "[a-c1-3m]{0,3}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let key = prop_oneof![
            Just("name"),
            Just("spec"),
            Just("containers"),
            Just("image"),
            Just("ports"),
            Just("env"),
            Just("labels"),
            Just("metadata"),
            Just("args"),
            Just("rules"),
            Just("replicas"),
            Just("template")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// The same, with a field that says nothing in every map.
fn blank_fields(json: &Json) -> Json {
    match json {
        Json::Object(fields) => {
            let mut fields: serde_json::Map<String, Json> = fields
                .iter()
                .map(|(key, value)| (key.clone(), blank_fields(value)))
                .collect();
            fields.entry("env").or_insert(Json::Null);
            Json::Object(fields)
        }
        Json::Array(items) => items.iter().map(blank_fields).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn anything_is_in_sync_with_itself(spec in tree(), kind in prop_oneof![Just("Deployment"), Just("Role"), Just("Thing")]) {
        let object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec, "rules": spec});
        prop_assert_eq!(departures(object.clone(), object.clone()), vec![]);
        prop_assert_eq!(departures(object.clone(), blank_fields(&object)), vec![]);
    }

    #[test]
    fn any_two_trees_are_compared_without_panic(a in tree(), b in tree()) {
        let object = |spec: Json| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec});
        let _ = departures(object(a.clone()), object(b.clone()));
        let _ = compare_states("a", "b", &Tree::from(a), &Tree::from(b));
    }
}
