//! What the files of a history are called: one that is renamed keeps the name it had at first, so that its settings are the same.

use std::collections::{BTreeMap, BTreeSet};

/// The names that files keep.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// By the present paths of renamed files.
    kept: BTreeMap<String, String>,
    /// Names that are kept by files at other paths.
    taken: BTreeSet<String>,
}

impl Called {
    /// The name of the file at `path`; one that came to where a renamed file was at first is told from that.
    pub fn name(&self, path: &str) -> String {
        match self.kept.get(path) {
            Some(name) => name.clone(),
            None if self.taken.contains(path) => format!("{path} (2)"),
            None => path.into(),
        }
    }

    /// Files were renamed, each from one path to another, all at once.
    pub fn renamed<'p>(&mut self, files: impl Iterator<Item = (&'p str, &'p str)>) {
        let files: Vec<(&str, String)> = files.map(|(from, to)| (to, self.gone(from))).collect();
        for (to, name) in files {
            if name != to {
                self.taken.insert(name.clone());
                self.kept.insert(to.into(), name);
            }
        }
    }

    /// No file is at `path` any more; gives the name it had.
    pub fn gone(&mut self, path: &str) -> String {
        let name = self.name(path);
        if self.kept.remove(path).is_some() {
            self.taken.remove(&name);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_file_keeps_its_first_name_and_others_are_told_from_it() {
        let mut called = Called::default();
        called.renamed([("a", "b")].into_iter());
        called.renamed([("b", "c"), ("d", "b")].into_iter());
        assert_eq!(
            (&*called.name("c"), &*called.name("b"), &*called.name("a")),
            ("a", "d", "a (2)")
        );
        // Two change places, and one comes home.
        called.renamed([("c", "b"), ("b", "c")].into_iter());
        assert_eq!((&*called.name("b"), &*called.name("c")), ("a", "d"));
        called.renamed([("b", "a")].into_iter());
        assert_eq!((&*called.name("a"), &*called.name("b")), ("a", "b"));
        called.gone("c");
        assert_eq!(&*called.name("d"), "d");
    }
}
