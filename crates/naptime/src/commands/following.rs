//! What is said beside a stream that is followed: that it begins, breaks off and goes on, and that something is missing.

use naptime_client::Event;

/// What was said so far.
pub(super) struct Following {
    /// What is followed, as a word.
    what: &'static str,
    is_open: bool,
    is_lost: bool,
}

impl Following {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, is_open: false, is_lost: false }
    }

    /// Says in a line what people have to know of an event.
    pub(super) fn tell(&mut self, event: &Event) {
        match event {
            Event::Open if self.is_lost => eprintln!("naptime: the server answers again"),
            Event::Open if !self.is_open => eprintln!("naptime: follows the {}; Ctrl-C ends that", self.what),
            Event::Lost(why) => eprintln!("naptime: {why}; trying on"),
            Event::Gap(gap) => eprintln!("naptime: some {} since {} are missing here", gap.kind, gap.since),
            _ => {}
        }
        match event {
            Event::Open => (self.is_open, self.is_lost) = (true, false),
            Event::Lost(_) => self.is_lost = true,
            _ => {}
        }
    }
}
