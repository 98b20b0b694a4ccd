/** Devices: caps, the ledger, pipelines and what is said where a shader does not compile, reading back. */
import { describe, expect, test, vi } from 'vitest';
import { type Device, requestDevice } from '../../src/gpu/device.ts';
import { allOrNone } from '../../src/gpu/ledger.ts';
import type { PipelineRequest } from '../../src/gpu/pipelines.ts';
import { readRanges } from '../../src/gpu/readback.ts';
import { waitFor } from '../../src/gpu/wait.ts';
import { preprocess } from '../../src/shader/preprocess.ts';
import { reflect } from '../../src/shader/reflect.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';
import { DeviceError, ShaderError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';

const request = (text: string, file = 'test/a.wgsl', includes: Record<string, string> = {}): PipelineRequest => {
  const shader = preprocess({ file, text, includes });
  return { file, shader, bindings: reflect(file, shader.code).bindings };
};

const MAIN = '@compute @workgroup_size(1)\nfn main() { y[0] = 1.0; }';
const BINDING = '@group(0) @binding(0) var<storage, read_write> y: array<f32>;';

describe('caps', () => {
  test('default limits are those that every device has, and no features', async () => {
    const { caps, gpu } = await device({ limits: 'default' });
    expect({ ...caps, software: false, subgroupMinSize: 0, subgroupMaxSize: 0 }).toEqual(DEFAULT_CAPS);
    expect([...gpu.features].filter((f) => ['subgroups', 'shader-f16', 'timestamp-query'].includes(f))).toEqual([]);
  });

  test('the adapter may offer more, never less', async () => {
    const { caps } = await device();
    for (const name of [
      'maxInvocations',
      'maxWorkgroupBytes',
      'maxStorageBuffers',
      'maxBindingBytes',
      'maxWorkgroups',
    ] as const)
      expect(caps[name], name).toBeGreaterThanOrEqual(DEFAULT_CAPS[name]);
  });

  test('features can be left out', async () => {
    const on = await requestDevice({ without: ['subgroups', 'shader-f16'] });
    expect([on.caps.subgroups, on.caps.f16]).toEqual([false, false]);
    on.dispose();
  });

  test('an own GPUDevice is shared, not destroyed', async () => {
    const first = await requestDevice();
    const second = await requestDevice({ gpu: first.gpu });
    expect(second.gpu).toBe(first.gpu);
    second.dispose();
    const buffer = first.ledger.create('a', 16, GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
    first.gpu.queue.writeBuffer(buffer, 0, Float32Array.of(1, 2, 3, 4));
    expect([...new Float32Array((await readRanges(first, [{ buffer, offset: 4, bytes: 8 }]))[0]!)]).toEqual([2, 3]);
    first.dispose();
  });

  test('the adapter is described', async () => {
    const { adapter } = await device();
    expect(adapter.name).not.toBe('');
    expect(typeof adapter.software).toBe('boolean');
  });
});

describe('ledger', () => {
  const usage = (): number => GPUBufferUsage.COPY_DST;

  test('counts what is alive and what was the most', async () => {
    const { ledger, dispose } = await requestDevice();
    const [a, b] = [ledger.create('a', 64, usage()), ledger.create('b', 128, usage())];
    expect([ledger.live, ledger.peakBytes]).toEqual([{ buffers: 2, bytes: 192 }, 192]);
    ledger.destroy(a);
    ledger.destroy(a);
    expect([ledger.live, ledger.peakBytes]).toEqual([{ buffers: 1, bytes: 128 }, 192]);
    ledger.destroy(b);
    expect(ledger.live).toEqual({ buffers: 0, bytes: 0 });
    dispose();
  });

  test('a budget is kept, before anything is allocated', async () => {
    const { ledger, gpu, dispose } = await requestDevice({ memoryBudget: 1000 });
    ledger.create('a', 600, usage());
    const spy = vi.spyOn(gpu, 'createBuffer');
    expect(() => ledger.create('weights', 500, usage())).toThrow(DeviceError);
    expect(() => ledger.create('weights', 500, usage())).toThrow(
      `buffer "weights": needs 500 bytes, 600 of 1000 are in use (one buffer: ${gpu.limits.maxBufferSize} at most). ` +
        'Use a smaller batch or model, or raise memoryBudget of requestDevice.',
    );
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
    ledger.create('b', 400, usage());
    dispose();
  });

  test('allOrNone destroys what it made before an error', async () => {
    const { ledger, dispose } = await requestDevice({ memoryBudget: 1000 });
    const kept = ledger.create('kept', 100, usage());
    expect(() =>
      allOrNone(ledger, (create) => [create('a', 400, usage()), create('b', 400, usage()), create('c', 400, usage())]),
    ).toThrow(DeviceError);
    expect(ledger.live).toEqual({ buffers: 1, bytes: 100 });
    const [a] = allOrNone(ledger, (create) => [create('a', 400, usage())]);
    expect(ledger.live.bytes).toBe(500);
    ledger.destroy(a!);
    ledger.destroy(kept);
    dispose();
  });
});

describe('pipelines', () => {
  test('a text is compiled once, whoever asks and however', async () => {
    const { pipelines, gpu, dispose } = await requestDevice();
    const asynchronously = vi.spyOn(gpu, 'createComputePipelineAsync');
    const atOnce = vi.spyOn(gpu, 'createComputePipeline');
    const [a, b] = await Promise.all([
      pipelines.get(request(`${BINDING}\n${MAIN}`)),
      pipelines.get(request(`${BINDING}\n${MAIN}`)),
    ]);
    expect(a).toBe(b);
    expect(pipelines.now(request(`${BINDING}\n${MAIN}`))).toBe(a);
    const c = pipelines.now(request(`${BINDING}\n${MAIN}\n`));
    expect(await pipelines.get(request(`${BINDING}\n${MAIN}\n`))).toBe(c);
    expect([asynchronously.mock.calls.length, atOnce.mock.calls.length, pipelines.count]).toEqual([1, 1, 2]);
    vi.restoreAllMocks();
    dispose();
  });

  test('an error names file and line of the .wgsl, also in an included file', async () => {
    const on = await requestDevice();
    const wrong = request(`// header\n${BINDING}\n\n@compute @workgroup_size(1)\nfn main() { y[0] = unknown_thing; }`);
    const error = await on.pipelines.get(wrong).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ShaderError);
    const { message, cause } = error as ShaderError;
    expect(message).toMatch(/^test\/a\.wgsl: the shader does not compile\.\ntest\/a\.wgsl:5:\d+: .*unknown_thing/);
    expect(cause).toBeDefined();
    const included = request(`//#include "lib/b.wgsl"\n${BINDING}\n${MAIN}`, 'test/a.wgsl', {
      'lib/b.wgsl': '\n\nfn b() -> f32 { return zzz; }',
    });
    await expect(on.pipelines.get(included)).rejects.toThrow(/lib\/b\.wgsl:3:\d+: .*zzz/);
    expect(on.failure).toBeNull();
    on.dispose();
  });

  test('an error of a pipeline that is made at once becomes the failure of the device', async () => {
    const on = await requestDevice();
    on.pipelines.now(request(`${BINDING}\n@compute @workgroup_size(1)\nfn main() { y[0] = nothing; }`));
    await waitFor(on.gpu.queue.onSubmittedWorkDone());
    await vi.waitFor(() => expect(on.failure).not.toBeNull());
    expect(on.failure!.message).toMatch(/^the GPU reports: /);
    on.dispose();
  });
});

describe('reading back', () => {
  test('several ranges of several buffers in one go', async () => {
    const on: Device = await device();
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const before = on.ledger.live;
    const [a, b] = [on.ledger.create('a', 32, usage), on.ledger.create('b', 16, usage)];
    on.gpu.queue.writeBuffer(
      a,
      0,
      Float32Array.from({ length: 8 }, (_, i) => i),
    );
    on.gpu.queue.writeBuffer(b, 0, Int32Array.of(-1, -2, -3, -4));
    const [x, y, z] = await readRanges(on, [
      { buffer: a, offset: 8, bytes: 12 },
      { buffer: b, offset: 4, bytes: 8 },
      { buffer: a, offset: 0, bytes: 0 },
    ]);
    expect([...new Float32Array(x!)]).toEqual([2, 3, 4]);
    expect([...new Int32Array(y!)]).toEqual([-2, -3]);
    expect(z!.byteLength).toBe(0);
    expect(await readRanges(on, [])).toEqual([]);
    on.ledger.destroy(a);
    on.ledger.destroy(b);
    expect(on.ledger.live).toEqual(before);
  });

  test('waitFor hands on results and errors', async () => {
    expect(await waitFor(Promise.resolve(7))).toBe(7);
    await expect(waitFor(Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect(await waitFor(new Promise((resolve) => setTimeout(resolve, 5, 'late')))).toBe('late');
  });
});
