//! Writes frames.

use std::io;

use ratatui::layout::Rect;

use super::{Driver, size};
use crate::{
    engine::Link,
    tui::{state::Msg, terminal, view},
};

/// Bytes after which a frame that no key asked for is continued in the next one: as many shadows become ready at once.
pub(in crate::tui) const FRAME_BYTES: usize = 1_000;

impl<L: Link> Driver<L> {
    /// Draws all in the size the terminal has now. Also back at the old size: what the smaller window cut off is gone.
    pub(super) fn paint_resized(&mut self) -> io::Result<()> {
        let (width, height) = size();
        self.painter.forget();
        self.take(Msg::Resize(width, height));
        self.paint()
    }

    /// Writes what changed; nothing at all when nothing did.
    pub(super) fn paint(&mut self) -> io::Result<()> {
        self.paint_some(usize::MAX).map(drop)
    }

    /// Writes what data changed, over a slow link not more at once than is read at once; returns whether there is more to write. `whole`
    /// asks for all of it at once: an answer to a key, or what the frame before left over, so that no row waits twice.
    pub(super) fn paint_data(&mut self, fresh: &mut bool, whole: &mut bool) -> io::Result<bool> {
        let most = if *whole { usize::MAX } else { FRAME_BYTES };
        let (bytes, more) = self.paint_some(most)?;
        *whole = more;
        if std::mem::take(fresh) {
            self.cost.frame_bytes = Some(bytes);
        }
        Ok(more)
    }

    /// Writes what changed, row by row, until so many bytes are reached. Gives the bytes, and whether there may be more.
    pub(super) fn paint_some(&mut self, most: usize) -> io::Result<(usize, bool)> {
        assert!(!self.state.panic_next, "asked for by FORESHADOW_PANIC=ui");
        let (width, height) = self.state.size;
        let mut sheet = self.painter.sheet(Rect::new(0, 0, width, height));
        view(&self.state, &mut sheet);
        let (frame, more) = self.painter.paint(sheet, most);
        let frame = terminal::whole(frame);
        if !frame.is_empty() && !self.terminal.write(&frame)? {
            self.painter.forget();
        }
        Ok((frame.len(), more))
    }
}
