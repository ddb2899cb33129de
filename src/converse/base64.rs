//! Bytes as they cross the boundary: base64 of the standard alphabet, padded.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether it is base64 of at least one byte.
pub(super) fn is_base64(data: &str) -> bool {
    let digits = data.trim_end_matches('=');
    !digits.is_empty()
        && data.len() % 4 == 0
        && data.len() - digits.len() <= 2
        && digits.bytes().all(|byte| DIGITS.contains(&byte))
}

/// Appends bytes to bytes; both are [`is_base64`]. Costs what is appended.
pub(super) fn append(data: &mut String, more: &str) {
    if !data.ends_with('=') {
        data.push_str(more);
        return;
    }
    let mut bytes = decoded(&data.split_off(data.len() - 4));
    bytes.append(&mut decoded(more));
    for three in bytes.chunks(3) {
        let at = |n: usize| three.get(n).map_or(0, |byte| u32::from(*byte));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let digit = |n: usize| char::from(DIGITS[(bits >> (18 - 6 * n)) as usize & 63]);
        data.extend((0..4).map(|n| if n <= three.len() { digit(n) } else { '=' }));
    }
}

fn decoded(data: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut pending) = (Vec::new(), 0_u32, 0);
    for digit in data.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)) {
        bits = bits << 6 | digit as u32;
        pending += 6;
        if pending >= 8 {
            pending -= 8;
            bytes.push((bits >> pending & 255) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{append, is_base64};

    #[test]
    fn what_is_appended_follows_the_bytes_before_whatever_their_number() {
        // Of "", "f", "fo" … in RFC 4648, and "\0\xff\xfe".
        let of = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        let rest = ["Zm9vYmFy", "b29iYXI=", "b2Jhcg==", "YmFy", "YXI=", "cg==", ""];
        for (head, tail) in of.into_iter().zip(rest) {
            let mut whole = head.to_owned();
            append(&mut whole, tail);
            assert_eq!(whole, "Zm9vYmFy", "{head} and {tail}");
        }
        let mut bytes = "AP/+/w==".to_owned();
        append(&mut bytes, "AP/+");
        assert_eq!(bytes, "AP/+/wD//g==");
    }

    #[test]
    fn base64_has_its_alphabet_and_its_padding() {
        for data in ["Zg==", "Zm8=", "Zm9v", "+/+/"] {
            assert!(is_base64(data), "{data}");
        }
        for data in ["", "====", "Z===", "Zg=", "Zg", "Zm9", "-_-_", "Zm 9", "Zg==Zg=="] {
            assert!(!is_base64(data), "{data}");
        }
    }
}
