//! The nearest good name to one that is refused.

use super::grammar::{FlowName, MAX_BYTES, SEPARATOR, Segment, Uid};
use super::normalise::Rules;
use super::words::in_front;

/// A name that is cut short ends in no crumb of a segment smaller than this.
const LEAST_CUT: usize = 8;

/// The longest good name made from the beginning of these segments, the first being an intent.
pub(super) fn nearest(uid: &Uid, segments: &[Segment], rules: &Rules) -> Option<FlowName> {
    let mut room = MAX_BYTES - uid.as_str().len();
    let mut kept = Vec::new();
    for segment in segments.iter().take(rules.max_depth) {
        room = room.saturating_sub(SEPARATOR.len());
        if segment.as_str().len() <= room {
            room -= segment.as_str().len();
            kept.push(segment.clone());
            continue;
        }
        if kept.is_empty() {
            kept.extend(cut_intent(segment, room, rules));
        } else if room >= LEAST_CUT {
            kept.extend(cut(segment, room));
        }
        break;
    }
    FlowName::from_segments(uid, &kept).ok()
}

/// An intent cut to `room` bytes; a type that would be cut off moves to the front.
fn cut_intent(intent: &Segment, room: usize, rules: &Rules) -> Option<Segment> {
    let shorter = cut(intent, room)?;
    if rules.types.find(&shorter).is_some() {
        return Some(shorter);
    }
    let its_type = rules.types.find(intent).unwrap_or(&rules.default_type);
    let subject = cut(intent, room.checked_sub(its_type.len())?)?;
    Segment::parse(&in_front(its_type, subject.as_str())).ok()
}

/// The beginning of a segment longer than `room`, up to its last whole word, or within a word so long
/// that this would leave less than half of the room used.
fn cut(segment: &Segment, room: usize) -> Option<Segment> {
    let text = segment.as_str();
    let starts_word = |at: &usize| {
        let (before, here) = (&text[..*at], &text[*at..]);
        here.starts_with(|c: char| c.is_ascii_uppercase())
            && before.ends_with(|c: char| !c.is_ascii_uppercase())
    };
    let end = (room / 2..=room).rev().find(starts_word).unwrap_or(room);
    Segment::parse(&text[..end]).ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::name::grammar::NameError;
    use crate::name::normalise::flow_name;

    #[rstest]
    #[case("words ".repeat(50), format!("logic{}", "Words".repeat(37)))]
    #[case("words ".repeat(50) + "research", format!("research{}", "Words".repeat(37)))]
    #[case("x".repeat(300), format!("logicX{}", "x".repeat(188)))]
    #[case("x".repeat(300) + " docs", format!("docsX{}", "x".repeat(189)))]
    #[case(format!("research--{}", "words ".repeat(50)), format!("research--words{}", "Words".repeat(35)))]
    #[case(format!("research{}--subflow", "X".repeat(180)), format!("research{}", "X".repeat(180)))]
    fn what_is_too_long_is_cut_between_words(#[case] text: String, #[case] nearest: String) {
        let refusal = flow_name(&text, &Uid::parse("a8f2").unwrap(), &Rules::default()).unwrap_err();
        assert!(matches!(refusal.error, NameError::TooLong { bytes } if bytes > MAX_BYTES));
        assert_eq!(refusal.nearest.unwrap().as_str(), format!("a8f2--{nearest}"));
    }
}
