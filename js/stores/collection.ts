import { compareIds } from './documents.js';

/** Documents by id, with an index in the order of their ids: a page costs what is on it, and a search. */
export class Collection<Row> {
  readonly #rows = new Map<string, Row>();
  readonly #ids: string[] = [];

  get size(): number {
    return this.#rows.size;
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  set(id: string, row: Row): void {
    if (!this.#rows.has(id)) this.#ids.splice(this.#after(id), 0, id);
    this.#rows.set(id, row);
  }

  delete(id: string): void {
    if (this.#rows.delete(id)) this.#ids.splice(this.#after(id) - 1, 1);
  }

  /** Those after an id, which need not be there. */
  page(after: string | undefined, limit: number): [id: string, row: Row][] {
    const from = after === undefined ? 0 : this.#after(after);
    return this.#ids.slice(from, from + limit).map((id) => [id, this.#rows.get(id) as Row]);
  }

  /** How many ids are not after this one. */
  #after(id: string): number {
    const last = this.#ids.at(-1);
    // ids of a journal only grow
    if (last === undefined || compareIds(last, id) <= 0) return this.#ids.length;
    let [low, high] = [0, this.#ids.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareIds(this.#ids[middle] as string, id) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
