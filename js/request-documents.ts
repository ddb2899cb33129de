import type { ContentBlock, DocumentBlock, Message } from './types.js';

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html: "up to five documents". */
const mostDocuments = 5;

/** Whether a message holds a document, beside a result or inside one. */
export function holdsDocuments({ content = [] }: Message): boolean {
  return content.some((block) => documentsIn(block) > 0);
}

function documentsIn({ document, toolResult }: ContentBlock): number {
  return document !== undefined ? 1 : (toolResult?.content ?? []).filter((part) => part.document).length;
}

/**
 * The messages as the service takes their documents: five at most, the last ones, each under a name of its own. Other
 * messages are not copied.
 */
export function withDocumentsAsTaken(messages: Message[]): Message[] {
  const of = (message: Message) =>
    (message.content ?? []).reduce((sum, block) => sum + documentsIn(block), 0);
  let surplus = messages.reduce((sum, message) => sum + of(message), 0) - mostDocuments;
  const taken = new Set<string>();
  const part = <Part extends { document?: DocumentBlock | undefined }>(block: Part): Part => {
    const { document } = block;
    if (document === undefined) return block;
    if (surplus > 0) {
      surplus -= 1;
      const told = `[The document ${document.name} is left out here: a request holds at most ${mostDocuments}.]`;
      return { text: told } as unknown as Part;
    }
    return { ...block, document: { ...document, name: ownName(document.name ?? 'document', taken) } };
  };
  const block = (whole: ContentBlock): ContentBlock => {
    const { toolResult } = whole;
    if (toolResult === undefined) return part(whole);
    return {
      ...whole,
      toolResult: { ...toolResult, content: toolResult.content?.map(part) },
    } as ContentBlock;
  };
  return messages.map((message) =>
    of(message) === 0 ? message : { ...message, content: message.content?.map(block) },
  );
}

/** Names count as equal whatever their case. */
function ownName(name: string, taken: Set<string>): string {
  let own = name;
  for (let n = 2; taken.has(own.toLowerCase()); n++) own = `${name.slice(0, 190)} ${n}`;
  taken.add(own.toLowerCase());
  return own;
}
