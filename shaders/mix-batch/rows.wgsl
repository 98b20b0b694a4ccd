// y[r] = share * x[r] + (1 - share) * x[partner of r]; MIX==cutmix with CUT: x[r] outside of the box, x[partner of r] inside.
//
// Threads: one for each element as it lies in memory, params.each of them a sample. Layouts: any, the same for both; nhwc
// with CUT.
//#include "lib/linear-id.wgsl"
//#include "mix-batch/share.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

//#if CUT
fn in_box(element: u32) -> bool {
  let pixel = element / (params.each / (params.h * params.w));
  let column = pixel % params.w;
  let row = pixel / params.w;
  return column >= (step.mix0 & 0xffffu) && column < (step.mix0 >> 16u) && row >= (step.mix1 & 0xffffu) && row < (step.mix1 >> 16u);
}
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let r = i / params.each;
  let element = i % params.each;
  let other = partner(r) * params.each + element;
//#if CUT
  y[i] = x[select(i, other, in_box(element))];
//#else
  y[i] = mixed(x[i], x[other]);
//#endif
}
