/**
 * Reads tar archives in memory. Imports nothing.
 */

/**
 * The regular files of a tar archive.
 * @param {Buffer} tar uncompressed
 * @returns {Generator<{ name: string, data: Buffer }>}
 */
export function* tarFiles(tar) {
  const BLOCK = 512;
  const text = (/** @type {number} */ from, /** @type {number} */ length) =>
    tar.toString('latin1', from, from + length).replace(/\0.*$/s, '');
  for (let offset = 0; offset + BLOCK <= tar.length && tar[offset] !== 0; ) {
    const size = Number.parseInt(text(offset + 124, 12), 8);
    const type = text(offset + 156, 1);
    const start = offset + BLOCK;
    if (type === '' || type === '0') yield { name: text(offset, 100), data: tar.subarray(start, start + size) };
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
}
