/** Lines are steps; one that ends with a colon begins a milestone. */
export function planOf(steps: string) {
  const milestones: { name: string; items: { name: string }[] }[] = [];
  for (const line of steps.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    if (line.endsWith(':')) milestones.push({ name: line.slice(0, -1), items: [] });
    else {
      if (milestones.length === 0) milestones.push({ name: 'Plan', items: [] });
      milestones.at(-1)?.items.push({ name: line });
    }
  }
  return milestones.filter(({ items }) => items.length > 0);
}
