// dweight from Winograd's 36 products (winograd.wgsl), products [parts, 36, in, out], which are added up.
//
// Threads: GROUP a workgroup, each for an input channel and a vec4 of output channels. Layouts: dweight hwio.
//#include "lib/linear-id.wgsl"
//#include "conv2d/winograd.wgsl"
struct Params {
  // Vec4s of a tap, and between positions.
  count: u32, plane4: u32,
  // Products that are added up, one behind the other.
  parts: u32,
  // 3, as a number that the compiler does not know: it would unroll the loops.
  lines: u32,
}
@group(0) @binding(0) var<storage, read> products: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let at = linear_group(wg, groups) * ${GROUP}u + li;
  if (at >= params.count) { return; }
//#for X 0 6
  var column$X = Line3();
//#endfor
  var from_column = at;
  for (var i = 0u; i < 2u * params.lines; i++) {
//#for X 0 5
    column$X = column${X+1};
//#endfor
//#for Y 0 6
    var sum$Y = vec4f();
//#endfor
    for (var part = 0u; part < params.parts; part++) {
//#for Y 0 6
      sum$Y += products[from_column + (36u * part + ${6*Y}u) * params.plane4];
//#endfor
    }
    column5 = to3(Line6(sum0, sum1, sum2, sum3, sum4, sum5));
    from_column += params.plane4;
  }
  for (var line = 0u; line < params.lines; line++) {
    var row = to3(Line6(of3(column0, line), of3(column1, line), of3(column2, line), of3(column3, line), of3(column4, line), of3(column5, line)));
    for (var x = 0u; x < params.lines; x++) {
      dweight[(3u * line + x) * params.count + at] = row[0];
      row = Line3(row[1], row[2], row[0]);
    }
  }
}
