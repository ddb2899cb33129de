import type { Usage } from 'task-execution-engine';

/** US dollars for a million tokens. */
export interface Price {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
}

/** Tokens, and what they cost. */
export function UsageLine({ usage, price }: { usage: Usage | undefined; price: Price }) {
  if (usage === undefined || usage.totalTokens === 0) return null;
  const { inputTokens, outputTokens, cacheReadInputTokens, cacheWriteInputTokens, totalTokens, unreported } =
    usage;
  const dollars =
    (inputTokens * price.input +
      outputTokens * price.output +
      cacheReadInputTokens * price.cacheRead +
      cacheWriteInputTokens * price.cacheWrite) /
    1_000_000;
  const detail = `${inputTokens} in, ${outputTokens} out, ${cacheReadInputTokens} read from the cache, ${cacheWriteInputTokens} written to it`;
  return (
    <span title={unreported > 0 ? `${detail}; ${unreported} attempts unreported` : detail}>
      {totalTokens.toLocaleString('en')} tokens · {unreported > 0 && 'over '}
      {dollars.toLocaleString('en', {
        style: 'currency',
        currency: 'USD',
        minimumFractionDigits: dollars < 1 ? 4 : 2,
      })}
    </span>
  );
}
