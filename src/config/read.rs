//! From TOML to options, with every fault and its line.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Fault, Key, Origin,
    keys::{KEYS, RISING, number},
};
use crate::domain::{LimitRule, Options, Side};

/// The options a text sets, and at which line each was set.
pub type Parsed = (Options, BTreeMap<&'static str, Origin>);

/// Reads the bytes of a settings file called `name`; `themes` are all themes there are.
///
/// Rules of `[[limit]]` come before the default ones (the first that matches a metric holds) and replace those of the same pattern.
///
/// # Errors
/// Every fault, by line; never empty.
pub fn parse(bytes: &[u8], name: &str, themes: &[String]) -> Result<Parsed, Vec<Fault>> {
    let mut reader = Reader {
        name,
        line_starts: vec![0],
        themes,
        options: Options::default(),
        origins: BTreeMap::new(),
        faults: Vec::new(),
    };
    let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    reader.line_starts.extend(newlines.map(|(at, _)| at + 1));
    match std::str::from_utf8(bytes) {
        Err(error) => reader.fault(error.valid_up_to(), "is not UTF-8 text".into()),
        Ok(text) => reader.document(text),
    }
    reader.faults.sort_by_key(|fault| fault.line);
    if reader.faults.is_empty() {
        Ok((reader.options, reader.origins))
    } else {
        Err(reader.faults)
    }
}

struct Reader<'a> {
    name: &'a str,
    line_starts: Vec<usize>,
    themes: &'a [String],
    options: Options,
    origins: BTreeMap<&'static str, Origin>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    fn fault(&mut self, at: usize, says: String) {
        self.faults.push(Fault {
            place: self.name.to_owned(),
            line: Some(self.line(at)),
            says,
        });
    }

    fn document(&mut self, text: &str) {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(0, |span: Range<usize>| span.start);
            let line = self.line(at);
            // One slip of the pen makes the parser stumble several times on its line: the first says it.
            if self.faults.iter().all(|fault| fault.line != Some(line)) {
                self.fault(at, error.message().to_owned());
            }
        }
        let broken: Vec<_> = self.faults.iter().map(|fault| fault.line).collect();
        self.table("", document.get_ref());
        self.rising();
        // What the parser made of a broken line says nothing more about it.
        let syntax = broken.len();
        let mut place = 0;
        self.faults.retain(|fault| {
            place += 1;
            place <= syntax || !broken.contains(&fault.line)
        });
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let at = key.span().start;
            if name == "limit" {
                self.limits(value, at);
            } else if let Some(known) = Key::named(&name) {
                match known.set(&mut self.options, value.get_ref(), self.themes) {
                    Ok(()) => {
                        self.origins.insert(known.name, Origin::Line(self.line(at)));
                    }
                    Err(says) => self.fault(value.span().start, says),
                }
            } else {
                match value.get_ref() {
                    DeValue::Table(inner) if !inner.is_empty() => self.table(&format!("{name}."), inner),
                    // An empty section of ours sets nothing.
                    DeValue::Table(_) if KEYS.iter().any(|key| key.place().0 == name) => {}
                    _ => self.fault(at, unknown(&name)),
                }
            }
        }
    }

    fn limits(&mut self, value: &Spanned<DeValue<'_>>, at: usize) {
        let rules: Option<Vec<(usize, &DeTable<'_>)>> = value.get_ref().as_array().and_then(|rules| {
            rules
                .iter()
                .map(|rule| Some((rule.span().start, rule.get_ref().as_table()?)))
                .collect()
        });
        let Some(rules) = rules else {
            self.fault(
                value.span().start,
                "limit must be a list of tables: write [[limit]], then pattern and above or below".into(),
            );
            return;
        };
        let mut chosen: Vec<LimitRule> = Vec::new();
        for (start, rule) in rules {
            chosen.extend(self.limit(start, rule));
        }
        let defaults = std::mem::take(&mut self.options.limits);
        let kept = defaults
            .into_iter()
            .filter(|rule| chosen.iter().all(|own| own.pattern != rule.pattern));
        self.options.limits = chosen.iter().cloned().chain(kept).collect();
        self.origins.insert("limit", Origin::Line(self.line(at)));
    }

    fn limit(&mut self, start: usize, rule: &DeTable<'_>) -> Option<LimitRule> {
        let (mut pattern, mut bounds, mut sound) = (None, Vec::new(), true);
        for (key, value) in rule {
            let side = match &**key.get_ref() {
                "pattern" => {
                    match value.get_ref().as_str().filter(|text| !text.is_empty()) {
                        Some(text) => pattern = Some(text.into()),
                        None => {
                            sound = false;
                            self.fault(
                                value.span().start,
                                "limit.pattern must be the name of metrics, such as \"fs.*.used_pct\"".into(),
                            );
                        }
                    }
                    continue;
                }
                "above" => Side::Above,
                "below" => Side::Below,
                _ => {
                    sound = false;
                    let name = format!("limit.{}", key.get_ref());
                    self.fault(key.span().start, unknown(&name));
                    continue;
                }
            };
            match number(value.get_ref()) {
                Some(bound) => bounds.push((bound, side)),
                None => {
                    sound = false;
                    self.fault(
                        value.span().start,
                        format!("limit.{} must be a finite number in the metric's unit", key.get_ref()),
                    );
                }
            }
        }
        if !sound {
            return None;
        }
        match (pattern, bounds.as_slice()) {
            (Some(pattern), &[(value, side)]) => Some(LimitRule { pattern, value, side }),
            (None, _) => {
                self.fault(start, "limit needs a pattern, such as \"fs.*.used_pct\"".into());
                None
            }
            (Some(_), _) => {
                self.fault(start, "limit needs either above or below".into());
                None
            }
        }
    }

    /// Pairs whose order matters; told at the line of whichever was set last.
    fn rising(&mut self) {
        for (low, high) in RISING {
            let (low, high) = (
                Key::named(low).expect("a key of the table"),
                Key::named(high).expect("a key of the table"),
            );
            if low.amount(&self.options) <= high.amount(&self.options) {
                continue;
            }
            let line = |key: &Key| match self.origins.get(key.name) {
                Some(Origin::Line(line)) => Some(*line),
                _ => None,
            };
            let says = format!(
                "{} ({}) is below {} ({}); it may not be less",
                high.name,
                high.shown(&self.options),
                low.name,
                low.shown(&self.options)
            );
            self.faults.push(Fault {
                place: self.name.to_owned(),
                line: line(low).max(line(high)),
                says,
            });
        }
    }
}

