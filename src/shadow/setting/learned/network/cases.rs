//! How often values stood together.

/// What one variable was in one place: codes, each with the day from which on it held, oldest first; never empty.
pub type Timeline = Vec<(f64, u8)>;

/// A variable: how many codes it has, and its timelines by place, places rising.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Codes are below this; 2 to [`CODES`].
    pub codes: u8,
    /// Places and what it was there.
    pub places: Vec<(u32, Timeline)>,
}

impl Column {
    /// Values in a row, of all places.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.places.iter().map(|(_, timeline)| timeline.len()).sum()
    }
}

/// Most codes of a variable: seven values, and one for all others.
pub const CODES: usize = 8;

/// Cases by the codes of some variables, the first one's code counting ones, the next one's as many as the first has codes, and so on.
///
/// What stands still is not counted again and again: each place counts as many cases as the stillest of the variables had values there
/// in a row (their effective number by how long each held: Kish 1965), and these are shared out by how long each combination held. So variables that change independently of each other show no
/// relation, and one odd place is one case however long it is watched.
#[must_use]
pub fn cases(columns: &[&Column], now: f64) -> Vec<f32> {
    let size = columns.iter().map(|column| usize::from(column.codes)).product();
    let mut counts = vec![0.0_f32; size];
    let Some((first, rest)) = columns.split_first() else {
        return counts;
    };
    let mut next = vec![0_usize; rest.len()];
    let mut here: Vec<&Timeline> = Vec::with_capacity(columns.len());
    let mut held: Vec<(usize, f64)> = Vec::new();
    'places: for (place, timeline) in &first.places {
        here.clear();
        here.push(timeline);
        for (column, next) in rest.iter().zip(&mut next) {
            while column.places.get(*next).is_some_and(|(other, _)| other < place) {
                *next += 1;
            }
            match column.places.get(*next) {
                Some((other, timeline)) if other == place => here.push(timeline),
                _ => continue 'places,
            }
        }
        share(&here, columns, now, &mut held);
        let whole: f64 = held.iter().map(|(_, days)| days).sum();
        let began = here.iter().map(|timeline| timeline[0].0).fold(f64::MIN, f64::max);
        let runs = here
            .iter()
            .map(|timeline| effective(timeline, began, now))
            .fold(f64::MAX, f64::min);
        for (cell, days) in &held {
            counts[*cell] += (runs * days / whole) as f32;
        }
    }
    counts
}

/// What has only just come has been for a minute, days.
const LEAST: f64 = 1.0 / 1_440.0;

/// The effective number of values in a row since `began`.
fn effective(timeline: &Timeline, began: f64, now: f64) -> f64 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for (place, (from, _)) in timeline.iter().enumerate() {
        let to = timeline.get(place + 1).map_or(now, |(next, _)| *next);
        if to > began || place + 1 == timeline.len() {
            let days = (to - from.max(began)).max(LEAST);
            (sum, squares) = (sum + days, squares + days * days);
        }
    }
    sum * sum / squares
}

/// The combinations of codes that were in one place, by cell, and for how many days each.
fn share(here: &[&Timeline], columns: &[&Column], now: f64, held: &mut Vec<(usize, f64)>) {
    held.clear();
    let cell = |at: f64| {
        let mut scale = 1;
        let mut cell = 0;
        for (timeline, column) in here.iter().zip(columns) {
            let place = timeline.partition_point(|(from, _)| *from <= at).saturating_sub(1);
            cell += scale * usize::from(timeline[place].1);
            scale *= usize::from(column.codes);
        }
        cell
    };
    let began = here.iter().map(|timeline| timeline[0].0).fold(f64::MIN, f64::max);
    if here.iter().all(|timeline| timeline.len() == 1) {
        held.push((cell(began), 1.0));
        return;
    }
    let later = here.iter().flat_map(|timeline| timeline.iter().map(|(from, _)| *from));
    let mut times: Vec<f64> = later.filter(|from| *from > began).chain([began]).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    for (place, from) in times.iter().enumerate() {
        let to = times.get(place + 1).copied().unwrap_or(now.max(*from));
        let (cell, days) = (cell(*from), (to - from).max(LEAST));
        match held.iter_mut().find(|(known, _)| *known == cell) {
            Some((_, known)) => *known += days,
            None => held.push((cell, days)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(places: &[&[(f64, u8)]]) -> Column {
        Column {
            codes: 2,
            places: places
                .iter()
                .zip(0..)
                .map(|(line, place)| (place, line.to_vec()))
                .collect(),
        }
    }

    #[test]
    fn what_stands_still_is_one_case_a_place() {
        let a = column(&[&[(0.0, 0)], &[(0.0, 1)], &[(3.0, 1)]]);
        assert_eq!(cases(&[&a, &a], 100.0), [1.0, 0.0, 0.0, 2.0]);
    }

    #[test]
    fn what_changed_is_shared_out_by_how_long_it_held() {
        let a = column(&[&[(0.0, 0), (4.0, 1), (6.0, 0)]]);
        let b = column(&[&[(0.0, 0), (5.0, 1)]]);
        // Two runs of the stiller one: 4 days 00, 1 day 10, 1 day 11, 4 days 01.
        let counts = cases(&[&a, &b], 10.0);
        for (count, expected) in counts.iter().zip([0.8, 0.2, 0.8, 0.2]) {
            assert!((count - expected).abs() < 1e-6, "{counts:?}");
        }
    }

    #[test]
    fn places_that_lack_one_of_them_tell_nothing() {
        let a = column(&[&[(0.0, 0)], &[(0.0, 1)]]);
        let mut b = a.clone();
        b.places.remove(0);
        assert_eq!(cases(&[&a, &b], 1.0), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(cases(&[], 1.0), [0.0]);
    }
}
