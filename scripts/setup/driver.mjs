/**
 * Sees to it that there is a WebGPU adapter: the system's, or a software driver prepared inside the project's `.gpu`.
 * Imports only the modules beside it and Node's own.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isPrepared, readChoice, writeChoice } from './driver-folder.mjs';
import { prepareLavapipe } from './lavapipe.mjs';
import { run, SetupError, say } from './process.mjs';
import { prepareSwiftshader } from './swiftshader.mjs';

/** @typedef {import('./driver-folder.mjs').DriverKind} DriverKind */

/**
 * The software drivers, the best one first.
 * @type {Record<DriverKind, { title: string, from: string, prepare: (gpuFolder: string, temporary: string) => void }>}
 */
const DRIVERS = {
  lavapipe: { title: 'lavapipe (software Vulkan)', from: "the system's package archive", prepare: prepareLavapipe },
  swiftshader: { title: 'SwiftShader (software Vulkan)', from: 'npm', prepare: prepareSwiftshader },
};

/**
 * What setup found.
 * @typedef {object} Found
 * @property {string} use `system`, the kind of software driver, or the folder that GABOR_DRIVER names
 * @property {string | null} adapter the adapter's name; null where it was not looked for again
 */

/**
 * Makes the adapter available that programs in `folder` and below will find. What was found before is trusted as long
 * as the system's drivers are the same; `check` looks again.
 * @param {string} folder the project's folder
 * @param {{ driver?: string, check?: boolean }} [options] `driver`: prepare and choose this one
 * @returns {Found}
 */
export function ensureAdapter(folder, { driver, check = false } = {}) {
  const gpuFolder = join(folder, '.gpu');
  const fromEnvironment = process.env.GABOR_DRIVER ?? '';
  if (driver !== undefined) {
    const found = ensureDriver(gpuFolder, asKind(driver, '--driver'), 'as asked', true);
    writeChoice(gpuFolder, { use: found.use, seen: systemState() });
    return found;
  }
  if (fromEnvironment === 'none') return { use: 'system', adapter: null };
  if (fromEnvironment === '') return ensureAny(gpuFolder, check);
  const named = resolve(folder, fromEnvironment);
  if (Object.hasOwn(DRIVERS, fromEnvironment) || !isPrepared(named)) {
    return ensureDriver(gpuFolder, asKind(fromEnvironment, 'GABOR_DRIVER'), 'GABOR_DRIVER asks for it', check);
  }
  const adapter = check ? findAdapter(named) : null;
  if (check && !adapter) throw new SetupError(`GABOR_DRIVER: Dawn does not accept the driver in ${named}.`);
  return { use: named, adapter };
}

/**
 * @param {string} name
 * @param {string} where
 * @returns {DriverKind}
 */
function asKind(name, where) {
  if (Object.hasOwn(DRIVERS, name)) return /** @type {DriverKind} */ (name);
  const others = where === 'GABOR_DRIVER' ? ', none, or a folder with a driver.json for this machine' : '';
  throw new SetupError(`${where}: there is no driver "${name}". Choose ${Object.keys(DRIVERS).join(' or ')}${others}.`);
}

/**
 * @param {string} gpuFolder
 * @param {boolean} check
 * @returns {Found}
 */
function ensureAny(gpuFolder, check) {
  const seen = systemState();
  const choice = readChoice(gpuFolder);
  const valid = choice?.seen === seen && (choice.use === 'system' || isPrepared(join(gpuFolder, choice.use)));
  if (choice && valid && !check) return { use: choice.use, adapter: null };

  const adapter = findAdapter(null);
  if (adapter) {
    writeChoice(gpuFolder, { use: 'system', seen });
    return { use: 'system', adapter };
  }
  if (process.platform !== 'linux') throw new SetupError("No WebGPU adapter was found. Install your GPU's driver.");
  const reasons = [];
  let why = 'no usable Vulkan driver found';
  for (const kind of /** @type {DriverKind[]} */ (Object.keys(DRIVERS))) {
    try {
      const found = ensureDriver(gpuFolder, kind, why, true);
      writeChoice(gpuFolder, { use: kind, seen });
      return found;
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      reasons.push(error.message);
      say(error.message);
      why = `instead of ${kind}`;
    }
  }
  throw new SetupError(
    `No WebGPU adapter: no Vulkan driver was found and none could be installed (${reasons.join('; ')}). ` +
      "Install your GPU's driver, or mesa-vulkan-drivers 24 or newer.",
  );
}

/**
 * Prepares a software driver if it is not there, or is there but does not work.
 * @param {string} gpuFolder
 * @param {DriverKind} kind
 * @param {string} why it is needed
 * @param {boolean} check whether to try a driver that is there
 * @returns {Found & { use: DriverKind }}
 */
function ensureDriver(gpuFolder, kind, why, check) {
  const { title, from, prepare } = DRIVERS[kind];
  const folder = join(gpuFolder, kind);
  if (isPrepared(folder)) {
    const adapter = check ? findAdapter(folder) : null;
    if (adapter || !check) return { use: kind, adapter };
  }
  if (process.platform !== 'linux') throw new SetupError(`${title} can be prepared on Linux only`);

  say(`fetching ${title} from ${from} into .gpu/${kind} (${why})`);
  const temporary = join(gpuFolder, 'tmp');
  try {
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary, { recursive: true });
    prepare(gpuFolder, temporary);
  } catch (error) {
    throw new SetupError(`${kind}: ${/** @type {Error} */ (error).message}`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  const adapter = findAdapter(folder);
  if (adapter) return { use: kind, adapter };
  rmSync(folder, { recursive: true, force: true });
  throw new SetupError(`${kind}: Dawn does not accept it`);
}

/**
 * Asks in a child process for an adapter: the system's, or that of the driver in `folder`.
 * @param {string | null} folder
 * @returns {string | null} the adapter's name
 */
function findAdapter(folder) {
  const env = { ...process.env };
  if (folder !== null) {
    env.LD_LIBRARY_PATH = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
    env.VK_DRIVER_FILES = env.VK_ICD_FILENAMES = join(folder, 'icd.json');
  }
  const program = fileURLToPath(new URL('./probe.mjs', import.meta.url));
  /** @type {{ adapter: string | null, error: string | null }} */
  let result;
  try {
    result = JSON.parse(run(process.execPath, [program], { env }));
  } catch {
    return null; // a driver that crashes is none
  }
  if (result.error) throw new SetupError(`The package "webgpu" cannot be loaded: ${result.error}. Run "npm i webgpu".`);
  return result.adapter;
}

/** What the system's own adapter depends on; when it changes, setup looks for an adapter again. */
function systemState() {
  const folders = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/dev/dri'];
  const state = [
    `${process.platform}-${process.arch}`,
    process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? '',
  ];
  for (const folder of folders) {
    try {
      state.push(...readdirSync(folder).sort());
    } catch {
      // It need not be there.
    }
  }
  return state.filter(Boolean).join(' ');
}
