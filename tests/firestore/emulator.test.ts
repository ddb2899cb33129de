import { expect, inject, test } from 'vitest';
import { clear } from './emulator.js';

test('a project of the emulator can be written, read and cleared', async () => {
  const host = inject('firestore');
  const url = `http://${host}/v1/projects/emulator-test/databases/(default)/documents/things/one`;
  const written = await fetch(url, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ fields: { n: { integerValue: '1' } } }),
  });
  expect(written.status).toBe(200);
  expect(await (await fetch(url)).json()).toMatchObject({ fields: { n: { integerValue: '1' } } });
  await clear(host, 'emulator-test');
  expect((await fetch(url)).status).toBe(404);
});
