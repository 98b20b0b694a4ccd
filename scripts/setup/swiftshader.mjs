/**
 * SwiftShader, Google's software Vulkan driver, out of an npm package that carries it for headless Chromium.
 * Slower than lavapipe and without 16-bit floats, but needs nothing except npm.
 * Imports only the modules beside it and Node's own.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { packDriver } from './driver-folder.mjs';
import { npm, SetupError } from './process.mjs';
import { tarFiles } from './tar.mjs';

/** The last version that runs on Node 20. */
const PACKAGE = '@sparticuz/chromium@147.0.0';
const DRIVER = 'libvk_swiftshader.so';
const WANTED = [DRIVER, 'libvulkan.so.1'];

/**
 * @param {string} gpuFolder the project's `.gpu`
 * @param {string} temporary an empty folder
 */
export function prepareSwiftshader(gpuFolder, temporary) {
  if (process.arch !== 'x64') throw new SetupError(`SwiftShader is not available for ${process.arch}`);
  npm(['pack', PACKAGE, '--fetch-retries=1', '--pack-destination', temporary], temporary);
  const archive = readdirSync(temporary).find((name) => name.endsWith('.tgz'));
  if (!archive) throw new SetupError('npm pack left no archive');

  const packed = readFileSync(join(temporary, archive));
  const inner = findFile(gunzipSync(packed), 'swiftshader.tar.br');
  const libraries = brotliDecompressSync(inner);
  const unpacked = join(temporary, 'unpacked');
  mkdirSync(unpacked);
  for (const name of WANTED) writeFileSync(join(unpacked, name), findFile(libraries, name), { mode: 0o755 });
  packDriver(gpuFolder, 'swiftshader', unpacked, DRIVER);
}

/**
 * @param {Buffer} tar
 * @param {string} name
 */
function findFile(tar, name) {
  for (const file of tarFiles(tar)) if (basename(file.name) === name) return file.data;
  throw new SetupError(`${name} is not in ${PACKAGE}`);
}
