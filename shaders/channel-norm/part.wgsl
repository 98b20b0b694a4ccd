// Parts of an nhwc tensor that is seen as [samples, rows, columns]: a column is four channels (VEC) or the single one.
// Batch statistics: one sample, all pixels of the batch its rows. Statistics of each sample: a sample is an image.
//
// Threads: a workgroup of SIZE takes `share` rows of one sample and up to SIZE columns (a block); neighbouring threads take
// neighbouring columns, and `lanes` threads share the rows of a column, row by row, so that memory is read in order.
//#include "lib/linear-id.wgsl"
struct Params {
  samples: u32, rows: u32, columns: u32, blocks: u32, share: u32, shares: u32,
  // Real channels.
  channels: u32,
  eps: f32,
//#if TRACK
  // running = (1 - momentum) * running + momentum * mean; keep and take are the same for the variance, unbiased.
  momentum: f32, keep: f32, take: f32,
//#endif
}
@group(0) @binding(0) var<uniform> params: Params;

//#if VEC
alias T = vec4f;
fn real(c: u32, v: T) -> T { return select(T(), v, 4u * c + vec4u(0u, 1u, 2u, 3u) < vec4u(params.channels)); }
//#else
alias T = f32;
fn real(c: u32, v: T) -> T { return v; }
//#endif

struct Part {
  sample: u32, share: u32, column: u32,
  // This thread's place among those of its column, and how many they are.
  lane: u32, lanes: u32,
  // Rows of the part, and the element of row 0.
  begin: u32, end: u32, base: u32,
  exists: bool,
}

fn part_of(group: u32, li: u32) -> Part {
  let width = min(params.columns, u32(SIZE));
  let lanes = u32(SIZE) / width;
  let lane = li / width;
  let column = (group % params.blocks) * u32(SIZE) + li % width;
  let rest = group / params.blocks;
  let share = rest % params.shares;
  let sample = rest / params.shares;
  let begin = share * params.share;
  let exists = lane < lanes && column < params.columns && sample < params.samples;
  let base = sample * params.rows * params.columns + column;
  return Part(sample, share, column, lane, lanes, begin, min(begin + params.share, params.rows), base, exists);
}
