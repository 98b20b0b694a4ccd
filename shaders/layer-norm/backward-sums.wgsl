// parts[share] = sums over a share of the rows, for each place: sum of dy * xhat, and behind all those, sum of dy.
//
// Threads: a workgroup of SIZE takes `share` rows and up to SIZE places (a block): neighbouring threads neighbouring places,
// `lanes` threads for each place. VEC: a place is four elements of a row.
//#include "lib/linear-id.wgsl"
//#include "channel-norm/fold.wgsl"
struct Params { rows: u32, columns: u32, blocks: u32, share: u32 }
@group(0) @binding(0) var<uniform> params: Params;
//#if VEC
alias T = vec4f;
//#else
alias T = f32;
//#endif
@group(0) @binding(1) var<storage, read> dy: array<T>;
@group(0) @binding(2) var<storage, read> x: array<T>;
@group(0) @binding(3) var<storage, read> stats: array<f32>;
@group(0) @binding(4) var<storage, read_write> parts: array<T>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let group = linear_group(wg, groups);
  let width = min(params.columns, u32(SIZE));
  let lanes = u32(SIZE) / width;
  let lane = li / width;
  let column = (group % params.blocks) * u32(SIZE) + li % width;
  let share = group / params.blocks;
  let begin = share * params.share;
  let end = min(begin + params.share, params.rows);
  let exists = lane < lanes && column < params.columns && begin < params.rows;
  var sum = T();
  var moment = T();
  if (exists) {
    for (var r = begin + lane; r < end; r += lanes) {
      let i = r * params.columns + column;
      let d = dy[i];
      sum += d;
      moment += d * ((x[i] - stats[r]) * stats[params.rows + r]);
    }
  }
  let sums = fold(li, moment, sum);
  if (exists && lane == 0u) {
    parts[share * 2u * params.columns + column] = sums.first;
    parts[(share * 2u + 1u) * params.columns + column] = sums.second;
  }
}
