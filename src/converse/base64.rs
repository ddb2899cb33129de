//! Bytes as they cross the boundary: base64 of the standard alphabet, padded.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether it is base64 of at least one byte.
pub(super) fn is_base64(data: &str) -> bool {
    let digits = data.trim_end_matches('=');
    !digits.is_empty()
        && data.len() % 4 == 0
        && data.len() - digits.len() <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// Appends bytes to bytes; both are [`is_base64`]. Costs what is appended.
pub(super) fn append(data: &mut String, more: &str) {
    let marks = |data: &str| data.len() - data.trim_end_matches('=').len();
    let value = |byte: &u8| DIGITS.iter().position(|digit| digit == byte).unwrap_or(0);
    let (mut bits, mut pending) = (0, 0);
    if let (marks @ 1.., Some(last)) = (marks(data), data.trim_end_matches('=').as_bytes().last()) {
        // Two bits of the last digit belong to no byte for each mark of padding.
        (bits, pending) = (value(last) >> (2 * marks), 6 - 2 * marks);
        data.truncate(data.len() - marks - 1);
    }
    let mut push = |digit: usize| data.push(char::from(DIGITS[digit & 63]));
    for digit in more.trim_end_matches('=').as_bytes() {
        bits = bits << 6 | value(digit);
        push(bits >> pending);
    }
    if pending > 2 * marks(more) {
        push(bits << (6 - pending));
    }
    while data.len() % 4 > 0 {
        data.push('=');
    }
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
