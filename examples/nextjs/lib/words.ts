import type { TaskStatus } from 'task-execution-engine';

/** A status as people say it. */
export function statusText(status: TaskStatus | undefined, stopped = false): string {
  if (status === 'paused' && stopped) return 'Stopped';
  const words = {
    not_started: 'Not started',
    in_progress: 'In progress',
    paused: 'Paused',
    completed: 'Completed',
    failed: 'Failed',
  };
  return status === undefined ? 'Loading' : words[status];
}

/** Why the engine has paused, where it was not a person. */
export function reasonText(reason: string | undefined): string | undefined {
  const words: Record<string, string> = {
    iterations: 'The model was asked as often as is allowed.',
    minutes: 'It has worked for as long as is allowed.',
    tokens: 'It has used all the tokens that are allowed.',
    mistakes: 'The model made one mistake after another.',
    identical_tool_calls: 'The model went round in circles.',
    max_tokens: 'The model had too much to say.',
    guardrail_intervened: 'A guardrail has intervened.',
    content_filtered: 'The provider has filtered the content.',
  };
  return reason === undefined || reason === 'stopped' ? undefined : (words[reason] ?? reason);
}

/** `search_archive` as people say it. */
export function toolText(name: string): string {
  const text = name.replaceAll(/[_-]+/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const minute = 60_000;

/** A time, in relation to now, without more precision than anybody wants. */
export function agoText(iso: string, now: number): string {
  const ago = now - Date.parse(iso);
  if (Number.isNaN(ago)) return '';
  if (ago < minute) return 'just now';
  if (ago < 60 * minute) return `${Math.floor(ago / minute)} min ago`;
  if (ago < 24 * 60 * minute) return `${Math.floor(ago / (60 * minute))} h ago`;
  return new Date(iso).toLocaleDateString('en', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  });
}
