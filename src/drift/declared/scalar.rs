//! Whether two single values mean the same.

use core::net::IpAddr;

use crate::domain::{Quantity, Tree, Unit};

/// How closely two single values have to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// As written; `"8"` is 8, `"true"` is true.
    Written,
    /// By what they mean: numbers, quantities with a suffix, durations, addresses.
    Meant,
    /// As quantities, suffix or not.
    Amount,
    /// As two states of one thing that the same program wrote: as written, but for a text of JSON, which is taken by what it says.
    State,
    /// As the settings of a plain file, whose readers are not known: by what they mean, where every reader takes them alike. Switches
    /// and levels have no case, ranges of versions no order; `1.10` and `1.1` are two versions even where one is written as a number.
    Setting,
    /// As images of containers: `nginx` is `docker.io/library/nginx:latest`.
    Image,
}

/// Words whose capitals mean nothing to those who read settings: switches, and the levels of logs (RFC 5424, log4j, Python).
const WORDS: [&str; 24] = [
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "trace",
    "debug",
    "verbose",
    "info",
    "notice",
    "warn",
    "warning",
    "error",
    "err",
    "crit",
    "critical",
    "alert",
    "emerg",
    "emergency",
    "fatal",
    "panic",
    "none",
    "all",
];

/// Whether two single values say the same.
pub(super) fn same(a: &Tree, b: &Tree, likeness: Likeness) -> bool {
    match (a, b) {
        (Tree::Secret(a), Tree::Secret(b)) => return a == b,
        (Tree::Secret(_), _) | (_, Tree::Secret(_)) => return false,
        (Tree::Bool(a), Tree::Bool(b)) => return a == b,
        (Tree::Int(a), Tree::Int(b)) => return a == b,
        (Tree::Float(a), Tree::Float(b)) => return a == b,
        (Tree::Int(int), Tree::Float(float)) | (Tree::Float(float), Tree::Int(int)) => {
            // The range of i64 lies well within that of i128, and all whole floats there are exact.
            return float.fract() == 0.0 && float.abs() < 1e19 && *float as i128 == i128::from(*int);
        }
        _ => {}
    }
    let (Some(x), Some(y)) = (a.scalar(), b.scalar()) else {
        return false;
    };
    if x == y {
        return true;
    }
    // Beyond what a float holds exactly, whole numbers are compared as such.
    if let (Ok(x), Ok(y)) = (x.parse::<i128>(), y.parse::<i128>())
        && x != y
    {
        return false;
    }
    match likeness {
        Likeness::Written => false,
        Likeness::Image => image(&x) == image(&y),
        Likeness::Amount => near(amount(&x), amount(&y)),
        Likeness::State => same_json(&x, &y),
        Likeness::Setting if plain(&x) && plain(&y) => {
            // `"1.0"` is 1.0.
            let as_text = |float: &Tree, text: &Tree| match (float, text) {
                (Tree::Float(float), Tree::Text(text)) => format!("{float:?}") == **text,
                _ => false,
            };
            as_text(a, b) || as_text(b, a)
        }
        Likeness::Setting if x.eq_ignore_ascii_case(&y) => {
            WORDS.contains(&&*x.to_ascii_lowercase()) || same_net(&x, &y)
        }
        Likeness::Setting if range(&x).is_some_and(|range_of| range(&y) == Some(range_of)) => true,
        Likeness::Meant | Likeness::Setting => {
            // `1.10` and `1.1` are two versions, unless one of them is written as a number.
            let typed = |tree: &Tree| !matches!(tree, Tree::Text(_));
            let text_only = !typed(a) && !typed(b) && plain(&x) && plain(&y);
            !text_only && near(amount(&x), amount(&y))
                || near(seconds(&x), seconds(&y))
                || same_net(&x, &y)
                || same_json(&x, &y)
        }
    }
}

