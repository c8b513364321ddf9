//! Values as plain JSON: what a script wants to compare, not how the program keeps them.

use serde_json::{Value as Json, json};

use crate::domain::{Quantiles, Value};
pub use crate::simulate::plain as value;

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
        let list = Value::list(BTreeMap::from([
            ("b".into(), Value::Int(2)),
            ("a".into(), Value::Bool(true)),
        ]));
        assert_eq!(value(Some(&list)), json!({"a": true, "b": 2}));
        let secret = value(Some(&Value::Secret(SecretHash::of(&[7; 32], b"hunter2"))));
        assert!(secret.as_str().unwrap().starts_with("secret#"));
    }
}
