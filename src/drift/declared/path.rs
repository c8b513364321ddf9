//! Where in a document something stands.

use std::fmt;

/// One step into a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A key of a map.
    Key(Box<str>),
    /// The item of a list that is identified by a key of its own.
    Item {
        /// Which of its keys identifies it.
        key: Box<str>,
        /// What that says.
        value: Box<str>,
    },
    /// A place in a list, from 0.
    Index(usize),
}

/// The way to a value, from the root; the empty path is the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path with keys only in it.
    #[must_use]
    pub fn keys(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).into())).collect())
    }

    /// The keys of maps in it, without the steps into lists.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(&**key),
            _ => None,
        })
    }

    /// For people: `spec.containers[web].image`.
    #[must_use]
    pub fn brief(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Key(key) if key.is_empty() || key.contains(['.', '/', '[', ' ']) => {
                    text.push_str(&format!("[\"{key}\"]"));
                }
                Step::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(key);
                }
                Step::Item { value, .. } => text.push_str(&format!("[{value}]")),
                Step::Index(place) => text.push_str(&format!("[{place}]")),
            }
        }
        text
    }
}

impl fmt::Display for Path {
    /// As a JSON pointer (RFC 6901) whose steps into lists may be `[name=web]`; `/` is the whole document.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        for step in &self.0 {
            match step {
                Step::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
                Step::Item { key, value } => write!(f, "/[{key}={value}]")?,
                Step::Index(place) => write!(f, "/{place}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_pointer_with_identities() {
        let mut path = Path::keys(&["spec", "a/b~c"]);
        path.0.push(Step::Item {
            key: "name".into(),
            value: "web".into(),
        });
        path.0.push(Step::Index(2));
        assert_eq!(path.to_string(), "/spec/a~1b~0c/[name=web]/2");
        assert_eq!(path.brief(), "spec[\"a/b~c\"][web][2]");
        assert_eq!(Path::default().to_string(), "/");
    }
}
