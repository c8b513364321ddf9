//! Versions and their order.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

/// A version as written, ordered by the rules of its scheme.
///
/// The order is Debian's (Debian Policy §5.6.12): `1.0~rc1 < 1.0 < 1.0-1 < 1.10`; a semantic pre-release (`1.0.0-rc.1`)
/// comes before its release too.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// Takes the text as a version.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text as a version when it has the look of one: an optional `v`, then two or more dotted numbers.
    #[must_use]
    pub fn looks_like_one(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let mut parts = bare.splitn(3, '.');
        let number = |part: Option<&str>| {
            part.is_some_and(|p| !p.is_empty() && p.len() < 9 && p.bytes().all(|b| b.is_ascii_digit()))
        };
        let dotted = number(parts.next()) && number(parts.next());
        let rest = parts.next()?;
        // Four dotted numbers are an address.
        let address = rest.split('.').count() >= 2 && rest.split('.').all(|p| number(Some(p)));
        let clean = rest
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '~'));
        (dotted && rest.starts_with(|c: char| c.is_ascii_digit()) && clean && !address).then(|| Self::new(text))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // A text Debian's grammar refuses comes before all that it takes, so that the order stays total.
        self.key().cmp(&other.key()).then_with(|| self.0.cmp(&other.0))
    }
}

impl Version {
    fn key(&self) -> Option<debversion::Version> {
        let bare = self.0.strip_prefix('v').unwrap_or(&self.0);
        // Elsewhere a release candidate is `1.0-rc1`; Debian writes `1.0~rc1` to sort it before 1.0.
        let early = ["-alpha", "-beta", "-rc", "-pre", "-dev"]
            .iter()
            .find_map(|word| bare.find(word));
        match early {
            Some(at) => format!("{}~{}", &bare[..at], &bare[at + 1..]).parse().ok(),
            None => bare.parse().ok(),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::text::visible(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_as_its_packagers_do() {
        let v = Version::new;
        assert!(v("1.9.0") < v("1.10.0"));
        assert!(v("1.0.0-rc.1") < v("1.0.0"));
        assert!(v("252.39-1~deb12u1") < v("252.39-1"));
        assert!(v("1:0.9") > v("2.0"));
        assert!(Version::looks_like_one("10.0.0.1").is_none());
        assert!(Version::looks_like_one("v1.29.3").is_some());
        assert!(Version::looks_like_one("6.1.0-18-amd64").is_some());
        assert!(Version::looks_like_one("3.14").is_none());
    }

    proptest! {
        #[test]
        fn order_is_one_way(a in "[0-9]{1,3}(\\.[0-9]{1,3}){1,3}(~rc[0-9]|-[0-9])?", b in "[0-9]{1,3}(\\.[0-9]{1,3}){1,3}(~rc[0-9]|-[0-9])?") {
            let (x, y) = (Version::new(&a), Version::new(&b));
            prop_assert_eq!(x.cmp(&y), y.cmp(&x).reverse());
        }
    }
}
