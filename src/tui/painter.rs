//! Turns what changed between two frames into the fewest bytes: one string, to be written at once.
//!
//! ratatui's own backend resets all attributes after every frame and hides the cursor in each; over a slow line that is more
//! than what changed. Nothing here asks the terminal anything.

use std::fmt::Write;

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier},
};
use unicode_width::UnicodeWidthStr;

/// Columns that a chart shifts by at once.
const SHIFT: usize = crate::tui::chart::GRID as usize;
/// Cells that moving a part of a row must save: it costs four sequences.
const WORTH: usize = 12;

/// What the next character would look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    colour: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen {
    colour: Color::Reset,
    modifier: Modifier::empty(),
};

impl Pen {
    fn of(cell: &Cell) -> Self {
        Self {
            colour: cell.fg,
            modifier: cell.modifier,
        }
    }

    /// Whether a space drawn with it can be told from an empty cell.
    fn shows_in_spaces(self) -> bool {
        self.modifier
            .intersects(Modifier::REVERSED | Modifier::UNDERLINED | Modifier::CROSSED_OUT)
    }
}

/// Remembers what the terminal shows.
#[derive(Debug)]
pub struct Painter {
    shown: Buffer,
    /// What was shown before that: its cells are taken for the next frame.
    spare: Buffer,
    /// Whether the terminal may show something else: every row is written then, and cleared behind its text.
    unknown: bool,
    pen: Pen,
    /// Column and row; `None` after the last column, where terminals differ.
    cursor: Option<(u16, u16)>,
}

impl Painter {
    /// A painter of a screen that nothing is known of.
    #[must_use]
    pub fn new(area: Rect) -> Self {
        Self {
            shown: Buffer::empty(area),
            spare: Buffer::default(),
            unknown: true,
            pen: PLAIN,
            cursor: None,
        }
    }

    /// Draws everything the next time.
    pub fn forget(&mut self) {
        self.unknown = true;
    }

    /// An empty buffer to draw the next frame into.
    pub fn sheet(&mut self, area: Rect) -> Buffer {
        let mut sheet = std::mem::take(&mut self.spare);
        if sheet.area == area {
            sheet.reset();
            sheet
        } else {
            Buffer::empty(area)
        }
    }

    /// The bytes that make the terminal show `next`; empty when it does already. After `most` bytes it stops behind the row it is in:
    /// the rows below stay as they are, and `true` is returned with the bytes. A screen that nothing is known of is painted whole.
    pub fn paint(&mut self, mut next: Buffer, most: usize) -> (String, bool) {
        let mut out = String::new();
        if self.unknown || self.shown.area != next.area {
            self.unknown = true;
            self.shown = Buffer::empty(next.area);
            self.pen = PLAIN;
            self.cursor = None;
            out.push_str("\x1b[m");
        }
        let mut shown = std::mem::take(&mut self.shown);
        let mut more = false;
        let width = usize::from(next.area.width);
        for y in 0..next.area.height {
            let row = usize::from(y) * width..usize::from(y + 1) * width;
            let pairs = || shown.content[row.clone()].iter().zip(&next.content[row.clone()]);
            if !self.unknown && pairs().all(|(old, new)| same(old, new)) {
                continue;
            }
            if out.len() >= most && !self.unknown {
                next.content[row.start..].clone_from_slice(&shown.content[row.start..]);
                more = true;
                break;
            }
            self.shift(&mut shown, &next, y, &mut out);
            self.row(&shown, &next, y, &mut out);
        }
        self.unknown = false;
        self.shown = next;
        self.spare = shown;
        (out, more)
    }

    /// Moves what a chart has moved: columns taken out at its left edge and put in at its right one are far fewer bytes than the row
    /// drawn again, and what stands right of it comes back to its place.
    fn shift(&mut self, shown: &mut Buffer, next: &Buffer, y: u16, out: &mut String) {
        let width = usize::from(next.area.width);
        if self.unknown || width < SHIFT + WORTH {
            return;
        }
        let start = usize::from(y) * width;
        let (old, new) = (
            &shown.content[start..start + width],
            &next.content[start..start + width],
        );
        // Halves of wide characters must not be parted.
        if old.iter().chain(new).any(|cell| cell.symbol().width() != 1) {
            return;
        }
        let differs = |x: &usize| !same(&old[*x], &new[*x]);
        let (Some(from), Some(last)) = ((0..width).find(differs), (0..width).rfind(differs)) else {
            return;
        };
        let to = last + 1;
        if to - from < SHIFT + WORTH {
            return;
        }
        let stay = (from..to).filter(|x| !differs(x)).count();
        let moved = (from..to - SHIFT).filter(|x| same(&old[x + SHIFT], &new[*x])).count();
        let empty = new[to - SHIFT..to].iter().filter(|cell| blank(cell)).count();
        if moved + empty < stay + WORTH {
            return;
        }
        let row = &mut shown.content[start..start + width];
        row[from..to].rotate_left(SHIFT);
        row[to - SHIFT..to].iter_mut().for_each(Cell::reset);
        self.go(from as u16, y, out);
        if self.pen.shows_in_spaces() {
            self.set(PLAIN, out);
        }
        push(out, format_args!("\x1b[{SHIFT}P"));
        self.go((to - SHIFT) as u16, y, out);
        push(out, format_args!("\x1b[{SHIFT}@"));
    }

