// A filter as Winograd's 36 products need it (winograd.wgsl): result [36, in, out], or for the gradient of the input
// the filter turned by half a turn: [36, out, in]. One text does both.
//
// Threads: GROUP a workgroup, each for an input channel and a vec4 of output channels. Layouts: weight hwio.
//#include "lib/linear-id.wgsl"
//#include "conv2d/winograd.wgsl"
struct Params {
  // Input channels, and vec4s of output channels.
  i: u32, o4: u32,
  // The first tap, and how far the next ones to the right and below are: turned, they wrap below 0.
  first: u32, right: u32, below: u32,
  // Elements of the result from one output channel to the next, from one input channel to the next, and between positions.
  by_output: u32, by_input: u32, plane: u32,
  // 6, as a number that the compiler does not know: it would unroll the loop.
  lines: u32,
}
@group(0) @binding(0) var<storage, read> weight: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
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
    let tap = (params.first + x * params.right) * count + at;
    let below = params.below * count;
    column2 = from3(Line3(weight[tap], weight[tap + below], weight[tap + 2u * below]));
  }
  var to = 4u * (at % params.o4) * params.by_output + at / params.o4 * params.by_input;
  for (var line = 0u; line < params.lines; line++) {
    var row = from3(Line3(of6(column0, line), of6(column1, line), of6(column2, line)));
    for (var x = 0u; x < params.lines; x++) {
//#for J 0 4
      result[to + ${J}u * params.by_output] = row[0][$J];
//#endfor
      to += params.plane;
      row = Line6(row[1], row[2], row[3], row[4], row[5], row[0]);
    }
  }
}
