/** What the browser tests rest on, without a browser: places of Chromium, tasks of traces. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { flagsFor, placesOf } from './support/chromium.ts';
import { tasksIn } from './support/tasks.ts';

describe('places of Chromium', () => {
  test('CHROMIUM_PATH is the only one where it is set', () => {
    expect(placesOf('linux', { CHROMIUM_PATH: '/opt/chrome', PATH: '/usr/bin' })).toEqual(['/opt/chrome']);
  });

  test('on Linux: folders of PATH, and the usual ones', () => {
    const places = placesOf('linux', { PATH: '/opt/bin:/usr/bin' });
    expect(places.slice(0, 2)).toEqual(['/opt/bin/chromium', '/usr/bin/chromium']);
    expect(places).toContain('/snap/bin/chromium');
    expect(places).toContain('/usr/bin/google-chrome');
    expect(new Set(places).size).toBe(places.length);
  });

  test('on a Mac and on Windows: where installers put it', () => {
    expect(placesOf('darwin', {})[0]).toBe('/Applications/Google Chrome.app/Contents/MacOS/Google Chrome');
    expect(placesOf('win32', { ProgramFiles: 'C:\\Program Files' })).toEqual([
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
      'C:\\Program Files\\Microsoft\\Edge\\Application\\msedge.exe',
    ]);
  });

  test('software WebGPU where Chromium has it', () => {
    expect(flagsFor('linux')).toContain('--use-vulkan=swiftshader');
    expect(flagsFor('darwin')).toEqual(['--enable-unsafe-webgpu']);
  });
});

test('only tasks of main threads of pages count', () => {
  const thread = (name: string, tid: number) => ({ name: 'thread_name', pid: 1, tid, args: { name } });
  const task = (tid: number, dur: number, tdur?: number) => ({ name: 'RunTask', pid: 1, tid, dur, tdur });
  const events = [thread('CrRendererMain', 1), thread('DedicatedWorker', 2), task(1, 9000, 4000), task(2, 80_000)];
  expect(tasksIn(events)).toEqual([{ clock: 9, processor: 4 }]);
  expect(tasksIn([...events, task(1, 60_000)]).at(-1)).toEqual({ clock: 60, processor: 60 });
});

test('npm test leaves out what takes a Chromium and minutes (npm run test:browser runs it), and nothing else', async () => {
  const folder = import.meta.dirname;
  const files = (await readdir(folder)).filter((file) => file.endsWith('.test.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const needing = files
    .filter((_, i) => /\bfindChromium\(/.test(texts[i]!))
    .map((file) => file.replace('.test.ts', ''));
  const config = await readFile(join(folder, '..', '..', 'vitest.config.ts'), 'utf8');
  expect(/test\/browser\/\{(.+?)\}\.test\.ts/.exec(config)?.[1]?.split(',')).toEqual(needing.sort());
});
