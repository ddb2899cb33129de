import type { ContentBlock, DocumentBlock, Message } from './types.js';

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html: "up to five documents". */
const mostDocuments = 5;
/** The same page, "up to 20 images"; of Claude it is both together: "too many images and documents: 31 + 0 > 20". */
const mostFiles = 20;

type Kind = 'image' | 'document';

/** Whether a message holds an image or a document, beside a result or inside one. */
export function holdsFiles(message: Message): boolean {
  return filesIn(message).image + filesIn(message).document > 0;
}

function filesIn({ content = [] }: Message): Record<Kind, number> {
  const count = { image: 0, document: 0 };
  for (const { image, document, toolResult } of content) {
    for (const part of [{ image, document }, ...(toolResult?.content ?? [])]) {
      if (part.image !== undefined) count.image += 1;
      if (part.document !== undefined) count.document += 1;
    }
  }
  return count;
}

/**
 * The messages as the service takes their images and documents: no more than a request may hold, the last ones, each
 * document under a name of its own. Other messages are not copied.
 */
export function withFilesAsTaken(messages: Message[]): Message[] {
  const counts = messages.map(filesIn);
  const all = (kind: Kind) => counts.reduce((sum, count) => sum + count[kind], 0);
  const surplus = { document: Math.max(0, all('document') - mostDocuments), image: 0 };
  surplus.image = all('image') + all('document') - surplus.document - mostFiles;
  const taken = new Set<string>();
  const part = <Part extends { image?: unknown; document?: DocumentBlock | undefined }>(
    block: Part,
  ): Part => {
    const { image, document } = block;
    const kind = image !== undefined ? 'image' : document !== undefined ? 'document' : undefined;
    if (kind === undefined) return block;
    if (surplus[kind] > 0) {
      surplus[kind] -= 1;
      const [what, most] =
        kind === 'image' ? ['An image', mostFiles] : [`The document ${document?.name}`, mostDocuments];
      return {
        text: `[${what} is left out here: a request holds at most ${most}, and later ones are there.]`,
      } as unknown as Part;
    }
    if (document === undefined) return block;
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
  const isChanged = (at: number) =>
    (counts[at]?.document ?? 0) > 0 || ((counts[at]?.image ?? 0) > 0 && surplus.image > 0);
  return messages.map((message, at) =>
    isChanged(at) ? { ...message, content: message.content?.map(block) } : message,
  );
}

/** Names count as equal whatever their case. */
function ownName(name: string, taken: Set<string>): string {
  let own = name;
  for (let n = 2; taken.has(own.toLowerCase()); n++) own = `${name.slice(0, 190).trimEnd()} ${n}`;
  taken.add(own.toLowerCase());
  return own;
}
