import type { Progress, ToolCall, ToolResultContentBlock, Usage } from '../../types.js';
import { describeCall, describeResult, describeUsage } from '../describe.js';
import type { Fact, ReadableEntry } from './journal.js';

/** A line of the timeline. */
export interface Line {
  /** One character before the text; none for the model's own words. */
  mark: string;
  text: string;
  kind: 'say' | 'heading' | 'aside' | 'call' | 'result' | 'trouble' | 'failure' | 'ask';
  /** After the text, in a quiet colour. */
  note?: string;
  /** A percentage to show as a bar after the text. */
  bar?: number;
}

/** Tells a journal, entry by entry. Keeps the names of what later entries only have the ids of. */
export class Timeline {
  /** Calls without a result, by id. */
  readonly #calls = new Map<string, string>();
  readonly #items = new Map<string, string>();
  #epoch = 0;

  /** The lines of the next entry. */
  linesOf({ epoch, data: { facts } }: ReadableEntry): Line[] {
    const kinds = new Set(facts.map(({ kind }) => kind));
    const lines: Line[] = [];
    if (epoch !== this.#epoch && this.#epoch > 0 && !kinds.has('begun')) {
      lines.push(line('▶', `Another run goes on.`, 'heading', `lease ${epoch}`));
    }
    this.#epoch = epoch;
    for (const fact of facts) {
      try {
        lines.push(...this.#of(fact, facts, kinds));
      } catch {
        // other versions, and other writers, have facts of other shapes
        lines.push(line('·', `A fact that this version cannot read: ${fact.kind}`, 'trouble'));
      }
    }
    return lines;
  }

  #of(fact: Fact, facts: Fact[], kinds: Set<string>): Line[] {
    switch (fact.kind) {
      case 'imported': {
        const { messages, repaired, leftOut } = fact as unknown as Imported;
        const odd = [repaired > 0 ? `${repaired} repaired` : '', leftOut > 0 ? `${leftOut} left out` : ''];
        const note = odd.filter((each) => each !== '').join(', ');
        return [line('·', `${messages.length} messages of the time before are taken over.`, 'aside', note)];
      }
      case 'saved':
        return [line('·', 'A message was added to the conversation.', 'aside')];
      case 'reset':
        return [line('·', 'The task was reset: every item is open again.', 'heading')];
      case 'begun':
        return [
          line('▶', beginnings[fact.how as string] ?? 'A run begins.', 'heading', `lease ${this.#epoch}`),
        ];
      case 'stated':
        this.#items.set(keyOf(fact.item), String(fact.name));
        return [line('▸', `Next: ${fact.name}`, 'aside')];
      case 'received':
        return [line('>', String(fact.text), 'say')];
      case 'nudged':
        return [line('·', `The engine told the model: ${fact.text}`, 'trouble')];
      case 'turn':
        return this.#turn(fact as unknown as TurnFact);
      case 'spent':
        return [line('·', 'An attempt at a turn was given up.', 'trouble', tokens(fact.usage as Usage))];
      case 'trimmed':
        return [
          line(
            '·',
            `${(fact.trim as { leftOut: number }).leftOut} older messages are left out from now on.`,
            'aside',
          ),
        ];
      case 'waiting': {
        const call = fact.toolCall as ToolCall;
        this.#calls.set(call.id, call.name);
        return [line('?', `${describeCall(call)} ${waitsFor(fact.why)}`, 'ask', call.id)];
      }
      case 'starting': {
        // with its turn or an approval, that a call starts goes without saying
        const again = kinds.has('turn') || kinds.has('decided') ? [] : (fact.toolCallIds as string[]);
        return again.map((id) => line('→', `${this.#name(id)} is run again.`, 'call'));
      }
      case 'not_run':
        return (fact.toolCallIds as string[]).map((id) =>
          line('·', `${this.#name(id)} had not begun and is not run.`, 'aside'),
        );
      case 'decided':
        return [this.#decided(fact)];
      case 'result': {
        const { toolCallId, name, content, status, unknown } = fact as unknown as ResultFact;
        this.#calls.delete(toolCallId);
        if (unknown) return [line('←', `${name}: nobody knows what it did.`, 'trouble')];
        return [line('←', describeResult(name, content), status === 'error' ? 'trouble' : 'result')];
      }
      case 'done': {
        const advance = facts.find(({ kind }) => kind === 'progress');
        const name = this.#items.get(keyOf(fact.item)) ?? nameIn(advance, fact.item);
        return [
          {
            ...line('✓', `Done: ${name}`, 'heading', fact.external === true ? 'by others' : undefined),
            ...barOf(advance),
          },
        ];
      }
      case 'progress':
        return kinds.has('done') ? [] : [{ ...line('·', 'The plan was changed.', 'aside'), ...barOf(fact) }];
      case 'ended':
        return [ended(fact)];
      default:
        return [line('·', `A fact that this version does not know: ${fact.kind}`, 'trouble')];
    }
  }

  #turn({ turn: { content, text = saidIn(content), uses, stop }, usage }: TurnFact): Line[] {
    const lines: Line[] = [];
    if (text.trim() !== '') lines.push(line(' ', text.trim(), 'say'));
    for (const call of uses) {
      this.#calls.set(call.id, call.name);
      lines.push(line('→', describeCall(call), 'call'));
    }
    if (!['end_turn', 'tool_use', 'stop_sequence'].includes(stop)) {
      lines.push(line('·', `The model was stopped: ${stop}`, 'trouble'));
    }
    if (lines.length === 0) lines.push(line(' ', '(no text)', 'aside'));
    const [first] = lines;
    if (first) first.note = tokens(usage);
    return lines;
  }

