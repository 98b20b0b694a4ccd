/**
 * The layout of `.gpu/`, the folder with the software drivers (src/gpu/node-gpu.ts reads it):
 *
 *     .gpu/driver.json              { "use": "system" | "lavapipe" | "swiftshader", "seen" }: what setup chose
 *     .gpu/lavapipe/driver.json     { "kind", "platform", "driver", "libraries" }: the libraries in loading order
 *     .gpu/lavapipe/icd.json        the same for the Vulkan loader
 *     .gpu/lavapipe/*.so*           the driver, the Vulkan loader and the libraries that the system lacks
 *     .gpu/swiftshader/...          the same
 *     .gpu/tmp/                     only while a driver is being prepared
 *
 * Imports only ./elf.mjs and Node's own modules.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadingOrder, readElf } from './elf.mjs';

/** @typedef {'lavapipe' | 'swiftshader'} DriverKind */

/** What `seen` holds: see `systemState` in driver.mjs. @typedef {{ use: 'system' | DriverKind, seen: string }} Choice */

/** The name under which every program asks for the Vulkan loader. */
const LOADER = 'libvulkan.so.1';

/** What a driver was made for: one made for another kind of machine is not used. */
const PLATFORM = `${process.platform}-${process.arch}`;

/**
 * Keeps those of the unpacked files that the driver needs, in `.gpu/<kind>`, which appears complete or not at all.
 * @param {string} gpuFolder the project's `.gpu`
 * @param {DriverKind} kind
 * @param {string} unpacked a folder with the driver, the Vulkan loader and their libraries, at any depth
 * @param {string} driver file name of the Vulkan driver
 */
export function packDriver(gpuFolder, kind, unpacked, driver) {
  const files = findLibraries(unpacked);
  if (!files.has(driver)) throw new Error(`${driver} is not in the package`);
  const libraries = loadingOrder(files, [LOADER, driver]);

  const folder = join(gpuFolder, 'tmp', kind);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of libraries) copyFileSync(/** @type {string} */ (files.get(name)), join(folder, name));
  writeJson(join(folder, 'icd.json'), {
    file_format_version: '1.0.0',
    ICD: { api_version: '1.3.0', library_path: `./${driver}` },
  });
  writeJson(join(folder, 'driver.json'), {
    kind,
    platform: PLATFORM,
    driver,
    libraries: libraries.filter((name) => name !== driver), // the driver itself is loaded by the Vulkan loader
  });
  rmSync(join(gpuFolder, kind), { recursive: true, force: true });
  renameSync(folder, join(gpuFolder, kind));
}

/**
 * All shared libraries below a folder, by the name that the linker knows them under.
 * @param {string} folder
 * @returns {Map<string, string>}
 */
function findLibraries(folder) {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.so(\.|$)/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    const elf = readElf(file);
    if (!elf) continue;
    // A Vulkan driver is asked for by its file name, other libraries by their SONAME.
    found.set(entry.name, file);
    if (elf.soname) found.set(elf.soname, file);
  }
  return found;
}

/**
 * Whether a driver is there and made for this kind of machine.
 * @param {string} folder the driver's own folder
 */
export function isPrepared(folder) {
  return readJson(join(folder, 'driver.json'))?.platform === PLATFORM;
}

/**
 * What setup chose last time, or null.
 * @param {string} gpuFolder
 * @returns {Choice | null}
 */
export function readChoice(gpuFolder) {
  return readJson(join(gpuFolder, 'driver.json'));
}

/**
 * Remembers a choice. Where that cannot be written, everything works, only setup looks for an adapter every time.
 * @param {string} gpuFolder
 * @param {Choice} choice
 */
export function writeChoice(gpuFolder, choice) {
  try {
    mkdirSync(gpuFolder, { recursive: true });
    writeJson(join(gpuFolder, 'driver.json'), choice);
  } catch {
    // A folder that may only be read.
  }
}

/**
 * @param {string} file
 * @returns {any} null when the file is missing or no JSON
 */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Writes beside the file and renames, so that no one ever reads half a file.
 * @param {string} file
 * @param {unknown} value
 */
function writeJson(file, value) {
  writeFileSync(`${file}.tmp`, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
}
