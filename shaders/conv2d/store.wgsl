// What becomes of a sum of products: bias and epilogue of vec4s of channels. Include it after both are declared.
//#if BIAS
// Channels behind the last, of `channels`, have no bias; what lies behind a plain tensor may be anything.
fn bias_of(c4: u32, channels: u32) -> vec4f {
  return select(vec4f(), bias[min(c4, (channels - 1u) / 4u)], 4u * c4 + vec4u(0u, 1u, 2u, 3u) < vec4u(channels));
}
//#else
fn bias_of(c4: u32, channels: u32) -> vec4f { return vec4f(); }
//#endif

// The epilogue of padded channels keeps 0 at 0.
fn finish(v: vec4f) -> vec4f {
  return vec4f(epilogue(v.x), epilogue(v.y), epilogue(v.z), epilogue(v.w));
}
