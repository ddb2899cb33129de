import { promises as fs } from 'node:fs';

/** What the model keeps for the report. The first line says it in one sentence. */
export interface Note {
  topic: string;
  lines: string[];
}

/** A file to which notes are appended, one line of JSON each. Appending twice shows twice. */
export interface Notebook {
  append(note: Note): Promise<void>;
  /** Without a last line that a dead process left half written. */
  read(): Promise<Note[]>;
  clear(): Promise<void>;
}

export function notebook(file: string): Notebook {
  const text = () =>
    fs.readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
  return {
    async append(note) {
      const before = await text();
      const whole = before.slice(0, before.lastIndexOf('\n') + 1);
      if (whole !== before) await fs.truncate(file, Buffer.byteLength(whole));
      await fs.appendFile(file, `${JSON.stringify(note)}\n`);
    },
    async read() {
      const lines = (await text()).split('\n').slice(0, -1);
      return lines.map((line) => JSON.parse(line) as Note);
    },
    async clear() {
      await fs.rm(file, { force: true });
    },
  };
}
