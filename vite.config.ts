import { defineConfig } from 'vite';

/** The library (`index`) and the command line (`cli`), one ES module each; only `webgpu` and Node's own modules stay outside. */
export default defineConfig({
  optimizeDeps: { exclude: ['webgpu'] },
  build: {
    target: 'es2022',
    sourcemap: true,
    minify: false,
    lib: { entry: { index: 'src/index.ts', cli: 'src/cli/main.ts' }, formats: ['es'] },
    rolldownOptions: { external: ['webgpu', 'wgpu-matrix', /^node:/] },
  },
});