    fn row(&mut self, shown: &Buffer, next: &Buffer, y: u16, out: &mut String) {
        let width = next.area.width;
        let cell = |x: u16| &next[(next.area.x + x, next.area.y + y)];
        let old = |x: u16| &shown[(next.area.x + x, next.area.y + y)];
        // From here on the row is empty: one sequence clears it.
        let tail = (0..width)
            .rev()
            .find(|x| !blank(cell(*x)))
            .map_or(0, |x| x + cell(x).symbol().width().max(1) as u16);
        // What terminals leave of a wide character of which one half is overwritten differs: all behind it is drawn anew.
        let wide = (0..width).any(|x| old(x).symbol().width() > 1);
        let mut all = self.unknown;
        let mut x = 0;
        while x < width {
            let new = cell(x);
            if !all && same(old(x), new) {
                x += 1;
                continue;
            }
            all |= wide;
            if x >= tail {
                let left = (x..width).filter(|x| !blank(old(*x))).count();
                if all || left > 3 {
                    self.go(x, y, out);
                    if self.pen.shows_in_spaces() {
                        self.set(PLAIN, out);
                    }
                    out.push_str("\x1b[K");
                    return;
                }
            }
            self.reach(x, y, next, out);
            self.put(new, out);
            let cells = (new.symbol().width() as u16).max(1);
            x += cells;
            self.cursor = (x < width).then_some((x, y));
        }
    }

    /// Goes to a cell of the row, over what already stands there where that is shorter than going round it.
    fn reach(&mut self, x: u16, y: u16, next: &Buffer, out: &mut String) {
        if let Some((from, row)) = self.cursor
            && row == y
            && (1..=4).contains(&x.saturating_sub(from))
            && from < x
        {
            let between: Vec<&Cell> = (from..x).map(|x| &next[(next.area.x + x, next.area.y + y)]).collect();
            let fits = |cell: &&Cell| {
                cell.symbol().width() == 1
                    && (Pen::of(cell) == self.pen || (blank(cell) && !self.pen.shows_in_spaces()))
            };
            let bytes: usize = between.iter().map(|cell| cell.symbol().len()).sum();
            let jump = if between.len() == 1 { 3 } else { 4 };
            if bytes <= jump && between.iter().all(fits) {
                between.iter().for_each(|cell| out.push_str(cell.symbol()));
                self.cursor = Some((x, y));
                return;
            }
        }
        self.go(x, y, out);
    }

    fn go(&mut self, x: u16, y: u16, out: &mut String) {
        let far = if x == 0 {
            format!("\x1b[{}H", y + 1)
        } else {
            format!("\x1b[{};{}H", y + 1, x + 1)
        };
        let near = self.cursor.and_then(|from| step(from, (x, y)));
        match near.filter(|near| near.len() <= far.len()) {
            Some(near) => out.push_str(&near),
            None => out.push_str(&far),
        }
        self.cursor = Some((x, y));
    }

    fn put(&mut self, cell: &Cell, out: &mut String) {
        let pen = Pen::of(cell);
        // A space looks the same in every colour.
        if !(cell.symbol() == " " && !pen.shows_in_spaces() && !self.pen.shows_in_spaces()) {
            self.set(pen, out);
        }
        out.push_str(if cell.symbol().is_empty() { " " } else { cell.symbol() });
    }

