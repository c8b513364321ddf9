//! Values as bytes: CBOR (RFC 8949) with the names of fields, so that fields can be added; unlike JSON it keeps every number as it is.

use serde::{Serialize, de::DeserializeOwned};

/// Why something cannot be packed, or bytes be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unpackable(String);

/// `value` as bytes.
///
/// # Errors
/// When a part of it has no form in CBOR.
pub fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Unpackable> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).map_err(|error| Unpackable(error.to_string()))?;
    Ok(bytes)
}

/// What [`pack`] made `bytes` of.
///
/// # Errors
/// When they are cut short, damaged, nested more than 256 deep, or of something else.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unpackable> {
    ciborium::from_reader(bytes).map_err(|error| Unpackable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back_bit_for_bit(numbers: Vec<f64>, counts: Vec<u64>, text: String) {
            let back: (Vec<f64>, Vec<u64>, String) = unpack(&pack(&(&numbers, &counts, &text)).unwrap()).unwrap();
            let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back.0), bits(&numbers));
            prop_assert_eq!((back.1, back.2), (counts, text));
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes: Vec<u8>) {
            let _ = unpack::<crate::domain::Value>(&bytes);
        }
    }
}
