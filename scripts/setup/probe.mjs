/**
 * A program of its own: asks the `webgpu` package for an adapter and prints what it finds as JSON. Run as a child
 * process by driver.mjs, so that neither what Dawn writes on stderr nor a crash reaches the user.
 */

/** @type {{ adapter: string | null, error: string | null }} */
const result = { adapter: null, error: null };
try {
  // Not known to the type checker here: it may not be installed yet.
  const { create } = await import(/** @type {string} */ ('webgpu'));
  const gpu = create([]);
  Reflect.set(globalThis, 'keptForEver', gpu); // a collected instance crashes the process
  const adapter = await gpu.requestAdapter();
  if (adapter) result.adapter = adapter.info.description || adapter.info.device || adapter.info.vendor || 'unnamed';
} catch (error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  result.error = code === 'ERR_MODULE_NOT_FOUND' ? 'it is not installed' : message;
}
process.stdout.write(JSON.stringify(result));
