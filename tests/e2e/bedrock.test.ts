import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Place, root } from './demo.js';

const places: Place[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});
function place(): Place {
  const made = new Place();
  places.push(made);
  return made;
}

test('in the repository the demo goes through the real SDK and a local endpoint, to the same report', async () => {
  const [wired, scripted] = [place(), place()];
  const { code, output } = await new Promise<{ code: number | null; output: string }>((resolve) => {
    const child = spawn(process.execPath, [join(root, 'scripts/demo.mjs'), '--speed', '200'], {
      cwd: wired.directory,
    });
    let output = '';
    child.stdout.on('data', (part) => {
      output += part;
    });
    child.stderr.on('data', (part) => {
      output += part;
    });
    child.on('close', (code) => resolve({ code, output }));
  });
  expect(output).toContain('scripted model behind a local Bedrock endpoint');
  expect(output).toContain('Done.');
  expect(output).not.toMatch(/Warning/);
  expect(code).toBe(0);
  await scripted.run('demo', '--speed', '200');
  expect(wired.report()).toBe(scripted.report());
});

test('demo --bedrock says what is missing', async () => {
  const { directory } = place();
  const run = (args: string[], env: Record<string, string>) =>
    new Promise<{ code: number | null; output: string }>((resolve) => {
      const child = spawn(process.execPath, [join(root, 'pkg/cli.js'), 'demo', ...args], {
        cwd: directory,
        env: { PATH: process.env.PATH, HOME: directory, AWS_EC2_METADATA_DISABLED: 'true', ...env },
      });
      let output = '';
      child.stderr.on('data', (part) => {
        output += part;
      });
      child.on('close', (code) => resolve({ code, output }));
    });
  const noRegion = await run(['--bedrock', 'amazon.nova-lite-v1:0'], {});
  expect(noRegion).toMatchObject({ code: 1, output: expect.stringContaining('--region us-east-1') });
  const noCredentials = await run(['--bedrock', 'amazon.nova-lite-v1:0', '--region', 'us-east-1'], {});
  expect(noCredentials).toMatchObject({
    code: 1,
    output: expect.stringContaining('There are no AWS credentials'),
  });
  const noModel = await run(['--region', 'us-east-1'], {});
  expect(noModel).toMatchObject({ code: 2, output: expect.stringContaining('--bedrock MODEL_ID') });
});
