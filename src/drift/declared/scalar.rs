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
    /// By what they mean, and capitals mean nothing.
    AnyCase,
}

/// Whether two single values say the same.
pub(super) fn same(a: &Tree, b: &Tree, likeness: Likeness) -> bool {
    match (a, b) {
        (Tree::Secret(a), Tree::Secret(b)) => return a == b,
        (Tree::Secret(_), _) | (_, Tree::Secret(_)) => return false,
        (Tree::Bool(a), Tree::Bool(b)) => return a == b,
        (Tree::Int(a), Tree::Int(b)) => return a == b,
        (Tree::Int(_) | Tree::Float(_), Tree::Int(_) | Tree::Float(_)) => return number(a) == number(b),
        _ => {}
    }
    let (Some(x), Some(y)) = (a.scalar(), b.scalar()) else {
        return false;
    };
    if x == y {
        return true;
    }
    match likeness {
        Likeness::Written => false,
        Likeness::Amount => near(amount(&x), amount(&y)),
        Likeness::AnyCase if x.eq_ignore_ascii_case(&y) => true,
        Likeness::Meant | Likeness::AnyCase => {
            // `1.10` and `1.1` are two versions, unless one of them is written as a number.
            let typed = |tree: &Tree| !matches!(tree, Tree::Text(_));
            let plain = |text: &str| text.parse::<f64>().is_ok();
            let text_only = !typed(a) && !typed(b) && plain(&x) && plain(&y);
            !text_only && near(amount(&x), amount(&y)) || near(seconds(&x), seconds(&y)) || same_net(&x, &y)
        }
    }
}

fn number(tree: &Tree) -> Option<f64> {
    match tree {
        Tree::Int(int) => Some(*int as f64),
        Tree::Float(float) => Some(*float),
        _ => None,
    }
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

/// Seconds of a Go duration (`1h30m`, `90m0s`, `250ms`).
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
                "h" => 3600.0,
                "m" => 60.0,
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

/// Whether two addresses, with or without the length of a prefix, are the same network.
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
        Some((size, bits, all & mask))
    };
    a.contains(['.', ':']) && net(a).is_some_and(|ours| net(b) == Some(ours))
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
        for (a, b) in [("1.10", "1.1"), ("10.0.0.0/8", "10.0.0.0/9"), ("abc", "ABC"), ("", "0")] {
            assert!(!text(a, b, Likeness::Meant), "{a} {b}");
        }
        assert!(text("TCP", "tcp", Likeness::AnyCase));
        assert!(same(&Tree::Int(8), &Tree::text("8"), Likeness::Written));
        assert!(same(&Tree::Float(0.5), &Tree::text("500m"), Likeness::Amount));
        assert!(same(&Tree::Bool(true), &Tree::text("true"), Likeness::Written));
        assert!(!same(&Tree::Int(1), &Tree::Bool(true), Likeness::Meant));
    }

    proptest! {
        #[test]
        fn likeness_has_no_side_and_no_panic(a in ".{0,12}", b in "[-+0-9.]{0,6}[a-zA-Z/:]{0,3}[0-9]{0,3}") {
            for likeness in [Likeness::Written, Likeness::Meant, Likeness::Amount, Likeness::AnyCase] {
                prop_assert_eq!(text(&a, &b, likeness), text(&b, &a, likeness));
                prop_assert!(text(&b, &b, likeness));
            }
        }
    }
}
