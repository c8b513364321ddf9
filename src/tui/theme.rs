//! Themes: files that give each role a style, which one holds when nothing is chosen, and fewer colours where there are few.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use toml::Value;

use crate::{
    domain::Mark,
    tui::look::{Charset, Depth, Look, Role},
};

/// The themes that come with the program, by name.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("contrast", include_str!("../../themes/contrast.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// Every role, by its name in a theme file.
const ROLES: [(&str, Role); 23] = [
    ("text", Role::Text),
    ("dim", Role::Dim),
    ("heading", Role::Heading),
    ("current", Role::Current),
    ("cursor", Role::Cursor),
    ("key", Role::Key),
    ("live", Role::Live),
    ("not-live", Role::NotLive),
    ("actual", Role::Actual),
    ("median", Role::Median),
    ("band80", Role::Band80),
    ("band95", Role::Band95),
    ("limit", Role::Limit),
    ("grid", Role::Grid),
    ("breach", Role::Mark(Mark::Breach)),
    ("cross", Role::Mark(Mark::Cross)),
    ("odd", Role::Mark(Mark::Odd)),
    ("drift", Role::Mark(Mark::Drift)),
    ("stale", Role::Mark(Mark::Stale)),
    ("learning", Role::Mark(Mark::Learning)),
    ("ok", Role::Mark(Mark::Ok)),
    ("muted", Role::Mark(Mark::Muted)),
    ("removed", Role::Mark(Mark::Removed)),
];

const ANSI: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// A colour of a palette: 24 bit, and which of the terminal's own 16 stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Paint {
    rgb: (u8, u8, u8),
    ansi: u8,
}

/// A theme as its file says it, for any depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    /// Its name: that of its file.
    pub name: String,
    roles: BTreeMap<Role, (Option<Paint>, Modifier)>,
}

/// What the environment says of the terminal; an unset variable is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Env {
    /// `NO_COLOR`
    pub no_color: String,
    /// `TERM`
    pub term: String,
    /// `COLORTERM`
    pub colorterm: String,
    /// `COLORFGBG`: set by some terminals to the numbers of their foreground and background.
    pub colorfgbg: String,
    /// `LC_ALL`
    pub lc_all: String,
    /// `LC_CTYPE`
    pub lc_ctype: String,
    /// `LANG`
    pub lang: String,
}

impl Env {
    /// How many colours to use: none with `NO_COLOR` or a dumb terminal, 24 bit only where promised, 16 when unsure.
    #[must_use]
    pub fn depth(&self) -> Depth {
        if !self.no_color.is_empty() || self.term == "dumb" {
            Depth::Mono
        } else if matches!(self.colorterm.as_str(), "truecolor" | "24bit") || self.term.ends_with("-direct") {
            Depth::True
        } else if self.term.contains("256color") {
            Depth::Indexed
        } else if self.term.starts_with("vt") {
            Depth::Mono
        } else {
            Depth::Sixteen
        }
    }

    /// UTF-8 only if the first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set says so.
    #[must_use]
    pub fn charset(&self) -> Charset {
        let locale = [&self.lc_all, &self.lc_ctype, &self.lang]
            .into_iter()
            .find(|value| !value.is_empty());
        let says = locale.is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        });
        if says { Charset::Utf8 } else { Charset::Ascii }
    }

    /// The theme `auto` stands for: `mono` without colours, `light` where the terminal says its background is, else `dark`.
    #[must_use]
    pub fn theme(&self) -> &'static str {
        let background = self
            .colorfgbg
            .rsplit(';')
            .next()
            .and_then(|text| text.parse::<u8>().ok());
        match background {
            _ if self.depth() == Depth::Mono => "mono",
            Some(7 | 9..=15) => "light",
            _ => "dark",
        }
    }

    /// The look for what was chosen: `theme` is `auto` or a theme's name, `charset` is `auto`, `ascii` or `utf8`.
    /// `files` are the user's own themes as name and text; they come before those built in.
    ///
    /// # Errors
    /// A sentence that names the theme and the line at fault.
    pub fn look(&self, theme: &str, charset: &str, files: &[(String, String)]) -> Result<Look, String> {
        let charset = match charset {
            "ascii" => Charset::Ascii,
            "utf8" | "utf-8" => Charset::Utf8,
            "auto" => self.charset(),
            other => return Err(format!("charset is auto, ascii or utf8, not `{other}`")),
        };
        let name = if theme == "auto" { self.theme() } else { theme };
        // A theme asked for by name is shown in colour even where `NO_COLOR` is set: it is the later, plainer wish.
        let depth = match self.depth() {
            Depth::Mono if theme != "auto" => Depth::Sixteen,
            depth => depth,
        };
        let depth = if name == "mono" { Depth::Mono } else { depth };
        Ok(find(name, files)?.look(charset, depth))
    }
}

