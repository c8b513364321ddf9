//! Takes a picture of the console as a terminal shows it: `picture OUT.svg [SECONDS] [ROWS] [COLUMNS]`, keys in `KEYS`.
//!
//! Starts the built binary on this host in folders of its own, lets it learn, presses keys, and writes what stands there as SVG.

use std::{
    env, fs,
    io::{Read, Write as _},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let file = arguments.next().context("name the SVG file to write")?;
    let mut number = |default: u64| {
        arguments
            .next()
            .map_or(Ok(default), |text| text.parse())
            .context("not a number")
    };
    let learn = number(90)?;
    let keys = env::var("KEYS").unwrap_or_default();
    let (rows, columns) = (number(40)? as u16, number(120)? as u16);

    let home = tempfile::tempdir()?;
    let binary = env::current_exe()?.with_file_name("../foreshadow");
    let (mut pty, pts) = pty_process::blocking::open()?;
    pty.resize(pty_process::Size::new(rows, columns))?;
    let mut command = pty_process::blocking::Command::new(binary);
    for folder in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
        command = command.env(folder, home.path());
    }
    command = command
        .env("TERM", "xterm-256color")
        .env("COLORTERM", "truecolor")
        .env("LC_ALL", "C.UTF-8");
    let mut child = command.spawn(pts)?;
    let handle = std::os::fd::AsFd::as_fd(&pty).try_clone_to_owned()?;
    let (send, output) = channel();
    thread::spawn(move || {
        let mut reader = fs::File::from(handle);
        let mut buffer = [0; 65_536];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if send.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut screen = vt100::Parser::new(rows, columns, 0);
    let mut watch = |wait: Duration| {
        let until = foreshadow::engine::clock::Stopwatch::start();
        while let Some(left) = wait.checked_sub(until.elapsed()) {
            match output.recv_timeout(left) {
                Ok(bytes) => screen.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
    };
    watch(Duration::from_secs(learn));
    for key in keys.chars() {
        pty.write_all(key.to_string().as_bytes())?;
        watch(Duration::from_secs(2));
    }
    let lines: Vec<String> = (0..rows).map(|row| line(screen.screen(), row, columns)).collect();
    pty.write_all(b"q")?;
    child.wait()?;
    fs::write(&file, anstyle_svg::Term::new().render_svg(&lines.join("\n")))?;
    Ok(())
}

/// A row as text with its colours, cell by cell, so that a column of the picture is a column of the screen.
fn line(screen: &vt100::Screen, row: u16, columns: u16) -> String {
    let colour = |ground: u8, colour: vt100::Color| match colour {
        vt100::Color::Default => String::new(),
        vt100::Color::Idx(index) => format!(";{ground}8;5;{index}"),
        vt100::Color::Rgb(red, green, blue) => format!(";{ground}8;2;{red};{green};{blue}"),
    };
    let mut line = String::new();
    let mut pen = String::new();
    for cell in (0..columns).filter_map(|column| screen.cell(row, column)) {
        let mut style = String::from("0");
        style.push_str(if cell.bold() { ";1" } else { "" });
        style.push_str(if cell.inverse() { ";7" } else { "" });
        style.push_str(&colour(3, cell.fgcolor()));
        style.push_str(&colour(4, cell.bgcolor()));
        if style != pen {
            line.push_str(&format!("\u{1b}[{style}m"));
            pen = style;
        }
        line.push_str(if cell.has_contents() { cell.contents() } else { " " });
    }
    line
}
