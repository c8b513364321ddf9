//! Maps whose keys are no texts, written as pairs in the order of their keys.

use std::{collections::HashMap, hash::Hash};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes a map as pairs.
///
/// # Errors
/// Those of the writer.
pub fn serialize<K: Serialize + Ord, V: Serialize, S: Serializer>(
    map: &HashMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut pairs: Vec<(&K, &V)> = map.iter().collect();
    pairs.sort_by(|a, b| a.0.cmp(b.0));
    serializer.collect_seq(pairs)
}

/// Reads pairs into a map.
///
/// # Errors
/// Those of the reader.
pub fn deserialize<'de, K: Deserialize<'de> + Eq + Hash, V: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<HashMap<K, V>, D::Error> {
    Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
}
