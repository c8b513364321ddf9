//! Everything printed passes here: data to stdout, messages to stderr, control characters shown and never sent.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::domain::text::{unsafe_to_show, visible};

/// Where data and messages go.
pub struct Out {
    data: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
}

/// Data could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutError {
    /// The reader has gone (`| head`): no fault of anyone.
    #[error("the reader has gone")]
    Closed,
    /// Writing failed.
    #[error("output: {0}")]
    Io(io::Error),
    /// A value has no JSON form.
    #[error("output: {0}")]
    Json(#[from] serde_json::Error),
}

impl From<io::Error> for OutError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl Out {
    /// Stdout and stderr.
    #[must_use]
    pub fn stdio() -> Self {
        Self::new(BufWriter::new(io::stdout()), io::stderr())
    }

    /// Any two writers.
    pub fn new(data: impl Write + Send + 'static, notes: impl Write + Send + 'static) -> Self {
        Self {
            data: Box::new(data),
            notes: Box::new(notes),
        }
    }

    /// Writes one line of data.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn line(&mut self, text: &str) -> Result<(), OutError> {
        writeln!(self.data, "{}", visible(text.trim_end()))?;
        Ok(())
    }

    /// Writes data of several lines, each ended by `\n`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn lines(&mut self, text: &str) -> Result<(), OutError> {
        text.lines().try_for_each(|line| self.line(line))
    }

    /// Writes a value as indented JSON, with every character that could act on a terminal written as `\uXXXX`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), OutError> {
        let text = serde_json::to_string_pretty(value)?;
        self.data.write_all(safe(&text).as_bytes())?;
        Ok(())
    }

    /// Writes one value of a list of indented JSON that is written as it comes; what is written is what [`Out::json`] writes of the
    /// whole list. `first` opens the list, [`Out::end_of_list`] ends it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn item(&mut self, first: bool, value: &impl Serialize) -> Result<(), OutError> {
        let text = serde_json::to_string_pretty(value)?;
        let text = safe(&text.replace('\n', "\n  "));
        write!(self.data, "{}\n  {}", if first { "[" } else { "," }, text.trim_end())?;
        Ok(())
    }

    /// Ends a list of at least one value.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end_of_list(&mut self) -> Result<(), OutError> {
        writeln!(self.data, "\n]")?;
        Ok(())
    }

    /// Writes a value as one line of JSON, its characters as in [`Out::json`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&mut self, value: &impl Serialize) -> Result<(), OutError> {
        let text = serde_json::to_string(value)?;
        self.data.write_all(safe(&text).as_bytes())?;
        Ok(())
    }

    /// Writes a text of this program's own for another program to read (a completion script, a manual page), byte for byte.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn script(&mut self, text: &[u8]) -> Result<(), OutError> {
        self.data.write_all(text)?;
        Ok(())
    }

    /// Writes a message: one line to stderr. A message that nobody can read is lost.
    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.notes, "{}", visible(text.trim_end()));
    }

    /// Hands over what is still held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<(), OutError> {
        self.data.flush()?;
        Ok(())
    }
}

/// JSON with every character that could act on a terminal escaped, and a line's end. serde_json escapes C0 itself, and outside of
/// strings JSON is ASCII: what is left to escape stands within strings.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        if c != '\n' && unsafe_to_show(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    safe
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;

    /// Keeps what is written.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A reader that has gone.
    pub(crate) struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_told_apart_from_a_full_disk() {
        let mut out = Out::new(Gone, io::sink());
        assert!(matches!(out.line("x"), Err(OutError::Closed)));
        assert!(matches!(
            OutError::from(io::Error::from(io::ErrorKind::StorageFull)),
            OutError::Io(_)
        ));
    }

    #[test]
    fn a_list_written_as_it_comes_is_the_list() {
        let (whole, pieces) = (Page::default(), Page::default());
        let values = [serde_json::json!({"a": "x\ny\u{202e}", "b": [1]}), serde_json::json!(2)];
        Out::new(whole.clone(), io::sink()).json(&values).unwrap();
        let mut out = Out::new(pieces.clone(), io::sink());
        for (place, value) in values.iter().enumerate() {
            out.item(place == 0, value).unwrap();
        }
        out.end_of_list().unwrap();
        assert_eq!(pieces.text(), whole.text());
    }

    proptest! {
        #[test]
        fn no_control_character_comes_out(text in "\\PC{0,5}[\u{0}-\u{9f}\u{2028}\u{202e}\u{feff}]{0,20}\\PC{0,5}") {
            let (data, notes) = (Page::default(), Page::default());
            let mut out = Out::new(data.clone(), notes.clone());
            out.line(&text).unwrap();
            out.note(&text);
            for page in [&data, &notes] {
                prop_assert!(!page.text().trim_end_matches('\n').chars().any(unsafe_to_show));
                prop_assert_eq!(page.text().lines().count(), 1);
            }
        }

        #[test]
        fn json_says_the_same_without_control_characters(text in "[\u{0}-\u{ff}\u{2028}\u{202e}\u{feff}😀]{0,20}") {
            let data = Page::default();
            Out::new(data.clone(), io::sink()).json(&[&text]).unwrap();
            prop_assert!(!data.text().chars().any(|c| c != '\n' && unsafe_to_show(c)));
            let back: Vec<String> = serde_json::from_str(&data.text()).unwrap();
            prop_assert_eq!(&back[0], &text);
        }
    }
}