/// The theme of that name: one of the user's files, else one built in.
///
/// # Errors
/// A sentence: the names there are, or the line at fault.
pub fn find(name: &str, files: &[(String, String)]) -> Result<Theme, String> {
    let own = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let mut all = own.chain(BUILT_IN);
    match all.find(|(theirs, _)| *theirs == name) {
        Some((name, text)) => parse(name, text),
        None => {
            let names: Vec<&str> = files
                .iter()
                .map(|(name, _)| name.as_str())
                .chain(BUILT_IN.map(|(name, _)| name))
                .collect();
            Err(format!("no theme `{name}`: there are {}", names.join(", ")))
        }
    }
}

/// Reads a theme file.
///
/// # Errors
/// A sentence with the theme's name and the line at fault.
pub fn parse(name: &str, text: &str) -> Result<Theme, String> {
    let fault = |word: &str, what: String| {
        let line = text
            .lines()
            .position(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == word));
        match line {
            Some(line) => format!("theme {name}, line {}: {what}", line + 1),
            None => format!("theme {name}: {what}"),
        }
    };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        format!("theme {name}, line {line}: {}", error.message())
    })?;
    if let Some(other) = table.keys().find(|key| !matches!(key.as_str(), "palette" | "role")) {
        return Err(fault(other, format!("`{other}` is neither [palette] nor [role]")));
    }
    let section = |key: &str| table.get(key).and_then(Value::as_table).cloned().unwrap_or_default();
    let mut palette = BTreeMap::new();
    for (word, value) in section("palette") {
        palette.insert(
            word.clone(),
            paint(&value).map_err(|what| fault(&word, format!("`{word}` {what}")))?,
        );
    }
    let mut roles = BTreeMap::new();
    for (word, value) in section("role") {
        let role = ROLES.iter().find(|(name, _)| *name == word).map(|(_, role)| *role);
        let role = role.ok_or_else(|| fault(&word, format!("there is no role `{word}`")))?;
        let value = value
            .as_str()
            .ok_or_else(|| fault(&word, format!("`{word}` must be a text")))?;
        roles.insert(role, style(value, &palette).map_err(|what| fault(&word, what))?);
    }
    if let Some((word, _)) = ROLES.iter().find(|(_, role)| !roles.contains_key(role)) {
        return Err(format!("theme {name}: the role `{word}` is missing"));
    }
    Ok(Theme {
        name: name.to_owned(),
        roles,
    })
}

fn paint(value: &Value) -> Result<Paint, &'static str> {
    const FORM: &str = "must be { rgb = \"#rrggbb\", ansi = \"red\" }";
    let entry = |key: &str| value.as_table()?.get(key)?.as_str();
    let rgb = entry("rgb")
        .and_then(|text| text.strip_prefix('#'))
        .filter(|text| text.len() == 6);
    let rgb = rgb.and_then(|text| u32::from_str_radix(text, 16).ok()).ok_or(FORM)?;
    let ansi = entry("ansi")
        .and_then(|name| ANSI.iter().position(|ansi| *ansi == name))
        .ok_or(FORM)?;
    Ok(Paint {
        rgb: ((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8),
        ansi: ansi as u8,
    })
}

fn style(text: &str, palette: &BTreeMap<String, Paint>) -> Result<(Option<Paint>, Modifier), String> {
    let (mut colour, mut modifier) = (None, Modifier::empty());
    for word in text.split_whitespace() {
        match word {
            "bold" => modifier |= Modifier::BOLD,
            "dim" => modifier |= Modifier::DIM,
            "italic" => modifier |= Modifier::ITALIC,
            "underline" => modifier |= Modifier::UNDERLINED,
            "reverse" => modifier |= Modifier::REVERSED,
            _ => {
                colour = Some(
                    *palette
                        .get(word)
                        .ok_or_else(|| format!("`{word}` is not in [palette]"))?,
                )
            }
        }
    }
    Ok((colour, modifier))
}

impl Theme {
    /// The look it gives a terminal of that many colours. No background is ever painted.
    #[must_use]
    pub fn look(&self, charset: Charset, depth: Depth) -> Look {
        let styles = self.roles.iter().map(|(role, (paint, modifier))| {
            let style = Style::new().add_modifier(*modifier);
            (
                *role,
                paint
                    .and_then(|paint| paint.at(depth))
                    .map_or(style, |colour| style.fg(colour)),
            )
        });
        Look {
            theme: self.name.clone(),
            charset,
            depth,
            styles: styles.collect(),
        }
    }
}