  #decided({ toolCallId, decision }: Fact): Line {
    const { decision: what, note, reason } = decision as { decision: string; note?: string; reason?: string };
    const why = note ?? reason;
    const name = this.#name(String(toolCallId));
    const said: Record<string, string> = {
      approve: `A person approved ${name}`,
      reject: `A person rejected ${name}`,
      answer: `A person answered ${name}`,
    };
    return line('!', `${said[what] ?? `A person decided on ${name}`}${why ? `: ${why}` : '.'}`, 'ask');
  }

  #name(id: string): string {
    return this.#calls.get(id) ?? id;
  }
}

interface Imported {
  messages: unknown[];
  repaired: number;
  leftOut: number;
}

interface TurnFact {
  /** The text is there where it is not that of the content's blocks. */
  turn: { content: SpokenBlock[]; text?: string; uses: ToolCall[]; stop: string };
  usage: Usage;
}

interface SpokenBlock {
  text?: string;
  citationsContent?: { content?: { text?: string }[] };
}

interface ResultFact {
  toolCallId: string;
  name: string;
  content: ToolResultContentBlock[];
  status: string;
  unknown?: boolean;
}

const beginnings: Record<string, string> = {
  started: 'The task begins.',
  resumed: 'The task goes on.',
  recovered: 'The task goes on where it was interrupted.',
};

/** What a waiting call waits for, in words that follow its name. */
export function waitsFor(why: unknown): string {
  if (why === 'approval') return 'waits for approval.';
  return why === 'input' ? 'waits for an answer.' : 'may or may not have run: somebody has to decide.';
}

function ended({ status, reason, error }: Fact): Line {
  const because = typeof reason === 'string' ? `: ${reason}` : '.';
  switch (status) {
    case 'paused':
      return line('‖', `The task is paused${because}`, 'heading');
    case 'stopped':
      return line('■', `The task is stopped${because}`, 'heading');
    case 'completed':
      return line('✓', 'The task is completed.', 'heading');
    default: {
      const { code, message } = (error ?? {}) as { code?: string; message?: string };
      return line('✗', `The task failed: ${message ?? reason ?? 'nobody said why'}`, 'failure', code);
    }
  }
}

function line(mark: string, text: string, kind: Line['kind'], note?: string): Line {
  return { mark, text, kind, ...(note !== undefined && note !== '' && { note }) };
}

function saidIn(content: SpokenBlock[]): string {
  const cited = (block: SpokenBlock) => block.citationsContent?.content ?? [];
  return content
    .flatMap((block) => [...cited(block), block])
    .map(({ text = '' }) => text)
    .join('');
}

function tokens(usage: Usage): string {
  const { inputTokens, outputTokens, unreported } = usage;
  if (unreported > 0 && inputTokens + outputTokens === 0) return 'tokens not reported';
  return `${describeUsage(usage)}${unreported > 0 ? ', some not reported' : ''}`;
}

function keyOf(item: unknown): string {
  const { milestone = '', item: id } = item as { milestone?: string; item: string };
  return `${milestone}/${id}`;
}

/** A `progress` fact; older ones hold the plan. */
type Advance = { overall?: number; item?: { id: string; name: string }; progress?: Progress };

function nameIn(fact: Fact | undefined, item: unknown): string {
  const { milestone = '', item: id } = item as { milestone?: string; item: string };
  const { item: shown, progress } = (fact ?? {}) as Advance;
  if (shown?.id === id) return shown.name;
  return progress?.tasks[milestone]?.find((each) => each.id === id)?.name ?? id;
}

function barOf(fact: Fact | undefined): { bar?: number } {
  const { overall, progress } = (fact ?? {}) as Advance;
  const bar = overall ?? progress?.overall;
  return typeof bar === 'number' ? { bar } : {};
}
