import { lint } from './lib/lint.mjs';
import { main } from './lib/run.mjs';

await main(lint);
