// An nhwc result as [samples, rows, columns] of vec4s of channels, for operands that lie as it does or have numbers of the
// channels, of the samples or of both alone: those are loaded once for all rows of a thread.
//
// Threads: one for a column of a sample (one sample, if no number depends on it), for every `parts`th row; columns first.
//#include "lib/linear-id.wgsl"
struct Params {
  samples: u32, rows: u32, columns: u32, parts: u32,
  // Real channels.
  channels: u32,
  // Strides of up to three operands.
  a_sample: u32, a_channel: u32, b_sample: u32, b_channel: u32, c_sample: u32, c_channel: u32,
}

struct Column { column: u32, part: u32, sample: u32, exists: bool }

fn column_of(i: u32) -> Column {
  let rest = i / params.columns;
  let sample = rest / params.parts;
  return Column(i % params.columns, rest % params.parts, sample, sample < params.samples);
}

// The vec4 of a row.
fn element_of(column: Column, row: u32) -> u32 {
  return (column.sample * params.rows + row) * params.columns + column.column;
}

fn channels_of(column: Column) -> vec4u { return 4u * column.column + vec4u(0u, 1u, 2u, 3u); }

// Where the four numbers of an operand are; any place in padding.
fn numbers_of(column: Column, sample: u32, channel: u32) -> vec4u {
  return column.sample * sample + min(channels_of(column), vec4u(params.channels - 1u)) * channel;
}

fn masked(column: Column, v: vec4f) -> vec4f {
  return select(vec4f(), v, channels_of(column) < vec4u(params.channels));
}
