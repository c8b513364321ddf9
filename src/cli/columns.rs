//! Rows of text in columns.

use unicode_width::UnicodeWidthStr;

use crate::{
    cli::{Out, OutError},
    domain::text::visible,
};

/// Rows whose cells are padded to the widest of their column, two spaces apart; the last column is not padded.
#[derive(Debug, Default)]
pub struct Columns {
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// Rows below a heading.
    #[must_use]
    pub fn headed(names: &[&str]) -> Self {
        let mut columns = Self::default();
        columns.row(names);
        columns
    }

    /// Adds a row.
    pub fn row<T: AsRef<str>>(&mut self, cells: &[T]) {
        self.rows
            .push(cells.iter().map(|cell| visible(cell.as_ref()).into_owned()).collect());
    }

    /// Writes all rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn print(&self, out: &mut Out) -> Result<(), OutError> {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
            out.line(&line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::tests::Page;

    #[test]
    fn columns_stand_under_each_other_whatever_is_in_them() {
        let page = Page::default();
        let mut columns = Columns::headed(&["name", "value"]);
        columns.row(&["東京", "1"]);
        columns.row(&["a\u{1b}b", "2"]);
        columns.row(&["short"]);
        columns.print(&mut Out::new(page.clone(), std::io::sink())).unwrap();
        assert_eq!(page.text(), "name      value\n東京      1\na\\u{1b}b  2\nshort\n");
    }
}
