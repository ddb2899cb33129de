import type { Message, Opaque } from '../../types.js';

/**
 * The fields as Claude takes them with these messages: without its thinking where results go back to calls that no
 * reasoning stands in front of, since another model made them, or theirs is withheld. "Expected `thinking` or
 * `redacted_thinking`, but found `tool_use`", it says otherwise. It thinks again once a message holds no results.
 */
export function fieldsFor(messages: Message[] | undefined, fields: Opaque | undefined): Opaque | undefined {
  const { thinking, ...others } = Object(fields);
  const isClaudes = thinking?.type === 'enabled' && thinking.budget_tokens !== undefined;
  const [asking, answering] = messages?.slice(-2) ?? [];
  const isInTurn = answering?.content?.some(({ toolResult }) => toolResult !== undefined);
  return isClaudes && isInTurn && asking?.content?.[0]?.reasoningContent === undefined ? others : fields;
}
