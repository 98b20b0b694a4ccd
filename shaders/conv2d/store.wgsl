// What becomes of a sum of products: bias and epilogue of vec4s of output channels. Include it after both are declared.
//#if BIAS
// Channels behind the last have no bias; what lies behind a plain tensor may be anything.
fn bias_of(o4: u32) -> vec4f {
  return select(vec4f(), bias[min(o4, params.os / 4u - 1u)], 4u * o4 + vec4u(0u, 1u, 2u, 3u) < vec4u(params.o));
}
//#else
fn bias_of(o4: u32) -> vec4f { return vec4f(); }
//#endif

// The epilogue of padded channels keeps 0 at 0.
fn finish(v: vec4f) -> vec4f {
  return vec4f(epilogue(v.x), epilogue(v.y), epilogue(v.z), epilogue(v.w));
}
