//! Typed values of settings.

use std::{cmp::Ordering, collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Quantity, Unit, Version, text::visible};

/// The value of a setting. Two values are equal when they mean the same: `1000m` is `1`, `yes` is `true`, lists do not care for order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// True or false; `yes`, `no`, `on` and `off` are words, and mean the same ([`Value::switch`]).
    Bool(bool),
    /// A whole number without a unit.
    Int(i64),
    /// A number with a unit; never NaN or infinite.
    Quantity(Quantity),
    /// A version, with the order of its scheme.
    Version(Version),
    /// One word of a small set (`running`, `madvise`).
    Enum(Arc<str>),
    /// Any other text.
    Text(Arc<str>),
    /// Items by what identifies them; their order in the source is not kept. Shared: a value is held by the source, the shadow, the baseline and
    /// the screen's rows.
    List(Arc<BTreeMap<Arc<str>, Value>>),
    /// A secret: only its keyed hash is ever held.
    Secret(SecretHash),
}

/// The keyed hash of a secret, 16 bytes in hexadecimal: tells same from changed and nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SecretHash(Arc<str>);

impl SecretHash {
    /// Hashes `secret` under the store's own 32-byte key (BLAKE3 keyed mode, cut to 128 bits).
    #[must_use]
    pub fn of(key: &[u8; 32], secret: &[u8]) -> Self {
        Self(blake3::keyed_hash(key, secret).to_hex()[..32].into())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret#{}", &self.0[..self.0.len().min(8)])
    }
}

impl Value {
    /// A list of `items` by what identifies them.
    #[must_use]
    pub fn list(items: BTreeMap<Arc<str>, Self>) -> Self {
        Self::List(Arc::new(items))
    }

    /// Types plain text as a source read it: true and false, integers, quantities with a unit, dotted versions, else text.
    ///
    /// A single word of letters becomes [`Value::Enum`]. Surrounding space is dropped, inner runs of blanks become one space.
    #[must_use]
    pub fn infer(text: &str) -> Self {
        let text = text.trim();
        match text {
            "true" => return Self::Bool(true),
            "false" => return Self::Bool(false),
            _ => {}
        }
        // A leading zero is a mode, an id or a date, not a number.
        let numeric = text.len() == 1 || !text.trim_start_matches('-').starts_with('0') || text.starts_with("0.");
        if numeric && let Ok(int) = text.parse::<i64>() {
            return Self::Int(int);
        }
        if numeric && let Ok(quantity) = text.parse::<Quantity>() {
            return Self::Quantity(quantity);
        }
        if let Some(version) = Version::looks_like_one(text) {
            return Self::Version(version);
        }
        if !text.is_empty() && text.len() <= 32 && text.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == '_')
        {
            return Self::Enum(text.into());
        }
        Self::Text(text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").into())
    }

