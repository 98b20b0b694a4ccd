// What becomes of a sum of products, one channel at a time: bias and epilogue, as in store.wgsl.
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
fn bias_of(channel: u32) -> f32 { return bias[channel]; }
//#else
fn bias_of(channel: u32) -> f32 { return 0.0; }
//#endif
//#if OPERAND
@group(0) @binding(5) var<storage, read> operand: array<f32>;
//#endif
//#for C 0 CHANNELS
@group(0) @binding(${8+C}) var<storage, read> c$C: array<f32>;
//#endfor

//#epilogue

// What is stored at `at`, of a real channel.
fn finish(v: f32, at: u32, channel: u32) -> f32 {
//#if OPERAND
  let s = operand[at];
//#else
  let s = 0.0;
//#endif
//#if CHANNELS
  var c = vec4f();
//#for C 0 CHANNELS
  c[$C] = c$C[channel];
//#endfor
  return epilogue(v, s, prepare(c));
//#else
  return epilogue(v, s);
//#endif
}
