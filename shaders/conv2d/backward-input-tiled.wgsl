// dx = epilogue(sum over the filter of dy * weight + bias) in tiles of workgroup memory, for GPUs: the counterpart of forward-tiled.wgsl.
//
// Threads: THREADS = BM/TM x BN4/TN a workgroup, which computes BM pixels times BN4 vec4s of input channels in slabs of K4
// vec4s of (tap, output channel). Pixels are those of one phase, of sy * sx, whose taps are the same: see
// taps.wgsl. z: blocks of input channels in each group, times phases. BY_IMAGE: neighbours are the same pixel of neighbouring images, so
// that a filter as large as the image has one tap for them that reaches the output, not all.
// Slabs, both along output channels: of dy [pixel][K4], of the filter [4 BN4][K4], with a vec4 more against bank conflicts.
// Layouts: dy, dx nhwc; weight hwio, bias plain. Channels of a group in memory are multiples of 4.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
//#include "conv2d/taps.wgsl"
@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"
var<workgroup> d_slab: array<vec4f, BM * (K4 + 1)>;
var<workgroup> w_slab: array<vec4f, 4 * BN4 * (K4 + 1)>;

// Image, row and column in the phase of pixel number p.
fn split(p: u32, phase: Phase) -> vec3u {
//#if BY_IMAGE
  let pixel = p / params.n;
  return vec3u(p % params.n, pixel / phase.columns, pixel % phase.columns);
//#else
  let row = p / phase.columns;
  return vec3u(row / phase.rows, row % phase.rows, p % phase.columns);
//#endif
}

// Row and column of the output that a filter's tap 0 read for this row and column of the phase.
fn place(phase: Phase, at: vec2u) -> vec2u {
  return vec2u(
    (phase.y0 + at.x * params.sy + params.top) / params.sy,
    (phase.x0 + at.y * params.sx + params.left) / params.sx,
  );
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
  let i4 = params.is / 4u;
  let span = o4 / params.groups;
  let blocks = (i4 + ${BN4-1}u) / ${BN4}u;
  let group = wg.z / (params.sy * params.sx) / blocks;
  let block = wg.z / (params.sy * params.sx) % blocks * ${BN4}u;
  let phase = phase_of(wg.z, params.h, params.w);
  let pixels = params.n * phase.rows * phase.columns;
  let tile = linear_group(wg, groups) * ${BM}u;
//#if BY_IMAGE
  // The taps that reach the output from the first pixel of the tile or the last, or from one between.
  let from_pixel = min(tile, pixels - 1u) / params.n;
  let to_pixel = min(tile + ${BM-1}u, pixels - 1u) / params.n;
  let one_row = from_pixel / phase.columns == to_pixel / phase.columns;
  let low = place(phase, vec2u(from_pixel / phase.columns, select(0u, from_pixel % phase.columns, one_row)));
  let high = place(phase, vec2u(to_pixel / phase.columns, select(phase.columns - 1u, to_pixel % phase.columns, one_row)));
//#else
  let low = place(phase, vec2u());
  let high = place(phase, vec2u(phase.rows, phase.columns) - 1u);
//#endif
  let down = taps(params.kh, params.dy, params.sy, phase.y, i32(low.x + 1u) - i32(params.oh), i32(high.x));
  let across = taps(params.kw, params.dx, params.sx, phase.x, i32(low.y + 1u) - i32(params.ow), i32(high.y));
  let lane = li % ${K4}u;
  let first = li / ${K4}u;
//#for J 0 BM*K4/THREADS
  let p$J = min(tile + first + ${J*THREADS/K4}u, pixels - 1u);
  let spot$J = split(p$J, phase);
  let out$J = place(phase, spot$J.yz);
  let at$J = ((spot$J.x * params.oh + out$J.x) * params.ow + out$J.y) * o4 + group * span;
//#endfor
  let m = li / ${BN4/TN}u;
  let n = li % ${BN4/TN}u;
//#for I 0 TM
//#for J 0 TN
  var acc${I}_${J} = bias_of(group * i4 + block + n + ${J*BN4/TN}u, params.c);
//#endfor
//#endfor
  let count = down.count * across.count * span;
  for (var base = 0u; base < count; base += ${K4}u) {
    let k = min(base + lane, count - 1u);
    let o = k % span;
    let ky = k / span / across.count;
    let kx = k / span % across.count;
    let ty = down.shift + ky * down.by;
    let tx = across.shift + kx * across.by;
    let offset = o - (ty * params.ow + tx) * o4;
//#for J 0 BM*K4/THREADS
    let inside$J = out$J.x - ty < params.oh && out$J.y - tx < params.ow && base + lane < count;
    d_slab[(first + ${J*THREADS/K4}u) * ${K4+1}u + lane] = select(vec4f(), dy[at$J + offset], inside$J);
//#endfor
    let tap = (down.first + ky * down.step) * params.kw + across.first + kx * across.step;
//#for J 0 (4*K4*BN4+THREADS-1)/THREADS
    if (li < ${4*K4*BN4-J*THREADS}u) {
      let f = first + ${J*THREADS/K4}u;
      w_slab[f * ${K4+1}u + lane] = weight[(tap * params.is + min(4u * block + f, params.is - 1u)) * o4 + group * span + o];
    }
//#endfor
    workgroupBarrier();
//#for K 0 K4
    {
//#for J 0 TN
      let w$J = mat4x4f(
//#for Q 0 4
        w_slab[(4u * (n + ${J*BN4/TN}u) + $Qu) * ${K4+1}u + $Ku],
//#endfor
      );
//#endfor
//#for I 0 TM
      let d$I = d_slab[(m + ${I*BM/TM}u) * ${K4+1}u + $Ku];
//#for J 0 TN
      acc${I}_${J} += d$I * w$J;
//#endfor
//#endfor
    }
//#endfor
    workgroupBarrier();
  }
//#for J 0 TN
  let by$J = by_channel(group * i4 + block + n + ${J*BN4/TN}u, params.c);
//#endfor
//#for I 0 TM
  {
    let p = tile + m + ${I*BM/TM}u;
    let spot = split(p, phase);
    let iy = phase.y0 + spot.y * params.sy;
    let ix = phase.x0 + spot.z * params.sx;
    let at = ((spot.x * params.h + iy) * params.w + ix) * c4 + group * i4;
//#for J 0 TN
    let column$J = block + n + ${J*BN4/TN}u;
    if (p < pixels && column$J < i4) { dx[at + column$J] = finish(acc${I}_${J}, at + column$J, by$J); }
//#endfor
  }
//#endfor
}