fn plain(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// An image with all that is left out of it by custom (distribution/reference, `ParseNormalizedNamed`): the registry, its library, the
/// tag. What is pinned by its digest is that, whatever tag stands beside it.
fn image(text: &str) -> String {
    let (name, digest) = text
        .split_once('@')
        .map_or((text, None), |(name, digest)| (name, Some(digest)));
    let (first, rest) = name.split_once('/').unwrap_or(("", name));
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let (host, path) = if is_host { (first, rest) } else { ("docker.io", name) };
    let host = if host == "index.docker.io" { "docker.io" } else { host };
    let library = if host == "docker.io" && !path.contains('/') {
        "library/"
    } else {
        ""
    };
    let tagged = path.rsplit('/').next().is_some_and(|last| last.contains(':'));
    match digest {
        Some(digest) => {
            let bare = path.rsplit_once(':').filter(|_| tagged).map_or(path, |(bare, _)| bare);
            format!("{host}/{library}{bare}@{digest}")
        }
        None if tagged => format!("{host}/{library}{path}"),
        None => format!("{host}/{library}{path}:latest"),
    }
}

/// A range of versions as its bounds in order, `>=1.2 <2` as `< 2, >= 1.2`; `None` of what is none. A bound without its last numbers is
/// the same where they are 0: `>=1.2` is `>=1.2.0`.
fn range(text: &str) -> Option<Vec<(&str, &str)>> {
    let is_operator = |c: char| matches!(c, '<' | '>' | '=' | '!' | '~' | '^');
    let mut rest = text.trim();
    let mut bounds = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_operator(c)).filter(|end| *end > 0)?;
        let (operator, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after
            .find(|c: char| is_operator(c) || c == ',' || c.is_whitespace())
            .unwrap_or(after.len());
        let mut version = &after[..end];
        let known = version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '*'));
        if !known || !version.starts_with(|c: char| c.is_ascii_digit() || c == 'v') {
            return None;
        }
        while let Some(shorter) = version.strip_suffix(".0").filter(|_| matches!(operator, ">=" | "<")) {
            version = shorter;
        }
        bounds.push((if operator == "==" { "=" } else { operator }, version));
        rest = after[end..].trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    }
    bounds.sort_unstable();
    Some(bounds).filter(|bounds| !bounds.is_empty())
}

/// Whether both are JSON objects or lists that say the same, whatever the order of their keys.
fn same_json(a: &str, b: &str) -> bool {
    let read = |text: &str| {
        let text = text.trim();
        let value = || serde_json::from_str::<serde_json::Value>(text).ok();
        text.starts_with(['{', '[']).then(value).flatten()
    };
    read(a).is_some_and(|ours| read(b) == Some(ours))
}

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    // 0.1 and 100m are equal although neither has an exact binary form.
    matches!((a, b), (Some(a), Some(b)) if (a - b).abs() <= 1e-12 * a.abs().max(b.abs()))
}

/// What a Kubernetes quantity amounts to (apimachinery `resource.Quantity`): plain, with an exponent, or with one of the suffixes
/// n u m k M G T P E Ki Mi Gi Ti Pi Ei.
fn amount(text: &str) -> Option<f64> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    if let Ok(plain) = text.parse::<f64>() {
        return plain.is_finite().then_some(plain);
    }
    for (suffix, factor) in [("n", 1e-9), ("u", 1e-6)] {
        if let Some(digits) = text.strip_suffix(suffix) {
            return digits.parse::<f64>().ok().map(|number| number * factor);
        }
    }
    let quantity: Quantity = text.parse().ok()?;
    matches!(quantity.unit(), Unit::None | Unit::Bytes | Unit::Cores).then(|| quantity.base())
}

/// Seconds of a duration as Go, Prometheus and systemd take it (`1h30m`, `90m0s`, `250ms`, `1d`, `5min`).
fn seconds(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "w" => 604_800.0,
                "d" => 86_400.0,
                "h" => 3600.0,
                "m" | "min" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}

