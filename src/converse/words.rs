//! Looking for phrases in what services say. By hand: the searcher of `str::find` makes up for texts of any length with
//! 7 KB of wasm, its panics and their formatting included; these are of a line or two.

/// Whether one of the phrases stands in the words.
pub(super) fn any(words: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| behind(words, phrase).is_some())
}

/// What comes after the first time that the phrase stands in the words.
pub(super) fn behind<'a>(words: &'a str, phrase: &str) -> Option<&'a str> {
    let (bytes, first) = (words.as_bytes(), phrase.as_bytes().first()?);
    let starts = |at: &usize| bytes[*at] == *first && bytes[*at..].starts_with(phrase.as_bytes());
    (0..bytes.len()).find(starts).and_then(|at| words.get(at + phrase.len()..))
}

/// The words without the phrase, wherever it stands.
pub(super) fn without(words: &str, phrase: &str) -> String {
    let (mut kept, mut rest) = (String::new(), words);
    while let Some(after) = behind(rest, phrase) {
        let before = rest.len() - after.len() - phrase.len();
        kept.push_str(rest.get(..before).unwrap_or_default());
        rest = after;
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_found_where_it_stands_first() {
        for (words, phrase, expected) in [
            ("too many tokens", "too many", Some(" tokens")),
            ("aab aaab", "aab", Some(" aaab")),
            ("aaab", "aab", Some("")),
            ("ünüü too", "üü", Some(" too")),
            ("long", "longer", None),
            ("", "a", None),
        ] {
            assert_eq!(behind(words, phrase), expected, "{words}");
            assert_eq!(any(words, &["never there", phrase]), expected.is_some());
            assert_eq!(words.contains(phrase), expected.is_some());
        }
    }

    #[test]
    fn a_phrase_goes_wherever_it_stands() {
        for (words, phrase) in [("a b a c a", "a"), ("xyxyx", "xyx"), ("none", "z"), ("ää-ä", "ä"), ("", "q")]
        {
            assert_eq!(without(words, phrase), words.replace(phrase, ""));
        }
    }
}
