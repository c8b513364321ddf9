//! The options in force as a settings file, each with what it does and who chose it.

use std::fmt::Write;

use super::{
    ConfigFile, Origin,
    keys::{KEYS, quoted},
};
use crate::domain::{Options, Side, text::visible};

/// Writes all options as a settings file that would set them; lines end with `\n`.
#[must_use]
pub fn show(options: &Options, file: &ConfigFile) -> String {
    let path = file.path.to_string_lossy();
    let there = if file.found {
        ""
    } else {
        " (not there: these are the defaults)"
    };
    let mut text = format!("# {}{there}\n", visible(&path));
    let mut table = "";
    for key in KEYS {
        let (own, name) = key.place();
        if own != table {
            let _ = write!(text, "\n[{own}]\n");
            table = own;
        }
        if key.is_table() {
            table = key.name;
            let _ = write!(
                text,
                "\n# {} ({}). # {}\n[{}]\n{}\n",
                key.help,
                key.expects(),
                who(file.origin(key.name)),
                key.name,
                key.shown(options)
            );
            continue;
        }
        let _ = write!(
            text,
            "\n# {} ({}).\n{name} = {} # {}\n",
            key.help,
            key.expects(),
            key.shown(options),
            who(file.origin(key.name))
        );
    }
    let _ = write!(
        text,
        "\n# Limits by metric; the first pattern that matches holds. # {}\n",
        who(file.origin("limit"))
    );
    for rule in &options.limits {
        let side = match rule.side {
            Side::Above => "above",
            Side::Below => "below",
        };
        let _ = write!(
            text,
            "\n[[limit]]\npattern = {}\n{side} = {}\n",
            quoted(&rule.pattern),
            rule.value
        );
    }
    text
}

fn who(origin: Origin) -> String {
    match origin {
        Origin::Default => "default".into(),
        Origin::Line(line) => format!("line {line}"),
        Origin::Flag => "flag".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        config::parse,
        domain::{LimitRule, Span},
    };

    fn file() -> ConfigFile {
        ConfigFile {
            path: "/home/u/.config/foreshadow/config.toml".into(),
            found: false,
            themes: vec!["dark".into()],
            origins: BTreeMap::from([("interval", Origin::Flag), ("limit", Origin::Line(3))]),
        }
    }

    #[test]
    fn the_defaults_read_as_a_manual() {
        insta::assert_snapshot!(show(&Options::default(), &file()));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_as_the_same(
            interval in 100_000i64..3_600_000_000,
            moderate in 0.0..6.0f64,
            bytes in (16u64 << 20)..(1 << 40),
            mute in prop::collection::vec(".{1,12}", 0..3),
            limit in -1e12..1e12f64,
        ) {
            let mut options = Options { interval: Span(interval), ..Options::default() };
            options.drift.moderate = moderate;
            options.store.max_bytes = bytes;
            options.mute = mute.iter().map(|name| name.as_str().into()).collect();
            options.limits.insert(0, LimitRule { pattern: "load".into(), value: limit, side: Side::Below });
            let text = show(&options, &file());
            let (back, _) = parse(text.as_bytes(), "shown", &file().themes).unwrap();
            prop_assert_eq!(back, options);
        }
    }
}
