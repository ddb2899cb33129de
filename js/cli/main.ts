#!/usr/bin/env node
import { version } from '../index.js';
import { runDemo } from './demo/run.js';
import { exitCodes, Quit } from './exit.js';
import { help, parseRequest } from './options.js';
import { runShow } from './show/run.js';
import { runWork } from './work/run.js';

async function main(): Promise<number> {
  try {
    const request = parseRequest(process.argv.slice(2));
    if ('work' in request) return await runWork(request.work);
    // as when output goes to a command like `head` that reads no further
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed);
    });
    if ('demo' in request) return await runDemo(request.demo);
    if ('show' in request) return await runShow(request.show);
    process.stdout.write('help' in request ? help : `${await version()}\n`);
    return exitCodes.done;
  } catch (error) {
    if (!(error instanceof Quit)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}

process.exitCode = await main();
