import type { NextConfig } from 'next';

// The server with all that it needs, for an image: the package is in it without being named here.
const config: NextConfig = { output: 'standalone' };

export default config;
