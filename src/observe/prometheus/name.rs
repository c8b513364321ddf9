//! From the labels of Prometheus to resources and series.

use std::{borrow::Cow, collections::BTreeSet, fmt::Write};

use super::answer::Labels;
use crate::domain::{MetricKind, ResourceId, Unit};

/// Longest name of a resource or series, bytes; what is longer ends with its hash.
const LONGEST: usize = 200;

/// The name of the metric that `promql` selects, when it does nothing else: `node_load1`, `up{job="node"}`.
#[must_use]
pub fn selected(promql: &str) -> Option<&str> {
    let promql = promql.trim();
    let end = promql
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(promql.len());
    let (name, rest) = promql.split_at(end);
    let sound = name.starts_with(|c: char| !c.is_ascii_digit());
    (sound && (rest.trim().is_empty() || is_matchers(rest.trim()))).then_some(name)
}

/// Whether `text` is one pair of braces and what stands in it.
fn is_matchers(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return false;
    };
    let (mut quote, mut escaped) = (None, false);
    for c in inner.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(open) if c == '\\' => escaped = open != '`',
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if matches!(c, '{' | '}') => return false,
            None => {}
        }
    }
    quote.is_none()
}

/// A name with places for labels: `fs.{mountpoint}.used_pct`.
pub(super) struct Template(String);

impl Template {
    pub(super) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name of the series with `labels`: those that stand in the template are put there, those of `taken` are told by the
    /// resource, and all others follow in braces.
    pub(super) fn name(&self, labels: &Labels, taken: &BTreeSet<String>) -> String {
        let (mut name, mut used) = (String::new(), BTreeSet::new());
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            name.push_str(before);
            let Some((label, after)) = after.split_once('}') else {
                name.push('{');
                rest = after;
                continue;
            };
            used.insert(label);
            name.push_str(labels.get(label).map_or("none", String::as_str));
            rest = after;
        }
        name.push_str(rest);
        let others = labels
            .iter()
            .filter(|(label, value)| !(value.is_empty() || taken.contains(*label) || used.contains(label.as_str())));
        let mut mark = '{';
        for (label, value) in others {
            let _ = write!(name, "{mark}{label}={value:?}");
            mark = ',';
        }
        if mark == ',' {
            name.push('}');
        }
        bounded(name)
    }

    /// What every name of it looks like, for [`crate::domain::matches`]: without other labels, and with them.
    pub(super) fn patterns(&self) -> [String; 2] {
        let mut pattern = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            pattern.push_str(before);
            pattern.push('*');
            rest = after.split_once('}').map_or("", |(_, after)| after);
        }
        pattern.push_str(rest);
        let labelled = format!("{pattern}{{*}}");
        [pattern, labelled]
    }
}

/// Whose the series with `labels` is: its target's, or `own` where none is named.
pub(super) fn resource(labels: &Labels, own: &ResourceId) -> ResourceId {
    match labels.get("instance").filter(|instance| !instance.is_empty()) {
        Some(instance) => ResourceId::new("target", &bounded(instance.clone())),
        None => own.clone(),
    }
}

/// The server of `url` as a resource: `prometheus:localhost:9090`.
pub(super) fn server(url: &str) -> ResourceId {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    ResourceId::new("prometheus", host.split('/').next().unwrap_or(host))
}

fn bounded(mut name: String) -> String {
    if name.len() > LONGEST {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        name.truncate(name.floor_char_boundary(LONGEST - 17));
        let _ = write!(name, "~{}", &hash[..16]);
    }
    name
}

