import { defineConfig, type UserConfig } from 'vite';

const common = { target: 'es2022', sourcemap: true, minify: false } as const;

/** What stays outside: the native package, the one runtime dependency, Node's own modules. */
const external = ['webgpu', 'wgpu-matrix', /^node:/];

/** The library: ES modules for browsers and Node alike, one for each entry and chunks that they share. */
const library: UserConfig = {
  optimizeDeps: { exclude: ['webgpu'] },
  build: {
    ...common,
    lib: {
      // The last is a program of its own, which compile-helpers.ts starts.
      entry: {
        index: 'src/index.ts',
        models: 'src/models/index.ts',
        'compile-helper': 'src/gpu/compile-helper.ts',
      },
      formats: ['es'],
    },
    rolldownOptions: {
      external: [...external, 'cli-progress'],
      output: { entryFileNames: '[name].js', chunkFileNames: 'shared/[name].js' },
    },
  },
};

/** The command line, for Node, with the libraries that only it needs bundled in. */
const commandLine: UserConfig = {
  ssr: { noExternal: true, external: ['webgpu', 'wgpu-matrix'] },
  build: {
    ...common,
    ssr: 'src/cli/main.ts',
    emptyOutDir: false,
    rolldownOptions: { external, output: { entryFileNames: 'cli.js', chunkFileNames: 'cli/[name].js' } },
  },
};

export default defineConfig(({ mode }) => (mode === 'cli' ? commandLine : library));
