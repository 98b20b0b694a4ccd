// dweight = sum over pixels of x * dy in tiles of workgroup memory, for GPUs: matrix product of (tap, input channel) and
// output channels.
//
// Threads: THREADS = BM4/TM x BN4/TN a workgroup, which computes 4 BM4 rows (tap, input channel) times BN4 vec4s of output
// channels in slabs of K pixels. A thread keeps 4 TM x TN vec4s of sums. y: blocks of output channels. z: parts of the
// pixels, `share` in each, which add-splits.wgsl adds. Slabs: of x [pixel][BM4] along input channels, of dy [pixel][BN4].
// Layouts: x, dy nhwc; dweight hwio. groups = 1, channels of x and dy in memory multiples of 4.
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
var<workgroup> x_slab: array<vec4f, K * BM4>;
var<workgroup> d_slab: array<vec4f, K * BN4>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
  let rows = params.kh * params.kw * c4;
  let tile = wg.x * ${BM4}u;
  let block = wg.y * ${BN4}u;
  // What the thread loads: always the same row, and the same output channels.
  let row = min(tile + li % ${BM4}u, rows - 1u);
  let c = row % c4;
  let left = row / c4 % params.kw * params.dx - params.left;
  let top = row / c4 / params.kw * params.dy - params.top;
  let column = min(block + li % ${BN4}u, o4 - 1u);
  let m = li / ${BN4/TN}u;
  let n = li % ${BN4/TN}u;
//#for I 0 4*TM
//#for J 0 TN
  var acc${I}_${J} = vec4f();
//#endfor
//#endfor
  let start = wg.z * params.share;
  let end = min(start + params.share, params.n * params.oh * params.ow);
  for (var base = start; base < end; base += ${K}u) {
//#for J 0 K*BM4/THREADS
    {
      let f = li / ${BM4}u + ${J*THREADS/BM4}u;
      let p = base + f;
      let iy = p / params.ow % params.oh * params.sy + top;
      let ix = p % params.ow * params.sx + left;
      let at = ((p / params.ow / params.oh * params.h + iy) * params.w + ix) * c4 + c;
      let inside = iy < params.h && ix < params.w && p < end;
      x_slab[f * ${BM4}u + li % ${BM4}u] = select(vec4f(), x[at], inside);
    }
//#endfor
//#for J 0 (K*BN4+THREADS-1)/THREADS
    if (li < ${K*BN4-J*THREADS}u) {
      let f = li / ${BN4}u + ${J*THREADS/BN4}u;
      d_slab[f * ${BN4}u + li % ${BN4}u] = select(vec4f(), dy[(base + f) * o4 + column], base + f < end);
    }
//#endfor
    workgroupBarrier();
//#for Q 0 K
    {
//#for J 0 TN
      let d$J = d_slab[${Q*BN4+J*BN4/TN}u + n];
//#endfor
//#for I 0 TM
      let x$I = x_slab[${Q*BM4+I*BM4/TM}u + m];
//#for J 0 TN
//#for E 0 4
      acc${4*I+E}_${J} += x$I[$E] * d$J;
//#endfor
//#endfor
//#endfor
    }
//#endfor
    workgroupBarrier();
  }
//#for I 0 TM
//#for J 0 TN
  {
    let r = tile + m + ${I*BM4/TM}u;
    let o = block + n + ${J*BN4/TN}u;
    if (r < rows && o < o4) {
      let at = (wg.z * rows + r) * params.os + o;
//#for E 0 4
      dweight[at + $Eu * o4] = acc${4*I+E}_${J};
//#endfor
    }
  }
//#endfor
//#endfor
}