    /// A text value as it is, without typing.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Whether it is on, however that is spelled; `None` for what is neither on nor off.
    #[must_use]
    pub fn switch(&self) -> Option<bool> {
        match self {
            Self::Bool(on) => Some(*on),
            Self::Enum(word) | Self::Text(word) => match &**word {
                "yes" | "on" => Some(true),
                "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number behind the value, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Quantity(quantity) => Some(quantity.base()),
            _ => self.switch().map(|on| f64::from(u8::from(on))),
        }
    }

    /// Whether `self` and `other` differ in meaning. An integer equals the same plain number; enum and text compare as text.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Enum(a) | Self::Text(a), Self::Enum(b) | Self::Text(b)) if self.switch().is_none() => a != b,
            (Self::Int(_) | Self::Quantity(_), Self::Int(_) | Self::Quantity(_)) => {
                self.order(other) != Some(Ordering::Equal)
            }
            (Self::List(a), Self::List(b)) => {
                a.len() != b.len()
                    || a.iter()
                        .any(|(key, value)| b.get(key).is_none_or(|theirs| value.differs(theirs)))
            }
            _ => self != other,
        }
    }

    /// The order of two values of one sort: numbers by quantity, versions by their scheme; `None` where none is known.
    #[must_use]
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Quantity(a), Self::Quantity(b)) => a.partial_cmp(b),
            (Self::Version(a), Self::Version(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Quantity(b)) => Quantity::new(*a as f64, Unit::None)?.partial_cmp(b),
            (Self::Quantity(a), Self::Int(b)) => a.partial_cmp(&Quantity::new(*b as f64, Unit::None)?),
            _ => Some(self.switch()?.cmp(&other.switch()?)),
        }
    }

    /// What went out of a list and what came into it between two values, each as it is shown; `None` where not both are lists.
    #[must_use]
    pub fn went_and_came(from: Option<&Self>, to: Option<&Self>) -> Option<(Vec<String>, Vec<String>)> {
        let (Some(Self::List(from)), Some(Self::List(to))) = (from, to) else {
            return None;
        };
        let only = |these: &BTreeMap<Arc<str>, Self>, those: &BTreeMap<Arc<str>, Self>| {
            let only = these
                .iter()
                .filter(|(key, value)| those.get(*key).is_none_or(|other| value.differs(other)));
            let shown = only.map(|(key, value)| Self::list([(key.clone(), value.clone())].into()).to_string());
            shown.collect()
        };
        Some((only(from, to), only(to, from)))
    }

    /// A change between two values in words: `60 -> 10`, of a list only what went and came: `-a +b`, of links and sums as
    /// [`Value::plain_change`].
    #[must_use]
    pub fn change(from: Option<&Self>, to: Option<&Self>) -> String {
        if let Some(plain) = Self::plain_change(from, to) {
            return plain;
        }
        let shown = |value: Option<&Self>| value.map_or_else(|| "(absent)".into(), Self::told);
        match Self::went_and_came(from, to) {
            Some((went, came)) if !went.is_empty() || !came.is_empty() => {
                let went = went.iter().map(|item| format!("-{item}"));
                let came = came.iter().map(|item| format!("+{item}"));
                went.chain(came).collect::<Vec<_>>().join(" ")
            }
            _ => format!("{} -> {}", shown(from), shown(to)),
        }
    }

    /// What an arrow between two values does not say: that a content `differs` of which only the sums are known, and of a link
    /// `link to /bin/b, was to /bin/a`. `None` of all others.
    #[must_use]
    pub fn plain_change(from: Option<&Self>, to: Option<&Self>) -> Option<String> {
        let (from, to) = (from?, to?);
        if from.is_sum() && to.is_sum() {
            return Some("differs".into());
        }
        let (was, is) = (from.link()?, to.link()?);
        Some(format!("link to {}, was to {}", visible(is), visible(was)))
    }

    /// In a sentence: a link as `link to /bin/a`, since an arrow reads as a change, and a content's sum, which tells nobody anything, as
    /// `(content)`.
    #[must_use]
    pub fn told(&self) -> String {
        match self.link() {
            Some(target) => format!("link to {}", visible(target)),
            None if self.is_sum() => "(content)".into(),
            None => self.to_string(),
        }
    }

    /// Where it leads, if it is a link.
    fn link(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.strip_prefix("-> "),
            _ => None,
        }
    }

    /// Whether it stands for a content by its sum alone: two of them tell that it differs and no more.
    #[must_use]
    pub fn is_sum(&self) -> bool {
        matches!(self, Self::Text(text) if text.starts_with("blake3 ") || text.contains(" bytes, blake3 "))
    }

    /// The word for its sort, as in exports.
    #[must_use]
    pub fn sort(&self) -> &'static str {
        match self {
            _ if self.switch().is_some() => "bool",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Quantity(_) => "quantity",
            Self::Version(_) => "version",
            Self::Enum(_) => "enum",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Secret(_) => "secret",
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        if let (Some(on), Some(theirs)) = (self.switch(), other.switch()) {
            return on == theirs;
        }
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Quantity(a), Self::Quantity(b)) => a == b,
            (Self::Version(a), Self::Version(b)) => a == b,
            (Self::Enum(a), Self::Enum(b)) | (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Secret(a), Self::Secret(b)) => a == b,
            _ => false,
        }
    }
}

/// As shown: safe characters only, lists as `a b c=1`, a secret as the first eight digits of its hash.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(on) => write!(f, "{on}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Quantity(quantity) => quantity.fmt(f),
            Self::Version(version) => version.fmt(f),
            Self::Enum(text) | Self::Text(text) => f.write_str(&visible(text)),
            Self::List(items) => {
                for (place, (key, value)) in items.iter().enumerate() {
                    let gap = if place == 0 { "" } else { " " };
                    match value {
                        Self::Bool(true) => write!(f, "{gap}{}", visible(key))?,
                        other => write!(f, "{gap}{}={other}", visible(key))?,
                    }
                }
                Ok(())
            }
            Self::Secret(hash) => write!(f, "{hash:?}"),
        }
    }
}

