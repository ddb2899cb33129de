import type { ReactNode } from 'react';

/** The little of Markdown that models write most: paragraphs, headings, lists, code, bold, italics. */
export function Prose({ text }: { text: string }) {
  return <div className="prose">{blocksOf(text).map(blockOf)}</div>;
}

/** Blocks are separated by empty lines, but not those inside of a fence. */
function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let open: string[] = [];
  let isFenced = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) isFenced = !isFenced;
    if (line.trim() === '' && !isFenced) {
      if (open.length > 0) blocks.push(open.join('\n'));
      open = [];
    } else open.push(line);
  }
  if (open.length > 0) blocks.push(open.join('\n'));
  return blocks;
}

function blockOf(block: string, key: number): ReactNode {
  if (block.startsWith('```')) {
    return (
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard has to be able to scroll it
      <pre key={key} tabIndex={0}>
        {block.replace(/^```.*\n?/, '').replace(/\n?```$/, '')}
      </pre>
    );
  }
  const [, marks = '', heading = ''] = block.match(/^(#{1,4}) (.*)/) ?? [];
  if (marks !== '') return <h4 key={key}>{inline(heading)}</h4>;
  const lines = block.split('\n');
  const bullet = /^\s*(?:[-*]|\d+[.)])\s+/;
  if (lines.every((line) => bullet.test(line))) {
    const List = /^\s*\d/.test(block) ? 'ol' : 'ul';
    return (
      <List key={key}>
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines only grow
          <li key={index}>{inline(line.replace(bullet, ''))}</li>
        ))}
      </List>
    );
  }
  return <p key={key}>{inline(block)}</p>;
}

function inline(text: string): ReactNode[] {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*|\*[^*\s][^*\n]*\*)/).map((part, index) => {
    // biome-ignore-start lint/suspicious/noArrayIndexKey: parts only grow
    if (/^`.+`$/.test(part)) return <code key={index}>{part.slice(1, -1)}</code>;
    if (/^\*\*.+\*\*$/.test(part)) return <strong key={index}>{part.slice(2, -2)}</strong>;
    if (/^\*.+\*$/.test(part)) return <em key={index}>{part.slice(1, -1)}</em>;
    // biome-ignore-end lint/suspicious/noArrayIndexKey: parts only grow
    return part;
  });
}
