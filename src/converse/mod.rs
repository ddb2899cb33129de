//! The model's side: content blocks, assembly of streamed turns, valid requests, classified failures.
