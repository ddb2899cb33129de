//! Blocks that a model does not take, by what the service says of them.

use super::words::{any, without};

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
    let words = words_of(message);
    // One image that is broken, or of another format, says nothing about images.
    let about_one =
        any(&words, &["format", "media type", "mime", "size", "dimension", "pixel", "corrupt", "decode"]);
    let refused = any(&words, &REFUSALS) && !about_one;
    KINDS.into_iter().find(|kind| refused && any(&words, &[*kind]))
}

/// The kind of block that the service speaks of where it refuses a request: one of them may be broken or too large.
pub fn refused_block(message: &str) -> Option<&'static str> {
    let words = words_of(message);
    KINDS.into_iter().find(|kind| any(&words, &[*kind]))
}

/// In lower case, and without the documentation that is referred to, which is no document.
fn words_of(message: &str) -> String {
    without(&message.to_ascii_lowercase(), "documentation")
}

/// Whether the service takes reasoning in the history for forged or changed.
pub fn refuses_reasoning(message: &str) -> bool {
    let words = message.to_ascii_lowercase();
    any(&words, &["thinking", "reasoning"])
        && any(
            &words,
            &[
                "signature",
                "cannot be modified",
                "not support",
                "n't support",
                "blank",
                "is empty",
                "non-empty",
                "must contain",
                "cannot contain",
                "must not be null",
                "final block",
                "first block must be",
            ],
        )
}

#[cfg(test)]
mod tests {
    use super::{refused_block, refuses_reasoning, unsupported_block};

    #[test]
    fn a_broken_image_is_told_from_everything_else() {
        for (message, kind) in [
            ("Could not process image", Some("image")),
            ("The image data you provided does not represent a valid image.", Some("image")),
            ("messages.2.content.0.image: image exceeds 5 MB maximum", Some("image")),
            ("The document file name can only contain alphanumeric characters", Some("document")),
            ("The value at inferenceConfig.maxTokens is invalid.", None),
            ("The request is invalid. See the documentation.", None),
        ] {
            assert_eq!(refused_block(message), kind, "{message}");
        }
    }

    #[test]
    fn reasoning_that_is_refused_is_known_by_the_words_about_its_signature() {
        for message in [
            "messages.1.content.0: Invalid `signature` in `thinking` block",
            "messages.3.content.0: `thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
            "This model doesn't support the reasoningContent field in the messages.",
            "This model doesn't support the reasoningContent.reasoningText.signature field. Remove it and try again.",
            "messages.647.content.0.thinking.signature: Field required",
            "The text field in the ReasoningTextBlock object at messages.1.content.0.reasoningContent is blank.",
            "messages.1.content.0.thinking: each thinking block must contain thinking",
            "1 validation error detected: Value at 'messages.4.member.content.1.member.reasoningContent.reasoningText.text' \
             failed to satisfy constraint: Member must not be null",
            "messages.1: The final block in an assistant message cannot be `thinking`.",
            "User messages cannot contain reasoning content. Please remove the reasoning content and try again.",
            "messages.3.content.0: When thinking is disabled, an `assistant` message in the final position cannot contain \
             `thinking`. To use thinking blocks, enable `thinking` in your request.",
            "This model doesn't support the reasoningContent.reasoningText.text field for assistant messages.",
            "messages.51.content.0: If an assistant message contains any thinking blocks, the first block must be thinking \
             or redacted_thinking. Found text.",
        ] {
            assert!(refuses_reasoning(message), "{message}");
        }
        for message in [
            "The request signature we calculated does not match the signature you provided.",
            "thinking.budget_tokens must be below max_tokens",
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
        ] {
            assert!(!refuses_reasoning(message), "{message}");
        }
    }

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
            "The MIME type of this image is not supported.",
            "An image of this size is not accepted.",
            "The model that you asked for is not supported here. See the Documentation for those that are.",
        ] {
            assert_eq!(unsupported_block(message), None, "{message}");
        }
    }
}