impl Paint {
    fn at(self, depth: Depth) -> Option<Color> {
        let (r, g, b) = self.rgb;
        match depth {
            Depth::Mono => None,
            Depth::Sixteen => Some(Color::Indexed(self.ansi)),
            Depth::Indexed => Some(Color::Indexed(nearest(r, g, b))),
            Depth::True => Some(Color::Rgb(r, g, b)),
        }
    }
}

/// The colour of xterm's 6x6x6 cube or grey ramp that is nearest.
fn nearest(r: u8, g: u8, b: u8) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let level = |c: u8| (0..6).min_by_key(|i| LEVELS[*i].abs_diff(c)).unwrap_or(0);
    let distance = |other: [u8; 3]| {
        [r, g, b]
            .iter()
            .zip(other)
            .map(|(a, b)| u32::from(a.abs_diff(b)).pow(2))
            .sum::<u32>()
    };
    let cube = [level(r), level(g), level(b)];
    let ramp = (0..24u8).min_by_key(|i| distance([8 + 10 * i; 3])).unwrap_or(0);
    if distance([8 + 10 * ramp; 3]) < distance(cube.map(|i| LEVELS[i])) {
        232 + ramp
    } else {
        (16 + 36 * cube[0] + 6 * cube[1] + cube[2]) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let mut env = Env {
            term: "xterm".into(),
            ..Env::default()
        };
        for (name, value) in pairs {
            let place = match *name {
                "NO_COLOR" => &mut env.no_color,
                "TERM" => &mut env.term,
                "COLORTERM" => &mut env.colorterm,
                "LC_ALL" => &mut env.lc_all,
                "LC_CTYPE" => &mut env.lc_ctype,
                _ => &mut env.lang,
            };
            *place = (*value).into();
        }
        env
    }

    #[test]
    fn the_environment_decides_how_many_colours() {
        assert_eq!(env(&[]).depth(), Depth::Sixteen);
        assert_eq!(env(&[("TERM", "xterm-256color")]).depth(), Depth::Indexed);
        assert_eq!(
            env(&[("TERM", "screen"), ("COLORTERM", "truecolor")]).depth(),
            Depth::True
        );
        assert_eq!(
            env(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]).depth(),
            Depth::Mono
        );
        assert_eq!(env(&[("TERM", "dumb")]).depth(), Depth::Mono);
    }

    #[test]
    fn the_first_locale_set_decides_the_characters() {
        assert_eq!(env(&[("LANG", "de_DE.UTF-8")]).charset(), Charset::Utf8);
        assert_eq!(
            env(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).charset(),
            Charset::Ascii
        );
        assert_eq!(
            env(&[("LC_CTYPE", "en_US.utf8"), ("LANG", "C")]).charset(),
            Charset::Utf8
        );
        assert_eq!(env(&[]).charset(), Charset::Ascii);
    }

    #[test]
    fn every_built_in_theme_reads_and_paints_no_background() {
        for (name, text) in BUILT_IN {
            for depth in [Depth::Mono, Depth::Sixteen, Depth::Indexed, Depth::True] {
                let look = parse(name, text).unwrap().look(Charset::Ascii, depth);
                assert!(look.styles.values().all(|style| style.bg.is_none()), "{name}");
                assert!(
                    depth != Depth::Mono || look.styles.values().all(|style| style.fg.is_none()),
                    "{name}"
                );
                assert!(
                    look.style(Role::Cursor).add_modifier.contains(Modifier::REVERSED),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let broken = BUILT_IN[0].1.replace("key = \"cyan\"", "key = \"cyann\"");
        let line = broken.lines().position(|line| line.starts_with("key")).unwrap() + 1;
        assert_eq!(
            parse("mine", &broken).unwrap_err(),
            format!("theme mine, line {line}: `cyann` is not in [palette]")
        );
        assert!(
            parse("mine", "[role]\ntext = ")
                .unwrap_err()
                .starts_with("theme mine, line 2: ")
        );
        assert_eq!(
            parse("mine", "[role]\ntextt = \"\"\n").unwrap_err(),
            "theme mine, line 2: there is no role `textt`"
        );
        assert!(find("darc", &[]).unwrap_err().contains("dark, light, contrast, mono"));
    }

    #[test]
    fn colours_are_reduced_to_the_nearest() {
        assert_eq!(nearest(255, 0, 0), 196);
        assert_eq!(nearest(128, 128, 128), 244);
    }

    #[test]
    fn a_theme_asked_for_outranks_no_color() {
        let env = env(&[("NO_COLOR", "1")]);
        assert_eq!(env.look("auto", "auto", &[]).unwrap().depth, Depth::Mono);
        assert_eq!(env.look("light", "auto", &[]).unwrap().depth, Depth::Sixteen);
        assert!(env.look("auto", "latin1", &[]).is_err());
    }
}
