import { memo, type ReactNode } from 'react';
import type { LiveTool } from 'task-execution-engine/react';
import { toolText } from '@/lib/words';

const words: Record<LiveTool['status'], string> = {
  writing: 'being prepared',
  waiting: 'waits for you',
  running: 'running',
  interrupted: 'interrupted',
  done: 'done',
  failed: 'failed',
  unknown: 'outcome unknown',
};

/** A call of a tool: one line, which unfolds to what went in and what came out. */
export const ToolCall = memo(function ToolCall({ tool, children }: { tool: LiveTool; children?: ReactNode }) {
  const { name, status, progress, input, inputText, content, reasoning } = tool;
  return (
    <article className="tool" data-status={status}>
      <details
        onToggle={({ currentTarget }) =>
          currentTarget.open && currentTarget.scrollIntoView({ block: 'nearest' })
        }
      >
        <summary>
          <span className="mark" aria-hidden="true" />
          <span className="tool-name">{toolText(name)}</span>
          <span className="tool-status">{typeof progress === 'string' ? progress : words[status]}</span>
          {typeof progress === 'number' && (
            <meter min={0} max={1} value={progress} aria-label={`Progress of ${toolText(name)}`} />
          )}
        </summary>
        {reasoning && <p className="thought">{reasoning}</p>}
        <Part label="Input" text={input === undefined ? (inputText ?? '') : json(input)} />
        {content && <Part label="Result" text={content.map(resultText).join('\n')} />}
      </details>
      {children}
    </article>
  );
});

function Part({ label, text }: { label: string; text: string }) {
  return (
    <section aria-label={label}>
      <p className="part-name">{label}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard has to be able to scroll it */}
      <pre tabIndex={0}>{text}</pre>
    </section>
  );
}

function resultText(block: NonNullable<LiveTool['content']>[number]): string {
  if ('text' in block && block.text !== undefined) return block.text;
  if ('json' in block) return json(block.json);
  return `[${Object.keys(block)[0]}]`;
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
