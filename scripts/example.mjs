import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './lib/build.mjs';
import { main, root, run, say } from './lib/run.mjs';

const app = join(root, 'examples/nextjs');

// The app as a user has it: the packed package is installed into it.
await main(async () => {
  await build();
  const folder = join(root, '.tools/example');
  mkdirSync(folder, { recursive: true });
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    capture: true,
  });
  const tarball = join(folder, 'task-execution-engine.tgz');
  renameSync(join(folder, JSON.parse(packed)[0].filename), tarball);
  const quiet = ['--no-fund', '--no-audit', '--loglevel=error'];
  if (!existsSync(join(app, 'node_modules/next'))) {
    say('• installing what the app needs');
    await run('npm', ['ci', ...quiet], { cwd: app });
  }
  await run('npm', ['install', '--no-save', '--no-package-lock', ...quiet, tarball], { cwd: app });

  const env = { NEXT_TELEMETRY_DISABLED: '1' };
  if (!process.env.BEDROCK_MODEL && !process.env.BEDROCK_ENDPOINT) {
    const { bedrockEndpoint } = await import('./lib/bedrock-endpoint.mjs');
    const { newsroomTurn } = await import('./lib/newsroom.mjs');
    const { scriptedModel } = await import(pathToFileURL(join(root, 'pkg/testing.js')).href);
    const model = scriptedModel(newsroomTurn, { delayMs: 40, chunkSize: 8, record: false });
    env.BEDROCK_ENDPOINT = (await bedrockEndpoint(model)).url;
    say('• a script answers in place of a model; BEDROCK_MODEL names one of Amazon Bedrock instead');
  }
  const next = join(app, 'node_modules/.bin/next');
  const port = process.env.PORT ?? '3000';
  await run(next, ['build'], { cwd: app, env });
  await run(next, ['start', '--hostname', '127.0.0.1', '--port', port], { cwd: app, env });
  process.exit();
});
