/**
 * The error classes of gabor. Imports nothing.
 *
 * Messages read `<op> "<layer>": <what is wrong, with numbers> (<all shapes>). <What to do.>`; the original error, if
 * there is one, is `cause`.
 */

/** Base of every error that gabor throws on purpose: its message is meant for the user, its stack is not needed. */
export class GaborError extends Error {
  override name = 'GaborError';
}

/** Shapes, dtypes or attributes that do not fit together. Thrown while a graph is built, before any GPU work. */
export class ShapeError extends GaborError {
  override name = 'ShapeError';
}

/** No adapter, a lost device, a limit of the device exceeded. */
export class DeviceError extends GaborError {
  override name = 'DeviceError';
}

/** A shader that does not compile or is given other bindings than it declares; names file and line of the .wgsl. */
export class ShaderError extends GaborError {
  override name = 'ShaderError';
}

/** Something used at the wrong time or in the wrong state (disposed trainer, missing weights, batch larger than the data). */
export class StateError extends GaborError {
  override name = 'StateError';
}

/** A file or byte array that is not what it claims to be (IDX, safetensors, image). */
export class FormatError extends GaborError {
  override name = 'FormatError';
}

/** A bad argument of a function or a command-line option: says its name and what is allowed. */
export class ArgumentError extends GaborError {
  override name = 'ArgumentError';
}
