/** Where a Chromium may be on this machine, and how to start it with WebGPU in software. Imports playwright-core and Node's own modules. */
import { accessSync, constants } from 'node:fs';
import { posix, win32 } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

export const LEFT_OUT = 'browser tests: left out, no Chromium found (set CHROMIUM_PATH)';

type Environment = { readonly [name: string]: string | undefined };

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
const MAC_APPS = ['Google Chrome', 'Chromium', 'Microsoft Edge'];
const WINDOWS_PROGRAMS = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'];

/** Paths to try, in this order. */
export function placesOf(platform: NodeJS.Platform, env: Environment): string[] {
  if (env.CHROMIUM_PATH) return [env.CHROMIUM_PATH];
  if (platform === 'darwin') return MAC_APPS.map((app) => `/Applications/${app}.app/Contents/MacOS/${app}`);
  if (platform === 'win32')
    return [env.ProgramFiles, env['ProgramFiles(x86)'], env.LOCALAPPDATA]
      .filter((folder) => folder !== undefined)
      .flatMap((folder) => WINDOWS_PROGRAMS.map((program) => win32.join(folder, program)));
  const folders = [...new Set([...(env.PATH ?? '').split(':'), '/usr/bin', '/usr/local/bin', '/snap/bin'])];
  return NAMES.flatMap((name) => folders.filter((folder) => folder !== '').map((folder) => posix.join(folder, name)));
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A Chromium's path; null where there is none. A CHROMIUM_PATH that leads nowhere is an error. */
export function findChromium(): string | null {
  const found = placesOf(process.platform, process.env).find(runs) ?? null;
  if (!found && process.env.CHROMIUM_PATH)
    throw new Error(`CHROMIUM_PATH is ${process.env.CHROMIUM_PATH}, which is no program.`);
  return found;
}

/** WebGPU on the CPU, the same everywhere. Chromium has SwiftShader's Vulkan for it on Linux and Windows; a Mac uses its GPU. */
export function flagsFor(platform: NodeJS.Platform): string[] {
  const software = ['--enable-features=Vulkan', '--use-vulkan=swiftshader', '--use-angle=swiftshader'];
  return [
    '--enable-unsafe-webgpu',
    ...(platform === 'darwin' ? [] : software),
    // In containers the sandbox has no rights to work; the pages are our own.
    ...(platform === 'linux' ? ['--no-sandbox'] : []),
  ];
}

export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: flagsFor(process.platform) });
