use proptest::prelude::*;

use super::{structure::PARENTS, *};

/// Columns of `places` places: what `value` says of place and variable, each changing `runs` times to what it says next.
fn columns(codes: &[u8], places: u32, runs: u32, mut value: impl FnMut(u32, usize, &[u8]) -> u8) -> Vec<Column> {
    let mut columns: Vec<Column> = codes
        .iter()
        .map(|codes| Column {
            codes: *codes,
            places: Vec::new(),
        })
        .collect();
    for place in 0..places {
        let mut lines: Vec<Timeline> = vec![Vec::new(); codes.len()];
        for run in 0..runs {
            let mut here = Vec::new();
            for (variable, line) in lines.iter_mut().enumerate() {
                let code = value(place, variable, &here);
                here.push(code);
                if line.last().is_none_or(|(_, last)| *last != code) {
                    line.push((f64::from(run * 10) + variable as f64 * 0.001, code));
                }
            }
        }
        for (column, line) in columns.iter_mut().zip(lines) {
            column.places.push((place, line));
        }
    }
    columns
}

fn edges(columns: &[Column]) -> Vec<(u16, u16)> {
    let network = Network::learn(columns, &vec![false; columns.len()], 1_000.0);
    let children = 0..columns.len() as u16;
    let pairs = children.flat_map(|child| network.parents(child).iter().map(move |parent| (*parent, child)));
    let mut pairs: Vec<(u16, u16)> = pairs.map(|(a, b)| (a.min(b), a.max(b))).collect();
    pairs.sort_unstable();
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_independent_has_no_parents(seed: u64, places in 5_u32..200, runs in 1_u32..6, codes in prop::collection::vec(2_u8..=8, 2..14)) {
        let mut random = fastrand::Rng::with_seed(seed);
        let skew: Vec<f32> = codes.iter().map(|_| random.f32() * 3.0).collect();
        let columns = columns(&codes, places, runs, |_, variable, _| {
            let drawn = random.f32().powf(1.0 + skew[variable]);
            ((drawn * f32::from(codes[variable])) as u8).min(codes[variable] - 1)
        });
        prop_assert_eq!(edges(&columns), vec![]);
    }

    #[test]
    fn a_planted_chain_is_found_and_nothing_else(seed: u64, runs in 1_u32..4, noise in 0.0_f32..0.08) {
        let mut random = fastrand::Rng::with_seed(seed);
        // 0 -> 1 -> 2, and 3 and 4 by themselves.
        let columns = columns(&[2, 2, 2, 2, 3], 150, runs, |_, variable, here| match variable {
            1 | 2 => here[variable - 1] ^ u8::from(random.f32() < noise),
            4 => random.u8(0..3),
            _ => random.u8(0..2),
        });
        let found = edges(&columns);
        // Without noise all three are one, and each may stand for another.
        prop_assert!(found.iter().all(|(a, b)| *b <= 2 && a < b), "{:?}", found);
        prop_assert!(found.len() >= 2, "{:?}", found);
    }

    #[test]
    fn parents_are_bounded_and_make_no_circle(seed: u64, places in 30_u32..120) {
        let mut random = fastrand::Rng::with_seed(seed);
        let columns = columns(&[2; 9], places, 1, |place, _, _| u8::from(place % 2 == 0) ^ u8::from(random.f32() < 0.05));
        let network = Network::learn(&columns, &[false; 9], 10.0);
        let parents: Vec<&[u16]> = (0..9).map(|node| network.parents(node)).collect();
        prop_assert!(parents.iter().all(|parents| parents.len() <= PARENTS));
        let mut left: Vec<usize> = (0..9).collect();
        while let Some(place) = left.iter().position(|node| parents[*node].iter().all(|parent| !left.contains(&(*parent as usize)))) {
            left.remove(place);
        }
        prop_assert_eq!(left, Vec::<usize>::new());
    }

    #[test]
    fn what_is_learnt_in_slices_is_what_is_learnt_at_once(seed: u64, slice in 1_usize..400) {
        let mut random = fastrand::Rng::with_seed(seed);
        let columns = columns(&[2; 6], 40, 2, |place, _, _| u8::from(place % 2 == 0) ^ u8::from(random.f32() < 0.1));
        let whole = Network::learn(&columns, &[false; 6], 100.0);
        let mut search = Search::new(columns, vec![false; 6], 100.0);
        let mut slices = 0;
        let network = loop {
            slices += 1;
            if let Some(network) = search.work(&mut slice.clone()) {
                break network;
            }
        };
        prop_assert!(slices > 1, "all of it costs more than a slice");
        for node in 0..6 {
            prop_assert_eq!(network.parents(node), whole.parents(node));
            let state = [Some(0); 6];
            prop_assert_eq!(network.belief(node, &state), whole.belief(node, &state));
        }
    }

    #[test]
    fn beliefs_sum_to_one_and_are_the_same_twice(seed: u64, places in 8_u32..80, runs in 1_u32..4, lacks in 0_usize..5) {
        let mut random = fastrand::Rng::with_seed(seed);
        let columns = columns(&[2, 3, 4, 2], places, runs, |place, variable, _| match variable {
            1 => (place % 3) as u8,
            _ => u8::from((place % 3 == 0) ^ (random.f32() < 0.1)),
        });
        let effects = [false, false, false, true];
        let network = Network::learn(&columns, &effects, 100.0);
        let mut state: Vec<Option<u8>> = columns.iter().map(|column| Some(random.u8(0..column.codes))).collect();
        if let Some(gone) = state.get_mut(lacks) {
            *gone = None;
        }
        for variable in 0..4 {
            let belief = network.belief(variable, &state);
            prop_assert_eq!(&belief, &Network::learn(&columns, &effects, 100.0).belief(variable, &state));
            if let Some(belief) = belief {
                prop_assert!((belief.odds.iter().sum::<f32>() - 1.0).abs() < 1e-4);
                prop_assert!(belief.odds.iter().all(|odds| odds.is_finite() && *odds >= 0.0));
                prop_assert!(belief.because.len() <= TOLD && belief.cases >= SPEAKS);
            }
            for code in 0..8 {
                for told in network.consequences(variable, code, &state, &effects) {
                    prop_assert!(told.variable != variable && (0.0..=1.0).contains(&told.odds.1));
                }
            }
        }
        prop_assert!(network.parents(2).iter().all(|parent| *parent != 3), "a metric leads no setting");
    }
}

