use crate::converse::{Failure, FaultKind, classify};

/// What models and the services in front of them say, each from where it was reported.
const OVERFLOWS: [(&str, &str); 44] = [
    ("Input is too long for requested model.", "aws-samples/bedrock-chat#95"),
    (
        "The model returned the following errors: prompt is too long: 227255 tokens > 200000 maximum",
        "aaif-goose/goose#7504",
    ),
    (
        "input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000, decrease input length or \
         `max_tokens` and try again",
        "docker/docker-agent#569",
    ),
    (
        "input length and max_tokens exceed context limit: 90402 + 116650 > 204648, decrease input length or \
         max_tokens and try again",
        "stackblitz/bolt.new#7414",
    ),
    ("Malformed input request: too many total text bytes", "strands-agents/harness-sdk#3969"),
    (
        "Mantle streaming error for requestId x: \"This model's maximum context length is 202752 tokens. However, \
         you requested 65536 output tokens and your prompt contains at least 137217 input tokens, for a total of at \
         least 202753 tokens. Please reduce the length of the input prompt or the number of requested output \
         tokens. (parameter=input_tokens, value=137217)\"",
        "strands-agents/harness-sdk#3969",
    ),
    (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 8202 tokens. Please \
         reduce the length of the messages.",
        "dimagi/open-chat-studio#463",
    ),
    (
        "This model's maximum context length is 8191 tokens, however you requested 10346 tokens (10346 in your \
         prompt; 5 for the completion). Please reduce your prompt; or completion length.",
        "pkdone/paul-genai-test-tools-ts",
    ),
    (
        "this model's maximum context length is 65536 tokens. however, you requested 69648 tokens (69648 in the \
         messages, 0 in the completion). please reduce the length of the messages or completion.",
        "RooCodeInc/Roo-Code#1767",
    ),
    (
        "This endpoint's maximum context length is 32768 tokens. However, you requested about 42832 tokens (42832 \
         of text input). Please reduce the length of either one",
        "refly-ai/refly#1177",
    ),
    (
        "You passed 202753 input tokens and requested 0 output tokens. However, the model's context length is only \
         202752 tokens, resulting in a maximum input length of 202752 tokens.",
        "proxysoul/Empryo#52",
    ),
    ("Range of input length should be [1, 30720]", "anomalyco/opencode#45834"),
    (
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
        "earendil-works/pi#4943",
    ),
    (
        "The input token count exceeds the maximum number of tokens allowed (1048576).",
        "arkavo-org/arkavo-edge#371",
    ),
    (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474 `inputs` tokens \
         and 60 `max_new_tokens`",
        "huggingface/llm-vscode#94",
    ),
    (
        "Invalid 'input[191].content[1].text': string too long. Expected a string with maximum length 10485760, but \
         got a string with length 11436754",
        "vellum-ai/vellum-assistant#40740",
    ),
    ("Your input exceeds the context window of this model. Please adjust your input and try again.", "FACTS"),
    ("prompt tokens (140000) exceed model maximum (131072)", "FACTS"),
    ("context_length_exceeded", "letta: error_utils.py"),
    (
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens.",
        "letta: error_utils.py",
    ),
    ("context window full", "crewAIInc/crewAI: context_window_exceeding_exception.py"),
    ("The prompt exceeds token limit", "crewAIInc/crewAI: context_window_exceeding_exception.py"),
    ("context length exceeded", "crewAIInc/crewAI: context_window_exceeding_exception.py"),
    ("the request exceeds the available context size (8192 tokens), try increasing it", "pi-ai: overflow"),
    ("The prompt has 9000 tokens, which is greater than the context length of 8192", "pi-ai: overflow"),
    ("Your request exceeded model token limit: 262144 (requested: 270000)", "pi-ai: overflow"),
    (
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000",
        "Cohere, in LangChain's issues",
    ),
    (
        "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
        "Mistral, in pi-ai: overflow",
    ),
    ("Requested token count exceeds the model's maximum context length of 32768 tokens.", "sglang"),
    ("The input (9000 tokens) is longer than the model's context length (8192 tokens).", "sglang"),
    ("request_too_large: Request exceeds the maximum size", "NousResearch/hermes-agent#70394"),
    ("input exceeds the maximum number of tokens", "providerapi: IsContextOverflow"),
    (
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "xAI, in pi-ai: overflow",
    ),
    (
        "Unable to submit request because the input token count is 1050000 but model only supports up to 1048576. \
         Reduce the input token count and try again.",
        "Vertex AI, in LiteLLM's issues",
    ),
    ("Number of tokens in request (150000) exceeds the limit of this model (128000)", "Bedrock Mantle"),
    (
        "Malformed input request: expected maxLength: 50000, actual: 118403, please reformat your input and try \
         again.",
        "Titan, in langchain-ai/langchain's issues",
    ),
    (
        "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again.",
        "Nova",
    ),
    (
        "This model's maximum context length is 131072 tokens, and the request has 140000 tokens (100000 of text, \
         40000 of images). Please reduce the length.",
        "vLLM",
    ),
    (
        "prompt is too long: 5 tokens > 4 maximum. Please consult our documentation at https://docs.claude.com",
        "Anthropic",
    ),
    ("The prompt is too long for this model. Try shorter messages or fewer tools.", "Bedrock Mantle"),
    ("Prompt exceeds max length", "Z.AI, in pi-ai: overflow"),
    ("invalid params, context window exceeds limit (2013)", "MiniMax, in pi-ai: overflow"),
    ("prompt token count of 200000 exceeds the limit of 128000", "GitHub Copilot, in pi-ai: overflow"),
    ("Please reduce the length of the messages or completion.", "Groq, in pi-ai: overflow"),
];

