// parts[g, c] = sum of x[r, c] over the rows r of share g: the first of two passes of a sum over n, h and w in nhwc.
//
// Threads: workgroup (g, b) takes share g of the rows and up to SIZE vec4 of channels; each thread adds a strided share of
// the rows for one vec4, then one thread for each vec4 adds its neighbours' sums in order. x is read as vec4, in order.
struct Params { rows: u32, c4: u32, share: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
var<workgroup> partial: array<vec4f, SIZE>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let columns = min(params.c4, u32(SIZE));
  let lanes = u32(SIZE) / columns;
  let column = li % columns;
  let lane = li / columns;
  let c = wg.y * u32(SIZE) + column;
  let end = min((wg.x + 1u) * params.share, params.rows);
  var sum = vec4f();
  if (lane < lanes && c < params.c4) {
    for (var r = wg.x * params.share + lane; r < end; r += lanes) { sum += x[r * params.c4 + c]; }
  }
  partial[li] = sum;
  workgroupBarrier();
  if (lane == 0u && c < params.c4) {
    for (var i = 1u; i < lanes; i++) { sum += partial[i * columns + column]; }
    parts[wg.x * params.c4 + c] = sum;
  }
}
