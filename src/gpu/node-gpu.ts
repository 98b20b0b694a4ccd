/**
 * WebGPU in Node: the `webgpu` package with the system's adapter or else the software driver that `gabor setup` has
 * prepared (scripts/setup/driver-folder.mjs describes its folder). Imports only util/errors.ts; Node's modules and
 * `webgpu` are reached inside the functions only, so that a bundle for the browser may contain this file.
 */
import { DeviceError } from '../util/errors.ts';

type Webgpu = typeof import('webgpu');

/** A prepared driver's driver.json. */
interface SoftwareDriver {
  kind: string;
  /** `linux-x64`: what kind of machine it is for. */
  platform: string;
  /** File name of the Vulkan driver. */
  driver: string;
  /** Libraries to load first, in this order. */
  libraries: string[];
}

/** Dawn rounds time stamps to 65,536 ns unless told not to. */
const DAWN_OPTIONS = ['disable-dawn-features=timestamp_quantization'];

/** Not written in the import itself, or a bundler for the browser would look for the package. */
const PACKAGE: string = 'webgpu';

/** What `create()` returned. Never dropped: a device whose instance is collected crashes the process later on. */
const instances: GPU[] = [];

let shared: Promise<GPU> | undefined;

/**
 * The entry point of WebGPU in Node, like `navigator.gpu` in a browser. Its `requestAdapter` gives null when there is
 * neither a GPU nor a prepared driver: see `adapterHelp`.
 */
export function nodeGpu(): Promise<GPU> {
  shared ??= open();
  return shared;
}

/** What to do when there is no adapter, as the end of an error message. */
export function adapterHelp(): string {
  if (!isNode()) {
    return 'No WebGPU adapter. Use a recent Chrome, Edge, Safari or Firefox, over https or on localhost, and check that hardware acceleration is on.';
  }
  if (process.platform !== 'linux') return "No WebGPU adapter. Install your GPU's driver.";
  return 'No WebGPU adapter: no Vulkan driver was found. Run "npx gabor setup" (software driver), or install your GPU\'s driver.';
}

export function isNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions?.node === 'string';
}

async function open(): Promise<GPU> {
  const { create, globals } = await importWebgpu();
  for (const [name, value] of Object.entries(globals)) if (!(name in globalThis)) Reflect.set(globalThis, name, value);
  const instance = () => {
    const gpu = create(DAWN_OPTIONS);
    instances.push(gpu);
    return gpu;
  };

  const folder = findDriver();
  // Dawn reports on stderr why it finds no driver, so the system is asked only when that is not known beforehand.
  const direct = folder !== null && !folder.systemFirst;
  if (direct) useDriver(folder.path);
  let gpu = instance();
  let spare = direct ? null : (folder?.path ?? null);

  return {
    __brand: 'GPU',
    get wgslLanguageFeatures() {
      return gpu.wgslLanguageFeatures;
    },
    getPreferredCanvasFormat: () => gpu.getPreferredCanvasFormat(),
    async requestAdapter(options) {
      const adapter = await gpu.requestAdapter(options);
      if (adapter || spare === null) return adapter;
      useDriver(spare);
      spare = null;
      // The first instance has looked for drivers already and goes on finding none.
      gpu = instance();
      return gpu.requestAdapter(options);
    },
  };
}

async function importWebgpu(): Promise<Webgpu> {
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ PACKAGE)) as Webgpu;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const message = missing
      ? 'WebGPU in Node needs the package "webgpu". Run "npm i webgpu".'
      : `The package "webgpu" cannot be loaded on ${process.platform}-${process.arch}: ${(cause as Error).message}`;
    throw new DeviceError(message, { cause });
  }
}

