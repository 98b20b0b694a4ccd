// What becomes of a sum of products: bias and epilogue of vec4s of channels. Include it after both are declared.
// CHANNELS: see lib/by-channel.wgsl.
//#if BIAS
// Channels behind the last, of `channels`, have no bias; what lies behind a plain tensor may be anything.
fn bias_of(c4: u32, channels: u32) -> vec4f {
  return select(vec4f(), bias[min(c4, (channels - 1u) / 4u)], 4u * c4 + vec4u(0u, 1u, 2u, 3u) < vec4u(channels));
}
//#else
fn bias_of(c4: u32, channels: u32) -> vec4f { return vec4f(); }
//#endif

// The epilogue of padded channels keeps 0 at 0.
//#if OPERAND
@group(0) @binding(5) var<storage, read> operand: array<vec4f>;
//#endif

//#include "lib/by-channel.wgsl"

// The vec4 that is stored at `at`.
fn finish(v: vec4f, at: u32, p: ByChannel) -> vec4f {
//#if OPERAND
  let s = operand[at];
//#else
  let s = vec4f();
//#endif
//#if CHANNELS
  return vec4f(epilogue(v.x, s.x, p[0]), epilogue(v.y, s.y, p[1]), epilogue(v.z, s.z, p[2]), epilogue(v.w, s.w, p[3]));
//#else
  return vec4f(epilogue(v.x, s.x), epilogue(v.y, s.y), epilogue(v.z, s.z), epilogue(v.w, s.w));
//#endif
}
