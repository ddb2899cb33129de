import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { Prose } from '../../../examples/nextjs/components/prose.js';
import { planOf } from '../../../examples/nextjs/lib/plan.js';
import { agoText, reasonText, toolText } from '../../../examples/nextjs/lib/words.js';

const html = (text: string) => renderToStaticMarkup(createElement(Prose, { text }));

describe('the example', () => {
  it('makes milestones of lines that end with a colon, and items of the others', () => {
    expect(planOf('First\n\n Read: \n- Look: at this\nAsk\nEmpty:\n')).toEqual([
      { name: 'Plan', items: [{ name: 'First' }] },
      { name: 'Read', items: [{ name: '- Look: at this' }, { name: 'Ask' }] },
    ]);
    expect(planOf(' \n')).toEqual([]);
  });

  it('shows the Markdown that models write, and nothing of HTML', () => {
    expect(html('# Head\n\nSome **bold** and *soft* `code`.')).toBe(
      '<div class="prose"><h4>Head</h4><p>Some <strong>bold</strong> and <em>soft</em> <code>code</code>.</p></div>',
    );
    expect(html('- One\n- Two\n\n1. A\n2. B')).toBe(
      '<div class="prose"><ul><li>One</li><li>Two</li></ul><ol><li>A</li><li>B</li></ol></div>',
    );
    expect(html('```js\na <b>\n\nc\n```')).toContain('>a &lt;b&gt;\n\nc</pre>');
    expect(html('<script>alert(1)</script>')).not.toContain('<script');
  });

  it('shows every beginning of a text without a fault', () => {
    const text = 'So **this *is\n\n```js\nx = `1`\n\n# no head\n```\n- **a\n- b** `c';
    for (let end = 0; end <= text.length; end += 1)
      expect(html(text.slice(0, end))).toMatch(/^<div class="prose">/);
  });

  it('says things as people do', () => {
    expect(toolText('search_archive')).toBe('Search archive');
    expect(reasonText('tokens')).toMatch(/tokens/);
    expect(reasonText('stopped')).toBeUndefined();
    const now = Date.parse('2026-11-29T12:00:00Z');
    expect(agoText('2026-11-29T11:58:00Z', now)).toBe('2 min ago');
    expect(agoText('2026-11-29T09:00:00Z', now)).toBe('3 h ago');
    expect(agoText('2026-11-20T09:00:00Z', now)).toBe('Nov 20, 2026');
    expect(agoText('never', now)).toBe('');
  });
});
