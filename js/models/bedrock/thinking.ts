import type { Message, Opaque } from '../../types.js';

/**
 * The fields as Claude takes them with these messages: without its thinking where results go back and no reasoning stands
 * in front of any call since it was asked, since another model made them, or theirs is withheld. "Expected `thinking` or
 * `redacted_thinking`, but found `tool_use`", it says otherwise. It thinks again once a message holds no results.
 */
export function fieldsFor(messages: Message[] = [], fields: Opaque | undefined): Opaque | undefined {
  const { thinking, ...others } = Object(fields);
  const isClaudes = thinking?.type === 'enabled' && thinking.budget_tokens !== undefined;
  const brings = (message: Message | undefined) =>
    message?.content?.some(({ toolResult }) => toolResult !== undefined);
  let asked = messages.length - 1;
  if (!isClaudes || !brings(messages[asked])) return fields;
  while (asked > 0 && (messages[asked]?.role !== 'user' || brings(messages[asked]))) asked -= 1;
  // It thinks before the first of its calls, and not before each.
  const reasons = messages.slice(asked).some(({ content }) => content?.[0]?.reasoningContent !== undefined);
  return reasons ? fields : others;
}
