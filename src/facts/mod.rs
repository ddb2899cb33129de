//! What is known of a task: journal entries, their fold, the plan, the events they announce.