const THROTTLED: [(&str, &str); 11] = [
    ("Too many tokens, please wait before trying again.", "anthropics/claude-code#1466"),
    ("Too many tokens per day, please wait before trying again.", "Bedrock, FACTS"),
    ("Too many requests, please wait before trying again.", "Bedrock"),
    ("Throttling error: Too many tokens, please wait before trying again.", "anomalyco/opencode#39621"),
    (
        "Rate limit reached for gpt-5.1 in organization org-AAA on tokens per min (TPM): Limit 30000, Used 22999, \
         Requested 12528. Please try again in 11.054s.",
        "codex error tests",
    ),
    (
        "Request too large for model `llama` in organization `o` on tokens per minute (TPM): Limit 6000, Requested \
         7000, please reduce your message size and try again.",
        "Groq, in RooCodeInc/Roo-Code's issues",
    ),
    (
        "This request would exceed your organization's rate limit of 40,000 input tokens per minute",
        "Anthropic",
    ),
    ("Number of request tokens has exceeded your per-minute rate limit", "Anthropic"),
    ("Your requests are being throttled: too many concurrent input tokens", "Bedrock"),
    ("You exceeded your current quota, please check your plan: input tokens", "codex error tests"),
    ("Too many requests: the prompt could not be taken", "LiteLLM"),
];

const REFUSED: [(&str, &str); 29] = [
    (
        "Invalid 'messages[0].content': string too short. Expected a string with minimum length 1, but got an empty \
         string instead.",
        "OpenAI",
    ),
    (
        "Invalid 'messages[4].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a \
         string with length 41 instead.",
        "OpenAI",
    ),
    (
        "Invalid 'messages[5].tool_call_id': string too long. Expected a string with maximum length 40, but got a \
         string with length 41 instead.",
        "OpenAI",
    ),
    (
        "The maximum tokens you requested exceed the model limit of 4096. Try again with a maximum tokens value \
         lower than 4096.",
        "RooCodeInc/Roo-Code#248",
    ),
    (
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5",
        "Anthropic",
    ),
    ("`max_tokens` must be greater than `thinking.budget_tokens`", "Anthropic"),
    (
        "Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand throughput isn't supported. \
         Retry your request with the ID or ARN of an inference profile that contains this model.",
        "anthropics/claude-code#1466",
    ),
    (
        "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of previous turn.",
        "Bedrock, FACTS",
    ),
    ("Expected toolResult blocks at messages.2.content for the following Ids: tooluse_1", "Bedrock, FACTS"),
    (
        "Malformed input request: #/messages/6/content/0: extraneous key [cachePoint] is not permitted, please \
         reformat your input and try again.",
        "Bedrock, FACTS",
    ),
    (
        "1 validation error detected: Value at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy \
         constraint: Member must have length less than or equal to 64",
        "Bedrock",
    ),
    (
        "Malformed input request: #/toolConfig/tools/0/toolSpec/name: expected maxLength: 64, actual: 80, please \
         reformat your input and try again.",
        "Bedrock",
    ),
    ("messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6000000 bytes", "Anthropic"),
    ("too many images and documents: 31 + 0 > 20", "Anthropic"),
    ("The document in the messages is too large: the maximum size is 4.5 MB", "Bedrock"),
    ("A maximum of 4 blocks with cache_control may be provided. Found 5.", "Anthropic"),
    ("A conversation must start with a user message.", "Bedrock, FACTS"),
    ("tools.0.custom.input_schema: input_schema does not support oneOf at the top level", "Anthropic, FACTS"),
    ("The text field in the ContentBlock object at messages.1.content.0 is blank.", "Bedrock, FACTS"),
    ("This model doesn't support tool use in streaming mode.", "Bedrock, FACTS"),
    ("temperature: range: 0..1", "Anthropic"),
    ("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024", "Anthropic"),
    ("max_tokens: Input should be greater than or equal to 1", "Anthropic"),
    ("max_tokens: Input should be greater than 0, in your long request", "Anthropic"),
    (
        "Malformed input request: #/tools/0/description: expected maxLength: 1024, actual: 2000, please reformat \
         your input and try again.",
        "Bedrock",
    ),
    (
        "Malformed input request: #/stop_sequences/0: expected maxLength: 64, actual: 80, please reformat your \
         input and try again.",
        "Bedrock",
    ),
    (
        "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation at \
         https://docs.claude.com/en/docs/build-with-claude/extended-thinking#max-tokens-and-context-window-size",
        "Anthropic",
    ),
    ("tools.12.custom.input_schema: the schema is too large", "Anthropic"),
    ("Prompt caching: too many cache points in the request, more than 4", "Bedrock"),
];

