/** What the task said and did, one line each. */
export class Log {
  readonly #list: HTMLElement;
  /** Lines of messages that are streamed and not stored yet, and the attempt that they show. */
  readonly #streaming = new Map<string, { line: HTMLElement; attempt: number }>();

  constructor(list: HTMLElement) {
    this.#list = list;
  }

  add(kind: string, text: string): HTMLElement {
    const line = document.createElement('li');
    line.className = kind;
    line.textContent = text;
    this.#list.append(line);
    return line;
  }

  /** A piece of a message; a new attempt begins it anew. */
  stream({ messageId, attempt, content }: { messageId: string; attempt: number; content: string }): void {
    const known = this.#streaming.get(messageId);
    const line = known?.line ?? this.add('assistant', '');
    if (known?.attempt !== attempt) line.textContent = '';
    line.append(content);
    this.#streaming.set(messageId, { line, attempt });
  }

  /** A stored message takes the place of its pieces. */
  save({ messageId, role, content }: { messageId: string; role: string; content: string }): void {
    const streamed = this.#streaming.get(messageId);
    this.#streaming.delete(messageId);
    if (streamed) streamed.line.textContent = content;
    else this.add(role, content);
  }

  /** A pause takes back what was not stored. */
  dropUnsaved(): void {
    for (const { line } of this.#streaming.values()) line.remove();
    this.#streaming.clear();
  }
}
