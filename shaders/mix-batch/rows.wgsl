// y[r] = share * x[r] + (1 - share) * x[partner of r]; MIX==cutmix with CUT: x[r] outside of the box, x[partner of r] inside.
//
// Threads: one for `run` elements in a row as they lie in memory, `runs` threads a sample of `each` elements; an element is
// 4 numbers with VEC, else one. Layouts: any, the same for both; nhwc with CUT.
//#include "lib/linear-id.wgsl"
//#include "mix-batch/share.wgsl"
//#if VEC
alias T = vec4f;
//#else
alias T = f32;
//#endif
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;

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
  let r = i / params.runs;
  let own = r * params.each;
  let other = partner(r) * params.each;
  let begin = (i % params.runs) * params.run;
  let end = min(begin + params.run, params.each);
//#if !CUT
  let s = share();
//#endif
  for (var e = begin; e < end; e++) {
//#if CUT
    y[own + e] = x[select(own, other, in_box(e)) + e];
//#else
    y[own + e] = s * x[own + e] + (1.0 - s) * x[other + e];
//#endif
  }
}
