//! Blocks that a model does not take, by what the service says of them.

use super::overflow::any;

/// The kinds of blocks that some models take and others refuse.
const KINDS: [&str; 3] = ["image", "document", "video"];

/// Words that say no.
const REFUSALS: [&str; 8] = [
    "not support",
    "n't support",
    "unsupported",
    "not accept",
    "not allowed",
    "not permitted",
    "only supports text",
    "only accepts text",
];

/// The kind of block that a refused request had and the model never takes: `image`, `document` or `video`.
pub fn unsupported_block(message: &str) -> Option<&'static str> {
    let words = message.to_lowercase();
    // One image that is broken, or of another format, says nothing about images.
    let about_one =
        any(&words, &["format", "media type", "mime", "size", "dimension", "pixel", "corrupt", "decode"]);
    let refused = any(&words, &REFUSALS) && !about_one;
    KINDS.into_iter().find(|kind| refused && words.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::unsupported_block;

    #[test]
    fn a_model_that_takes_no_images_is_known_by_its_words() {
        for (message, kind) in [
            ("This model doesn't support the image content block that you provided.", "image"),
            (
                "The model returned the following errors: messages: image inputs are not supported by this model",
                "image",
            ),
            ("Model does not support image input.", "image"),
            ("This model doesn't support documents.", "document"),
            ("This model doesn't support the document content block.", "document"),
            ("video input is unsupported for this model", "video"),
        ] {
            assert_eq!(unsupported_block(message), Some(kind), "{message}");
        }
    }

    #[test]
    fn what_is_said_of_one_image_or_of_something_else_is_not_about_images() {
        for message in [
            "The image format image/tiff is not supported.",
            "Image dimensions exceed the maximum: not allowed.",
            "This model does not support tool use in streaming mode.",
            "Could not process image",
            "Unsupported media type for image",
        ] {
            assert_eq!(unsupported_block(message), None, "{message}");
        }
    }
}
