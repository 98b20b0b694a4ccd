/** A .wgsl file as text: built in to vite and vitest, and done by scripts/wgsl-hook.mjs in plain Node. */
declare module '*.wgsl?raw' {
  const text: string;
  export default text;
}
