import { defineConfig } from 'vite';

export default defineConfig({
  // The engine's wasm is part of the bundle, so that nothing has to be fetched or configured for it.
  build: { chunkSizeWarningLimit: 600 },
});
