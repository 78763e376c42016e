//! Protobuf's wire format, as much of it as jj's operation store uses.
//!
//! The bytes are foreign: what is cut off or malformed is `None`, and no length that they claim is believed before
//! the bytes are there.

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    value: Value<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes that jj has no use for.
    Fixed,
}

impl<'a> Field<'a> {
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = self.value { Some(bytes) } else { None }
    }

    pub(super) fn text(self) -> Option<String> {
        Some(str::from_utf8(self.bytes()?).ok()?.to_owned())
    }

    pub(super) fn varint(self) -> Option<u64> {
        if let Value::Varint(number) = self.value { Some(number) } else { None }
    }

    /// An `int64`: negative numbers are stored as what they are in two's complement.
    pub(super) fn integer(self) -> Option<i64> {
        self.varint().map(u64::cast_signed)
    }
}

/// The fields of a message in their order; a `None` among them is the last, where the rest is not a message.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Option<Field<'_>>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = take_field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field)
    })
}

fn take_field<'a>(rest: &mut &'a [u8]) -> Option<Field<'a>> {
    let key = u32::try_from(take_varint(rest)?).ok()?;
    let value = match key & 7 {
        0 => Value::Varint(take_varint(rest)?),
        1 => rest.split_off(..8).map(|_| Value::Fixed)?,
        2 => {
            let length = usize::try_from(take_varint(rest)?).ok()?;
            Value::Bytes(rest.split_off(..length)?)
        }
        5 => rest.split_off(..4).map(|_| Value::Fixed)?,
        _ => return None,
    };
    let number = key >> 3;
    (number != 0).then_some(Field { number, value })
}

/// Seven bits a byte, the lowest first, as long as the eighth is set.
fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *rest.split_off_first()?;
        let bits = u64::from(byte & 0x7f);
        number |= bits << shift;
        if byte < 0x80 {
            // Of the tenth byte one bit has room.
            return (bits << shift >> shift == bits).then_some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn varint(mut bytes: &[u8]) -> Option<(u64, usize)> {
        take_varint(&mut bytes).map(|number| (number, bytes.len()))
    }

    #[test]
    fn numbers_are_read_up_to_sixty_four_bits() {
        assert_eq!(varint(&[0]), Some((0, 0)));
        assert_eq!(varint(&[0xac, 0x02, 0xff]), Some((300, 1)));
        let most = [0xff; 9];
        assert_eq!(varint(&[&most[..], &[0x01]].concat()), Some((u64::MAX, 0)));
        assert_eq!(varint(&[&most[..], &[0x02]].concat()), None);
        assert_eq!(varint(&[&most[..], &[0x81, 0x00]].concat()), None);
        assert_eq!(varint(&[0x80]), None);
        assert_eq!(varint(&[]), None);
    }

    #[test]
    fn fields_of_every_kind_are_read() {
        // 1: 150, 2: "hi", 3: eight bytes, 4: four bytes.
        let message =
            [&[0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x19][..], &[0; 8], &[0x25], &[0; 4]].concat();
        let read: Vec<Field> = fields(&message).collect::<Option<_>>().unwrap();
        assert_eq!(read.iter().map(|field| field.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((read[0].varint(), read[0].bytes()), (Some(150), None));
        assert_eq!((read[1].text().as_deref(), read[1].varint()), (Some("hi"), None));
        assert_eq!((read[2].bytes(), read[3].varint()), (None, None));
    }

    #[test]
    fn what_is_no_message_ends_with_nothing() {
        let huge = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, b'x'];
        // A length that is not there, field 0, a group, a number that is cut off, fixed ones too.
        for message in [&huge[..], &[0x00, 1], &[0x0b, 0x0c], &[0x08], &[0x09, 1], &[0x0d, 1]] {
            let read: Vec<_> = fields(message).collect();
            assert!(matches!(read[..], [None]), "{message:?}: {read:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(message in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(fields(&message).count() <= message.len());
        }
    }
}
