import type { NextConfig } from 'next';

const config: NextConfig = {
  // The server with all that it needs, for an image.
  output: 'standalone',
  // On Node before 22.13: the driver of SQLite, which is looked for when the first task is opened.
  outputFileTracingIncludes: {
    '/*': ['node_modules/libsql/**', 'node_modules/@libsql/**', 'node_modules/@neon-rs/**'],
  },
};

export default config;
