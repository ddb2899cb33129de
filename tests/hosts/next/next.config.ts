import type { NextConfig } from 'next';

// On Node before 22.13: the driver of SQLite, which is looked for when the first task is opened, and what it loads.
const driver = ['libsql', '@libsql', '@neon-rs', 'detect-libc'].map((name) => `node_modules/${name}/**`);

const config: NextConfig = {
  // The server with all that it needs, for an image.
  output: 'standalone',
  outputFileTracingIncludes: { '/*': driver },
};

export default config;
