// What is stored of a sum: bias and epilogue for the vec4 of output channels number o4. Channels behind the last have no
// bias, and the epilogue of padded channels keeps 0 at 0.
fn finish(sum: vec4f, o4: u32) -> vec4f {
  var v = sum;
//#if BIAS
  let o = 4u * o4 + vec4u(0u, 1u, 2u, 3u);
  let last = vec4u(params.o - 1u);
  let i = min(o, last);
  v += select(vec4f(), vec4f(bias[i.x], bias[i.y], bias[i.z], bias[i.w]), o <= last);
//#endif
  return vec4f(epilogue(v.x), epilogue(v.y), epilogue(v.z), epilogue(v.w));
}
