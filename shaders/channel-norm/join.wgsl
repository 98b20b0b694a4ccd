// The sums of all parts of a column, for every thread of it. All threads of the workgroup call it together, once.
//
// Like the rows of a part (moments.wgsl), the means of the parts are taken as distances to one of them, so the spread keeps
// its digits whatever the mean is.
//#include "channel-norm/part.wgsl"
//#include "channel-norm/fold.wgsl"

fn first_of(part: Part) -> u32 { return part.sample * params.shares * 2u * params.columns + part.column; }

// The sums of every lane, which each has added of its own parts.
fn join(part: Part, li: u32, first: T, second: T) -> Sums {
  _ = fold(li, first, second);
  workgroupBarrier();
  let column = li % min(params.columns, u32(SIZE));
  return Sums(first_sums[column], second_sums[column]);
}

// Mean and variance of the column, from the parts of moments.wgsl.
fn join_moments(part: Part, li: u32) -> Sums {
  var shift = T();
  var sum = T();
  var spread = T();
  if (part.exists) {
    let base = first_of(part);
    shift = parts[base];
    for (var i = part.lane; i < params.shares; i += part.lanes) {
      let at = base + i * 2u * params.columns;
      let d = parts[at] - shift;
      let weight = f32(min(params.share, params.rows - i * params.share));
      sum += weight * d;
      spread += parts[at + params.columns] + weight * d * d;
    }
  }
  let sums = join(part, li, sum, spread);
  let mean = sums.first / f32(params.rows);
  return Sums(shift + mean, max(sums.second - mean * sums.first, T()) / f32(params.rows));
}

// Both sums of the column, from the parts of backward-sums.wgsl.
fn join_sums(part: Part, li: u32) -> Sums {
  var sum = T();
  var moment = T();
  if (part.exists) {
    let base = first_of(part);
    for (var i = part.lane; i < params.shares; i += part.lanes) {
      let at = base + i * 2u * params.columns;
      sum += parts[at];
      moment += parts[at + params.columns];
    }
  }
  return join(part, li, sum, moment);
}
