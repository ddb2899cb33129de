import type { AbortSignalLike } from './types.js';

interface Heard {
  callbacks: Set<{ aborted: () => void }>;
  listener: () => void;
}

const signals = new WeakMap<AbortSignalLike, Heard>();

/**
 * Calls back when the signal is aborted from now on; returns what ends that. A signal has one listener of ours, however
 * many ask: a server hands its one signal to every run and follower, and Node warns of a leak from the eleventh on.
 *
 * @throws whatever a signal throws that is none of the platform's
 */
export function onAbort(signal: AbortSignalLike, aborted: () => void): () => void {
  const callback = { aborted };
  const known = signals.get(signal);
  const heard = known ?? heardBy(new Set());
  heard.callbacks.add(callback);
  if (known === undefined) {
    signal.addEventListener('abort', heard.listener, { once: true });
    signals.set(signal, heard);
  }
  return () => {
    if (!heard.callbacks.delete(callback) || heard.callbacks.size > 0) return;
    if (signals.get(signal) === heard) signals.delete(signal);
    try {
      signal.removeEventListener('abort', heard.listener);
    } catch {
      // One of the app's own making: what it still tells, nobody hears.
    }
  };
}

function heardBy(callbacks: Heard['callbacks']): Heard {
  return {
    callbacks,
    listener: () => {
      for (const { aborted } of [...callbacks]) aborted();
    },
  };
}
