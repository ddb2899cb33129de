/** Bytes as Firestore counts documents: strings and names take their UTF-8 bytes and one more, numbers 8, the rest one. */
export function bytesOf(value) {
  if (typeof value === 'string') return Buffer.byteLength(value) + 1;
  if (typeof value === 'number') return 8;
  if (typeof value !== 'object' || value === null) return 1;
  if (Array.isArray(value)) return sumOf(value, bytesOf);
  return sumOf(Object.entries(value), ([name, field]) => bytesOf(name) + bytesOf(field));
}

/** Of one write of a commit. */
export function bytesWritten({ path, data = {}, fields = [] }) {
  return bytesOf(path) + bytesOf(data) + sumOf(fields, (field) => bytesOf(field.path) + bytesOf(field.value));
}

/** What a write holds of the task's plan. */
export function planWritten({ fields = [] }) {
  return sumOf(fields, ({ path, value }) => (path[0] === 'progress' ? bytesOf(value) : 0));
}

/** What was said in a block of a message: text, a tool's input, or its result. */
export function textOf({ text, toolUse, toolResult }) {
  if (toolResult) return sumOf(toolResult.content, textOf);
  return Buffer.byteLength(text ?? JSON.stringify(toolUse.input));
}

export function sumOf(values, bytes) {
  return values.reduce((sum, value) => sum + bytes(value), 0);
}