fn kind(name: Option<&str>, status: Option<u16>, message: &str) -> FaultKind {
    classify(&Failure {
        name: name.map(str::to_owned),
        status,
        message: message.to_owned(),
        ..Default::default()
    })
    .kind
}

#[test]
fn a_request_that_is_too_long_is_known_in_everybodys_words() {
    for (words, source) in OVERFLOWS {
        for (name, status) in [
            (Some("ValidationException"), Some(400)),
            (Some("ValidationException"), None),
            (Some("Error"), None),
            (Some("ModelErrorException"), Some(424)),
            (None, Some(400)),
        ] {
            assert_eq!(kind(name, status, words), FaultKind::Overflow, "{words} ({source}) as {name:?}");
        }
    }
}

#[test]
fn a_rate_or_a_quota_is_no_overflow_though_it_counts_tokens() {
    for (words, source) in THROTTLED {
        for (name, status) in
            [(Some("ThrottlingException"), Some(429)), (None, Some(429)), (Some("Error"), None)]
        {
            assert_eq!(kind(name, status, words), FaultKind::Throttled, "{words} ({source}) as {name:?}");
        }
        assert_ne!(kind(Some("ValidationException"), Some(400), words), FaultKind::Overflow, "{words}");
    }
}

#[test]
fn a_request_that_is_wrong_for_another_reason_is_no_overflow() {
    for (words, source) in REFUSED {
        let refused = kind(Some("ValidationException"), Some(400), words);
        assert_eq!(refused, FaultKind::Invalid, "{words} ({source})");
        assert_eq!(kind(Some("Error"), None, words), FaultKind::Cut, "{words} ({source})");
    }
}

#[test]
fn what_may_be_written_is_no_overflow_unless_the_context_or_the_input_is_named_too() {
    for (words, overflows) in [
        ("max_tokens: 200000 is more than this model's context length", true),
        ("The prompt plus max_tokens is more than 8192 tokens", true),
        ("max_tokens: 200000 is more than the 8192 tokens that this model writes", false),
    ] {
        let expected = if overflows { FaultKind::Overflow } else { FaultKind::Invalid };
        assert_eq!(kind(Some("ValidationException"), Some(400), words), expected, "{words}");
    }
}

#[test]
fn what_is_too_long_in_a_tool_is_no_overflow_and_words_about_tools_are_of_none() {
    for (words, overflows) in [
        ("tools.3.custom.description: the input is too long", false),
        ("tools.3.custom.description: the input is too long. Shorten your tools.", false),
        ("The input is too long. Shorten your tools. Too long: tools.3.custom.description", false),
        ("The input is too long. Shorten your tools.", true),
    ] {
        let expected = if overflows { FaultKind::Overflow } else { FaultKind::Invalid };
        assert_eq!(kind(Some("ValidationException"), Some(400), words), expected, "{words}");
    }
}

#[test]
fn an_error_may_say_it_by_its_name_alone() {
    for name in [
        "ContextWindowExceededError",
        "ContextWindowOverflowError",
        "ContextOverflowError",
        "context_length_exceeded",
        "request_too_large",
        "RequestEntityTooLargeException",
    ] {
        assert_eq!(kind(Some(name), Some(400), "no more than that"), FaultKind::Overflow, "{name}");
    }
}

#[test]
fn whoever_is_denied_is_denied_whatever_the_words_say() {
    let words = "prompt is too long: 1 tokens > 0 maximum";
    assert_eq!(kind(Some("AccessDeniedException"), Some(403), words), FaultKind::Denied);
    assert_eq!(kind(Some("ThrottlingException"), Some(429), words), FaultKind::Throttled);
}
