/**
 * Lavapipe, Mesa's software Vulkan driver, from the package archive of the system (Debian, Ubuntu and their like). Apt
 * works with a state folder of its own and the packages are only unpacked: needs no root, leaves the system as it is.
 * Imports only the modules beside it and Node's own.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { driverSources, formatDeb822, parseDeb822, parseSourceList } from './apt-sources.mjs';
import { packDriver } from './driver-folder.mjs';
import { run, SetupError } from './process.mjs';

const PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1'];

/**
 * @param {string} gpuFolder the project's `.gpu`
 * @param {string} temporary an empty folder
 */
export function prepareLavapipe(gpuFolder, temporary) {
  const codename = /^VERSION_CODENAME="?([\w.-]+)/m.exec(readIfThere('/etc/os-release'))?.[1];
  const found = codename ? driverSources(systemSources(), codename) : null;
  if (!found) {
    if (!existsSync('/etc/apt')) throw new SetupError('apt-get is not installed');
    throw new SetupError(`the system's source lists have no archive of ${codename ?? 'its release'}`);
  }

  const folder = (/** @type {string[]} */ ...names) => {
    const path = join(temporary, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const archives = folder('apt', 'cache', 'archives');
  folder('apt', 'cache', 'archives', 'partial');
  folder('apt', 'lists', 'partial');
  writeFileSync(join(folder('apt', 'sources'), 'gabor.sources'), formatDeb822(found.sources));
  const config = join(temporary, 'apt', 'apt.conf');
  writeFileSync(config, aptConfig(join(temporary, 'apt')));

  run('apt-get', ['-c', config, 'update']);
  const release = found.target ? ['-t', found.target] : [];
  run('apt-get', ['-c', config, 'install', '--download-only', '--no-install-recommends', ...release, ...PACKAGES]);
  const unpacked = folder('unpacked');
  for (const name of readdirSync(archives)) {
    if (name.endsWith('.deb')) run('dpkg', ['-x', join(archives, name), unpacked]);
  }
  packDriver(gpuFolder, 'lavapipe', unpacked, 'libvulkan_lvp.so');
}

/** @returns {import('./apt-sources.mjs').AptSource[]} */
function systemSources() {
  const parts = '/etc/apt/sources.list.d';
  const files = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return ['/etc/apt/sources.list', ...files].flatMap((file) => {
    if (file.endsWith('.list')) return parseSourceList(readIfThere(file));
    return file.endsWith('.sources') ? parseDeb822(readIfThere(file)) : [];
  });
}

/**
 * Read after the system's own configuration, which may name a proxy.
 * @param {string} folder
 */
function aptConfig(folder) {
  return `Dir::State "${folder}";
Dir::State::lists "${folder}/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "${folder}/cache";
Dir::Cache::archives "${folder}/cache/archives";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "${folder}/sources";
Debug::NoLocking "true";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
APT::Get::Assume-Yes "true";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
quiet "2";
// What the system does after an update of its own lists.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
`;
}

/**
 * @param {string} file
 */
function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
