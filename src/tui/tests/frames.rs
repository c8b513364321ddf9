//! What frames cost.

use super::settle;
use crate::{
    domain::{Mark, Span},
    tui::{
        driver::FRAME_BYTES,
        fixture,
        look::Charset,
        painter::Painter,
        state::{Msg, Screen},
        update, view_to_buffer,
    },
};

#[test]
fn a_live_screen_stays_within_its_bytes() {
    for (charset, width, height) in [(Charset::Ascii, 80, 24), (Charset::Utf8, 120, 40)] {
        for place in [Screen::Overview, Screen::Resource, Screen::Forecast] {
            let mut state = fixture::state(charset, width, height);
            let asked = crate::tui::enter(&mut state, place);
            settle(&mut state, asked);
            let mut painter = Painter::new(ratatui::layout::Rect::new(0, 0, width, height));
            painter.paint(view_to_buffer(&state, width, height), usize::MAX);
            let (mut worst, mut sum, frames) = (0, 0, 600);
            for number in 1..=frames {
                let asked = update(
                    &mut state,
                    Msg::Snapshot(std::sync::Arc::new(fixture::later(number, Span::from_secs(2)))),
                );
                settle(&mut state, asked);
                let next = view_to_buffer(&state, width, height);
                let bytes = painter.paint(next, usize::MAX).0.len();
                (worst, sum) = (bytes.max(worst), sum + bytes);
            }
            let mean = sum / frames as usize;
            assert!(
                mean <= 100,
                "{place:?} at {width}x{height}: {mean} bytes a frame of 2 s"
            );
            assert!(
                worst <= 1_200,
                "{place:?} at {width}x{height}: {worst} bytes in the worst frame"
            );
        }
    }
}

#[test]
fn shadows_that_become_ready_at_once_are_drawn_in_frames_that_stay_within_their_bytes() {
    let (width, height) = (120, 40);
    let snapshot = |ready: bool| {
        let mut snapshot = fixture::snapshot();
        snapshot.findings = Vec::new().into();
        snapshot.resources = snapshot.resources[..1].into();
        let mut rows: Vec<_> = (0..40)
            .flat_map(|_| snapshot.metrics.iter().cloned())
            .take(40)
            .collect();
        for (row, number) in rows.iter_mut().zip(0..) {
            row.id.name = format!("disk.sd{number:02}.await_secs").into();
            row.mark = if ready { Mark::Ok } else { Mark::Learning };
            row.expected = row.expected.filter(|_| ready);
            row.bits = if ready { 3.1 } else { 0.0 };
            row.hour = [ready.then_some(2.0); 8];
        }
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        snapshot.metrics = rows.into();
        Msg::Snapshot(std::sync::Arc::new(snapshot))
    };
    let mut state = fixture::state(Charset::Utf8, width, height);
    update(&mut state, snapshot(false));
    let mut painter = Painter::new(ratatui::layout::Rect::new(0, 0, width, height));
    painter.paint(view_to_buffer(&state, width, height), usize::MAX);
    update(&mut state, snapshot(true));
    let (mut frames, mut more) = (Vec::new(), true);
    while more {
        let (bytes, left) = painter.paint(view_to_buffer(&state, width, height), FRAME_BYTES);
        frames.push(bytes.len());
        more = left;
    }
    assert!((2..=4).contains(&frames.len()), "{frames:?}");
    assert!(frames.iter().all(|bytes| *bytes <= 1_200), "{frames:?}");
}