/** Version of the package `webgpu`, and so of Dawn; null in a browser, and where it is not installed or hides its package.json. */
export function webgpuVersion(): string | null {
  if (!isNode()) return null;
  const { createRequire } = process.getBuiltinModule('node:module');
  const path = process.getBuiltinModule('node:path');
  for (const base of [import.meta.url, path.join(process.cwd(), 'package.json')]) {
    try {
      const file = createRequire(base).resolve(path.posix.join(PACKAGE, 'package.json'));
      return readJson<{ version: string }>(file)?.version ?? null;
    } catch {
      // not installed there
    }
  }
  return null;
}

/**
 * The folder of the software driver to use, if any. GABOR_DRIVER says which: `lavapipe`, `swiftshader`, `none` (the
 * system's adapter only) or a folder with a driver.json; otherwise it is the choice of `gabor setup`.
 */
function findDriver(): { path: string; systemFirst: boolean } | null {
  const path = process.getBuiltinModule('node:path');
  const wanted = process.env.GABOR_DRIVER ?? '';
  if (wanted === 'none') return null;
  const projectFolder = findGpuFolder();
  if (wanted !== '') {
    const named =
      /^\w+$/.test(wanted) && projectFolder !== null ? path.join(projectFolder, wanted) : path.resolve(wanted);
    if (isUsable(named)) return { path: named, systemFirst: false };
    throw new DeviceError(`GABOR_DRIVER="${wanted}": there is no such driver. ${driverHelp(wanted)}`);
  }
  if (projectFolder === null) return null;
  const choice = readJson<{ use: string }>(path.join(projectFolder, 'driver.json'))?.use;
  const kind = [choice, 'lavapipe', 'swiftshader'].find((name) => name && isUsable(path.join(projectFolder, name)));
  return kind ? { path: path.join(projectFolder, kind), systemFirst: choice !== kind } : null;
}

function driverHelp(wanted: string): string {
  const known = wanted === 'lavapipe' || wanted === 'swiftshader';
  return known
    ? `Run "npx gabor setup --driver ${wanted}".`
    : 'It may be lavapipe, swiftshader, none, or a folder with a driver.json.';
}

/** The `.gpu` folder of the working directory or the nearest one above it. */
function findGpuFolder(): string | null {
  const path = process.getBuiltinModule('node:path');
  const fs = process.getBuiltinModule('node:fs');
  for (let folder = process.cwd(); ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, '.gpu');
    if (fs.existsSync(candidate)) return candidate;
    if (folder === path.dirname(folder)) return null;
  }
}

function isUsable(folder: string): boolean {
  return readDriver(folder)?.platform === `${process.platform}-${process.arch}`;
}

function readDriver(folder: string): SoftwareDriver | null {
  return readJson<SoftwareDriver>(process.getBuiltinModule('node:path').join(folder, 'driver.json'));
}

function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(process.getBuiltinModule('node:fs').readFileSync(file, 'utf8')) as T;
  } catch {
    return null;
  }
}

/**
 * Makes the process use a prepared Vulkan driver. Dawn opens the Vulkan loader by its bare name; a library that is in
 * the process already under that name wins, so loading the prepared files beforehand needs no environment of its own.
 */
function useDriver(folder: string): void {
  const path = process.getBuiltinModule('node:path');
  try {
    for (const name of readDriver(folder)?.libraries ?? []) keepLoaded(path.join(folder, name));
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new DeviceError(`The software driver cannot be loaded (${reason}). Run "npx gabor setup".`, { cause });
  }
  const icd = path.join(folder, 'icd.json');
  process.env.VK_DRIVER_FILES = icd;
  process.env.VK_ICD_FILENAMES = icd; // the older name of the same
}

/** Loads a shared library for the rest of the process. */
function keepLoaded(file: string): void {
  const RTLD_NODELETE = 0x1000; // Node closes a library that is no add-on of its own; this flag keeps it loaded
  const { RTLD_NOW, RTLD_GLOBAL } = process.getBuiltinModule('node:os').constants.dlopen;
  try {
    process.dlopen({ exports: {} }, file, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
  } catch (error) {
    // Node's complaint about any library that it has loaded but that is no add-on.
    if (!/did not self-register/.test((error as Error).message)) throw error;
  }
}
