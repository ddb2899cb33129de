import { fitted, nobody, type Refusal } from './fitting.js';
import { holdsFiles, withFilesAsTaken } from './request-files.js';
import type { ConverseRequest, Message, ToolResultContentBlock } from './types.js';
import { isBytes } from './values.js';

/** One change of the request, as the core says it. Indexes count messages as they are before the operation. */
export type RequestOp =
  | { op: 'system'; text?: string }
  | { op: 'model'; id?: string }
  | { op: 'tools'; toolConfig?: ConverseRequest['toolConfig'] }
  | { op: 'push'; message: Message }
  | { op: 'replace'; index: number; message: Message }
  | { op: 'dropBefore'; index: number; marker: Message }
  | { op: 'clear' }
  | { op: 'author'; model?: string }
  | { op: 'withhold'; model?: string; block: string };

/** The request that a run sends, kept up to date by operations, so that a step costs what it adds. */
export class Transcript {
  /** As they are stored. */
  #messages: Message[] = [];
  /** Of the assistant's messages, where that is known. */
  readonly #authors = new WeakMap<Message, string>();
  #author: string | undefined;
  /** As the model that is asked now takes them; undefined where they have to be looked at again. */
  #fitted: Message[] | undefined;
  readonly #refused: Refusal[] = [];
  #holdsFiles = false;
  #fixed: Omit<ConverseRequest, 'messages'> = {};

  /** `ownModel`: which model the client asks where no request names one. */
  constructor(readonly ownModel?: string) {}

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
        this.#fitted = undefined;
        return;
      }
      case 'tools': {
        const { toolConfig: _, ...rest } = this.#fixed;
        this.#fixed = op.toolConfig === undefined ? rest : { ...rest, toolConfig: frozen(op.toolConfig) };
        return;
      }
      case 'push':
        this.#put(this.#messages.length, frozen(revived(op.message)));
        return;
      case 'replace':
        this.#put(op.index, frozen(revived(op.message)));
        return;
      case 'dropBefore':
        this.#messages = behindMarker(frozen(revived(op.marker)), this.#messages.slice(op.index));
        this.#fitted = undefined;
        return;
      case 'clear':
        this.#messages = [];
        this.#fitted = undefined;
        return;
      case 'author':
        this.#author = op.model;
        return;
      case 'withhold':
        if (op.block === 'reasoning')
          for (const message of this.#messages) this.#authors.set(message, nobody);
        else this.#refused.push({ model: op.model, block: op.block });
        this.#fitted = undefined;
        return;
    }
  }

  #put(index: number, message: Message): void {
    this.#messages[index] = message;
    this.#holdsFiles ||= holdsFiles(message);
    if (message.role === 'assistant' && this.#author !== undefined) this.#authors.set(message, this.#author);
    if (this.#fitted !== undefined) this.#fitted[index] = this.#fit(message);
  }

  #fit(message: Message): Message {
    return frozen(
      fitted(message, this.#authors.get(message), this.#fixed.modelId ?? this.ownModel, this.#refused),
    );
  }

  /**
   * What to send now, the receiver's own: nothing that it changes is seen by a later request. Messages further back than
   * the last few are frozen instead of copied, so that a long history costs no more than a short one.
   */
  request(): ConverseRequest {
    const { system, toolConfig, ...rest } = this.#fixed;
    this.#fitted ??= this.#messages.map((message) => this.#fit(message));
    const messages = this.#holdsFiles ? withFilesAsTaken(this.#fitted).map(frozen) : this.#fitted;
    const older = messages.slice(0, -mostCopied);
    return {
      ...rest,
      ...(system && { system: copied(system) }),
      ...(toolConfig && { toolConfig: { ...toolConfig, tools: toolConfig.tools?.slice() } }),
      messages: older.concat(messages.slice(-mostCopied).map(copied)),
    };
  }
}

/** So many messages at the end of a request may be changed by whoever gets it. */
const mostCopied = 16;

function frozen<T>(value: T): T {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  if (Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}

/** A copy of JSON with bytes in it. */
export function copied<T>(value: T): T {
  if (value === null || typeof value !== 'object') return value;
  if (isBytes(value)) return value.slice() as T;
  if (Array.isArray(value)) return value.map(copied) as T;
  const copy = { ...value } as Record<string, unknown>;
  for (const key of Object.keys(copy)) {
    const member = copy[key];
    if (typeof member === 'object') copy[key] = copied(member);
  }
  return copy as T;
}

/** Roles alternate afterwards: in front of a user's message the marker becomes its first content. */
function behindMarker(marker: Message, kept: Message[]): Message[] {
  const [first, ...rest] = kept;
  if (first?.role !== 'user') return [marker, ...kept];
  const content = [...(marker.content ?? []), ...(first.content ?? [])];
  return [Object.freeze({ ...first, content: Object.freeze(content) as typeof content }), ...rest];
}

/** The message with its bytes as `Uint8Array`; changes it in place. */
export function revived(message: Message): Message {
  return revive(message) as Message;
}

/** A result's blocks with their bytes as `Uint8Array`; changes them in place. */
export function revivedResult(content: ToolResultContentBlock[]): ToolResultContentBlock[] {
  return revive(content, 'json') as ToolResultContentBlock[];
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
