import type { Database } from './sqlite-driver.js';
import { prepared } from './sqlite-file.js';

/** What other connections have changed since they were last asked for. */
export class ChangesOfOthers {
  /** The newest change that is known. */
  #known: number | undefined;
  #database: Database | undefined;

  /**
   * The paths of documents that were changed, none at first; undefined where that cannot be told: more was changed than
   * the file keeps, or the file was opened again and may be another one.
   */
  since(database: Database): string[] | undefined {
    const known = this.#known;
    const isSame = database === this.#database;
    this.#database = database;
    if (known !== undefined && isSame) {
      // the one that is known shows that nothing between is missing
      const select = prepared(database, 'SELECT n, path FROM changes WHERE n >= ? ORDER BY n');
      const [first, ...others] = select.all(known) as { n: number; path: string }[];
      if (first?.n === known) {
        this.#known = others.at(-1)?.n ?? known;
        return others.map(({ path }) => path);
      }
    }
    this.#known = lastChange(database);
    return known === undefined ? [] : undefined;
  }

  /** Those up to this one are no news. */
  skipTo(change: number): void {
    this.#known = change;
  }

  /** Begins anew. */
  forget(): void {
    this.#known = undefined;
  }
}

/** The number of the newest change, within a transaction of its own too. */
export function lastChange(database: Database): number {
  return (prepared(database, 'SELECT max(n) AS n FROM changes').get() as { n: number }).n;
}
