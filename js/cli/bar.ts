/** How text is shown, by the names of `yoctocolors`. */
export type Style = (text: string) => string;

/** A bar so many columns wide; green where it is full. */
export function bar(
  percent: number,
  width: number,
  { cyan, dim, green }: Record<'cyan' | 'dim' | 'green', Style>,
): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width);
  const style = percent >= 100 ? green : cyan;
  return style('█'.repeat(full)) + dim('░'.repeat(width - full));
}
