import type { NextConfig } from 'next';

const config: NextConfig = {
  // The lock file of a folder above would otherwise be taken for the app's.
  turbopack: { root: import.meta.dirname },
  poweredByHeader: false,
};

export default config;