    fn set(&mut self, pen: Pen, out: &mut String) {
        if pen == self.pen {
            return;
        }
        if pen == PLAIN {
            out.push_str("\x1b[m");
            self.pen = pen;
            return;
        }
        let mut codes = String::new();
        let mut from = self.pen;
        if !(from.modifier - pen.modifier).is_empty() {
            codes.push_str("0;");
            from = PLAIN;
        }
        let added = pen.modifier - from.modifier;
        for (modifier, code) in [
            (Modifier::BOLD, 1),
            (Modifier::DIM, 2),
            (Modifier::ITALIC, 3),
            (Modifier::UNDERLINED, 4),
            (Modifier::REVERSED, 7),
            (Modifier::CROSSED_OUT, 9),
        ] {
            if added.contains(modifier) {
                push(&mut codes, format_args!("{code};"));
            }
        }
        if pen.colour != from.colour {
            match pen.colour {
                Color::Indexed(ansi @ 0..=7) => push(&mut codes, format_args!("{};", 30 + ansi)),
                Color::Indexed(ansi @ 8..=15) => push(&mut codes, format_args!("{};", 82 + ansi)),
                Color::Indexed(index) => push(&mut codes, format_args!("38;5;{index};")),
                Color::Rgb(r, g, b) => push(&mut codes, format_args!("38;2;{r};{g};{b};")),
                // Themes give no other colours.
                _ => codes.push_str("39;"),
            }
        }
        push(out, format_args!("\x1b[{}m", codes.trim_end_matches(';')));
        self.pen = pen;
    }
}

/// The way from a cell to one in the same row or below it, if it may be short: line feeds go down (raw mode keeps the column, and
/// a row below the last is never gone to), backspaces left.
fn step((from, row): (u16, u16), (x, y): (u16, u16)) -> Option<String> {
    let down = y.checked_sub(row).filter(|down| *down <= 4)?;
    let mut way = "\n".repeat(usize::from(down));
    match (x, from) {
        (0, 1..) => way.push('\r'),
        (x, from) if x < from && from - x <= 4 => way.push_str(&"\x08".repeat(usize::from(from - x))),
        (x, from) if x < from => push(&mut way, format_args!("\x1b[{}D", from - x)),
        (x, from) if x == from + 1 => way.push_str("\x1b[C"),
        (x, from) if x > from => push(&mut way, format_args!("\x1b[{}C", x - from)),
        _ => {}
    }
    Some(way)
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes all text");
}

fn blank(cell: &Cell) -> bool {
    matches!(cell.symbol(), " " | "") && !Pen::of(cell).shows_in_spaces()
}

