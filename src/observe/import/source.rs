//! A text of JSON, read as often as it is asked for; and where in it is what was found odd.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{BufReader, Seek, SeekFrom},
};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{
    Fault,
    json::{Outline, Take, Tally, Top, Whole},
};
use crate::domain::{Tree, text::count};

/// Keys that come twice whose lines are looked for: each costs a reading.
const LOCATED: usize = 10;

/// A text of JSON, in memory or to be streamed from a file, as often as it is asked for.
pub(super) enum Source {
    Bytes(Vec<u8>),
    /// The text begins so many bytes after the file does.
    File(File, u64),
}

impl Source {
    pub(super) fn parse<S: for<'de> DeserializeSeed<'de, Value = ()>>(&mut self, seed: S) -> Result<(), Fault> {
        match self {
            Self::Bytes(bytes) => {
                let mut deserializer = serde_json::Deserializer::from_slice(bytes);
                seed.deserialize(&mut deserializer)?;
                Ok(deserializer.end()?)
            }
            Self::File(file, start) => {
                let begin = file.seek(SeekFrom::Start(*start));
                begin.map_err(|error| Fault::of_file(error.to_string()))?;
                let mut deserializer = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 20, file));
                seed.deserialize(&mut deserializer)?;
                Ok(deserializer.end()?)
            }
        }
    }

    pub(super) fn outline(&mut self) -> Result<Outline, serde_json::Error> {
        match self {
            Self::Bytes(bytes) => serde_json::from_slice(bytes),
            Self::File(file, start) => {
                file.seek(SeekFrom::Start(*start)).map_err(serde_json::Error::io)?;
                serde_json::from_reader(BufReader::with_capacity(1 << 20, file))
            }
        }
    }

    /// The line on which the piece of this number begins of what is taken.
    fn line_of(
        &mut self,
        take: &dyn Fn(&str) -> Take,
        doubled: BTreeMap<String, usize>,
        piece: usize,
    ) -> Option<usize> {
        let looked = self.parse(Top {
            take,
            each: &mut |_, _| {},
            tally: &Tally::until(piece),
            doubled,
        });
        looked.err()?.line
    }

    /// A fault for each of these keys, which came twice in one object.
    pub(super) fn twice<'k>(&mut self, keys: impl Iterator<Item = &'k str>) -> Vec<Fault> {
        let line = |key: &str| match self {
            Self::Bytes(bytes) => line_of_twin(serde_json::Deserializer::from_slice(bytes), key),
            Self::File(file, start) => {
                file.seek(SeekFrom::Start(*start)).ok()?;
                let reader = BufReader::with_capacity(1 << 20, file);
                line_of_twin(serde_json::Deserializer::from_reader(reader), key)
            }
        };
        twice(keys, line)
    }
}

/// The same of a text in memory.
pub(super) fn twice_in<'k>(bytes: &[u8], keys: impl Iterator<Item = &'k str>) -> Vec<Fault> {
    twice(keys, |key| {
        line_of_twin(serde_json::Deserializer::from_slice(bytes), key)
    })
}

fn twice<'k>(keys: impl Iterator<Item = &'k str>, mut line: impl FnMut(&str) -> Option<usize>) -> Vec<Fault> {
    let told = |(place, key)| Fault::twice(key).in_line((place < LOCATED).then(|| line(key)).flatten());
    keys.enumerate().map(told).collect()
}

fn line_of_twin<'de, R: serde_json::de::Read<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
    key: &str,
) -> Option<usize> {
    while deserializer.end().is_err() {
        if let Err(error) = Twin(key).deserialize(&mut deserializer) {
            return error.is_data().then(|| error.line());
        }
    }
    None
}

/// Ends with an error where this key comes for the second time in one object.
#[derive(Clone, Copy)]
struct Twin<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Twin<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Twin<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 && std::mem::replace(&mut seen, true) {
                return Err(de::Error::custom("the key looked for"));
            }
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// Reads one tree into its place.
pub(super) struct One<'t>(pub(super) &'t mut Tree, pub(super) &'t Tally);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.0 = Whole(self.1).deserialize(deserializer)?;
        Ok(())
    }
}

/// Pieces that are not what stands in their section.
#[derive(Debug, Default)]
pub(super) struct Odd(BTreeMap<String, (usize, usize)>);

impl Odd {
    /// Counts the piece of this number.
    pub(super) fn count(&mut self, section: &str, piece: usize) {
        self.0.entry(section.to_owned()).or_insert((0, piece)).0 += 1;
    }

    /// A fault for each section, with the line of the first piece; `what` none of them is.
    pub(super) fn faults(
        self,
        what: &str,
        source: &mut Source,
        take: &dyn Fn(&str) -> Take,
        outline: &Outline,
    ) -> Vec<Fault> {
        let mut told = Vec::new();
        for (section, (pieces, first)) in self.0 {
            let line = source.line_of(take, outline.doubled(), first);
            told.push(odd(&section, pieces, what).in_line(line));
        }
        told
    }
}

/// What is said of so many pieces of a section that are not `what` stands there.
pub(super) fn odd(section: &str, pieces: usize, what: &str) -> Fault {
    let pieces = count(pieces, "piece");
    Fault::of_file(format!("{pieces} of `{section}` passed over: not {what}"))
}
