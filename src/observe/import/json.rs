//! JSON as trees, streamed: of a large document only what is asked for is held, a piece at a time.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Fault,
    yaml::{MOST_VALUES, too_many, weight},
};
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
    /// Go through its own keys, or through those of every object in a list.
    Into,
}

/// What is to be known of a text besides its values.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Values of the piece that is read.
    values: Cell<usize>,
    /// Keys that came twice in one object.
    doubled: RefCell<BTreeSet<Box<str>>>,
    /// Pieces of lists that were begun.
    pieces: Cell<usize>,
    /// The piece that is not read any more: the fault then has its place.
    stop: Option<usize>,
}

impl Tally {
    fn count<E: de::Error>(&self, values: usize) -> Result<(), E> {
        self.values.set(self.values.get() + values);
        match self.values.get() > MOST_VALUES {
            true => Err(E::custom(too_many("piece"))),
            false => Ok(()),
        }
    }

    /// One that ends the reading where the piece of this number begins.
    pub(super) fn until(piece: usize) -> Self {
        Self {
            stop: Some(piece),
            ..Self::default()
        }
    }

    /// The number of the piece that was read last, from 0.
    pub(super) fn piece(&self) -> usize {
        self.pieces.get().saturating_sub(1)
    }

    /// Keys that came twice in one object.
    pub(super) fn doubled(self) -> BTreeSet<Box<str>> {
        self.doubled.into_inner()
    }
}

/// Reads one tree.
pub(super) struct Whole<'c>(pub(super) &'c Tally);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        self.0.count(1)?;
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

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Tree, E> {
        self.0.count(weight(text) - 1)?;
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
            match fields.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(value);
                }
                // The last one counts.
                Entry::Occupied(mut taken) => {
                    self.0.doubled.borrow_mut().insert(taken.key().clone());
                    taken.insert(value);
                }
            }
        }
        Ok(Tree::Map(fields))
    }
}

/// Goes through the keys of the outermost object; `each` gets what is taken.
pub(super) struct Top<'f> {
    pub(super) take: &'f dyn Fn(&str) -> Take,
    pub(super) each: &'f mut dyn FnMut(&str, Tree),
    pub(super) tally: &'f Tally,
    /// How often outermost keys come that come more than once: the last one counts.
    pub(super) doubled: BTreeMap<String, usize>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let next = |list: &mut A, each: &mut dyn FnMut(&str, Tree)| {
            list.next_element_seed(Top {
                take: self.take,
                each,
                tally: self.tally,
                doubled: BTreeMap::new(),
            })
        };
        while next(&mut list, &mut *self.each)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if let Some(left) = self.doubled.get_mut(&key).filter(|left| **left > 1) {
                *left -= 1;
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.tally.values.set(0);
            match (self.take)(&key) {
                Take::Skip => {
                    map.next_value::<IgnoredAny>()?;
                }
                Take::Whole => (self.each)(&key, map.next_value_seed(Whole(self.tally))?),
                Take::Items => map.next_value_seed(Items {
                    key: &key,
                    each: &mut *self.each,
                    tally: self.tally,
                })?,
                Take::Into => map.next_value_seed(Top {
                    take: self.take,
                    each: &mut *self.each,
                    tally: self.tally,
                    doubled: BTreeMap::new(),
                })?,
            }
        }
        Ok(())
    }
}

struct Items<'f> {
    key: &'f str,
    each: &'f mut dyn FnMut(&str, Tree),
    tally: &'f Tally,
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
        while let Some(item) = list.next_element_seed(Piece(self.tally))? {
            self.tally.values.set(0);
            (self.each)(self.key, item);
        }
        Ok(())
    }
}

/// Reads one item of a list, unless it is the one to stop at.
struct Piece<'c>(&'c Tally);

impl<'de> DeserializeSeed<'de> for Piece<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        let number = self.0.pieces.get();
        self.0.pieces.set(number + 1);
        match self.0.stop == Some(number) {
            true => Err(de::Error::custom("the piece looked for")),
            false => Whole(self.0).deserialize(deserializer),
        }
    }
}

/// What a JSON text is, looking at no more than its outermost keys: whole, and well-formed to its end.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Its outermost keys, and how often they come.
    pub(super) keys: BTreeMap<String, usize>,
    /// Those of them with a single value.
    pub(super) scalars: BTreeMap<String, Tree>,
}

impl Outline {
    /// Outermost keys that come more than once, and how often.
    pub(super) fn doubled(&self) -> BTreeMap<String, usize> {
        let many = self.keys.iter().filter(|(_, times)| **times > 1);
        many.map(|(key, times)| (key.clone(), *times)).collect()
    }
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
                    | "errored"
                    | "complete"
            );
            if scalar {
                let value = map.next_value_seed(Whole(&Tally::default()))?;
                outline.scalars.insert(key.clone(), value);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            *outline.keys.entry(key).or_default() += 1;
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
        let text = r#"{"a": [0], "a": [1, {"b": 2}], "skip": {"deep": [[[]]]}, "whole": {"c": null}, "none": null,
            "into": [{"a": [3], "skip": 1}, {"into": {"a": [4]}}]}"#;
        let mut got = Vec::new();
        let top = Top {
            take: &|key| match key {
                "a" | "none" => Take::Items,
                "whole" => Take::Whole,
                "into" => Take::Into,
                _ => Take::Skip,
            },
            each: &mut |key, tree| got.push((key.to_owned(), serde_json::to_value(&tree).unwrap())),
            tally: &Tally::default(),
            doubled: BTreeMap::from([("a".to_owned(), 2)]),
        };
        top.deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap();
        assert_eq!(
            got,
            [
                ("a".into(), json!(1)),
                ("a".into(), json!({"b": 2})),
                ("whole".into(), json!({"c": null})),
                ("a".into(), json!(3)),
                ("a".into(), json!(4)),
            ]
        );
        let outline: Outline = serde_json::from_str(r#"{"version": 4, "x": [1]}"#).unwrap();
        assert_eq!(outline.scalars["version"], Tree::Int(4));
        assert!(outline.keys.contains_key("x"));
    }

    #[test]
    fn faults_have_a_place() {
        let whole = |text: &str| {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            Whole(&Tally::default())
                .deserialize(&mut deserializer)
                .map_err(|error| error.to_string())
        };
        assert!(whole(&"[".repeat(10_000)).unwrap_err().contains("recursion limit"));
        assert!(whole("{\"a\": ").unwrap_err().contains("line 1"));
    }
}
