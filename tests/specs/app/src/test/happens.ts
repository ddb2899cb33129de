interface Emits {
  once(event: string, listener: (payload: any) => void): unknown;
}

/** Settles with the payload of the next event of that name. */
export function happens(executor: Emits, event: string): Promise<any> {
  return new Promise((resolve) => executor.once(event, resolve));
}
