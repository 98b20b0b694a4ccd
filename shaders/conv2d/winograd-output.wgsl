// y = epilogue(tiles + bias): the tiles of 4x4 results from Winograd's 36 products (winograd.wgsl), products [36, tiles, channels].
//
// Threads: GROUP a workgroup, each for a vec4 of channels of one tile, channels first.
// POOL: y is the maximum of each 2 x 2 block of results (pool.wgsl). Layouts: y nhwc, PLAIN: plain; bias plain.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/winograd.wgsl"
struct Params {
  oh: u32, ow: u32,
  // Channels in memory and without padding.
  os: u32, o: u32,
  // As winograd-tiles.wgsl counts them.
  down: u32, strips: u32, first: u32, end: u32,
  // Vec4s between positions.
  plane4: u32,
  // 6 and 4, as numbers that the compiler does not know: it would unroll the loops.
  lines: u32, side: u32,
}
@group(0) @binding(0) var<storage, read> products: array<vec4f>;
//#if PLAIN
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//#else
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
//#endif
@group(0) @binding(2) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"
//#if POOL
//#include "conv2d/pool.wgsl"
//#endif

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let at = linear_group(wg, groups) * ${GROUP}u + li;
  let c4 = params.os / 4u;
  let c = at % c4;
  let tile = at / c4;
  let strip = tile % params.strips;
  let image = (params.first + strip) / params.down;
  let x = tile / params.strips * 4u;
  let top = (params.first + strip) % params.down * 4u;
  if (params.first + strip >= params.end || x >= params.ow) { return; }
  let start = bias_of(c, params.o);
  let by = by_channel(c, params.o);
//#for X 0 6
  var column$X = Line4();
//#endfor
  var from_column = at;
  for (var i = 0u; i < params.lines; i++) {
//#for X 0 5
    column$X = column${X+1};
//#endfor
    column5 = to4(Line6(
//#for Y 0 6
      products[from_column + ${6*Y}u * params.plane4],
//#endfor
    ));
    from_column += params.plane4;
  }
//#if POOL
  // Two lines at a time are two windows.
  for (var line = 0u; line < min(params.side, params.oh - top) / 2u; line++) {
//#for Y 0 2
    let row$Y = to4(Line6(
//#for X 0 6
      of4(column$X, 2u * line + $Yu),
//#endfor
    ));
//#endfor
//#for X 0 2
    if (x / 2u + $Xu < params.ow / 2u) {
      store_pooled(row0[${2*X}] + start, row0[${2*X+1}] + start, row1[${2*X}] + start, row1[${2*X+1}] + start, image, top / 2u + line, x / 2u + $Xu, c);
    }
//#endfor
  }
//#else
  for (var line = 0u; line < min(params.side, params.oh - top); line++) {
    var row = to4(Line6(of4(column0, line), of4(column1, line), of4(column2, line), of4(column3, line), of4(column4, line), of4(column5, line)));
    var to = ((image * params.oh + top + line) * params.ow + x) * c4 + c;
    for (var i = 0u; i < min(params.side, params.ow - x); i++) {
      y[to] = finish(row[0] + start, to, by);
      to += c4;
      row = Line4(row[1], row[2], row[3], row[0]);
    }
  }
//#endif
}
