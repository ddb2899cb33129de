/** What the script of the example says: a model that knows one newsroom, and answers by what the conversation holds. */

const newsletter = `# The harbour, slowly

On a grey morning in November the last of the *yellow cranes* was painted green. Children had chosen the colour.

The park that has grown under them is two years old now, and it has become what nobody planned: the place where the city
waits for its **new tram**. The line opened late, as lines do. It is full at seven and at four, and in between it carries
people who just want to see the water.

- On Saturday the market hall is open until midnight
- The ferry to the islands sails once more, on Sunday at ten
- Whoever brings a story from the docks gets soup

What the market hall will cost, nobody can say. We have asked three times, and we will ask again.`;

const steps = [
  {
    about: /research|search|archive/i,
    turns: [
      {
        reasoning: 'The archive is the place to begin. One word is enough to see whether there is anything.',
        text: 'I look into the archive for what we have printed about the harbour.',
        tools: [{ name: 'search_archive', input: { query: 'harbour' } }],
      },
      `There are two pieces that we can build on:

1. **The tram line to the harbour opens** (2024)
2. **Harbour cranes become a park** (2025)

The second one is closer to what readers ask about. I take it as the thread, and the tram as the way there.`,
    ],
  },
  {
    about: /ask|tone|question/i,
    turns: [
      {
        text: 'Before I write a line I want to know how it shall sound.',
        tools: [
          {
            name: 'ask_editor',
            input: {
              question: 'Which tone shall the newsletter have?',
              choices: ['Calm', 'Cheerful', 'Matter-of-fact'],
            },
          },
        ],
      },
      'Understood. I keep to that tone from the first line to the last.',
    ],
  },
  {
    about: /send|publish/i,
    turns: [
      {
        reasoning: 'It goes to everybody at once, so a person has to look at it first.',
        text: 'The newsletter is ready to go out.',
        tools: [{ name: 'send_newsletter', input: { subject: 'The harbour, slowly', readers: 4210 } }],
      },
      'That was the last step. Thank you for looking it over.',
    ],
  },
  {
    about: /./,
    turns: [{ reasoning: 'Calm, concrete, and with something to do at the weekend.', text: newsletter }],
  },
];

const statement = /^Work on this item now: (.*)$/m;
const textsOf = ({ content = [] } = {}) => content.flatMap(({ text }) => text ?? []);
const hasResult = ({ content = [] }) => content.some(({ toolResult }) => toolResult);

/** The turn that answers a request: by the item that was stated last, and how many results it has had since. */
export function newsroomTurn({ messages = [] }) {
  const stated = messages.findLastIndex((message) => textsOf(message).some((text) => statement.test(text)));
  const [, item = ''] = statement.exec(textsOf(messages[stated]).join('\n')) ?? [];
  const since = messages.slice(stated + 1);
  const last = messages.at(-1);
  const said = textsOf(last)
    .filter((text) => !statement.test(text))
    .join(' ')
    .trim();
  const { turns } = steps.find(({ about }) => about.test(item)) ?? steps.at(-1);
  const results = since.filter(hasResult).length;
  const isAnswered = since.length > 0 && !hasResult(last);
  const heard = said === '' ? '' : `You wrote: *${said.slice(0, 200)}* I will mind it.`;
  if (isAnswered) return heard === '' ? 'It is done.' : heard;
  const turn = turns[Math.min(results, turns.length - 1)];
  if (heard === '') return turn;
  return typeof turn === 'string' ? `${heard}\n\n${turn}` : { ...turn, text: `${heard} ${turn.text}` };
}
