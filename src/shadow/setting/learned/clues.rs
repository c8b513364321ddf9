//! What speaks for a value.

/// Features of a candidate.
pub const WIDTH: usize = 45;
/// Most candidates of one setting.
const MOST: usize = 64;

/// A value a setting may take next, and what speaks for it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The value, without an image's digest.
    pub value: String,
    /// What speaks for it, each about 0 to 1.
    pub features: [f32; WIDTH],
}

/// What speaks for a candidate, in the order of its features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Clue {
    /// The newest edit of the commit from the same value led to it.
    Mapped,
    /// Share of the commit's edits from the same value that led to it.
    MappedShare,
    /// A piece of the value replaced as the newest edit of the commit replaced it.
    Replaced,
    /// A piece replaced as an earlier edit of the commit did.
    ReplacedOther,
    /// A piece replaced as the commits before did, the newer the stronger.
    ReplacedLately,
    /// Share of the commit's edits at the same template that led to it.
    TemplateTarget,
    /// Share of the commit's edits of the same last name that led to it.
    LeafTarget,
    /// The newest edit of the same last name led to it.
    LeafNewest,
    /// The very edit before led to it.
    PreviousTarget,
    /// Another setting of the resource has just left it.
    Swapped,
    /// A neighbour in the section has just left it.
    SwappedSection,
    /// The place after this one in its sequence held it before the commit.
    After,
    /// The place before this one in its sequence held it before the commit.
    Before,
    /// A place two or three further held it.
    FarShift,
    /// The sequence has moved by just so many places in this commit, the newer the stronger.
    ShiftSeen,
    /// It is the value before this one.
    Back,
    /// It was left not long ago (fading over two days).
    BackSoon,
    /// Share of the setting's changes that were undone.
    BackHabit,
    /// The setting had it before.
    Older,
    /// How often the setting had it.
    OlderCount,
    /// It followed this value in this setting.
    Follows,
    /// It followed this value in any setting.
    Transition,
    /// Share of the settings that left this value for it.
    TransitionShare,
    /// One left for it not long ago (fading over a week).
    TransitionRecent,
    /// Share of the peers at the same path that hold it.
    PathHeld,
    /// Share of the newest moves at the same path that led to it.
    PathMoved,
    /// Share of the peers at the same template that hold it.
    TemplateHeld,
    /// Share of the newest moves at the same template that led to it.
    TemplateMoved,
    /// Share of the settings of the same last name that hold it.
    LeafHeld,
    /// Share of the newest moves of the same last name that led to it.
    LeafMoved,
    /// A peer at the same path moved to it not long ago (fading over three days).
    PathMovedRecent,
    /// A peer at the same template moved to it not long ago.
    TemplateMovedRecent,
    /// It came here before, when the edit before led to what it has just led to.
    Companion,
    /// A version with one part raised, by one the strongest.
    Bump,
    /// Share of its own rises that raised this part.
    BumpOwn,
    /// Share of its own rises of this part that were this far.
    BumpOwnStep,
    /// Share of its peers' rises that raised this part.
    BumpTemplate,
    /// Share of all rises that raised this part.
    BumpAll,
    /// The first part raised.
    BumpFirst,
    /// The last part raised.
    BumpLast,
    /// The newest version of the same name anywhere.
    Adopted,
    /// Any setting holds it.
    Held,
    /// The double, the half, ten times or a tenth of a number.
    Round,
    /// The other truth.
    Flip,
    /// P(it), by the network of what stands together.
    Belongs,
}

/// Clues of what others do that have nothing in common with a setting but where they stand or what they are called.
const OF_OTHERS: [Clue; 6] = [
    Clue::TemplateHeld,
    Clue::TemplateMoved,
    Clue::TemplateMovedRecent,
    Clue::LeafHeld,
    Clue::LeafMoved,
    Clue::Held,
];

impl Candidate {
    /// Whether anything speaks for it but what others do that have nothing to do with the setting.
    #[must_use]
    pub fn is_its_own(&self) -> bool {
        let speaks =
            |(place, strength): (usize, &f32)| *strength > 0.0 && !OF_OTHERS.iter().any(|clue| *clue as usize == place);
        self.features.iter().enumerate().any(speaks)
    }
}

/// The candidates gathered so far.
#[derive(Debug, Default)]
pub struct Pool {
    /// In the order of coming.
    pub list: Vec<Candidate>,
    /// The value now, which is no candidate.
    pub current: String,
}

impl Pool {
    /// No candidates yet for a setting whose value is `current`.
    #[must_use]
    pub fn new(current: &str) -> Self {
        Self {
            current: current.to_owned(),
            ..Self::default()
        }
    }

    /// Notes what speaks for `value`, and how strongly.
    pub fn clue(&mut self, value: &str, clue: Clue, strength: f32) {
        if value == self.current {
            return;
        }
        // There are few, so that looking at each takes less than a hash of the text; the newest is asked for most.
        let place = match self.list.iter().rposition(|candidate| candidate.value == value) {
            Some(place) => place,
            None if self.list.len() >= MOST => return,
            None => {
                self.list.push(Candidate {
                    value: value.to_owned(),
                    features: [0.0; WIDTH],
                });
                self.list.len() - 1
            }
        };
        let cell = &mut self.list[place].features[clue as usize];
        *cell = cell.max(strength);
    }
}
