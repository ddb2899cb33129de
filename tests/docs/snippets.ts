/** A script that the page shows, put together from its blocks and what comments hide. */
export interface Snippet {
  code: string;
  /** Every shown block is plain JavaScript: readers may save and run it as it is. */
  isJavaScript: boolean;
  /** Some block has JSX. */
  isJsx: boolean;
  typesOnly: boolean;
  /** What each run prints. */
  outputs: string[];
}

/** The code blocks of a page. */
export interface Page {
  snippets: Map<string, Snippet>;
  /** Lines of the shell blocks. */
  commands: string[];
  /** Blocks that show a whole file of the repository, by its path. */
  files: Map<string, string>;
  /** Blocks that no comment gives a meaning. */
  unmarked: { language: string; body: string }[];
}

const part =
  /<!-- file: (?<file>\S+) -->|<!-- (?<kind>snippet|then|prints): (?<name>\w+)(?:, (?<mode>types only|run again))?(?<hidden>\n[\s\S]*?)?\s*-->|^```(?<language>\w*)\n(?<body>[\s\S]*?)^```$/gm;

/**
 * Reads the comments that give code blocks their meaning: `snippet: name` before a block, with hidden code to come
 * before it; `then: name` with hidden code to come after it; `prints: name` before what it prints, or with it. Blocks
 * of one name make one script. `file: path` comes before a block that is a file of this repository.
 */
export function readPage(markdown: string): Page {
  const page: Page = { snippets: new Map(), commands: [], files: new Map(), unmarked: [] };
  let expected: { kind: string; name: string } | undefined;
  for (const { groups = {} } of markdown.matchAll(part)) {
    const { file, kind, name, mode, hidden = '', language, body = '' } = groups;
    if (file !== undefined) {
      expected = { kind: 'file', name: file };
      continue;
    }
    if (kind !== undefined && name !== undefined) {
      const snippet = snippetOf(page, name);
      if (kind !== 'prints') snippet.code += hidden;
      if (mode === 'types only') snippet.typesOnly = true;
      if (kind === 'prints' && (snippet.outputs.length === 0 || mode === 'run again'))
        snippet.outputs.push('');
      if (kind === 'prints' && hidden !== '') print(snippet, hidden.slice(1));
      expected = kind === 'then' || (kind === 'prints' && hidden !== '') ? undefined : { kind, name };
      continue;
    }
    if (language === 'sh') {
      page.commands.push(...body.trim().split('\n'));
    } else if (expected?.kind === 'file') {
      page.files.set(expected.name, body);
    } else if (expected?.kind === 'snippet' && ['js', 'ts', 'tsx'].includes(language ?? '')) {
      const snippet = snippetOf(page, expected.name);
      snippet.code += `\n${body}`;
      snippet.isJavaScript &&= language === 'js';
      snippet.isJsx ||= language === 'tsx';
    } else if (expected?.kind === 'prints' && language === 'text') {
      print(snippetOf(page, expected.name), body.trimEnd());
    } else {
      page.unmarked.push({ language: language ?? '', body });
    }
    expected = undefined;
  }
  return page;
}

function snippetOf(page: Page, name: string): Snippet {
  const snippet = page.snippets.get(name) ?? {
    code: '',
    isJavaScript: true,
    isJsx: false,
    typesOnly: false,
    outputs: [],
  };
  page.snippets.set(name, snippet);
  return snippet;
}

function print(snippet: Snippet, text: string): void {
  const before = snippet.outputs.pop();
  snippet.outputs.push(before ? `${before}\n${text}` : text);
}

/** The first column of the table under a heading, without its backticks. */
export function rowsOf(markdown: string, heading: string): string[] {
  const section = markdown.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `([^`]+)` \|/gm)].flatMap(([, name]) => name ?? []);
}

/** The cells of the first table under a heading, its header first. */
export function tableOf(markdown: string, heading: string): string[][] {
  const section = markdown.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const [table = ''] = section.match(/(?:^\|.*\n)+/m) ?? [];
  const rows = table.split('\n').filter((line) => line.startsWith('|') && !line.startsWith('|--'));
  return rows.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** The anchors that GitHub gives the headings of a page. */
export function anchorsOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
