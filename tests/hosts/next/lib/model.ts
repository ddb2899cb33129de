import { scriptedModel, type Turn } from 'task-execution-engine/testing';

const turns: Turn[] = [
  {
    text: 'Soup is the favourite of the week, so I order it for everybody. ',
    tools: [{ name: 'place_order', input: { dish: 'soup', portions: 4 } }],
  },
  'The soup is ordered. It comes at noon, with bread for four. I have told the reception where to let it in, and ' +
    'whoever is hungry before may take an apple from the basket in the kitchen.',
];

/** Says its lines at the pace of a real model, which is to take its place: any object with `stream(request)` can. */
export const model = scriptedModel(
  ({ messages = [] }) => {
    const results = messages.flatMap(({ content }) => content ?? []).filter((block) => block.toolResult);
    return turns[results.length] ?? 'There is nothing else to do.';
  },
  { delayMs: 50, record: false },
);
