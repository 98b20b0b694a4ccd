/** Entry of the page: looks whether there is WebGPU, then shows the app or how to get it. */
import { render } from 'preact';
import './styles.css';

async function adapterProblem(): Promise<string | null> {
  if (!('gpu' in navigator) || !navigator.gpu) return 'This browser has no WebGPU, or has it switched off.';
  try {
    return (await navigator.gpu.requestAdapter())
      ? null
      : 'This browser has WebGPU, but finds no graphics adapter that it may use.';
  } catch (error) {
    return `WebGPU does not start: ${error instanceof Error ? error.message : error}`;
  }
}

const root = document.getElementById('app')!;
const problem = await adapterProblem();
if (problem !== null) {
  const { NoWebgpu } = await import('./no-webgpu.tsx');
  render(<NoWebgpu problem={problem} />, root);
} else {
  const { App } = await import('./app.tsx');
  render(<App />, root);
}