/// `drift.moderat is not a key; did you mean drift.moderate?`
fn unknown(name: &str) -> String {
    let tables = KEYS.iter().map(|key| key.place().0).filter(|table| !table.is_empty());
    let names = KEYS
        .iter()
        .map(|key| key.name)
        .chain(["limit", "limit.pattern", "limit.above", "limit.below"])
        .chain(tables);
    let nearest = names
        .map(|known| {
            // A key written without its table, or under a wrong one, is near too, also when it is mistyped.
            let far = strsim::damerau_levenshtein(name, known);
            let elsewhere = match (last(name), last(known)) {
                ("", _) | (_, "") => usize::MAX,
                (own, theirs) => 1 + strsim::damerau_levenshtein(own, theirs),
            };
            (far.min(elsewhere), known)
        })
        // Of several as near, the one that begins most alike: `query` means `queries`, and not `url`.
        .min_by_key(|(far, known)| {
            let alike = name.bytes().zip(known.bytes()).take_while(|(a, b)| a == b).count();
            (*far, Reverse(alike))
        });
    match nearest {
        Some((far, known)) if far <= 2.max(name.chars().count() / 3) => {
            format!("{name} is not a key; did you mean {known}?")
        }
        _ => format!("{name} is not a key; `foreshadow config show` lists them all"),
    }
}

