// A filter as Winograd's 36 products need it (winograd.wgsl): result [36, in, out], or for the gradient of the input, where
// FLIP, the filter turned by half a turn: [36, out, in].
//
// Threads: GROUP a workgroup, each for an input channel and a vec4 of output channels. Layouts: weight hwio.
//#include "lib/linear-id.wgsl"
//#include "conv2d/winograd.wgsl"
struct Params {
  // Input channels, and vec4s of output channels.
  i: u32, o4: u32,
  // Vec4s of the result between positions.
  plane4: u32,
  // 6, as a number that the compiler does not know: it would unroll the loop.
  lines: u32,
}
@group(0) @binding(0) var<storage, read> weight: array<vec4f>;
//#if FLIP
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
//#else
@group(0) @binding(1) var<storage, read_write> result: array<vec4f>;
//#endif
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let at = linear_group(wg, groups) * ${GROUP}u + li;
  let count = params.i * params.o4;
  if (at >= count) { return; }
//#for X 0 3
//#if FLIP
  let column$X = from3(Line3(weight[${8-X}u * count + at], weight[${5-X}u * count + at], weight[${2-X}u * count + at]));
//#else
  let column$X = from3(Line3(weight[${X}u * count + at], weight[${3+X}u * count + at], weight[${6+X}u * count + at]));
//#endif
//#endfor
//#if FLIP
  var to = 4u * (at % params.o4) * params.i + at / params.o4;
//#else
  var to = at;
//#endif
  for (var line = 0u; line < params.lines; line++) {
    let row = from3(Line3(of6(column0, line), of6(column1, line), of6(column2, line)));
//#for X 0 6
//#if FLIP
//#for J 0 4
    result[to + ${J}u * params.i] = row[$X][$J];
//#endfor
    to += 4u * params.plane4;
//#else
    result[to] = row[$X];
    to += params.plane4;
//#endif
//#endfor
  }
}
