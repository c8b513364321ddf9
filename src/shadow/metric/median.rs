//! The median.

/// The median of `values`, which are put in order as far as it takes; `None` of none.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let n = values.len();
    let first = *values.first()?;
    // Much of what is watched stands still.
    if values.iter().all(|value| value.to_bits() == first.to_bits()) {
        return Some(first);
    }
    let (below, middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return Some(*middle);
    }
    let before = below.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(before, *middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_one_in_the_middle_or_what_lies_between_two() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [0.1; 96]), Some(0.1));
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }
}