/// The key without its table.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Span;

    fn themes() -> Vec<String> {
        vec!["dark".into(), "light".into()]
    }

    fn read(text: &str) -> Result<Parsed, Vec<Fault>> {
        parse(text.as_bytes(), "config.toml", &themes())
    }

    fn faults(text: &str) -> Vec<String> {
        read(text).unwrap_err().iter().map(Fault::to_string).collect()
    }

    #[test]
    fn what_is_written_is_what_holds() {
        let (options, origins) = read(
            "interval = \"1s\"\nmute = [\"net.*\"]\n[drift]\nmoderate = 4\n[store]\nmax_size = \"512MiB\"\n[[limit]]\npattern = \"load.*\"\nabove = 8\n[[limit]]\npattern = \"mem.available_pct\"\nbelow = 10.5\n",
        )
        .unwrap();
        assert_eq!(options.interval, Span::from_secs(1));
        assert_eq!(&*options.mute[0], "net.*");
        assert_eq!(options.drift.moderate, 4.0);
        assert_eq!(options.drift.high, Options::default().drift.high);
        assert_eq!(options.store.max_bytes, 512 << 20);
        let limits: Vec<_> = options.limits.iter().map(|rule| (&*rule.pattern, rule.value)).collect();
        assert_eq!(limits[..2], [("load.*", 8.0), ("mem.available_pct", 10.5)]);
        assert_eq!(
            limits.iter().filter(|(name, _)| *name == "mem.available_pct").count(),
            1
        );
        assert!(limits.contains(&("fs.*.used_pct", 90.0)));
        assert_eq!(origins["drift.moderate"], Origin::Line(4));
        assert_eq!(origins["limit"], Origin::Line(7));
    }

    #[test]
    fn every_fault_is_told_once_with_its_line() {
        insta::assert_snapshot!(faults(include_str!("every_field_wrong.toml")).join("\n"));
    }

    #[test]
    fn a_broken_line_is_one_fault_and_hides_no_other() {
        let told = faults("interval = = 3\nhorizn = \"1h\"\n");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("config.toml:1: "), "{told:?}");
        assert_eq!(told[1], "config.toml:2: horizn is not a key; did you mean horizon?");
    }

    #[test]
    fn a_mistyped_key_names_the_nearest() {
        let told = faults("\n\n[drift]\nmoderat = 5\n");
        assert_eq!(
            told,
            ["config.toml:4: drift.moderat is not a key; did you mean drift.moderate?"]
        );
        assert_eq!(
            faults("theme = \"dark\""),
            ["config.toml:1: theme is not a key; did you mean ui.theme?"]
        );
        assert!(faults("zzzzzzzzzzzzzzzz = 1")[0].contains("config show"));
        assert_eq!(
            faults("[engine]\nintervall = \"1s\"\n"),
            ["config.toml:2: engine.intervall is not a key; did you mean interval?"]
        );
        assert_eq!(
            faults("[console]\nthem = \"dark\"\n[store]\ncomit_every = \"1s\"\n"),
            [
                "config.toml:2: console.them is not a key; did you mean ui.theme?",
                "config.toml:4: store.comit_every is not a key; did you mean store.commit_every?"
            ]
        );
    }

    #[test]
    fn an_escape_sequence_in_the_file_is_not_repeated() {
        let told = faults("\"a\\u001b[31m\" = 1\ninterval = \"\\u001b]0;x\\u0007\"\n");
        assert_eq!(told.len(), 2);
        assert!(!told.join("").chars().any(char::is_control), "{told:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes, "config.toml", &themes());
        }

        #[test]
        fn any_value_of_any_key_is_read_or_refused_in_one_line(
            place in 0..KEYS.len(),
            value in prop_oneof![
                any::<f64>().prop_map(|n| n.to_string()),
                any::<i64>().prop_map(|n| n.to_string()),
                "\"[0-9]{0,18}(ms|s|m|h|d|w|y|GiB|%|)\"",
                "\\[(1|\"a\"|\\{\\})?\\]",
            ],
        ) {
            if let Err(faults) = read(&format!("{} = {value}", KEYS[place].name)) {
                prop_assert!(faults.iter().all(|fault| fault.to_string().lines().count() == 1));
            }
        }
    }
}