/// What the values of a metric count, by the ending of its name (Prometheus' naming conventions, and this program's own).
#[must_use]
pub fn unit(name: &str, rate: bool) -> (Unit, MetricKind) {
    let name = name.split('{').next().unwrap_or(name);
    let (name, per_second) = match name.strip_suffix("_per_s").or_else(|| name.strip_suffix("_per_second")) {
        Some(name) => (Cow::Borrowed(name), true),
        None => (Cow::Borrowed(name.strip_suffix("_total").unwrap_or(name)), rate),
    };
    let last = name.rsplit(['_', '.', ':']).next().unwrap_or_default();
    let unit = match (last, per_second) {
        ("bytes", false) => Unit::Bytes,
        ("bytes", true) => Unit::BytesPerSec,
        ("pct" | "percent", _) => Unit::Percent,
        // Seconds a second are a share.
        ("seconds" | "secs", true) | ("ratio", _) => Unit::None,
        ("seconds" | "secs", false) => Unit::Secs,
        ("celsius", false) => Unit::Celsius,
        ("hertz", false) => Unit::Hertz,
        (_, true) | ("ps" | "rps" | "qps", _) => Unit::PerSec,
        ("count", false) => Unit::Count,
        _ => Unit::None,
    };
    (unit, if rate { MetricKind::Rate } else { MetricKind::Gauge })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{SeriesId, matches};

    fn labels(all: &[(&str, &str)]) -> Labels {
        all.iter()
            .map(|(label, value)| ((*label).into(), (*value).into()))
            .collect()
    }

    fn taken() -> BTreeSet<String> {
        ["__name__", "instance", "job"].map(String::from).into()
    }

    #[test]
    fn a_selector_is_a_name_with_nothing_but_matchers() {
        for (promql, name) in [
            ("node_load1", Some("node_load1")),
            (" up { job=\"no}de\" } ", Some("up")),
            ("job:req:rate5m{a='\\'}'}", Some("job:req:rate5m")),
            ("rate(x[5m])", None),
            ("a{b=\"c\"} / d{e=\"f\"}", None),
            ("a offset 5m", None),
            ("{job=\"x\"}", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(selected(promql), name, "{promql}");
        }
    }

    #[test]
    fn labels_stand_where_the_name_wants_them_and_else_behind_it() {
        let fs = labels(&[
            ("__name__", "x"),
            ("instance", "web-1:9100"),
            ("job", "node"),
            ("mountpoint", "/var"),
        ]);
        let name = |template: &str, labels: &Labels| Template::new(template).name(labels, &taken());
        assert_eq!(name("fs.{mountpoint}.used_pct", &fs), "fs./var.used_pct");
        assert_eq!(name("x", &fs), "x{mountpoint=\"/var\"}");
        assert_eq!(name("x.{device}", &labels(&[])), "x.none");
        assert_eq!(name("x.{device", &labels(&[])), "x.{device");
        let own = server("https://prom.example:9090/prefix/");
        assert_eq!(own.as_str(), "prometheus:prom.example:9090");
        assert_eq!(resource(&fs, &own).as_str(), "target:web-1:9100");
        assert_eq!(resource(&labels(&[("instance", "")]), &own), own);
    }

    #[test]
    fn names_say_what_is_counted() {
        let cases = [
            (("node_network_receive_bytes_total", true), Unit::BytesPerSec),
            (("net.eth0.rx_bytes_per_s", true), Unit::BytesPerSec),
            (("node_memory_MemFree_bytes", false), Unit::Bytes),
            (("cpu.busy_pct", false), Unit::Percent),
            (("node_cpu_seconds_total", true), Unit::None),
            (("http_requests_total", true), Unit::PerSec),
            (("x_bytes{device=\"a_pct\"}", false), Unit::Bytes),
            (("node_load1", false), Unit::None),
        ];
        for ((name, rate), wanted) in cases {
            assert_eq!(unit(name, rate).0, wanted, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_bounded_clean_and_of_its_pattern(template in "[a-z]{1,4}(\\.\\{(a|b)\\})?(\\.[a-z_]{1,5})?", value in ".{0,300}", other in ".{0,40}") {
            let template = Template::new(&template);
            let name = template.name(&labels(&[("a", &value), ("z", &other)]), &taken());
            prop_assert!(name.len() <= LONGEST);
            let id = SeriesId::new(&server("http://x"), &name);
            prop_assert!(!id.name.chars().any(char::is_control));
            if name.len() < 150 {
                prop_assert!(template.patterns().iter().any(|pattern| matches(pattern, &name)), "{name}");
            }
        }
    }
}
