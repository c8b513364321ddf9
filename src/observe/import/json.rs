//! JSON as trees, streamed: of a large document only what is asked for is held, a piece at a time.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Fault, yaml::MOST_VALUES};
use crate::domain::Tree;

/// The text that `bytes` are; else the line that is none.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes[..error.valid_up_to()].iter();
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Fault::at(line, "not UTF-8 text")
    })
}

/// What to do with the value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// Pass over it.
    Skip,
    /// Hand it over as it is.
    Whole,
    /// Of a list, hand over each item by itself.
    Items,
}

/// Reads one tree.
pub(super) struct Whole<'c>(pub(super) &'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        if self.0.replace(self.0.get() + 1) > MOST_VALUES {
            return Err(de::Error::custom(format!(
                "more than {MOST_VALUES} values in one piece"
            )));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, on: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(on))
    }

    fn visit_i64<E>(self, int: i64) -> Result<Tree, E> {
        Ok(Tree::Int(int))
    }

    fn visit_u64<E>(self, int: u64) -> Result<Tree, E> {
        // A float would lose the last digits.
        Ok(i64::try_from(int).map_or_else(|_| Tree::Text(int.to_string().into()), Tree::Int))
    }

    fn visit_f64<E>(self, float: f64) -> Result<Tree, E> {
        Ok(if float.is_finite() {
            Tree::Float(float)
        } else {
            Tree::Null
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Whole(self.0))? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = map.next_key::<Box<str>>()? {
            let value = map.next_value_seed(Whole(self.0))?;
            if let Some(key) = fields.contains_key(&key).then(|| key.clone()) {
                return Err(de::Error::custom(format!("the key `{key}` comes twice")));
            }
            fields.insert(key, value);
        }
        Ok(Tree::Map(fields))
    }
}

/// Goes through the keys of the outermost object; `each` gets what is taken.
pub(super) struct Top<'f> {
    pub(super) take: &'f dyn Fn(&str) -> Take,
    pub(super) each: &'f mut dyn FnMut(&str, Tree),
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match (self.take)(&key) {
                Take::Skip => {
                    map.next_value::<IgnoredAny>()?;
                }
                Take::Whole => (self.each)(&key, map.next_value_seed(Whole(&Cell::new(0)))?),
                Take::Items => map.next_value_seed(Items {
                    key: &key,
                    each: &mut *self.each,
                })?,
            }
        }
        Ok(())
    }
}

struct Items<'f> {
    key: &'f str,
    each: &'f mut dyn FnMut(&str, Tree),
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list at `{}`", self.key)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element_seed(Whole(&Cell::new(0)))? {
            (self.each)(self.key, item);
        }
        Ok(())
    }
}

/// What a JSON text is, looking at no more than its outermost keys: whole, and well-formed to its end.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Its outermost keys.
    pub(super) keys: BTreeSet<String>,
    /// Those of them with a single value.
    pub(super) scalars: BTreeMap<String, Tree>,
}

impl<'de> de::Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Outliner)
    }
}

struct Outliner;

impl<'de> Visitor<'de> for Outliner {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outline, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Outline::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut outline = Outline::default();
        while let Some(key) = map.next_key::<String>()? {
            let scalar = matches!(
                key.as_str(),
                "version"
                    | "format_version"
                    | "plan_format_version"
                    | "terraform_version"
                    | "report_format"
                    | "kind"
                    | "apiVersion"
                    | "reporter"
            );
            if scalar {
                let value = map.next_value_seed(Whole(&Cell::new(0)))?;
                outline.scalars.insert(key.clone(), value);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if !outline.keys.insert(key.clone()) {
                return Err(de::Error::custom(format!("the key `{key}` comes twice")));
            }
        }
        Ok(outline)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_are_handed_over_one_by_one() {
        let text = r#"{"a": [1, {"b": 2}], "skip": {"deep": [[[]]]}, "whole": {"c": null}, "none": null}"#;
        let mut got = Vec::new();
        let top = Top {
            take: &|key| match key {
                "a" | "none" => Take::Items,
                "whole" => Take::Whole,
                _ => Take::Skip,
            },
            each: &mut |key, tree| got.push((key.to_owned(), serde_json::to_value(&tree).unwrap())),
        };
        top.deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap();
        assert_eq!(
            got,
            [
                ("a".into(), json!(1)),
                ("a".into(), json!({"b": 2})),
                ("whole".into(), json!({"c": null}))
            ]
        );
        let outline: Outline = serde_json::from_str(r#"{"version": 4, "x": [1]}"#).unwrap();
        assert_eq!(outline.scalars["version"], Tree::Int(4));
        assert!(outline.keys.contains("x"));
    }

    #[test]
    fn faults_have_a_place() {
        let whole = |text: &str| {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            Whole(&Cell::new(0))
                .deserialize(&mut deserializer)
                .map_err(|error| error.to_string())
        };
        assert!(
            whole("{\"a\": 1,\n\"a\": 2}")
                .unwrap_err()
                .contains("comes twice at line 2")
        );
        assert!(whole(&"[".repeat(10_000)).unwrap_err().contains("recursion limit"));
        assert!(whole("{\"a\": ").unwrap_err().contains("line 1"));
    }
}
