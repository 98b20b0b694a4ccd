// Sums over the lanes of a column, in a fixed order; the first lane has them.
struct Sums { first: T, second: T }
var<workgroup> first_sums: array<T, SIZE>;
var<workgroup> second_sums: array<T, SIZE>;

fn fold(li: u32, first: T, second: T) -> Sums {
  let width = min(params.columns, u32(SIZE));
  first_sums[li] = first;
  second_sums[li] = second;
  for (var left = u32(SIZE) / width; left > 1u; left = (left + 1u) / 2u) {
    let half = (left + 1u) / 2u;
    workgroupBarrier();
    if (li / width + half < left) {
      first_sums[li] += first_sums[li + half * width];
      second_sums[li] += second_sums[li + half * width];
    }
  }
  return Sums(first_sums[li], second_sums[li]);
}
