import type { ConverseRequest } from 'task-execution-engine';
import { scriptedModel, type Turn } from 'task-execution-engine/testing';

/** What Bedrock is to the real app. What the item is called says what the model does about it. */
export const model = scriptedModel(
  (request): Turn => {
    const item = lastStatement(request);
    if (item.includes('refused')) {
      return { fail: Object.assign(new Error('no access'), { name: 'AccessDeniedException' }) };
    }
    const answered = request.messages?.at(-1)?.content?.some((block) => block.toolResult !== undefined);
    if (item.includes('look up') && !answered) {
      return {
        text: 'Looking it up.',
        tools: [{ name: 'lookup', input: { path: 'notes.md' }, id: 'call-1' }],
      };
    }
    return 'This is the answer, in more than one piece.';
  },
  { delayMs: 2 },
);

/** The last thing that a user said which is not a tool's result. */
function lastStatement(request: ConverseRequest): string {
  const texts = (request.messages ?? [])
    .filter(({ role }) => role === 'user')
    .map(({ content }) => content?.map((block) => block.text ?? '').join('\n') ?? '')
    .filter((text) => text !== '');
  return texts.at(-1) ?? '';
}
