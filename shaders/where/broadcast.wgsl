// y = a where the condition is not 0, else b, with broadcasting of all three.
//
// Threads: one for each element of y as it lies in memory, padding too, which is written as zero.
// Operands: lib/broadcast.wgsl; c is the condition.
//#include "lib/linear-id.wgsl"
//#include "lib/broadcast.wgsl"
//#element
@group(0) @binding(0) var<storage, read> condition: array<ELEMENT>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i);
  var r = 0.0;
  if (at.inside) {
    if (condition[at.c] != ELEMENT()) { r = a[at.a]; } else { r = b[at.b]; }
  }
  y[i] = r;
}
