//! The flat maps of Terraform before 0.12 (states of version 3, `attributes_flat` of version 4): `l.#` counts a list whose items stand
//! at `l.0`, a set's at the hash of each; `m.%` counts a map.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::Tree;

/// The address of version 4 for a name of version 3: `aws_instance.web.0` is `aws_instance.web[0]`.
pub(super) fn address(name: &str) -> String {
    let parts = name.strip_prefix("data.").unwrap_or(name).split('.').count();
    match name.rsplit_once('.') {
        Some((rest, place)) if parts > 2 && place.bytes().all(|b| b.is_ascii_digit()) => format!("{rest}[{place}]"),
        _ => name.to_owned(),
    }
}

/// The lists, maps and sets that flat attributes stand for; what is no map stays as it is.
pub(super) fn unflattened(tree: Tree) -> Tree {
    match tree {
        Tree::Map(flat) => below(&flat, "", 0),
        other => other,
    }
}

/// Levels of blocks within blocks; what lies deeper is left out.
const DEEPEST: usize = 100;

/// What stands at `prefix`, which is empty or ends with a dot, `deep` levels down.
fn below(flat: &BTreeMap<Box<str>, Tree>, prefix: &str, deep: usize) -> Tree {
    if deep > DEEPEST {
        return Tree::Null;
    }
    let inside = || {
        let from = flat.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        from.map_while(|(key, value)| Some((key.strip_prefix(prefix)?, value)))
    };
    // A map's keys may have dots in them.
    if flat.contains_key(format!("{prefix}%").as_str()) {
        let entries = inside().filter(|(key, _)| *key != "%");
        return Tree::Map(entries.map(|(key, value)| (key.into(), value.clone())).collect());
    }
    let heads: BTreeSet<&str> = inside().map(|(key, _)| key.split('.').next().unwrap_or(key)).collect();
    let at = |head: &str| match flat.get(format!("{prefix}{head}").as_str()) {
        Some(value) => value.clone(),
        None => below(flat, &format!("{prefix}{head}."), deep + 1),
    };
    if heads.contains("#") {
        // Places, or the hashes of a set's items, some of them marked as not known yet.
        let mut places: Vec<&str> = heads.into_iter().filter(|head| *head != "#").collect();
        places.sort_by_key(|place| place.trim_start_matches('~').parse::<u64>().unwrap_or(u64::MAX));
        let is_list = places.iter().enumerate().all(|(at, place)| place.parse() == Ok(at));
        let mut items: Vec<Tree> = places.into_iter().map(at).collect();
        if !is_list {
            // The order of hashes says nothing; version 4 has a set by what its items say.
            items.sort_by_cached_key(|item| serde_json::to_string(item).unwrap_or_default());
        }
        return Tree::List(items);
    }
    Tree::Map(heads.into_iter().map(|head| (head.into(), at(head))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flat_attributes_become_lists_maps_and_sets() {
        let flat = json!({"id": "i", "l.#": "11", "l.0": "a", "l.1": "b", "l.10": "k", "l.2": "c", "none.#": "0", "tags.%": "2",
            "tags.Name": "n", "tags.kubernetes.io/role": "r", "empty.%": "0", "sg.#": "2", "sg.1234567890": "x", "sg.42": "y",
            "block.#": "1", "block.0.size": "8", "block.0.opts.#": "1", "block.0.opts.0": "z", "a-b": "1"});
        assert_eq!(
            serde_json::to_value(unflattened(Tree::from(flat))).unwrap(),
            json!({"id": "i", "l": ["a", "b", "c", "k"], "none": [], "tags": {"Name": "n", "kubernetes.io/role": "r"}, "empty": {},
                "sg": ["x", "y"], "block": [{"size": "8", "opts": ["z"]}], "a-b": "1"})
        );
        assert_eq!(unflattened(Tree::Null), Tree::Null);
        for (old, new) in [
            ("aws_instance.web.0", "aws_instance.web[0]"),
            ("data.aws_ami.x.12", "data.aws_ami.x[12]"),
            ("data.aws_ami.0", "data.aws_ami.0"),
            ("aws_instance.web", "aws_instance.web"),
        ] {
            assert_eq!(address(old), new);
        }
    }
}
