/** The lines of code that do the same with the library. Pure; imports settings. */
import { type Activation, frameOf, type Settings } from './settings.ts';

const call = (name: string, inner: string): string => `gabor.ops.${name}(${inner})`;

function conv(settings: Settings, [rows, columns]: readonly [number, number]): string {
  const { kernel, stride, padding } = settings.conv;
  const options = `{ stride: ${stride}, padding: [${padding.join(', ')}] }`;
  const activate: { readonly [name in Activation]: (inner: string) => string } = {
    none: (inner) => inner,
    relu: (inner) => call('relu', inner),
    sigmoid: (inner) => call('sigmoid', inner),
    tanh: (inner) => call('tanh', inner),
  };
  return `
const { compile, f32 } = gabor;
const device = await gabor.requestDevice();
const program = await compile(
  device,
  { x: f32(1, 1, ${rows}, ${columns}), weight: f32(1, 1, ${kernel}, ${kernel}), bias: f32(1) },
  ({ x, weight, bias }) => {
    const z = ${call('conv2d', `x, weight, bias, ${options}`)}; // padding: top, left, bottom, right
    return { y: ${activate[settings.activation]('z')} };
  },
);
const { y } = await program.run({ x: image, weight: kernel, bias: Float32Array.of(${settings.bias}) }); // row by row
`;
}

export function codeOf(settings: Settings, size: readonly [number, number]): string {
  if (settings.operation === 'conv') return conv(settings, size);
  const { kernel, stride, padding } = frameOf(settings);
  const max = settings.operation === 'max';
  const options = [`kernel: ${kernel}`, `stride: ${stride}`, `padding: [${padding.join(', ')}]`];
  if (settings.roundUp) options.push('ceilMode: true');
  if (!max && !settings.countPadding) options.push('countIncludePad: false');
  const made = call(max ? 'maxPool2d' : 'avgPool2d', `x, { ${options.join(', ')} }`);
  return `
const { compile, f32 } = gabor;
const device = await gabor.requestDevice();
const program = await compile(device, { x: f32(1, 1, ${size.join(', ')}) }, ({ x }) => ({
  y: ${made}${max ? '.y' : ''}, // padding: top, left, bottom, right
}));
const { y } = await program.run({ x: image }); // row by row
`;
}
