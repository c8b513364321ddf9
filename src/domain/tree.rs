//! Trees of values, as configuration formats have them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::SecretHash;

/// A value of a configuration document. The order of a map's keys means nothing and is not kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Nothing was said.
    Null,
    /// On or off.
    Bool(bool),
    /// A whole number; a larger one is held as text.
    Int(i64),
    /// Any other number; never NaN or infinite.
    Float(f64),
    /// Text; a secret within it stands as its hash.
    Text(Box<str>),
    /// A secret: only its keyed hash is ever held.
    Secret(SecretHash),
    /// Values in their order.
    List(Vec<Tree>),
    /// Values by key.
    Map(BTreeMap<Box<str>, Tree>),
}

impl Tree {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The value at `key` of a map; `None` where there is none, or it says nothing.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(fields) => fields.get(key).filter(|value| !matches!(value, Self::Null)),
            _ => None,
        }
    }

    /// The value below `path`, keys one below the other.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| tree.get(key))
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// A single value as text; `None` of a list, a map or nothing.
    #[must_use]
    pub fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(on) => Some(on.to_string()),
            Self::Int(int) => Some(int.to_string()),
            Self::Float(float) => Some(float.to_string()),
            Self::Text(text) => Some(text.to_string()),
            Self::Secret(hash) => Some(format!("{hash:?}")),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Whether it says nothing: null, or an empty list or map.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.is_empty(),
            Self::Map(fields) => fields.is_empty(),
            _ => false,
        }
    }
}

impl From<serde_json::Value> for Tree {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(on) => Self::Bool(on),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(int), _) => Self::Int(int),
                // A float would lose its last digits.
                (None, Some(large)) => Self::Text(large.to_string().into()),
                (None, None) => number
                    .as_f64()
                    .filter(|float| float.is_finite())
                    .map_or(Self::Null, Self::Float),
            },
            Json::String(text) => Self::Text(text.into()),
            Json::Array(items) => Self::List(items.into_iter().map(Into::into).collect()),
            Json::Object(fields) => Self::Map(
                fields
                    .into_iter()
                    .map(|(key, value)| (key.into(), value.into()))
                    .collect(),
            ),
        }
    }
}

impl Serialize for Tree {
    /// As plain JSON; a secret as eight digits of its hash.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(on) => serializer.serialize_bool(*on),
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Float(float) => serializer.serialize_f64(*float),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Secret(hash) => serializer.collect_str(&format_args!("{hash:?}")),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(fields) => serializer.collect_map(fields),
        }
    }
}

/// What a document of configuration describes, with all it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// API group (`apps`), empty for the core group and where there are none.
    pub group: Box<str>,
    /// Kind (`Deployment`); empty for a plain file of settings.
    pub kind: Box<str>,
    /// Namespace, where one is named.
    pub namespace: Option<Box<str>>,
    /// Name, or address.
    pub name: Box<str>,
    /// What it says.
    pub tree: Tree,
}

impl Document {
    /// `kind/namespace/name`, without what it has not.
    #[must_use]
    pub fn resource(&self) -> String {
        let parts = [Some(&*self.kind), self.namespace.as_deref(), Some(&*self.name)];
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        parts.join("/")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_the_json_it_came_from() {
        let json = json!({"a": [1, 2.5, "x", null, true], "b": {"c": -1}});
        let tree: Tree = json.clone().into();
        assert_eq!(serde_json::to_value(&tree).unwrap(), json);
        assert_eq!(tree.at(&["b", "c"]), Some(&Tree::Int(-1)));
        assert!(tree.get("a").unwrap().items()[3].is_blank());
        let secret = Tree::Secret(SecretHash::of(&[7; 32], b"hunter2"));
        assert!(serde_json::to_string(&secret).unwrap().starts_with("\"secret#"));
    }

    #[test]
    fn a_document_is_called_by_what_it_has() {
        let document = |kind: &str, namespace: Option<&str>, name: &str| Document {
            group: "".into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: name.into(),
            tree: Tree::Null,
        };
        assert_eq!(document("Pod", Some("shop"), "web").resource(), "Pod/shop/web");
        assert_eq!(document("Node", None, "n1").resource(), "Node/n1");
        assert_eq!(document("", None, "app.env").resource(), "app.env");
    }
}
