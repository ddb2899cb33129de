/** What each user holds of something that is bounded, by name; a name that is held twice counts once. */
export class Places {
  readonly #held = new Map<string, Map<string, number>>();

  /** Takes a place before anything is waited for. Undefined where the user has as many as may be. */
  take(userId: string, name: string, most: number): (() => void) | undefined {
    const held = this.#held.get(userId) ?? new Map<string, number>();
    const before = held.get(name) ?? 0;
    if (before === 0 && held.size >= most) return undefined;
    held.set(name, before + 1);
    this.#held.set(userId, held);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const count = (held.get(name) ?? 1) - 1;
      if (count > 0) held.set(name, count);
      else held.delete(name);
      if (held.size === 0 && this.#held.get(userId) === held) this.#held.delete(userId);
    };
  }
}