fn same(a: &Cell, b: &Cell) -> bool {
    (Pen::of(a) == Pen::of(b) && a.symbol() == b.symbol()) || (blank(a) && blank(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Style;

    use super::*;

    const WIDTH: u16 = 12;
    const HEIGHT: u16 = 3;

    fn all(painter: &mut Painter, next: Buffer) -> String {
        painter.paint(next, usize::MAX).0
    }

    #[test]
    fn what_is_too_much_for_one_frame_comes_with_the_next() {
        let area = Rect::new(0, 0, 80, 24);
        let mut painter = Painter::new(area);
        let mut terminal = vt100::Parser::new(24, 80, 0);
        terminal.process(painter.paint(Buffer::empty(area), 100).0.as_bytes());
        let mut next = Buffer::empty(area);
        (0..24).for_each(|y| next.set_string(0, y, "x".repeat(70), Style::new()));
        let (first, more) = painter.paint(next.clone(), 700);
        assert!(more && (700..800).contains(&first.len()), "{}", first.len());
        terminal.process(first.as_bytes());
        let (rest, more) = painter.paint(next.clone(), 2_000);
        assert!(!more);
        terminal.process(rest.as_bytes());
        assert_eq!(terminal.screen().contents().matches('x').count(), 70 * 24);
        assert_eq!(painter.paint(next, 1), (String::new(), false));
    }

    fn styles() -> impl Strategy<Value = Style> {
        let modifiers = prop::sample::select(vec![
            Modifier::empty(),
            Modifier::BOLD,
            Modifier::REVERSED,
            Modifier::BOLD | Modifier::UNDERLINED,
        ]);
        let colours = prop::sample::select(vec![
            Color::Reset,
            Color::Indexed(1),
            Color::Indexed(12),
            Color::Indexed(99),
            Color::Rgb(1, 2, 3),
        ]);
        (modifiers, colours).prop_map(|(modifier, colour)| Style::new().fg(colour).add_modifier(modifier))
    }

    fn buffers() -> impl Strategy<Value = Buffer> {
        let piece = (0..WIDTH, 0..HEIGHT, "[ a-c東]{1,12}", styles());
        prop::collection::vec(piece, 0..6).prop_map(|pieces| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, WIDTH, HEIGHT));
            for (x, y, text, style) in pieces {
                // Whole rows only: text over half of a wide character is no frame of ours.
                (0..WIDTH).for_each(|x| buffer[(x, y)].reset());
                buffer.set_stringn(x, y, text, usize::from(WIDTH - x), style);
            }
            buffer
        })
    }

    fn seen(terminal: &vt100::Parser) -> Vec<(String, bool, bool, vt100::Color)> {
        let cells = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (y, x)));
        cells
            .map(|(y, x)| {
                let cell = terminal.screen().cell(y, x).unwrap();
                let text = if cell.contents().is_empty() || cell.contents() == " " {
                    ""
                } else {
                    cell.contents()
                };
                let plain = text.is_empty() && !cell.inverse() && !cell.underline();
                let colour = if plain { vt100::Color::Default } else { cell.fgcolor() };
                (text.to_owned(), cell.inverse(), !plain && cell.bold(), colour)
            })
            .collect()
    }

    proptest! {
        #[test]
        fn painting_the_difference_shows_what_painting_all_does(frames in prop::collection::vec(buffers(), 1..5)) {
            let mut painter = Painter::new(frames[0].area);
            let mut terminal = vt100::Parser::new(HEIGHT, WIDTH, 0);
            for frame in frames {
                terminal.process(all(&mut painter, frame.clone()).as_bytes());
                let mut fresh = vt100::Parser::new(HEIGHT, WIDTH, 0);
                fresh.process(all(&mut Painter::new(frame.area), frame.clone()).as_bytes());
                prop_assert_eq!(seen(&terminal), seen(&fresh));
                let text: String = frame.content().iter().map(Cell::symbol).filter(|s| *s != " ").collect();
                let drawn: String = seen(&terminal).into_iter().map(|(text, ..)| text).collect();
                prop_assert_eq!(drawn, text);
                prop_assert_eq!(all(&mut painter, frame), "");
            }
        }
    }

    proptest! {
        #[test]
        fn a_chart_that_moves_is_moved(rows in prop::collection::vec("[ a-c]{60}", 3), left in 0usize..15, right in 30usize..60,
            more in "[ a-c]{30}", colour in 0u8..3) {
            let draw = |rows: &[String]| {
                let mut buffer = Buffer::empty(Rect::new(0, 0, 60, 3));
                for (y, row) in rows.iter().enumerate() {
                    buffer.set_string(0, y as u16, row, Style::new());
                    buffer.set_style(Rect::new(20, y as u16, 8, 1), Style::new().fg(Color::Indexed(colour)));
                }
                buffer
            };
            let moved: Vec<String> = rows
                .iter()
                .enumerate()
                .map(|(y, row)| format!("{}{}{}{}", &row[..left], &row[left + SHIFT..right], &more[y * 10..y * 10 + 10], &row[right..]))
                .collect();
            let mut painter = Painter::new(Rect::new(0, 0, 60, 3));
            let mut terminal = vt100::Parser::new(3, 60, 0);
            terminal.process(all(&mut painter, draw(&rows)).as_bytes());
            terminal.process(all(&mut painter, draw(&moved)).as_bytes());
            let mut fresh = vt100::Parser::new(3, 60, 0);
            fresh.process(all(&mut Painter::new(Rect::new(0, 0, 60, 3)), draw(&moved)).as_bytes());
            // A blank that was written and one that never was look alike.
            let seen = |terminal: &vt100::Parser| -> Vec<String> {
                terminal.screen().rows(0, 60).map(|row| row.trim_end().to_owned()).collect()
            };
            prop_assert_eq!(seen(&terminal), seen(&fresh));
            prop_assert_eq!(all(&mut painter, draw(&moved)), "");
        }
    }

    #[test]
    fn a_chart_of_a_hundred_columns_moves_for_a_few_bytes() {
        let row: String = (0..100)
            .map(|x: u8| char::from(b'a' + (u32::from(x) * 7 % 26) as u8))
            .collect();
        let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 1));
        buffer.set_string(5, 0, &row, Style::new());
        buffer.set_string(110, 0, "right", Style::new());
        let mut painter = Painter::new(buffer.area);
        all(&mut painter, buffer.clone());
        buffer.set_string(5, 0, format!("{}          ", &row[10..]), Style::new());
        let bytes = all(&mut painter, buffer);
        assert!(bytes.len() <= 30, "{bytes:?}");
    }

    #[test]
    fn a_changed_digit_costs_a_few_bytes() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        buffer.set_string(0, 0, "LIVE 14:32:00", Style::new().fg(Color::Indexed(2)));
        let mut painter = Painter::new(buffer.area);
        all(&mut painter, buffer.clone());
        buffer.set_string(0, 0, "LIVE 14:32:02", Style::new().fg(Color::Indexed(2)));
        let bytes = all(&mut painter, buffer);
        assert!(bytes.len() <= 10, "{bytes:?}");
    }
}
