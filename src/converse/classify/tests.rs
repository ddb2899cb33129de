use super::*;

fn named(name: &str, message: &str) -> FaultKind {
    let failure = Failure { name: Some(name.to_owned()), message: message.to_owned(), ..Default::default() };
    classify(&failure).kind
}

fn with_status(status: u16, message: &str) -> FaultKind {
    let failure = Failure {
        name: Some("Error".to_owned()),
        status: Some(status),
        message: message.to_owned(),
        ..Default::default()
    };
    classify(&failure).kind
}

#[test]
fn bedrocks_exceptions_are_known_by_name_in_any_case() {
    for (name, kind) in [
        ("ThrottlingException", FaultKind::Throttled),
        ("throttlingException", FaultKind::Throttled),
        ("ServiceQuotaExceededException", FaultKind::Throttled),
        ("InternalServerException", FaultKind::Overloaded),
        ("serviceUnavailableException", FaultKind::Overloaded),
        ("ModelNotReadyException", FaultKind::Overloaded),
        ("ModelErrorException", FaultKind::Overloaded),
        ("modelStreamErrorException", FaultKind::Overloaded),
        ("ModelTimeoutException", FaultKind::Timeout),
        ("TimeoutError", FaultKind::Timeout),
        ("validationException", FaultKind::Invalid),
        ("ResourceNotFoundException", FaultKind::Invalid),
        ("AccessDeniedException", FaultKind::Denied),
        ("UnrecognizedClientException", FaultKind::Denied),
        ("ExpiredTokenException", FaultKind::Denied),
        ("CredentialsProviderError", FaultKind::Denied),
        ("AbortError", FaultKind::Aborted),
        ("com.amazon.coral.service#AccessDeniedException", FaultKind::Denied),
        ("ThrottlingException:http://internal.amazon.com/", FaultKind::Throttled),
    ] {
        assert_eq!(named(name, "x"), kind, "{name}");
    }
}

#[test]
fn the_status_decides_where_the_name_says_nothing() {
    for (status, kind) in [
        (429, FaultKind::Throttled),
        (408, FaultKind::Timeout),
        (504, FaultKind::Timeout),
        (500, FaultKind::Overloaded),
        (503, FaultKind::Overloaded),
        (529, FaultKind::Overloaded),
        (424, FaultKind::Overloaded),
        (400, FaultKind::Invalid),
        (404, FaultKind::Invalid),
        (401, FaultKind::Denied),
        (403, FaultKind::Denied),
        (413, FaultKind::Overflow),
        (200, FaultKind::Cut),
    ] {
        assert_eq!(with_status(status, "x"), kind, "{status}");
    }
}

#[test]
fn the_name_counts_for_more_than_the_status() {
    let failure = Failure {
        name: Some("ServiceQuotaExceededException".to_owned()),
        status: Some(400),
        ..Default::default()
    };
    assert_eq!(classify(&failure).kind, FaultKind::Throttled);
}

#[test]
fn every_known_text_of_a_context_overflow_is_recognised() {
    for text in [
        "Input is too long for requested model.",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 204648",
        "too many total text bytes: 25000001 > 25000000",
        "The model returned the following errors: prompt is too long: 210000 tokens > 200000 maximum",
        "This model's maximum context length is 131072 tokens.",
    ] {
        assert_eq!(named("ValidationException", text), FaultKind::Overflow, "{text}");
        assert_eq!(with_status(400, text), FaultKind::Overflow, "{text}");
        assert_eq!(named("Error", text), FaultKind::Overflow, "{text}");
    }
}

#[test]
fn too_many_tokens_please_wait_is_throttling_and_no_overflow() {
    let text = "Too many tokens, please wait before trying again.";
    assert_eq!(named("ThrottlingException", text), FaultKind::Throttled);
    assert_eq!(named("ValidationException", text), FaultKind::Throttled);
    assert_eq!(named("Error", text), FaultKind::Throttled);
}