/// Twenty hosts of two kinds: what the first setting is decides the second and the metric; one host has the second of the other kind.
fn two_kinds() -> (Vec<Column>, Vec<Option<u8>>) {
    let columns = columns(&[2, 2, 3, 2], 40, 1, |place, variable, here| match variable {
        0 => (place % 2) as u8,
        1 if place == 4 => 1,
        1 => here[0],
        2 => here[0] * 2,
        _ => u8::from(place % 5 == 0),
    });
    let odd_one = vec![Some(0), Some(1), Some(0), Some(1)];
    (columns, odd_one)
}

#[test]
fn the_odd_one_out_is_told_with_what_speaks_against_it() {
    let (columns, odd_one) = two_kinds();
    let network = Network::learn(&columns, &[false, false, true, false], 10.0);
    let belief = network.belief(1, &odd_one).unwrap();
    assert!(belief.odds[0] > 0.9, "{belief:?}");
    assert!(
        !belief.because.is_empty() && belief.because.iter().all(|(other, bits)| *other != 3 && *bits > 1.0),
        "{belief:?}"
    );
    assert_eq!(network.belief(3, &odd_one), None);
}

#[test]
fn what_if_tells_what_else_would_be_and_which_regime() {
    let (columns, _) = two_kinds();
    let effects = [false, false, true, false];
    let network = Network::learn(&columns, &effects, 10.0);
    let state = vec![Some(0), Some(0), Some(0), Some(1)];
    let told = network.consequences(0, 1, &state, &effects);
    let others: Vec<(u16, u8)> = told.iter().map(|told| (told.variable, told.code)).collect();
    assert_eq!(
        others.iter().filter(|other| [(1, 1), (2, 2)].contains(other)).count(),
        2,
        "{told:?}"
    );
    assert!(
        told.iter().all(|told| told.odds.1 > 0.8 && told.odds.0 < 0.2),
        "{told:?}"
    );
    assert_eq!(network.consequences(3, 0, &state, &effects), []);
}

#[test]
fn one_odd_host_is_no_evidence_however_long_it_is_watched() {
    let watched = columns(&[2, 2], 10, 1, |place, _, _| u8::from(place == 3));
    assert_eq!(edges(&watched), vec![]);
    let mut longer = watched;
    for column in &mut longer {
        for (_, line) in &mut column.places {
            line[0].0 = -100_000.0;
        }
    }
    assert_eq!(edges(&longer), vec![]);
}
