import type { ObjectContext } from '@restatedev/restate-sdk/fetch';
import { objectOptions } from './errors.js';
import type { Sdk } from './sdk.js';

/** Whoever asks for a place: an invocation, and what is resolved once it has one. */
export interface PlaceRequest {
  holder: string;
  awakeable: string;
}

type Held = Record<string, number>;

const first = 'first';
const next = 'next';
const held = 'held';
const looks = 'looks';

/**
 * The places of one user: so many tasks at a time in all workers, the others in a queue that costs each of them a
 * constant amount. A holder that does not renew its place has died in a way that Restate does not tell: after `leaseMs`
 * the place is another's.
 */
export function placesObject({ handlers, object, rpc }: Sdk, name: string, perUser: number, leaseMs: number) {
  const grant = async (ctx: ObjectContext): Promise<void> => {
    const now = await ctx.date.now();
    const holders = (await ctx.get<Held>(held)) ?? {};
    for (const [holder, until] of Object.entries(holders)) if (until <= now) delete holders[holder];
    let begin = (await ctx.get<number>(first)) ?? 0;
    const end = (await ctx.get<number>(next)) ?? 0;
    for (; begin < end && Object.keys(holders).length < perUser; begin += 1) {
      const asked = await ctx.get<PlaceRequest>(`queue.${begin}`);
      // Whoever left the queue has taken its request along.
      if (asked === null) continue;
      ctx.clear(`queue.${begin}`);
      ctx.clear(`at.${asked.holder}`);
      holders[asked.holder] = now + leaseMs;
      ctx.resolveAwakeable(asked.awakeable);
    }
    ctx.set(held, holders);
    ctx.set(first, begin);
    if (begin === end || (await ctx.get<boolean>(looks)) === true) return;
    // Somebody waits: a place whose holder is gone has to be found without anybody asking.
    ctx.set(looks, true);
    ctx.objectSendClient<Places>({ name }, ctx.key).look(rpc.sendOpts({ delay: leaseMs }));
  };
  const { exclusive } = handlers.object;
  const options = { enableLazyState: true, ingressPrivate: true } as const;
  return object({
    name,
    options: objectOptions,
    handlers: {
      take: exclusive(options, async (ctx: ObjectContext, asked: PlaceRequest): Promise<void> => {
        const end = (await ctx.get<number>(next)) ?? 0;
        ctx.set(`queue.${end}`, asked);
        ctx.set(`at.${asked.holder}`, end);
        ctx.set(next, end + 1);
        await grant(ctx);
      }),
      renew: exclusive(options, async (ctx: ObjectContext, holder: string): Promise<void> => {
        const holders = (await ctx.get<Held>(held)) ?? {};
        if (!(holder in holders)) return;
        holders[holder] = (await ctx.date.now()) + leaseMs;
        ctx.set(held, holders);
      }),
      give: exclusive(options, async (ctx: ObjectContext, holder: string): Promise<void> => {
        const holders = (await ctx.get<Held>(held)) ?? {};
        delete holders[holder];
        ctx.set(held, holders);
        const at = await ctx.get<number>(`at.${holder}`);
        if (at !== null) {
          // It was cancelled while it waited: a place that it is given would be nobody's.
          ctx.clear(`at.${holder}`);
          ctx.clear(`queue.${at}`);
        }
        await grant(ctx);
      }),
      look: exclusive(options, async (ctx: ObjectContext): Promise<void> => {
        ctx.clear(looks);
        await grant(ctx);
      }),
    },
  });
}

/** The same as others call it. */
export type Places = {
  take(ctx: ObjectContext, asked: PlaceRequest): Promise<void>;
  renew(ctx: ObjectContext, holder: string): Promise<void>;
  give(ctx: ObjectContext, holder: string): Promise<void>;
  look(ctx: ObjectContext): Promise<void>;
};
