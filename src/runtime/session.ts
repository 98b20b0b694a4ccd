/**
 * A session owns the memory of a model on one device (arenas, slabs, uniforms) and replays plans over it: one encoder and
 * one submit a run, nothing allocated and nothing awaited. Imports compile, gpu, util.
 */

import { GROUPS_PLACE } from '../compile/lower.ts';
import type { Arenas } from '../compile/memory.ts';
import type { BufferRef, Place } from '../compile/place.ts';
import { ALIGNMENT, bytesFor } from '../compile/place.ts';
import type { Plan } from '../compile/plan.ts';
import type { Device } from '../gpu/device.ts';
import { allOrNone, type Ledger } from '../gpu/ledger.ts';
import { readRanges } from '../gpu/readback.ts';
import { waitFor } from '../gpu/wait.ts';
import { gathersUniforms, softwareLanes, UNIFORM_BYTES } from '../util/caps.ts';
import { StateError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';
import { decode } from './decode.ts';
import { encodeWork, type Prepared, type Work } from './work.ts';

export type TensorData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

export type { Copy, Prepared } from './work.ts';

export interface PrepareOptions {
  /** Buffers of others by name: data sets, the ring of metrics. */
  readonly externals?: { readonly [name: string]: GPUBuffer };
  /** Slabs that no other plan writes, so that results stay until the plan's next run; default false. */
  readonly ownSlabs?: boolean;
  /** Reads the inputs of this plan in place of its own. */
  readonly inputsOf?: Prepared;
}

export interface RunOptions {
  /** The words that change every step. */
  readonly step?: Uint32Array<ArrayBuffer>;
}

const STORAGE = (): GPUBufferUsageFlags => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

export class Session {
  readonly device: Device;
  readonly arenas: Arenas;
  #parameters: GPUBuffer[];
  #gradients: GPUBuffer[] = [];
  #slots: GPUBuffer[][] = [];
  #state: GPUBuffer;
  #step: GPUBuffer;
  /** Kernels may read what plans bind as uniform buffers (`Kernel.uniform`), of which a whole one is bound: arenas have room behind. */
  readonly #usage: GPUBufferUsageFlags;
  readonly #room: number;
  /** The slabs that its plans share. */
  readonly pool: GPUBuffer[] = [];
  #prepared = new Set<Prepared>();
  #disposed = false;

  constructor(device: Device, arenas: Arenas) {
    this.device = device;
    this.arenas = arenas;
    const uniforms = gathersUniforms(softwareLanes(device.caps));
    this.#usage = uniforms ? STORAGE() | GPUBufferUsage.UNIFORM : STORAGE();
    this.#room = uniforms ? UNIFORM_BYTES : 0;
    const [state = 0] = arenas.state.shards;
    [this.#parameters, this.#state, this.#step] = allOrNone(device.ledger, (create) => [
      this.#shards('parameters', create, this.#room),
      create('state', state > 0 ? state + this.#room : ALIGNMENT, this.#usage),
      create('step', GROUPS_PLACE.offset + GROUPS_PLACE.bytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST),
    ]);
  }

  #shards(label: string, create: Ledger['create'], room = 0): GPUBuffer[] {
    return this.arenas.parameters.shards.map((bytes, i) => create(`${label}.${i}`, bytes + room, this.#usage));
  }

  /** Bytes of parameters, gradients, slots of the optimizer and state. */
  get arenaBytes(): number {
    const buffers = [...this.#parameters, ...this.#gradients, ...this.#slots.flat(), this.#state];
    return buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /** Throws where the session was disposed or the device has failed. */
  check(): void {
    if (this.#disposed) throw new StateError('this object was disposed. Make a new one.');
    if (this.device.failure) throw this.device.failure;
  }

  /**
   * Buffers for gradients and so many optimizer slots, zeroed. Made once, when training begins. `weights`: the slot that plans
   * read in place of the parameters, as averaged weights are.
   */
  allocateTraining(slotCount: number, { weights = null }: { readonly weights?: number | null } = {}): void {
    const shards = (label: string, room = 0) =>
      allOrNone(this.device.ledger, (create) => this.#shards(label, create, room));
    if (this.#gradients.length === 0) this.#gradients = shards('gradients');
    for (let slot = this.#slots.length; slot < slotCount; slot++)
      this.#slots.push(shards(`slot${slot}`, slot === weights ? this.#room : 0));
  }

  #arenaBuffer(ref: BufferRef): GPUBuffer | undefined {
    switch (ref.kind) {
      case 'parameters':
        return this.#parameters[ref.shard];
      case 'gradients':
        return this.#gradients[ref.shard];
      case 'slot':
        return this.#slots[ref.slot]?.[ref.shard];
      case 'state':
        return this.#state;
      case 'step':
        return this.#step;
      default:
        return undefined;
    }
  }

  /** The buffer that holds parameters, gradients, slots or state. Throws StateError where there is none (yet). */
  arenaBuffer(ref: BufferRef): GPUBuffer {
    this.check();
    const buffer = this.#arenaBuffer(ref);
    if (!buffer) throw new StateError(`session: there is no buffer '${ref.kind}' yet. Train first.`);
    return buffer;
  }

  /** Slabs for a plan from the common pool: plans run one after another, so they may share. */
  #takeSlabs(sizes: readonly number[]): GPUBuffer[] {
    const free = [...this.pool].sort((a, b) => a.size - b.size);
    const slabs: GPUBuffer[] = [];
    const order = sizes.map((bytes, index) => ({ bytes, index })).sort((a, b) => b.bytes - a.bytes);
    for (const { bytes, index } of order) {
      const at = free.findIndex((buffer) => buffer.size >= bytes);
      if (at >= 0) slabs[index] = free.splice(at, 1)[0]!;
      else {
        slabs[index] = this.device.ledger.create('slab', bytes, this.#usage);
        this.pool.push(slabs[index]);
      }
    }
    return slabs;
  }

  /** Compiles pipelines (in parallel) and makes bind groups. Rejects with ShaderError or DeviceError. */
  async prepare(plan: Plan, options: PrepareOptions = {}): Promise<Prepared> {
    this.check();
    await waitFor(Promise.all(plan.dispatches.map((d) => this.device.pipelines.get(d))));
    return this.prepareNow(plan, options);
  }

  /** The same without waiting: pipelines that are not ready are compiled on the spot. */
  prepareNow(plan: Plan, options: PrepareOptions = {}): Prepared {
    this.check();
    const prepared = allOrNone(this.device.ledger, (create) => this.#makePrepared(plan, options, create));
    this.#prepared.add(prepared);
    return prepared;
  }

  #makePrepared(
    plan: Plan,
    { externals = {}, ownSlabs = false, inputsOf }: PrepareOptions,
    create: Ledger['create'],
  ): Prepared {
    const { gpu, pipelines } = this.device;
    const slabs = ownSlabs
      ? plan.slabs.map((bytes) => create('own slab', bytes, this.#usage))
      : this.#takeSlabs(plan.slabs);
    const uniforms = create(
      'params',
      Math.max(ALIGNMENT, plan.uniforms.byteLength),
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    );
    gpu.queue.writeBuffer(uniforms, 0, plan.uniforms);
    const constants = plan.constants.map(({ value, elements }) => {
      const buffer = create('constant', bytesFor(elements), this.#usage);
      gpu.queue.writeBuffer(
        buffer,
        0,
        typeof value === 'number' ? new Float32Array(elements).fill(value) : Float32Array.from(value),
      );
      return buffer;
    });
    const tables = plan.tables.map((words) => {
      const buffer = create('table', bytesFor(words.length), STORAGE());
      gpu.queue.writeBuffer(buffer, 0, words);
      return buffer;
    });
    const inputs = new Map(
      plan.inputs.map((t) => [
        t.name,
        inputsOf?.bufferOf(t.place.buffer) ?? create(`input ${t.name}`, t.place.bytes, this.#usage),
      ]),
    );
    const bufferOf = (ref: BufferRef): GPUBuffer => {
      const named =
        ref.kind === 'input' ? inputs.get(ref.name) : ref.kind === 'external' ? externals[ref.name] : undefined;
      const indexed =
        ref.kind === 'slab'
          ? slabs[ref.index]
          : ref.kind === 'constant'
            ? constants[ref.index]
            : ref.kind === 'table'
              ? tables[ref.index]
              : undefined;
      const buffer = named ?? indexed ?? (ref.kind === 'params' ? uniforms : this.#arenaBuffer(ref));
      if (!buffer)
        throw new StateError(
          `plan: there is no buffer '${'name' in ref ? ref.name : ref.kind}'. Pass it as an external or allocate it first.`,
        );
      return buffer;
    };
    const calls = plan.dispatches.map((d) => {
      const entries = d.bindings.map(({ index, place, bytes = 0 }) => ({
        binding: index,
        resource: { buffer: bufferOf(place.buffer), offset: place.offset, size: Math.max(place.bytes, bytes) },
      }));
      const [x, y, z] = d.workgroups;
      const { pipeline, layout } = pipelines.now(d);
      return { pipeline, group: gpu.createBindGroup({ label: d.label, layout, entries }), x, y, z };
    });
    const own = [...(ownSlabs ? slabs : []), ...(inputsOf ? [] : inputs.values())];
    return { plan, calls, bufferOf, owned: [uniforms, ...constants, ...tables, ...own] };
  }

  /** Frees what belongs to one plan alone. */
  release(prepared: Prepared): void {
    if (!this.#prepared.delete(prepared)) return;
    for (const buffer of prepared.owned) this.device.ledger.destroy(buffer);
  }

  /** Uploads an input of a plan. Throws StateError for an unknown name or a wrong length. */
  write(prepared: Prepared, name: string, data: TensorData): void {
    const tensor = prepared.plan.inputs.find((t) => t.name === name);
    this.check();
    if (!tensor) return; // the plan does not read it
    if (data.length !== sizeOf(tensor.shape)) {
      throw new StateError(
        `input "${name}": ${data.length} elements given, ${show(tensor.shape)} needs ${sizeOf(tensor.shape)}. Pass a whole batch.`,
      );
    }
    this.device.gpu.queue.writeBuffer(prepared.bufferOf(tensor.place.buffer), 0, data);
  }

  /** Replays plans and makes copies, one after another, in one encoder and one submit. Returns at once. */
  run(work: Work, { step }: RunOptions = {}): void {
    this.check();
    const { gpu } = this.device;
    if (step) gpu.queue.writeBuffer(this.#step, 0, step);
    const encoder = gpu.createCommandEncoder();
    encodeWork(encoder, work);
    gpu.queue.submit([encoder.finish()]);
  }

  /** Outputs of the last run of a plan, row-major. */
  async read(prepared: Prepared, names: readonly string[]): Promise<TensorData[]> {
    this.check();
    const tensors = names.map((name) => {
      const tensor = prepared.plan.outputs.find((t) => t.name === name);
      if (!tensor)
        throw new StateError(
          `output "${name}": this plan has ${prepared.plan.outputs.map((t) => t.name).join(', ') || 'none'}.`,
        );
      return tensor;
    });
    const buffers = await readRanges(
      this.device,
      tensors.map(({ place }) => ({ ...place, buffer: prepared.bufferOf(place.buffer) })),
    );
    return tensors.map((tensor, i) => decode(tensor, buffers[i]!));
  }

  /** Bytes of places in the arenas, as they lie in memory. */
  readPlaces(places: readonly Place[]): Promise<ArrayBuffer[]> {
    this.check();
    return readRanges(
      this.device,
      places.map((place) => ({ ...place, buffer: this.#arenaBuffer(place.buffer)! })),
    );
  }

  /** Writes a place in the arenas. */
  writePlace(place: Place, data: TensorData): void {
    this.check();
    this.device.gpu.queue.writeBuffer(this.#arenaBuffer(place.buffer)!, place.offset, data);
  }

  /** Copies all parameters, as they are now, to a slot of the optimizer. */
  copyParameters(slot: number): void {
    this.check();
    const encoder = this.device.gpu.createCommandEncoder();
    for (const [shard, buffer] of this.#parameters.entries())
      encoder.copyBufferToBuffer(buffer, 0, this.#slots[slot]![shard]!, 0, this.arenas.parameters.shards[shard]);
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /** Destroys every buffer of the session. A second call does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    for (const prepared of [...this.#prepared]) this.release(prepared);
    const all = [...this.#parameters, ...this.#gradients, ...this.#slots.flat(), ...this.pool, this.#state, this.#step];
    for (const buffer of all) this.device.ledger.destroy(buffer);
    this.#disposed = true;
  }
}