#[test]
fn what_nobody_knows_was_cut_off() {
    assert_eq!(named("Error", r#"{"unmodelled":"frame"}"#), FaultKind::Cut);
    assert_eq!(named("TypeError", "fetch failed"), FaultKind::Cut);
    assert_eq!(classify(&Failure::default()).kind, FaultKind::Cut);
}

#[test]
fn only_what_would_fail_again_is_permanent() {
    for kind in [
        FaultKind::TooLarge,
        FaultKind::Overflow,
        FaultKind::Invalid,
        FaultKind::Denied,
        FaultKind::Host,
        FaultKind::Unconfigured,
    ] {
        assert!(kind.permanent() && !kind.code().retryable(), "{kind:?}");
    }
    for kind in [
        FaultKind::Throttled,
        FaultKind::Overloaded,
        FaultKind::Timeout,
        FaultKind::Cut,
        FaultKind::Malformed,
        FaultKind::Aborted,
    ] {
        assert!(!kind.permanent() && kind.code().retryable(), "{kind:?}");
        let error = ModelFault::new(kind, "").error();
        assert!(error.retryable && error.message.contains("attempts are used up"), "{kind:?}");
    }
    let silent = ModelFault::new(FaultKind::Empty, "").error();
    assert!(silent.retryable && silent.message.contains("asked once more"), "{}", silent.message);
}

#[test]
fn permanent_errors_say_what_to_do() {
    for (name, message, code, advice) in [
        (
            "CredentialsProviderError",
            "Could not load credentials from any providers",
            Code::ModelDenied,
            "Check the credentials that the model client uses",
        ),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            Code::ModelDenied,
            "Renew the credentials",
        ),
        (
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            Code::ModelDenied,
            "Request access to this model",
        ),
        (
            "AccessDeniedException",
            "User is not authorized to perform: bedrock:InvokeModel",
            Code::ModelDenied,
            "bedrock:InvokeModelWithResponseStream",
        ),
        (
            "ValidationException",
            "The value at messages.0.content is not allowed.",
            Code::ModelRejected,
            "check model id, region, inference settings and tool schemas",
        ),
        (
            "ValidationException",
            "The provided model identifier is invalid.",
            Code::ModelRejected,
            "Check the model id",
        ),
        (
            "ValidationException",
            "Invocation of model ID x with on-demand throughput isn't supported.",
            Code::ModelRejected,
            "inference profile",
        ),
        ("ValidationException", "prompt is too long", Code::ContextOverflow, "larger context"),
    ] {
        let failure = Failure {
            name: Some(name.to_owned()),
            message: message.to_owned(),
            retry_after_ms: None,
            status: None,
            cause: None,
        };
        let error = classify(&failure).error();
        assert_eq!(error.code, code, "{message}");
        assert!(error.message.contains(advice), "{}", error.message);
        assert!(error.message.contains(message), "{}", error.message);
        assert!(!error.retryable);
    }
}

#[test]
fn the_exception_and_the_servers_wait_are_kept() {
    let failure = Failure {
        status: Some(429),
        retry_after_ms: Some(1_500),
        cause: Some(CauseId(7)),
        ..Default::default()
    };
    let fault = classify(&failure);
    assert_eq!(fault.retry_after_ms, Some(1_500));
    assert_eq!(fault.error().cause, Some(CauseId(7)));
}

#[test]
fn what_the_hosts_own_function_did_wrong_is_not_blamed_on_the_model() {
    for (name, code) in [("HOST_CALLBACK", Code::HostCallback), ("NOT_CONFIGURED", Code::NotConfigured)] {
        let failure = Failure {
            name: Some(name.to_owned()),
            message: "it returned too many requests, please wait".to_owned(),
            ..Failure::default()
        };
        let error = classify(&failure).error();
        assert_eq!(error.code, code);
        assert!(error.message.contains("Correct the") && !error.retryable, "{}", error.message);
    }
}

#[test]
fn a_region_that_is_missing_is_missing_at_the_next_attempt_too() {
    assert_eq!(named("Error", "Region is missing"), FaultKind::Unconfigured);
    assert_eq!(named("InternalServerException", "Region is missing"), FaultKind::Overloaded);
}

#[test]
fn a_denial_stays_one_whatever_it_says() {
    for says in ["Too many tokens, please wait.", "Input is too long: too many requests, please wait."] {
        assert_eq!(named("AccessDeniedException", says), FaultKind::Denied, "{says}");
    }
}

#[test]
fn a_wait_is_told_in_whole_seconds_that_are_long_enough() {
    for (ms, told) in [(1, "1 s"), (1_000, "1 s"), (1_001, "2 s"), (599_999, "600 s")] {
        let error = ModelFault::new(FaultKind::Throttled, "Slow down.").error_of_waiting(ms);
        assert!(error.message.contains(&format!("asks to wait {told},")), "{}", error.message);
        assert_eq!(error.details["retryAfterMs"], ms);
    }
}
