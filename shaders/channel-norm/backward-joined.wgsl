// dx = (weight * dy - mean of weight * dy - xhat * mean of weight * dy * xhat) / deviation, xhat = (x - mean) / deviation,
// where each workgroup joins the parts of both sums (backward-sums.wgsl) for its columns. The first one writes
// dbias = sum of dy and dweight = sum of dy * xhat, where they are wanted: of the one sample that there then is.
//
// Threads: part.wgsl, of the very parts that are joined. Layout: nhwc; padding is written as zero, since dy is zero there.
//#include "channel-norm/join.wgsl"
//#include "channel-norm/kept.wgsl"
@group(0) @binding(1) var<storage, read> parts: array<T>;
@group(0) @binding(2) var<storage, read> stats: array<T>;
@group(0) @binding(3) var<storage, read> dy: array<T>;
@group(0) @binding(4) var<storage, read> x: array<T>;
@group(0) @binding(5) var<storage, read_write> dx: array<T>;
//#if DWEIGHT
@group(0) @binding(6) var<storage, read_write> dweight: array<f32>;
//#endif
//#if DBIAS
@group(0) @binding(7) var<storage, read_write> dbias: array<f32>;
//#endif

fn put_gradients(c: u32, weight: T, bias: T) {
//#if VEC
//#for J 0 4
  if (4u * c + ${J}u < params.channels) {
//#if DWEIGHT
    dweight[4u * c + ${J}u] = weight[$J];
//#endif
//#if DBIAS
    dbias[4u * c + ${J}u] = bias[$J];
//#endif
  }
//#endfor
//#else
//#if DWEIGHT
  dweight[c] = weight;
//#endif
//#if DBIAS
  dbias[c] = bias;
//#endif
//#endif
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let part = part_of(linear_group(wg, groups), li);
  let sums = join_sums(part, li);
  if (!part.exists) { return; }
  let c = part.column;
  let at = part.sample * params.columns + c;
  let mean = stats[at];
  let invstd = stats[params.samples * params.columns + at];
  let moment = sums.second * invstd;
  if (part.share == 0u && part.lane == 0u) { put_gradients(c, moment, sums.first); }
  let scale = invstd * parts[kept_at(WEIGHT_ROW, c)];
  let offset = -scale * sums.first / f32(params.rows);
  let slope = -scale * invstd * moment / f32(params.rows);
  for (var r = part.begin + part.lane; r < part.end; r += part.lanes) {
    let i = part.base + r * params.columns;
    dx[i] = scale * dy[i] + (slope * (x[i] - mean) + offset);
  }
}
