// The few words that change every step (src/runtime/step.ts writes them). 64 bytes.
struct Step {
  // Number of the step, from 1.
  index: u32,
  // Slot of the ring of metrics that this step writes.
  slot: u32,
  // Key of the random numbers of this step: dropout.
  seed: u32,
  // Key of this epoch's shuffle.
  shuffle: u32,
  // Position of the batch's first sample in the epoch.
  first: u32,
  // What the update multiplies the gradients with: 1, unless they were summed over several batches.
  gradient_scale: f32,
  // What else the optimizer works out on the host, in double precision: bias corrections, for instance.
  s0: f32, s1: f32, s2: f32, s3: f32, s4: f32, s5: f32,
  // Factors of the sum of gradients so far (0: begin anew) and of the new ones.
  sum_old: f32, sum_new: f32,
  // How samples are mixed with each other (mix-batch/share.wgsl).
  mix0: u32, mix1: u32,
}
