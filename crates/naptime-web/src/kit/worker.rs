//! How a worker is shown: its name, with a small picture of the animal it is named after, more or less.

use std::collections::BTreeMap;

use maud::{Markup, html};
use naptime_core::WorkerId;

/// The colours there are, `--worker-0` and on in the style sheet.
pub(crate) const COLOURS: usize = 8;

/// A worker's picture and name, wherever one is mentioned.
pub(crate) fn named(id: WorkerId) -> Markup {
    coloured(id, id.looks().colour)
}

/// The same in a colour that is not its own.
pub(crate) fn coloured(id: WorkerId, colour: u8) -> Markup {
    html! { span.worker title=(id) { (picture(id, colour)) (id.name()) } }
}

/// A colour for each of up to [`COLOURS`] workers that are shown together, no two the same: its own, unless another has
/// that already.
pub(crate) fn colours(ids: impl IntoIterator<Item = WorkerId>) -> BTreeMap<WorkerId, u8> {
    let mut free: Vec<u8> = (0..).take(COLOURS).collect();
    let mut given = BTreeMap::new();
    let mut late = Vec::new();
    for id in ids {
        let own = id.looks().colour;
        match free.iter().position(|&colour| colour == own) {
            Some(index) => drop(given.insert(id, free.swap_remove(index))),
            None => late.push(id),
        }
    }
    given.extend(late.into_iter().map(|id| (id, free.pop().unwrap_or(id.looks().colour))));
    given
}

// The paths of a picture, 24 by 24. There is one for each number in `Looks`.
const EARS: [&str; 6] = [
    // A bear's, a cat's, a rabbit's, a snail's, a dog's; a crest.
    "M2 7a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0ZM15 7a3.5 3.5 0 1 0 7 0 3.5 3.5 0 1 0-7 0Z",
    "M3 14 3.6 2.5 12 7.5 20.4 2.5 21 14Z",
    "M7 10C3.5 6 4.5.3 7 .3S11 4 10.7 9ZM17 10C20.5 6 19.5.3 17 .3S13 4 13.3 9Z",
    "M7.5 8 5.2 3.6A1.8 1.8 0 1 1 6.9 2.7L9.4 7ZM16.5 8 18.8 3.6A1.8 1.8 0 1 0 17.1 2.7L14.6 7Z",
    "M7 5.5C1 4.5-.2 12 1.8 17 5 16.5 5.5 11 7.5 8.5ZM17 5.5C23 4.5 24.2 12 22.2 17 19 16.5 18.5 11 16.5 8.5Z",
    "M8 7C8 3.5 10 1 13.5 1 12.6 2 12.6 3 13 4 14 2.8 15.5 2.5 17 3 15.5 4 15.5 5.5 16 7Z",
];
const HEAD: &str =
    "M11 5.5h2a7.5 7.5 0 0 1 7.5 7.5v2a7.5 7.5 0 0 1-7.5 7.5h-2a7.5 7.5 0 0 1-7.5-7.5v-2a7.5 7.5 0 0 1 7.5-7.5Z";
const EYES: [&str; 4] = [
    // Small, asleep, large, one shut.
    "M7 12.5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0ZM13.6 12.5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0Z",
    "M6.3 11.6 7.4 11Q8.7 13.6 10 11L11.1 11.6Q8.7 16 6.3 11.6ZM12.9 11.6 14 11Q15.3 13.6 16.6 11L17.7 11.6Q15.3 16 12.9 11.6Z",
    "M8.5 9.5a2.9 2.9 0 1 0 .01 0ZM9 11.3a1.3 1.3 0 1 1-.01 0ZM15.5 9.5a2.9 2.9 0 1 0 .01 0ZM15 11.3a1.3 1.3 0 1 1-.01 0Z",
    "M7 12.5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0ZM13.2 11.8h4.2v1.4h-4.2Z",
];
const MOUTHS: [&str; 4] = [
    // Laughing, a snout, a beak, shut.
    "M9.5 16.5Q12 20.5 14.5 16.5Z",
    "M10 16h4L12 18.6Z",
    "M12 14.8 14.3 17.2 12 20 9.7 17.2Z",
    "M9.2 17h5.6v1.4h-5.6Z",
];

/// The head of an animal. Its name stands beside it, so it says nothing of its own to those who don't see it.
fn picture(id: WorkerId, colour: u8) -> Markup {
    let looks = id.looks();
    let path = |paths: &'static [&str], number: u8| paths.get(usize::from(number)).copied().unwrap_or("");
    html! {
        svg.face viewBox="0 0 24 24" aria-hidden="true" {
            g fill={ "var(--worker-" (colour) ")" } { path d=(path(&EARS, looks.ears)) {} path d=(HEAD) {} }
            g fill="var(--card)" fill-rule="evenodd" {
                path d=(path(&EYES, looks.eyes)) {}
                path d=(path(&MOUTHS, looks.mouth)) {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> WorkerId {
        uuid::Uuid::from_u128(number).into()
    }

    #[test]
    fn a_picture_goes_with_a_name_and_passes_the_policy() {
        for number in 0..200 {
            let shown = named(id(number)).into_string();
            assert!(shown.ends_with(&format!("</svg>{}</span>", id(number).name())), "{shown}");
            assert!(shown.contains(&format!("var(--worker-{})", id(number).looks().colour)), "{shown}");
            assert!(!shown.contains("style") && !shown.contains('#'), "{shown}");
        }
    }

    #[test]
    fn every_feature_can_be_drawn() {
        for number in 0..1000 {
            assert!(!picture(id(number), 0).into_string().contains("d=\"\""), "{}", id(number));
        }
    }

    #[test]
    fn every_colour_is_in_the_style_sheet_for_light_and_dark() {
        let sheet = include_str!("../../assets/style.css");
        for colour in 0..COLOURS {
            assert_eq!(sheet.matches(&format!("--worker-{colour}:")).count(), 2, "{colour}");
        }
    }

    #[test]
    fn workers_shown_together_differ_in_colour() {
        for start in 0..50 {
            let ids: Vec<WorkerId> = (0..8).map(|n| id(start * 8 + n)).collect();
            let given = colours(ids.iter().copied());
            let mut colours: Vec<u8> = given.values().copied().collect();
            colours.sort_unstable();
            assert_eq!(colours, (0..8).collect::<Vec<_>>());
            assert_eq!(given[&ids[0]], ids[0].looks().colour, "the first has its own");
        }
        let more = colours((0..20).map(id));
        assert_eq!(more.len(), 20);
    }
}
