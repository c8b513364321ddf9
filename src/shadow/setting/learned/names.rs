//! Texts by number.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

/// Each text once, numbered in the order of coming.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Arc<str>>", into = "Vec<Arc<str>>")]
pub struct Names {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Names {
    /// The number of `text`, a new one where it was never seen.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (text, number) = (Arc::<str>::from(text), self.texts.len() as u32);
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// The number of `text`, if it was ever seen.
    #[must_use]
    pub fn known(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number given out by [`Names::number`].
    #[must_use]
    pub fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    /// The shared text of a number given out by [`Names::number`].
    #[must_use]
    pub fn shared(&self, number: u32) -> Arc<str> {
        self.texts[number as usize].clone()
    }
}

impl From<Vec<Arc<str>>> for Names {
    fn from(texts: Vec<Arc<str>>) -> Self {
        let numbers = texts.iter().zip(0..).map(|(text, number)| (text.clone(), number));
        Self {
            numbers: numbers.collect(),
            texts,
        }
    }
}

impl From<Names> for Vec<Arc<str>> {
    fn from(names: Names) -> Self {
        names.texts
    }
}
