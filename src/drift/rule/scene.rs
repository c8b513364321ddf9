//! What rules look at: the settings and the minutes of one resource, or of an example.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    domain::{ResourceId, SeriesId, Span, Timestamp, Tree, Value, Version},
    shadow::{Minute, Shadows},
};

/// One resource, as rules look at it.
pub(in crate::drift) trait Scene {
    fn setting(&self, name: &str) -> Option<&Value>;
    /// Settings whose names begin so.
    fn settings(&self, stem: &str) -> Vec<(&str, &Value)>;
    /// A metric's minutes, oldest first.
    fn minutes(&self, name: &str) -> Option<&VecDeque<Minute>>;
    /// Names of the metrics that begin so.
    fn metrics(&self, stem: &str) -> Vec<&str>;
}

/// A resource among the shadows.
pub(in crate::drift) struct Here<'a> {
    pub shadows: &'a Shadows,
    pub resource: &'a ResourceId,
}

impl Here<'_> {
    fn id(&self, name: &str) -> SeriesId {
        SeriesId::new(self.resource, name)
    }
}

impl Scene for Here<'_> {
    fn setting(&self, name: &str) -> Option<&Value> {
        self.shadows.settings.get(&self.id(name)).map(|state| &state.value)
    }

    fn settings(&self, stem: &str) -> Vec<(&str, &Value)> {
        let from = self.shadows.settings.all().range(self.id(stem)..);
        from.take_while(|(id, _)| id.resource == *self.resource && id.name.starts_with(stem))
            .map(|(id, state)| (&*id.name, &state.value))
            .collect()
    }

    fn minutes(&self, name: &str) -> Option<&VecDeque<Minute>> {
        self.shadows.metrics.get(&self.id(name)).map(|metric| &metric.minutes)
    }

    fn metrics(&self, stem: &str) -> Vec<&str> {
        let from = self.shadows.metrics.range(self.id(stem)..);
        from.take_while(|(id, _)| id.resource == *self.resource && id.name.starts_with(stem))
            .map(|(id, _)| &*id.name)
            .collect()
    }
}

/// The example of a rule: values by name; a list is the minutes of a metric.
#[derive(Default)]
pub(super) struct Example {
    settings: BTreeMap<Box<str>, Value>,
    metrics: BTreeMap<Box<str>, VecDeque<Minute>>,
}

impl Example {
    /// `None` when the tree is no example of a resource. The last minute of a metric ends at `now`.
    pub fn of(tree: &Tree, now: Timestamp) -> Option<Self> {
        let Tree::Map(fields) = tree else { return None };
        let mut example = Self::default();
        for (name, value) in fields {
            match value {
                Tree::List(items) => {
                    let values: Option<Vec<f64>> = items
                        .iter()
                        .map(|item| item.scalar().and_then(|text| text.parse().ok()))
                        .collect();
                    example.metrics.insert(name.clone(), minutes(&values?, now));
                }
                scalar => {
                    let text = scalar.scalar()?;
                    let value = match name.starts_with("pkg.") {
                        true => Value::Version(Version::new(&text)),
                        false => Value::infer(&text),
                    };
                    example.settings.insert(name.clone(), value);
                }
            }
        }
        Some(example)
    }
}

fn minutes(values: &[f64], now: Timestamp) -> VecDeque<Minute> {
    let count = values.len() as i64;
    let minute = |(place, value): (usize, &f64)| Minute {
        at: (now - Span::from_mins(count - place as i64)).floor(Span::from_mins(1)),
        count: 1,
        min: *value,
        max: *value,
        last: *value,
        bits: 0.0,
        band: None,
    };
    values.iter().enumerate().map(minute).collect()
}

impl Scene for Example {
    fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }

    fn settings(&self, stem: &str) -> Vec<(&str, &Value)> {
        let fits = self.settings.iter().filter(|(name, _)| name.starts_with(stem));
        fits.map(|(name, value)| (&**name, value)).collect()
    }

    fn minutes(&self, name: &str) -> Option<&VecDeque<Minute>> {
        self.metrics.get(name)
    }

    fn metrics(&self, stem: &str) -> Vec<&str> {
        self.metrics
            .keys()
            .map(|name| &**name)
            .filter(|name| name.starts_with(stem))
            .collect()
    }
}
