//! The keys of the What-if screen.

use crate::tui::state::KeyHint;

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[
    KeyHint {
        key: "space",
        does: "on/off",
        help: "turns the change under the cursor on or off",
    },
    KeyHint {
        key: "Enter",
        does: "edit",
        help: "edits the change under the cursor",
    },
    KeyHint {
        key: "+",
        does: "add",
        help: "adds a change: SETTING = VALUE, cpu x2, traffic x1.5",
    },
    KeyHint {
        key: "b",
        does: "compare",
        help: "copies scenario A to B, then goes between the two",
    },
    KeyHint {
        key: "[ ]",
        does: "time",
        help: "moves when the change under the cursor happens, a step of the chart back or on",
    },
    KeyHint {
        key: "x",
        does: "explain",
        help: "says where the numbers come from and what was tried",
    },
    KeyHint {
        key: "Tab",
        does: "effects",
        help: "goes to what the changes do, whose chart follows the cursor (Enter opens it on screen 2), and back",
    },
    KeyHint {
        key: "4",
        does: "keep",
        help: "keeps the scenario as a proposal on screen 4",
    },
    KeyHint {
        key: "h l",
        does: "horizon",
        help: "looks less or more far ahead (1 h to 30 d)",
    },
    KeyHint {
        key: "d",
        does: "drop",
        help: "takes the change under the cursor out of the list",
    },
    KeyHint {
        key: "r",
        does: "run",
        help: "runs the what-if again on the newest data",
    },
    KeyHint {
        key: "y",
        does: "copy",
        help: "copies changes and outcome as text",
    },
    KeyHint {
        key: "e",
        does: "export",
        help: "writes outcome, seed and time to a new file (JSON)",
    },
];
