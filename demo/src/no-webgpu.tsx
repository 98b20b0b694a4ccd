/** What is shown where WebGPU is missing: how to get it, and what the page would be. Imports recorded. */
import { Recorded } from './recorded/recorded.tsx';

/** Browser -> what to do; the visitor's own comes first. */
const HELP: readonly (readonly [pattern: RegExp, name: string, help: string])[] = [
  [
    /Firefox\//,
    'Firefox',
    'Use Firefox 141 or newer on Windows, 145 or newer on macOS. Elsewhere open about:config and set dom.webgpu.enabled to true.',
  ],
  [
    /Edg\//,
    'Edge',
    'Use Edge 113 or newer. In edge://settings/system switch on "Use graphics acceleration", then look at edge://gpu.',
  ],
  [
    /Chrome\//,
    'Chrome',
    'Use Chrome 113 or newer (121 on Android). In chrome://settings/system switch on "Use graphics acceleration". On Linux open chrome://flags, enable "Vulkan" and "Unsafe WebGPU Support", and restart.',
  ],
  [
    /Safari\//,
    'Safari',
    'Use Safari 26 or newer. In Safari 18 open Settings, Advanced, show features for web developers, then switch on WebGPU under Feature Flags.',
  ],
];

export function NoWebgpu({ problem }: { problem: string }) {
  const own = HELP.find(([pattern]) => pattern.test(navigator.userAgent));
  return (
    <main class="no-webgpu">
      <h1>gabor: watch a network learn</h1>
      <p role="alert">
        <strong>{problem}</strong> This page trains a network on your GPU, so it cannot run here yet.
      </p>
      {own && (
        <p>
          In {own[1]}: {own[2]}
        </p>
      )}
      {!window.isSecureContext && (
        <p>This page was opened without encryption. WebGPU works on https and on localhost only.</p>
      )}
      <details>
        <summary>Other browsers</summary>
        <ul>
          {HELP.filter((entry) => entry !== own).map(([, name, help]) => (
            <li key={name}>
              <strong>{name}</strong>: {help}
            </li>
          ))}
        </ul>
      </details>
      <Recorded />
    </main>
  );
}
