// What the first kernel keeps of each column behind the parts, so that the later ones bind less, and may write new running
// statistics over the old ones: four rows of columns, zero in padding. Needs part.wgsl and a binding `parts`.
const WEIGHT_ROW = 0u;
const BIAS_ROW = 1u;
const MEAN_ROW = 2u;
const VAR_ROW = 3u;

fn kept_at(row: u32, column: u32) -> u32 {
  return (2u * params.samples * params.shares + row) * params.columns + column;
}
