//! Values as plain JSON: what a script wants to compare, not how the program keeps them.

use serde_json::{Value as Json, json};

use crate::domain::{Quantiles, Value};

/// A setting's value: bool and int as such, a list as an object by identity, a secret as eight digits of its hash, all else
/// as text; `null` where there is none.
#[must_use]
pub fn value(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Bool(on)) => json!(on),
        Some(Value::Int(int)) => json!(int),
        Some(Value::List(items)) => items
            .iter()
            .map(|(key, item)| (key.to_string(), self::value(Some(item))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Some(Value::Enum(text) | Value::Text(text)) => json!(text),
        Some(other @ (Value::Quantity(_) | Value::Version(_) | Value::Secret(_))) => json!(other.to_string()),
    }
}

/// A setting's value for people; `(absent)` where there is none.
#[must_use]
pub fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".into(), Value::to_string)
}

/// A distribution: its median and its 80 and 95 % bands.
#[must_use]
pub fn band(quantiles: &Quantiles) -> Json {
    json!({ "median": quantiles.median(), "band80": quantiles.band80(), "band95": quantiles.band95() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::SecretHash;

    #[test]
    fn values_are_as_scripts_want_them() {
        let plain = |text: &str| value(Some(&Value::infer(text)));
        assert_eq!(plain("60"), json!(60));
        assert_eq!(plain("yes"), json!(true));
        assert_eq!(plain("512Mi"), json!("512Mi"));
        assert_eq!(plain("v1.2.3"), json!("v1.2.3"));
        assert_eq!(plain("madvise"), json!("madvise"));
        assert_eq!(value(None), Json::Null);
        let list = Value::List(BTreeMap::from([
            ("b".into(), Value::Int(2)),
            ("a".into(), Value::Bool(true)),
        ]));
        assert_eq!(value(Some(&list)), json!({"a": true, "b": 2}));
        let secret = value(Some(&Value::Secret(SecretHash::of(&[7; 32], b"hunter2"))));
        assert!(secret.as_str().unwrap().starts_with("secret#"));
    }
}
