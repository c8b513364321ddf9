//! Objects of Kubernetes: manifests, what `kubectl get -o yaml` prints, rendered charts.

use serde::de::DeserializeSeed;

use super::{
    hide::{conceal_binary, conceal_secret, hide},
    json::{Tally, Whole},
};
use crate::domain::{Document, Tree};

/// What kubectl and Argo CD write down of the declaration they applied.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether a tree is an object, or a list of them.
pub(super) fn is_one(tree: &Tree) -> bool {
    let text = |key: &str| tree.get(key).and_then(Tree::as_str).is_some();
    text("kind") && (text("apiVersion") || tree.get("items").is_some())
}

/// Calls `each` with every object in `tree`, and the declaration that it says was applied. Gives how many items of lists are no objects.
pub(super) fn objects(tree: Tree, key: &[u8; 32], each: &mut dyn FnMut(Document, Option<Document>)) -> usize {
    let kind = tree.get("kind").and_then(Tree::as_str).unwrap_or_default().to_owned();
    let listed = kind.ends_with("List") && tree.get("items").is_some_and(|items| matches!(items, Tree::List(_)));
    match tree {
        Tree::Map(mut fields) if listed => {
            let Some(Tree::List(items)) = fields.remove("items") else {
                return 0;
            };
            let mut others = 0;
            for mut item in items {
                // The items of a DeploymentList need not say what they are.
                let of_list = kind.trim_end_matches("List");
                if let Tree::Map(own) = &mut item
                    && !of_list.is_empty()
                {
                    own.entry("kind".into()).or_insert_with(|| Tree::text(of_list));
                    if let Some(version) = fields.get("apiVersion") {
                        own.entry("apiVersion".into()).or_insert_with(|| version.clone());
                    }
                }
                others += objects(item, key, each);
            }
            others
        }
        mut tree if is_one(&tree) => {
            let applied = take_applied(&mut tree);
            let applied = applied.filter(is_one).map(|tree| object(tree, key));
            each(object(tree, key), applied);
            0
        }
        _ => 1,
    }
}

/// An object without secrets.
fn object(mut tree: Tree, key: &[u8; 32]) -> Document {
    take_applied(&mut tree);
    let text = |path: &[&str]| tree.at(path).and_then(Tree::scalar).filter(|text| !text.is_empty());
    let version = text(&["apiVersion"]).unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let kind = text(&["kind"]).unwrap_or_default();
    let (name, namespace) = (text(&["metadata", "name"]), text(&["metadata", "namespace"]));
    match (&mut tree, kind.as_str(), group) {
        (Tree::Map(fields), "Secret", "") => conceal_secret(fields, key),
        (Tree::Map(fields), "ConfigMap", "") => conceal_binary(fields, key),
        _ => {}
    }
    hide(&mut tree, "", key);
    Document {
        group: group.into(),
        kind: kind.into(),
        namespace: namespace.map(Into::into),
        name: name.unwrap_or_default().into(),
        tree,
    }
}

/// Takes the declaration out that was applied: it repeats all the secrets.
fn take_applied(tree: &mut Tree) -> Option<Tree> {
    let Tree::Map(fields) = tree else { return None };
    let Some(Tree::Map(metadata)) = fields.get_mut("metadata") else {
        return None;
    };
    let Some(Tree::Map(annotations)) = metadata.get_mut("annotations") else {
        return None;
    };
    let text = annotations.remove(APPLIED)?;
    let mut deserializer = serde_json::Deserializer::from_str(text.as_str()?);
    Whole(&Tally::default()).deserialize(&mut deserializer).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_taken_apart_and_secrets_hidden() {
        let applied = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"k":"aHVudGVyMg=="}}"#;
        let tree = Tree::from(json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "SecretList", "items": [
                {"metadata": {"name": "a", "namespace": "n", "annotations": {APPLIED: applied}}, "data": {"k": "aHVudGVyMg=="}}]},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}},
            {"nonsense": 1}]}));
        let mut seen = Vec::new();
        objects(tree, &[7; 32], &mut |document, applied| {
            let shown = serde_json::to_string(&document.tree).unwrap();
            assert!(!shown.contains("aHVudGVyMg") && !shown.contains("hunter2"), "{shown}");
            let same = applied
                .as_ref()
                .map(|applied| applied.tree.get("data") == document.tree.get("data"));
            seen.push((document.resource(), document.group.to_string(), same));
        });
        assert_eq!(
            seen,
            [
                ("Secret/n/a".into(), String::new(), Some(true)),
                ("Deployment/web".into(), "apps".into(), None)
            ]
        );
    }
}
