import { scriptedModel, type Turn } from 'task-execution-engine/testing';

const turns: Turn[] = [
  {
    text: 'Before I say anything about the heating, I read the thermometer in the hall. ',
    tools: [{ name: 'read_thermometer', input: { room: 'hall' } }],
  },
  'It is 17 degrees in the hall, and people come at ten. The heating needs about an hour for three degrees, so I ' +
    'would switch it on at nine, and open the doors to the stairs only after that.',
];

/** Says its lines at the pace of a real model, which is to take its place: any object with `stream(request)` can. */
export const model = scriptedModel(
  ({ messages = [] }) => {
    const results = messages.flatMap(({ content }) => content ?? []).filter((block) => block.toolResult);
    return turns[results.length] ?? 'There is nothing else to do.';
  },
  { delayMs: 60, record: false },
);
