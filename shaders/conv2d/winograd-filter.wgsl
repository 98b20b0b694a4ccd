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
  // Loops with few loads and stores in their text: those compile slowly.
//#for X 0 3
  var column$X = Line6();
//#endfor
  for (var x = 0u; 2u * x < params.lines; x++) {
    column0 = column1;
    column1 = column2;
//#if FLIP
    let tap = (8u - x) * count + at;
    column2 = from3(Line3(weight[tap], weight[tap - 3u * count], weight[tap - 6u * count]));
//#else
    let tap = x * count + at;
    column2 = from3(Line3(weight[tap], weight[tap + 3u * count], weight[tap + 6u * count]));
//#endif
  }
//#if FLIP
  var to = 4u * (at % params.o4) * params.i + at / params.o4;
//#else
  var to = at;
//#endif
  for (var line = 0u; line < params.lines; line++) {
    var row = from3(Line3(of6(column0, line), of6(column1, line), of6(column2, line)));
    for (var x = 0u; x < params.lines; x++) {
//#if FLIP
//#for J 0 4
      result[to + ${J}u * params.i] = row[0][$J];
//#endfor
      to += 4u * params.plane4;
//#else
      result[to] = row[0];
      to += params.plane4;
//#endif
      row = Line6(row[1], row[2], row[3], row[4], row[5], row[0]);
    }
  }
}
