/** The middle of some numbers, as `value`, and the least and most of them. */
export function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return { value: sorted[sorted.length >> 1], least: sorted[0], most: sorted[sorted.length - 1] };
}

export function rounded(number, digits) {
  return Number(number.toFixed(digits));
}

/** CPU time of this process so far, that of all its threads, in microseconds. */
export function cpuMicros() {
  const { user, system } = process.cpuUsage();
  return user + system;
}
