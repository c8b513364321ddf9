//! Text whose cells are its characters: measured and written without parting it into what a reader takes for one character.

use ratatui::{buffer::Buffer, style::Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Cells of a text in which every character is shown as it is, alone and in one cell: printable ASCII, lines, blocks and dots. `None` for
/// any other, whose characters may act, join or be wider. Nearly all that is drawn is so simple, and measuring it otherwise would be half
/// of what a frame costs.
pub(super) fn simple(text: &str) -> Option<usize> {
    let one = |c| matches!(c, ' '..='~' | '·' | '\u{2500}'..='\u{259f}' | '\u{2800}'..='\u{28ff}');
    let mut cells = 0;
    text.chars().all(|c| (cells += 1, one(c)).1).then_some(cells)
}

/// Cells of a safe text.
pub(super) fn cells(text: &str) -> usize {
    simple(text).unwrap_or_else(|| text.width())
}

/// Writes a safe text from a cell of the buffer on, as far as there are cells in its row; returns the column behind it.
pub(in crate::tui) fn write(buffer: &mut Buffer, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if simple(text).is_none() {
        return buffer.set_stringn(x, y, text, usize::MAX, style).0;
    }
    let mut end = x;
    for (x, c) in (x..buffer.area.right()).zip(text.chars()) {
        buffer[(x, y)].set_char(c).set_style(style);
        end = x + 1;
    }
    end
}

/// Bytes of the longest beginning of `text` that takes at most `width` cells, measured character by character: characters that join
/// take fewer together, never more.
pub(super) fn ahead(text: &str, width: usize) -> usize {
    let mut cells = 0;
    let beyond = text.char_indices().find(|(_, c)| {
        cells += c.width().unwrap_or(0);
        cells > width
    });
    beyond.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::layout::Rect;

    use super::*;

    proptest! {
        #[test]
        fn simple_text_stands_in_the_cells_that_any_other_would(text in "[ -~·─-▟⠀-⣿]{0,30}", x in 0u16..25) {
            let mut ours = Buffer::empty(Rect::new(0, 0, 20, 1));
            let mut theirs = ours.clone();
            prop_assert_eq!(simple(&text), Some(text.width()));
            let end = write(&mut ours, x, 0, &text, Style::new());
            prop_assert_eq!(end, theirs.set_stringn(x, 0, &text, usize::MAX, Style::new()).0);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn what_acts_joins_or_is_wide_is_not_simple() {
        for text in ["\u{1b}", "e\u{301}", "東", "a\u{200d}b", "\u{ad}"] {
            assert_eq!(simple(text), None, "{text:?}");
        }
    }
}
