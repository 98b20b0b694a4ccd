/**
 * Reads which libraries a Linux shared library needs, so that a driver can be kept with exactly those.
 * Imports only Node's own modules.
 */
import { readFileSync } from 'node:fs';

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_SONAME = 14;

/**
 * The name a library has for the dynamic linker, and the names of the libraries it needs. Returns null for a file that
 * is not a 64-bit little-endian ELF file with a dynamic section.
 * @param {string} file
 * @returns {{ soname: string | null, needed: string[] } | null}
 */
export function readElf(file) {
  const data = readFileSync(file);
  if (data.length < 64 || data.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return null;
  const at = (/** @type {number} */ offset) => Number(data.readBigUInt64LE(offset));

  const headers = at(32);
  const size = data.readUInt16LE(54);
  const segments = Array.from({ length: data.readUInt16LE(56) }, (_, i) => {
    const base = headers + i * size;
    return { type: data.readUInt32LE(base), offset: at(base + 8), address: at(base + 16), size: at(base + 32) };
  });
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
  if (!dynamic) return null;

  /** @type {[tag: number, value: number][]} */
  const entries = [];
  for (let o = dynamic.offset; o < dynamic.offset + dynamic.size && at(o) !== 0; o += 16)
    entries.push([at(o), at(o + 8)]);
  const address = entries.find(([tag]) => tag === DT_STRTAB)?.[1] ?? 0;
  const load = segments.find((s) => s.type === PT_LOAD && address >= s.address && address < s.address + s.size);
  if (!load) return null;
  const strings = address - load.address + load.offset;
  const text = (/** @type {number} */ offset) => {
    const start = strings + offset;
    return data.toString('latin1', start, data.indexOf(0, start));
  };
  const values = (/** @type {number} */ wanted) =>
    entries.filter(([tag]) => tag === wanted).map(([, value]) => text(value));
  return { soname: values(DT_SONAME)[0] ?? null, needed: values(DT_NEEDED) };
}

/**
 * The libraries among `files` that `roots` need, directly or through others, each after those it needs itself (the
 * order in which they can be loaded one by one), the roots included.
 * @param {Map<string, string>} files the library's name for the linker -> its file
 * @param {string[]} roots names of libraries in `files`
 * @returns {string[]}
 */
export function loadingOrder(files, roots) {
  /** @type {Set<string>} */
  const order = new Set();
  /** @type {Set<string>} */
  const entered = new Set();
  const visit = (/** @type {string} */ name) => {
    const file = files.get(name);
    if (!file || entered.has(name)) return;
    entered.add(name);
    for (const needed of readElf(file)?.needed ?? []) visit(needed);
    order.add(name);
  };
  for (const root of roots) visit(root);
  return [...order];
}
