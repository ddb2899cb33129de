import type { ConverseRequest, Message } from './types.js';

/** One change of the request, as the core says it. Indexes count messages as they are before the operation. */
export type RequestOp =
  | { op: 'system'; text?: string }
  | { op: 'model'; id?: string }
  | { op: 'tools'; toolConfig?: ConverseRequest['toolConfig'] }
  | { op: 'push'; message: Message }
  | { op: 'replace'; index: number; message: Message }
  | { op: 'dropBefore'; index: number; marker: Message }
  | { op: 'clear' };

/** The request that a run sends, kept up to date by operations, so that a step costs what it adds. */
export class Transcript {
  #messages: Message[] = [];
  #fixed: Omit<ConverseRequest, 'messages'> = {};

  apply(ops: RequestOp[]): void {
    for (const op of ops) this.#apply(op);
  }

  #apply(op: RequestOp): void {
    switch (op.op) {
      case 'system': {
        const { system: _, ...rest } = this.#fixed;
        this.#fixed = op.text === undefined ? rest : { ...rest, system: [{ text: op.text }] };
        return;
      }
      case 'model': {
        const { modelId: _, ...rest } = this.#fixed;
        this.#fixed = op.id === undefined ? rest : { ...rest, modelId: op.id };
        return;
      }
      case 'tools': {
        const { toolConfig: _, ...rest } = this.#fixed;
        this.#fixed = op.toolConfig === undefined ? rest : { ...rest, toolConfig: op.toolConfig };
        return;
      }
      case 'push':
        this.#messages.push(revived(op.message));
        return;
      case 'replace':
        this.#messages[op.index] = revived(op.message);
        return;
      case 'dropBefore':
        this.#messages = behindMarker(revived(op.marker), this.#messages.slice(op.index));
        return;
      case 'clear':
        this.#messages = [];
        return;
    }
  }

  /** What to send now; the list of messages is the receiver's own. */
  request(): ConverseRequest {
    return { ...this.#fixed, messages: this.#messages.slice() };
  }
}

/** Roles alternate afterwards: in front of a user's message the marker becomes its first content. */
function behindMarker(marker: Message, kept: Message[]): Message[] {
  const [first, ...rest] = kept;
  if (first?.role !== 'user') return [marker, ...kept];
  return [{ ...first, content: [...(marker.content ?? []), ...(first.content ?? [])] }, ...rest];
}

/** The message with its bytes as `Uint8Array`; changes it in place. */
export function revived(message: Message): Message {
  return revive(message) as Message;
}

/** What tools take and return is the model's and the tools' own: an object there that looks like bytes is none. */
const opaque: Record<string, string> = { toolUse: 'input', toolResult: 'json' };

function revive(value: unknown, hidden?: string): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = revive(value[i], hidden);
    return value;
  }
  const object = value as Record<string, unknown>;
  const { $bytes: base64 } = object;
  // What is no base64 stays as it was stored: this history's own trouble, when its request is sent.
  if (typeof base64 === 'string' && Object.keys(object).length === 1) return fromBase64(base64) ?? object;
  for (const key of Object.keys(object)) {
    if (key !== hidden) object[key] = revive(object[key], opaque[key] ?? hidden);
  }
  return object;
}

/** Undefined for what is none. */
export function fromBase64(base64: string): Uint8Array | undefined {
  let binary: string;
  try {
    binary = atob(base64);
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
