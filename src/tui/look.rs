//! Theme and characters: how roles become styles, and which glyphs a terminal can show.

use std::collections::BTreeMap;

use ratatui::style::Style;

use crate::domain::Mark;

/// Which characters may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// 7-bit only.
    #[default]
    Ascii,
    /// Braille, blocks and box drawing too.
    Utf8,
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// None: bold, dim, reverse and underline only.
    #[default]
    Mono,
    /// The terminal's own 16.
    Sixteen,
    /// 256.
    Indexed,
    /// 24 bit.
    True,
}

/// What a piece of the screen is; themes give each a style. Colour repeats what words say and never says it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Plain text.
    Text,
    /// Less important text.
    Dim,
    /// Headings of lists and panes.
    Heading,
    /// The bracketed screen name.
    Current,
    /// A row under the cursor (reverse video in every theme).
    Cursor,
    /// Keys in rows 23 and 24.
    Key,
    /// `LIVE`.
    Live,
    /// `FROZEN`, `REPLAY`, `OPERATE`.
    NotLive,
    /// The actual line of a chart.
    Actual,
    /// The shadow's median.
    Median,
    /// The 80 % band.
    Band80,
    /// The 95 % band.
    Band95,
    /// A limit line.
    Limit,
    /// Grid and axis.
    Grid,
    /// A row's mark and word.
    Mark(Mark),
}

/// Theme and characters in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// The theme's name.
    pub theme: String,
    /// Characters.
    pub charset: Charset,
    /// Colours.
    pub depth: Depth,
    /// Style of each role.
    pub styles: BTreeMap<Role, Style>,
}

impl Look {
    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(&role).copied().unwrap_or_default()
    }

    /// `utf8` where the charset has it, else `ascii`.
    #[must_use]
    pub fn glyph<'a>(&self, utf8: &'a str, ascii: &'a str) -> &'a str {
        match self.charset {
            Charset::Utf8 => utf8,
            Charset::Ascii => ascii,
        }
    }
}