/// Whether two addresses, with or without the length of a prefix, are the same network: at least one is written as such, without the
/// bits of a host. `10.1.2.3/8` and `10.1.2.4/8` are two hosts.
fn same_net(a: &str, b: &str) -> bool {
    let net = |text: &str| {
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().ok()?;
        let (all, size) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let bits: u32 = bits
            .map_or(Some(size), |bits| bits.parse().ok())
            .filter(|bits| *bits <= size)?;
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Some(((size, bits, all & mask), all))
    };
    let (Some((ours, x)), Some((theirs, y))) = (net(a), net(b)) else {
        return false;
    };
    a.contains(['.', ':']) && ours == theirs && (x == y || x == ours.2 || y == theirs.2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(a: &str, b: &str, likeness: Likeness) -> bool {
        same(&Tree::text(a), &Tree::text(b), likeness)
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        for (a, b) in [
            ("1000m", "1"),
            ("1Gi", "1024Mi"),
            ("1Gi", "1073741824"),
            ("0.5", "500m"),
            ("1e3", "1k"),
            ("100n", "0.1u"),
        ] {
            assert!(text(a, b, Likeness::Amount), "{a} {b}");
            assert!(!text(a, b, Likeness::Written), "{a} {b}");
        }
        assert!(!text("1Gi", "1G", Likeness::Amount));
        for (a, b) in [
            ("1h30m", "90m0s"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("::1", "0:0:0:0:0:0:0:1"),
            ("2", "2000m"),
        ] {
            assert!(text(a, b, Likeness::Meant), "{a} {b}");
        }
        for (a, b) in [
            ("1.10", "1.1"),
            ("10.0.0.0/8", "10.0.0.0/9"),
            ("10.1.2.3/8", "10.1.2.4/8"),
            ("abc", "ABC"),
            ("", "0"),
        ] {
            assert!(!text(a, b, Likeness::Meant), "{a} {b}");
        }
        let (a, b) = ("12345678901234567890", "12345678901234567891");
        for likeness in [Likeness::Amount, Likeness::Meant, Likeness::Setting] {
            assert!(!text(a, b, likeness), "{likeness:?}");
        }
        assert!(!same(
            &Tree::Int(i64::MAX),
            &Tree::Float(i64::MAX as f64),
            Likeness::Meant
        ));
        assert!(same(&Tree::Int(3), &Tree::Float(3.0), Likeness::Setting));
        let (a, b) = (r#"{"Version": "1", "Deny": ["a"]}"#, r#"{"Deny":["a"],"Version":"1"}"#);
        assert!(text(a, b, Likeness::State) && !text(a, b, Likeness::Written));
        assert!(!text(a, r#"{"Deny":["A"],"Version":"1"}"#, Likeness::State));
        assert!(!text("Prod", "prod", Likeness::State) && !text("1h", "60m", Likeness::State));
        assert!(same(&Tree::Int(8), &Tree::text("8"), Likeness::Written));
        assert!(same(&Tree::Float(0.5), &Tree::text("500m"), Likeness::Amount));
        assert!(same(&Tree::Bool(true), &Tree::text("true"), Likeness::Written));
        assert!(!same(&Tree::Int(1), &Tree::Bool(true), Likeness::Meant));
    }

    #[test]
    fn the_settings_of_a_file_agree_as_their_readers_take_them() {
        for (a, b) in [
            ("1024Mi", "1Gi"),
            ("90s", "1m30s"),
            ("5min", "300s"),
            ("1d", "24h"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("INFO", "info"),
            ("true", "TRUE"),
            (">=1.2 <2", "< 2, >= 1.2"),
            (">=1.2.0", ">= 1.2"),
        ] {
            assert!(text(a, b, Likeness::Setting), "{a} {b}");
        }
        for (a, b) in [
            ("Shop", "shop"),
            ("1.10", "1.1"),
            ("08", "8"),
            (">=1.2", ">1.2"),
            ("~>1.2", "~>1.2.0"),
            ("abc", "abd"),
        ] {
            assert!(!text(a, b, Likeness::Setting), "{a} {b}");
        }
        assert!(same(&Tree::Float(1.0), &Tree::text("1.0"), Likeness::Setting));
        assert!(!same(&Tree::Float(1.1), &Tree::text("1.10"), Likeness::Setting));
        assert!(same(&Tree::Bool(true), &Tree::text("TRUE"), Likeness::Setting));
    }

    #[test]
    fn what_is_left_out_of_an_image_is_known() {
        for (a, b) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("bitnami/redis:7", "index.docker.io/bitnami/redis:7"),
            ("localhost:5000/web", "localhost:5000/web:latest"),
            ("localhost:5000/nginx:1.25@sha256:a", "localhost:5000/nginx@sha256:a"),
        ] {
            assert!(text(a, b, Likeness::Image), "{a} {b}");
        }
        for (a, b) in [
            ("nginx", "nginx:1"),
            ("nginx", "quay.io/nginx"),
            ("nginx@sha256:a", "nginx@sha256:b"),
        ] {
            assert!(!text(a, b, Likeness::Image), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn likeness_has_no_side_and_no_panic(a in ".{0,12}", b in "[-+0-9.]{0,6}[a-zA-Z/:]{0,3}[0-9]{0,3}") {
            for likeness in [
                Likeness::Written,
                Likeness::Meant,
                Likeness::Amount,
                Likeness::State,
                Likeness::Setting,
                Likeness::Image,
            ] {
                prop_assert_eq!(text(&a, &b, likeness), text(&b, &a, likeness));
                prop_assert!(text(&b, &b, likeness));
            }
        }
    }
}
