//! What a Prometheus answers: `/api/v1/query`, `query_range`, `metadata` and `targets` (its HTTP API, stable since 2.0).

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Deserializer};

use crate::domain::{Point, Timestamp};

/// The frame of every answer.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub status: Box<str>,
    // Without a default of `T`.
    #[serde(default = "Option::default")]
    pub data: Option<T>,
    #[serde(default)]
    pub error: Option<String>,
}

/// Labels by name.
pub(super) type Labels = BTreeMap<String, String>;

/// The data of a query.
#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    Vector(Vec<Instant>),
    Matrix(Vec<Ranged>),
    Scalar(Sample),
    String(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
pub(super) struct Instant {
    #[serde(default)]
    metric: Labels,
    /// Missing where the value is a native histogram.
    #[serde(default)]
    value: Option<Sample>,
}

#[derive(Deserialize)]
pub(super) struct Ranged {
    #[serde(default)]
    metric: Labels,
    #[serde(default)]
    values: Vec<Sample>,
}

/// A time and a value; NaN where none is written.
#[derive(Clone, Copy)]
pub(super) struct Sample(Point);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (secs, value) = <(f64, Cow<'de, str>)>::deserialize(from)?;
        Ok(Self(Point {
            // A float beyond all times becomes the first or the last of them, which nobody asked for.
            at: Timestamp((secs * 1e6).round() as i64),
            value: value.parse().unwrap_or(f64::NAN),
        }))
    }
}

/// One series of an answer, oldest value first.
pub(super) struct Series {
    pub labels: Labels,
    pub points: Vec<Point>,
}

impl Data {
    /// Its series, each with at least one value that is a finite number between `from` and `to`, in rising time; by labels.
    pub(super) fn series(self, from: Timestamp, to: Timestamp) -> Vec<Series> {
        let all: Vec<(Labels, Vec<Sample>)> = match self {
            Self::Vector(all) => (all.into_iter())
                .map(|one| (one.metric, one.value.into_iter().collect()))
                .collect(),
            Self::Matrix(all) => all.into_iter().map(|one| (one.metric, one.values)).collect(),
            Self::Scalar(sample) => vec![(Labels::new(), vec![sample])],
            Self::String(_) => Vec::new(),
        };
        let mut all: Vec<Series> = all
            .into_iter()
            .filter_map(|(labels, samples)| {
                let mut newest = None;
                let sound = samples.into_iter().map(|Sample(point)| point).filter(|point| {
                    let sound = point.value.is_finite() && (from..=to).contains(&point.at);
                    sound && newest.replace(point.at).is_none_or(|before| before < point.at)
                });
                let points: Vec<Point> = sound.collect();
                (!points.is_empty()).then_some(Series { labels, points })
            })
            .collect();
        all.sort_by(|a, b| a.labels.cmp(&b.labels));
        all
    }
}

/// What is known of the metrics of one name, by that name.
pub(super) type Metadata = BTreeMap<String, Vec<Meta>>;

#[derive(Deserialize)]
pub(super) struct Meta {
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// What is scraped.
#[derive(Default, Deserialize)]
pub(super) struct Targets {
    #[serde(rename = "activeTargets", default)]
    pub active: Vec<Target>,
}

#[derive(Deserialize)]
pub(super) struct Target {
    #[serde(default)]
    pub labels: Labels,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(text: &str) -> Vec<Series> {
        let envelope: Envelope<Data> = serde_json::from_str(text).unwrap();
        envelope
            .data
            .unwrap()
            .series(Timestamp::from_secs(0), Timestamp::from_secs(100))
    }

    fn values(series: &Series) -> Vec<(i64, f64)> {
        series
            .points
            .iter()
            .map(|point| (point.at.secs(), point.value))
            .collect()
    }

    #[test]
    fn a_range_leaves_out_what_is_no_number_and_what_was_not_asked_for() {
        let all = series(
            r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"instance":"b"},"values":[[10,"1"],[20,"NaN"],[30,"+Inf"],[40,"-Inf"],[50,"2.5e3"],[50,"3"],[45,"4"],[500,"5"]]},
            {"metric":{"instance":"a"},"values":[[10.5,"7"]]},
            {"metric":{"instance":"c"},"values":[]},
            {"metric":{"instance":"d"},"histograms":[[10,{"count":"1"}]]}]}}"#,
        );
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].points[0].at, Timestamp(10_500_000));
        assert_eq!(values(&all[1]), [(10, 1.0), (50, 2_500.0)]);
    }

    #[test]
    fn a_vector_a_scalar_and_a_text() {
        let all = series(
            r#"{"status":"success","data":{"result":[{"metric":{"__name__":"up"},"value":[1,"1"]},{"metric":{}}],"resultType":"vector"}}"#,
        );
        assert_eq!((all.len(), &*all[0].labels["__name__"]), (1, "up"));
        let all = series(r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#);
        assert_eq!(values(&all[0]), [(1, 2.0)]);
        assert!(series(r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#).is_empty());
    }

    proptest! {
        #[test]
        fn any_times_and_values_are_in_order_and_finite(samples in prop::collection::vec((any::<f64>(), ".{0,6}"), 0..20)) {
            let data = Data::Matrix(vec![Ranged {
                metric: Labels::new(),
                values: samples
                    .into_iter()
                    .map(|(secs, value)| serde_json::from_value(serde_json::json!([if secs.is_finite() { secs } else { 0.0 }, value])).unwrap())
                    .collect(),
            }]);
            for series in data.series(Timestamp::from_secs(-5), Timestamp::from_secs(5)) {
                prop_assert!(series.points.windows(2).all(|pair| pair[0].at < pair[1].at));
                prop_assert!(series.points.iter().all(|point| point.value.is_finite()));
            }
        }
    }
}
