/** An event of the engine as it came over HTTP. */
export interface SentEvent {
  type: string;
  [field: string]: unknown;
}

/** The lines of a response, each as soon as it is there. */
export async function* eventsOf(response: Response): AsyncGenerator<SentEvent, undefined> {
  if (response.body === null) throw new Error(`a response ${response.status} without a body`);
  let rest = '';
  const decoder = new TextDecoder();
  for await (const part of response.body) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
  if (rest !== '') throw new Error(`the response was cut in the middle of a line: ${rest}`);
}

/** Reads up to and including the first event that is asked for; all events where none is. */
export async function readUntil(
  events: AsyncGenerator<SentEvent, undefined>,
  isWanted: (event: SentEvent) => boolean = () => false,
): Promise<SentEvent[]> {
  const read: SentEvent[] = [];
  // not `for await`, which would close the stream
  for (let next = await events.next(); !next.done; next = await events.next()) {
    read.push(next.value);
    if (isWanted(next.value)) break;
  }
  return read;
}

/** The streamed text, piece after piece. */
export function piecesOf(events: SentEvent[]): string[] {
  return events.filter(({ type }) => type === 'task:message').map(({ content }) => String(content));
}

/** The types of the events but for the pieces of text. */
export function typesOf(events: SentEvent[]): string[] {
  return events.map(({ type }) => type).filter((type) => type !== 'task:message');
}
