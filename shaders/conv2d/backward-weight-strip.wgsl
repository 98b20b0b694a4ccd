// dweight = sum over pixels of x * dy, dbias = sum of dy, where every channel is by itself (groups = input channels = output
// channels). A CPU's kernel: x and dy are loaded once for all taps.
//
// Threads: one for a vec4 of channels (which come first) and one of `splits` parts of the strips of dy, `share` in each,
// whose sums add-splits.wgsl adds; 64 a workgroup. A strip is T columns and `rows` rows of an image. A thread goes down it
// with the last KH rows of the WINDOW columns of x that its pixels see; SY, SX: stride, DX: horizontal dilation.
// Layouts: x, dy nhwc; dweight hwio. Pixels outside wrap to large unsigned numbers and fail the comparison.
//#include "lib/linear-id.wgsl"
struct Params {
  n: u32, h: u32, w: u32, oh: u32, ow: u32, os: u32, kh: u32, kw: u32, is: u32,
  top: u32, left: u32,
  splits: u32, share: u32, rows: u32,
}
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
alias Sum = vec4f;
//#include "conv2d/sums.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.os / 4u;
  let index = linear_group(wg, groups) * 64u + li;
  let q = index % c4;
  let part = index / c4;
  if (part >= params.splits) { return; }
//#for K 0 KH*KW
  var acc$K = vec4f();
//#endfor
//#if DBIAS!=none
  var bias = vec4f();
//#endif
  let blocks = (params.ow + ${T-1}u) / ${T}u;
  let segments = (params.oh + params.rows - 1u) / params.rows;
  let last = min((part + 1u) * params.share, params.n * segments * blocks);
  for (var strip = part * params.share; strip < last; strip++) {
    let ox = strip % blocks * ${T}u;
    let n = strip / blocks / segments;
    let left = ox * ${SX}u - params.left;
    var oy = strip / blocks % segments * params.rows;
    let end = min(oy + params.rows, params.oh);
    var iy = oy * ${SY}u - params.top;
    var missing = ${KH}u;
//#for R 0 KH
//#for X 0 WINDOW
    var x${R}_$X = vec4f();
//#endfor
//#endfor
    while (oy < end) {
//#include "conv2d/strip-row.wgsl"
      if (missing == 0u) {
        let from_pixel = (n * params.oh + oy) * params.ow + ox;
//#for P 0 T
        let d$P = select(vec4f(), dy[(from_pixel + $Pu) * c4 + q], ox + $Pu < params.ow);
//#if DBIAS!=none
        bias += d$P;
//#endif
//#for R 0 KH
//#for K 0 KW
        acc${R*KW+K} += x${R}_${P*SX+K*DX} * d$P;
//#endfor
//#endfor
//#endfor
        oy += 1u;
        missing = ${SY}u;
      }
    }
  }
  // One store for all taps, which move up: stores compile slowly.
  for (var k = 0u; k < params.kh * params.kw; k++) {
    put_weight(part, k * c4 + q, acc0);
//#for K 1 KH*KW
    acc${K-1} = acc$K;
//#endfor
  }
//#if DBIAS!=none
  put_bias(part, q, bias);
//#endif
}
