/** Faults that change nothing that can be seen, with the reason. Imports nothing. */

export interface Equivalent {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: 'shaders/augment-images/draw.wgsl',
    before: 'if (uniforms(call, 0u).x >= p) { return; }',
    after: 'if (uniforms(call, 0u).x > p) { return; }',
    reason: 'A drawn number that equals p is one in 2^24.',
  },
  {
    file: 'shaders/augment-images/pixel.wgsl',
    before: 'let near = clamp(place, vec2f(-2.0), vec2f(f32(params.w), f32(params.h)) + 1.0);',
    after: 'let near = clamp(place, vec2f(-3), vec2f(f32(params.w), f32(params.h)) + 1.0);',
    reason: 'Both places are outside of the image.',
  },
  {
    file: 'shaders/conv2d/backward-weight-few.wgsl',
    before: 'let o = min(column, o4 - 1u);',
    after: 'let o = min(column, 1u - o4);',
    reason: 'Lanes behind the last channel load others in its place, and store nothing.',
  },
  {
    file: 'shaders/conv2d/forward-few.wgsl',
    before: 'let o = min(column, o4 - 1u);',
    after: 'let o = min(column, 1u - o4);',
    reason: 'Lanes behind the last channel load others in its place, and store nothing.',
  },
  {
    file: 'shaders/conv2d/forward-few.wgsl',
    before: 'let end = min((wg.x + 1u) * params.share, params.n * params.oh);',
    after: 'let end = max((wg.x + 1u) * params.share, params.n * params.oh);',
    reason: 'Workgroups go on to the last row: they write what those behind them write, and nothing behind the images.',
  },
  {
    file: 'shaders/conv2d/winograd-multiply.wgsl',
    before: `for (var k = 0u; k < params.k; k += \${K}u) {`,
    after: `for (var k = 0u; k + 1 < params.k; k += \${K}u) {`,
    reason: 'Two values of k are taken at a time, and there is an even number of them.',
  },
  {
    file: 'shaders/conv2d/backward-input-strip.wgsl',
    before: `let end = min(begin + params.share, (params.h - 1u + params.top) / \${SY}u + 1u);`,
    after: `let end = max(begin + params.share, (params.h - 1u + params.top) / \${SY}u + 1u);`,
    reason: 'Strips go on to the last row: they write what the strips below them write, and nothing behind the image.',
  },
  {
    file: 'shaders/cross-entropy/finish.wgsl',
    before: 'if (li == 0u) {',
    after: 'if (li != 0u) {',
    reason: 'All threads hold the same sum and may write it.',
  },
  {
    file: 'shaders/cross-entropy/total.wgsl',
    before: 'if (li == 0u) { totals[wg.x] = total.x; }',
    after: 'if (li != 0u) { totals[wg.x] = total.x; }',
    reason: 'All threads hold the same sum and may write it.',
  },
  {
    file: 'shaders/gather-batch/rows.wgsl',
    before: 'if (i >= params.count) { return; }',
    after: 'if (i > params.count) { return; }',
    reason:
      'The one thread more writes behind the end of the buffer, or into the padding of its last 16 bytes, which nobody reads.',
  },
  {
    file: 'shaders/local-response-norm/backward.wgsl',
    before: 'if (i >= params.count) { return; }',
    after: 'if (i > params.count) { return; }',
    reason:
      'The one thread more writes behind the end of the buffer, or into the padding of its last 16 bytes, which nobody reads.',
  },
  {
    file: 'shaders/mix-batch/labels.wgsl',
    before: 'if (i >= params.count) { return; }',
    after: 'if (i > params.count) { return; }',
    reason:
      'The one thread more writes behind the end of the buffer, or into the padding of its last 16 bytes, which nobody reads.',
  },
  {
    file: 'shaders/inspect/clear.wgsl',
    before: 'if (i < params.count) { results[i] = 0u; }',
    after: 'if (i <= params.count) { results[i] = 0u; }',
    reason:
      'The one thread more writes behind the end of the buffer, or into the padding of its last 16 bytes, which nobody reads.',
  },
  {
    file: 'shaders/inspect/keep.wgsl',
    before: 'if (i < params.count) { before[i] = parameters[i]; }',
    after: 'if (i <= params.count) { before[i] = parameters[i]; }',
    reason:
      'The one thread more writes behind the end of the buffer, or into the padding of its last 16 bytes, which nobody reads.',
  },
  {
    file: 'shaders/inspect/norms.wgsl',
    before: 'own += vec4f(dot(g, g), dot(w, w), dot(u, u), 0.0);',
    after: 'own += vec4f(dot(g, g), dot(w, w), dot(u, u), 0.5);',
    reason: 'The fourth lane is not read.',
  },
  {
    file: 'shaders/inspect/spread-join.wgsl',
    before: 'return Part(vec4f(n, a.spread.y + d * share, squares, 0.0), ends);',
    after: 'return Part(vec4f(n, a.spread.y + d * share, squares, 0.5), ends);',
    reason: 'The fourth lane is not read.',
  },
  {
    file: 'shaders/lib/divide.wgsl',
    before: 'return i32((f32(a) + 0.5) / f32(b));',
    after: 'return i32((f32(a) + 0.75) / f32(b));',
    reason: 'Any number between 0 and 1 that is not within a rounding of either does.',
  },
  {
    file: 'shaders/local-response-norm/forward.wgsl',
    before: 'return vec4f(epilogue(v.x, 0.0), epilogue(v.y, 0.0), epilogue(v.z, 0.0), epilogue(v.w, 0.0));',
    after: 'return vec4f(epilogue(v.x, 0.0), epilogue(v.y, 0.0), epilogue(v.z, 0.5), epilogue(v.w, 0.0));',
    reason: 'The op takes no epilogue with an operand.',
  },
  {
    file: 'shaders/pad/forward.wgsl',
    before: 'if (i >= params.count) { return; }',
    after: 'if (i > params.count) { return; }',
    reason:
      'The one thread more writes behind the end of the buffer, or into the padding of its last 16 bytes, which nobody reads.',
  },
  {
    file: 'shaders/pointwise/backward.wgsl',
    before: 'let end = min(row + 64u * params.each, params.count4);',
    after: 'let end = max(row + 64u * params.each, params.count4);',
    reason: 'The same elements are written again with the same values: slower, not wrong.',
  },
  {
    file: 'shaders/lib/tree.wgsl',
    before: 'return select(0u, 1u << firstLeadingBit(max(count, 2u) - 1u), count > 1u);',
    after: 'return select(0u, 1u << firstLeadingBit(max(count, 2u) - 1u), count >= 1u);',
    reason: 'Trees of one thread are not made: where one thread of more has it all, the second adds nothing.',
  },
  {
    file: 'shaders/lib/tree.wgsl',
    before: 'return select(0u, 1u << firstLeadingBit(max(count, 2u) - 1u), count > 1u);',
    after: 'return (1u << firstLeadingBit(max(count, 2u) - 1u));',
    reason: 'Trees of one thread are not made: where one thread of more has it all, the second adds nothing.',
  },
  {
    file: 'shaders/pointwise/forward.wgsl',
    before: 'let end = min(row + 64u * params.each, params.count4);',
    after: 'let end = max(row + 64u * params.each, params.count4);',
    reason: 'The same elements are written again with the same values: slower, not wrong.',
  },
  {
    file: 'shaders/reduce/sum.wgsl',
    before: 'if (li == 0u && i < params.count) { y[i] = partial[0] * params.scale; }',
    after: 'if (li == 0u && i <= params.count) { y[i] = partial[0] * params.scale; }',
    reason:
      'The one thread more writes behind the end of the buffer, or into the padding of its last 16 bytes, which nobody reads.',
  },
];

export const reasonOf = (file: string, { before, after }: { readonly before: string; readonly after: string }) =>
  EQUIVALENT.find((known) => known.file === file && known.before === before && known.after === after)?.reason ?? null;