impl FromStr for Value {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::infer(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_a_list_a_change_says_what_went_and_came() {
        let list = |items: &[(&str, i64)]| {
            let items = items.iter().map(|(key, value)| {
                let value = if *value == 1 {
                    Value::Bool(true)
                } else {
                    Value::Int(*value)
                };
                (Arc::from(*key), value)
            });
            Value::list(items.collect())
        };
        let (from, to) = (
            list(&[("a", 1), ("b", 2), ("c", 1)]),
            list(&[("b", 3), ("c", 1), ("d\u{1b}", 1)]),
        );
        assert_eq!(Value::change(Some(&from), Some(&to)), "-a -b=2 +b=3 +d\\u{1b}");
        assert_eq!(Value::change(Some(&Value::Int(6)), None), "6 -> (absent)");
        assert_eq!(Value::went_and_came(Some(&from), Some(&Value::Int(1))), None);
        assert_eq!(Value::change(Some(&from), Some(&from)), "a b=2 c -> a b=2 c");
    }

    #[test]
    fn of_links_and_sums_a_change_is_told_in_plain_words() {
        let text = |text: &str| Value::text(text);
        let told = |from: &str, to: &str| Value::change(Some(&text(from)), Some(&text(to)));
        assert_eq!(
            told("-> /bin/a", "-> /bin/b\u{1b}"),
            "link to /bin/b\\u{1b}, was to /bin/a"
        );
        assert_eq!(told("blake3 0123456789abcdef", "blake3 00"), "differs");
        assert_eq!(told("2000 bytes, blake3 01", "2001 bytes, blake3 02"), "differs");
        assert_eq!(told("-> /bin/a", "mode=0644"), "link to /bin/a -> mode=0644");
        assert_eq!(
            Value::change(None, Some(&text("-> /bin/a"))),
            "(absent) -> link to /bin/a"
        );
        assert_eq!(Value::change(None, Some(&text("blake3 00"))), "(absent) -> (content)");
    }

    #[test]
    fn text_is_typed_by_what_it_says() {
        assert_eq!(Value::infer("true"), Value::Bool(true));
        assert_eq!(Value::infer(" 60 "), Value::Int(60));
        assert_eq!(Value::infer("0644"), Value::text("0644"));
        assert!(matches!(Value::infer("512Mi"), Value::Quantity(_)));
        assert!(matches!(Value::infer("1.2.3"), Value::Version(_)));
        assert!(matches!(Value::infer("madvise"), Value::Enum(_)));
        assert_eq!(
            Value::infer("4096\t131072\t6291456"),
            Value::text("4096 131072 6291456")
        );
        assert_eq!(Value::infer(""), Value::text(""));
    }

    #[test]
    fn what_is_on_or_off_keeps_its_spelling() {
        for (word, on) in [
            ("yes", true),
            ("on", true),
            ("true", true),
            ("no", false),
            ("off", false),
        ] {
            let value = Value::infer(word);
            assert_eq!((value.to_string(), value.switch()), (word.to_owned(), Some(on)));
            assert_eq!(value, Value::Bool(on));
            assert!(
                !value.differs(&Value::Bool(on)) && value.differs(&Value::Bool(!on)),
                "{word}"
            );
            assert_eq!((value.number(), value.sort()), (Some(f64::from(u8::from(on))), "bool"));
        }
        assert_eq!(
            Value::change(Some(&Value::infer("no")), Some(&Value::infer("yes"))),
            "no -> yes"
        );
        assert!(Value::infer("yes").differs(&Value::infer("prohibit-password")));
        assert!(Value::infer("auto").differs(&Value::infer("on")));
        assert_eq!(Value::infer("auto").switch(), None);
    }

    #[test]
    fn equal_means_the_same() {
        assert!(!Value::infer("1000m").differs(&Value::infer("1")));
        assert!(!Value::infer("1Gi").differs(&Value::infer("1024Mi")));
        assert!(Value::infer("1Gi").differs(&Value::infer("1G")));
        assert!(Value::infer("30s").differs(&Value::infer("30")));
    }

    #[test]
    fn a_secret_shows_only_its_hash() {
        let secret = Value::Secret(SecretHash::of(&[7; 32], b"hunter2"));
        assert!(secret.to_string().starts_with("secret#"));
        assert!(!format!("{secret:?} {secret}").contains("hunter2"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("hunter2"));
        assert!(secret.differs(&Value::Secret(SecretHash::of(&[8; 32], b"hunter2"))));
    }

    proptest! {
        #[test]
        fn any_text_is_typed_and_shown_without_control_characters(text in ".*") {
            prop_assert!(!Value::infer(&text).to_string().chars().any(char::is_control));
        }

        #[test]
        fn a_value_never_differs_from_itself(text in ".{0,40}") {
            let value = Value::infer(&text);
            prop_assert!(!value.differs(&value.clone()));
        }

        #[test]
        fn values_survive_the_codecs(text in ".{0,40}") {
            let value = Value::infer(&text);
            let packed = crate::domain::packed::pack(&value).unwrap();
            prop_assert_eq!(&crate::domain::packed::unpack::<Value>(&packed).unwrap(), &value);
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }
    }
}
