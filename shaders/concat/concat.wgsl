// y[o, a, i] = x_k[o, a - start_k, i]: COUNT neighbouring inputs of a concatenation along axis a of y, as it lies in memory.
//
// Threads: one for each element of their region of y, together with the padding behind the last input. An ELEMENT is a
// number, or four that lie side by side in y and all inputs: along i, or, where that is 1, along a.
//#include "lib/linear-id.wgsl"
struct Params {
  // Threads; elements along i; along a: of y, and where the region begins and how long it is.
  count: u32, inner: u32, pitch: u32, first: u32, region: u32,
  // For each input: where it begins and ends in y, its own elements along a.
//#for K 0 COUNT
  start$K: u32, end$K: u32, pitch$K: u32,
//#endfor
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<ELEMENT>;
//#for K 0 COUNT
@group(0) @binding(${K+2}) var<storage, read> x$K: array<ELEMENT>;
//#endfor
//#element

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let thread = linear_group(wg, groups) * 64u + li;
  if (thread >= params.count) { return; }
  let line = thread / params.inner;
  let i = thread - line * params.inner;
  let o = line / params.region;
  let a = params.first + line - o * params.region;
  var v = ELEMENT();
//#for K 0 COUNT
  if (a >= params.start$K && a < params.end$K) {
    v = x$K[(o * params.pitch$K + a - params.start$K) * params.inner + i];
  }
//#endfor
  y[(o * params.pitch + a) * params.inner + i] = v;
}
